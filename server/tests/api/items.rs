//! `GET /items/`, `GET /public-data` and `GET /healthz`

use serde_json::json;

use crate::support::{SECOND, Server, get};

#[tokio::test]
async fn a_guest_sees_the_catalogue() {
    let server = Server::open().await;
    let token = server.login().await.access;

    let answer = server.get("/items/", &token).await;

    assert_eq!(answer.status, 200);
    let catalogue = answer.json();
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
            "favorite": false,
            "viewed_at": null,
        })
    );
    assert_eq!(catalogue["recently_seen"], json!([]));
    assert_eq!(catalogue["recommended"], json!([]));
}

#[tokio::test]
async fn the_catalogue_shows_what_the_guest_has_seen_and_likes() {
    let server = Server::open().await;
    let (token, other) = (server.login().await.access, server.login().await.access);
    for path in ["/me/history/1", "/me/history/8", "/me/favorites/3"] {
        server.clock.advance(SECOND);
        server.call("PUT", path, &token, json!({})).await;
    }
    server.call("POST", "/me/cart", &token, json!({ "item_id": 4, "quantity": 1 })).await;

    let catalogue = server.get("/items/", &token).await.json();

    let marks = |index: usize| (&catalogue["items"][index]["favorite"], &catalogue["items"][index]["viewed_at"]);
    assert_eq!(marks(0), (&json!(false), &json!("2027-01-15T08:00:01.250Z")));
    assert_eq!(marks(2), (&json!(true), &json!(null)));
    assert_eq!(marks(4), (&json!(false), &json!(null)));
    assert_eq!(catalogue["recently_seen"], json!([8, 1]));
    // A favourite weighs more than what was seen, and 4 is in the cart.
    assert_eq!(
        catalogue["recommended"],
        json!([
            { "item_id": 5, "because": 3, "reason": "Because Wool blanket is one of your favourites." },
            { "item_id": 9, "because": 8, "reason": "Because you looked at Forest honey." },
            { "item_id": 10, "because": 8, "reason": "Because you looked at Forest honey." },
            { "item_id": 2, "because": 1, "reason": "Because you looked at Stoneware teapot." },
        ])
    );
    assert_eq!(server.get("/items/", &token).await.json(), catalogue, "it is the same each time");
    assert_eq!(server.get("/items/", &other).await.json()["recommended"], json!([]));
}

#[tokio::test]
async fn anybody_sees_the_public_data() {
    let server = Server::open().await;

    let answer = server.send(get("/public-data")).await;

    assert_eq!(answer.json(), json!({ "name": "Guestpass demo shop", "items": 12 }));
}

#[tokio::test]
async fn the_process_says_that_it_answers() {
    let server = Server::open().await;

    assert_eq!(server.send(get("/healthz")).await.body, "ok");
}
