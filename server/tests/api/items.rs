//! `GET /items/`

use std::path::Path;

use guestpass_server::{Collections, Config};
use serde_json::{Value, json};

use crate::support::membership::{new_member, user_id};
use crate::support::{Response, SECOND, Server, authorized, with_header};

#[tokio::test]
async fn a_guest_gets_the_sample_with_a_greeting() {
    let server = Server::open().await;
    let guest = server.anonymous_login().await;

    let response = server.get("/items/", &guest.access).await;

    assert_eq!(response.status, 200);
    let catalogue = response.json();
    assert_eq!(catalogue["message"], format!("Hello, {}!", guest.id));
    assert_eq!(catalogue["items"].as_array().map(Vec::len), Some(12));
    assert_eq!(
        catalogue["items"][0],
        json!({
            "id": 1,
            "name": "Stoneware teapot",
            "description": "Holds four cups and pours without a drip.",
            "price_cents": 3490,
            "currency": "EUR",
            "emoji": "🫖",
            "category": "kitchen",
            "picture": "pictures/teapot.svg",
            "favorite": false,
            "viewed_at": null,
        })
    );
    assert_eq!(catalogue["data"], catalogue["items"]);
    assert_eq!(catalogue["recently_seen"], json!([]));
    assert_eq!(catalogue["recommended"], json!([]));
}

#[tokio::test]
async fn the_catalogue_has_the_history_favorites_and_recommendations_of_the_guest() {
    let server = Server::open().await;
    let (token, other) = (server.anonymous_login().await.access, server.anonymous_login().await.access);
    for path in ["/me/history/1", "/me/history/8", "/me/favorites/3"] {
        server.clock.advance(SECOND);
        put(&server, &token, path, json!({})).await;
    }
    put(&server, &token, "/me/cart/4", json!({ "quantity": 1 })).await;

    let catalogue = server.get("/items/", &token).await.json();

    let favorite_and_viewed_at =
        |index: usize| (&catalogue["items"][index]["favorite"], &catalogue["items"][index]["viewed_at"]);
    assert_eq!(favorite_and_viewed_at(0), (&json!(false), &json!("2027-01-15T08:00:01.250Z")));
    assert_eq!(favorite_and_viewed_at(2), (&json!(true), &json!(null)));
    assert_eq!(favorite_and_viewed_at(4), (&json!(false), &json!(null)));
    assert_eq!(catalogue["recently_seen"], json!([8, 1]));
    // Favorites rank above viewed items; item 4 is not recommended, because it is in the cart.
    assert_eq!(
        catalogue["recommended"],
        json!([
            { "item_id": 5, "because": 3, "reason": "Because Wool blanket is one of your favourites." },
            { "item_id": 9, "because": 8, "reason": "Because you looked at Forest honey." },
            { "item_id": 10, "because": 8, "reason": "Because you looked at Forest honey." },
            { "item_id": 2, "because": 1, "reason": "Because you looked at Stoneware teapot." },
        ])
    );
    assert_eq!(server.get("/items/", &token).await.json(), catalogue, "the response is the same each time");
    assert_eq!(server.get("/items/", &other).await.json()["recommended"], json!([]));
}

#[tokio::test]
async fn the_greeting_and_the_reasons_are_in_the_language_that_the_client_prefers() {
    let server = Server::open_with(|config| config.cors_origins = vec!["https://shop.example".parse().unwrap()]).await;
    let member = new_member(&server).await;
    let id = user_id(&member.id);
    put(&server, &member.access, "/me/history/8", json!({})).await;
    put(&server, &member.access, "/me/favorites/1", json!({})).await;
    let items = async |accepted: &str| -> Response {
        let request = with_header(authorized("GET", "/items/", &member.access, None), "accept-language", accepted);
        server.send(with_header(request, "origin", "https://shop.example")).await
    };

    for (accepted, language, greeting, favorite, viewed) in [
        (
            "zh-Hant-TW, en;q=0.5",
            "zh",
            format!("您好，{id}！"),
            "因为您收藏了“Stoneware teapot”。",
            "因为您看过“Forest honey”。",
        ),
        (
            "fr, en;q=0.5, zh;q=0.4",
            "en",
            format!("Hello, {id}!"),
            "Because Stoneware teapot is one of your favourites.",
            "Because you looked at Forest honey.",
        ),
    ] {
        let response = items(accepted).await;

        assert_eq!(response.header("content-language"), language);
        let vary: Vec<_> = response.headers.get_all("vary").iter().map(|value| value.to_str().unwrap()).collect();
        let vary = vary.join(", ");
        assert!(vary.contains("accept-language") && vary.contains("origin"), "{vary}");
        let catalogue = response.json();
        assert_eq!(catalogue["message"], greeting);
        assert_eq!(catalogue["recommended"][0]["reason"], favorite);
        assert_eq!(catalogue["recommended"][1]["reason"], viewed);
        assert_eq!(catalogue["items"][0]["name"], "Stoneware teapot", "the items are those of the catalogue");
    }
}

/// A server with the catalogue of another shop, whose marks are in collections with other names.
async fn bookshop(file: &Path) -> Server {
    let items = r#"{"name": "Bookshop", "collections": {"favorites": "wishes", "viewed": "seen", "owned": ["orders", "cart"]},
        "items": [
            {"id": "poems/1", "name": "Poems", "category": "verse", "pages": 12345678901234567890.50, "isbn": ["a", {"b": null}]},
            {"id": "poems/2", "name": "More poems", "category": "verse"},
            {"id": "odes é?", "name": "Odes", "category": "verse", "__proto__": {"polluted": true}},
            {"id": "__proto__", "name": "Sonnets", "category": "verse"},
            {"id": -7, "name": "Elegies", "category": "verse"},
            {"id": "novel", "name": "A novel"}
        ]}"#;
    std::fs::write(file, items).unwrap();
    let collections = "[collections.wishes]\n[collections.seen]\nfull = 'drop-oldest'\n[collections.orders]\n";
    let collections = Collections::from_toml(collections, Path::new(".")).unwrap();
    let change = |config: &mut Config| (config.collections, config.catalogue) = (collections, Some(file.to_owned()));
    Server::open_with(change).await
}

#[tokio::test]
async fn an_app_has_its_own_ids_members_and_collections() {
    let directory = tempfile::tempdir().unwrap();
    let server = bookshop(&directory.path().join("items.json")).await;
    let token = server.anonymous_login().await.access;
    for path in ["/me/wishes/poems%2F1", "/me/seen/__proto__", "/me/seen/novel", "/me/seen/not-in-the-catalogue"] {
        server.clock.advance(SECOND);
        put(&server, &token, path, json!({ "note": "a value of the app" })).await;
    }
    put(&server, &token, "/me/orders/poems%2F2", json!([])).await;
    // Not a collection that the catalogue names.
    put(&server, &token, "/me/favorites/novel", json!({})).await;

    let response = server.get("/items/", &token).await;

    assert_eq!(response.status, 200, "{response:?}");
    // As it is in the file: a number keeps its digits.
    assert!(response.body.contains(r#""pages":12345678901234567890.50,"isbn":["a", {"b": null}],"favorite":true"#));
    assert!(response.body.contains(r#""__proto__":{"polluted": true}"#));
    let catalogue = response.json();
    let marks = catalogue["items"].as_array().unwrap().iter();
    let marks: Vec<_> = marks.map(|item| (&item["id"], &item["favorite"], !item["viewed_at"].is_null())).collect();
    assert_eq!(
        json!(marks),
        json!([
            ["poems/1", true, false],
            ["poems/2", false, false],
            ["odes é?", false, false],
            ["__proto__", false, true],
            [-7, false, false],
            ["novel", false, true],
        ])
    );
    assert_eq!(catalogue["recently_seen"], json!(["novel", "__proto__"]));
    let recommended = catalogue["recommended"].as_array().unwrap().iter();
    let recommended: Vec<_> = recommended.map(|one| (&one["item_id"], &one["because"])).collect();
    assert_eq!(json!(recommended), json!([["odes é?", "__proto__"], [-7, "__proto__"]]));
}

#[tokio::test]
async fn an_embedder_reads_the_catalogue_again_and_keeps_the_old_one_if_the_file_is_wrong() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("items.json");
    let server = bookshop(&file).await;
    let token = server.anonymous_login().await.access;
    let ids = async || -> Vec<Value> {
        let catalogue = server.get("/items/", &token).await.json();
        catalogue["items"].as_array().unwrap().iter().map(|item| item["id"].clone()).collect()
    };
    put(&server, &token, "/me/seen/novel", json!(null)).await;

    std::fs::write(&file, r#"{"name": "x", "items": [{"id": "novel", "name": "A novel", "favorite": true}]}"#).unwrap();
    let error = server.guestpass().reload_catalogue().await.unwrap_err().to_string();
    assert!(error.starts_with(r#"items[0] (id "novel"), member "favorite": is added by the server"#), "{error}");
    assert_eq!(ids().await.len(), 6);

    std::fs::write(&file, r#"{"name": "x", "items": [{"id": "novel", "name": "Renamed"}, {"id": 2, "name": "b"}]}"#)
        .unwrap();
    assert_eq!(server.guestpass().reload_catalogue().await, Ok(2));
    assert_eq!(ids().await, [json!("novel"), json!(2)]);
    // The default collections, because the new file names none: the view is in another one.
    assert_eq!(server.get("/items/", &token).await.json()["recently_seen"], json!([]));
}

/// Writes an entry.
async fn put(server: &Server, token: &str, path: &str, value: Value) {
    let response = server.call("PUT", path, token, value).await;
    assert!(response.status.is_success(), "{path}: {response:?}");
}
