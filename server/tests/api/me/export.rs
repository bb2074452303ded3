//! `GET /me/export`

use serde_json::{Value, json};

use crate::support::membership::{EMAIL, user_id};
use crate::support::oidc_issuer::{Issuer, SigningKey};
use crate::support::{SECOND, Server, Tokens, authorized, with_header};

/// Stores data of every kind for a guest.
async fn store_data(server: &Server, guest: &Tokens) {
    for (method, path, body) in [
        ("POST", "/me/cart", json!({ "item_id": 2, "quantity": 3 })),
        ("PUT", "/me/history/1", json!({})),
        ("PUT", "/me/history/2", json!({})),
        ("PUT", "/me/favorites/7", json!({})),
        ("PUT", "/me/preferences", json!({ "theme": "dark" })),
    ] {
        server.clock.advance(SECOND);
        let request = authorized(method, path, &guest.access, Some(body));
        let response = server.send(with_header(request, "idempotency-key", "k_-GqFbKvQ0r8pWm2ZtYxA")).await;
        assert!(response.status.is_success(), "{response:?}");
    }
}

#[tokio::test]
async fn an_export_is_a_file_with_all_data_of_the_caller_and_none_of_other_guests() {
    let server = Server::open().await;
    let (guest, other) = (server.anonymous_login().await, server.anonymous_login().await);
    store_data(&server, &guest).await;
    store_data(&server, &other).await;

    let response = server.get("/me/export", &guest.refresh).await;

    assert_eq!(response.status, 200);
    assert_eq!(response.header("content-type"), "application/json");
    assert_eq!(response.header("content-disposition"), "attachment; filename=\"guestpass-export.json\"");
    let mut export = response.json();
    let session = export["sessions"][0]["id"].take();
    assert!(session.as_str().is_some_and(|id| id.len() == 36), "{session}");
    let item = |id: i64, name: &str, description: &str, cents: i64, emoji: &str, category: &str| {
        json!({
            "item_id": id, "name": name, "description": description, "price_cents": cents, "currency": "EUR",
            "emoji": emoji, "category": category,
        })
    };
    let at = |mut item: Value, name: &str, second: i64| {
        item[name] = format!("2027-01-15T08:00:{second:02}.250Z").into();
        item
    };
    let teapot = item(1, "Stoneware teapot", "Holds four cups and pours without a drip.", 3490, "🫖", "kitchen");
    let mug = item(2, "Morning mug", "Thick rim, wide handle, room for a proper coffee.", 1290, "☕", "kitchen");
    let pen = item(7, "Fountain pen", "A fine steel nib that starts at the first stroke.", 2800, "🖋️", "paper");
    assert_eq!(
        export,
        json!({
            "exported_at": "2027-01-15T08:00:10.250Z",
            "id": guest.id,
            "created_at": "2027-01-15T08:00:00.250Z",
            "last_active_at": "2027-01-15T08:00:10.250Z",
            "registered_at": null,
            "email": null,
            "passkeys": 0,
            "identities": [],
            "sessions": [{
                "id": null,
                "created_at": "2027-01-15T08:00:00.250Z",
                "last_refreshed_at": null,
                "expires_at": "2027-02-14T08:00:01.000Z",
                "label": null,
                "current": true,
                "network": null,
                "revoked": false,
            }],
            "cart": [{
                "item_id": 2, "name": "Morning mug", "price_cents": 1290, "currency": "EUR", "emoji": "☕", "quantity": 3,
                "added_at": "2027-01-15T08:00:01.250Z",
            }],
            "history": [at(mug, "viewed_at", 3), at(teapot, "viewed_at", 2)],
            "favorites": [at(pen, "added_at", 4)],
            "preferences": { "theme": "dark" },
            "audit": [],
        })
    );
}

#[tokio::test]
async fn lists_are_exported_without_paging() {
    let server = Server::open().await;
    let guest = server.anonymous_login().await;
    server.add_items_up_to(500);
    server.database().execute(
        "INSERT INTO favorite_item (user_id, item_id, added_at) SELECT anonymous_user.id, item.id, 1 FROM anonymous_user, item",
    );

    let export = server.get("/me/export", &guest.refresh).await.json();

    assert_eq!(export["favorites"].as_array().map(Vec::len), Some(500));
}

/// Fails if a table with guest data is added: decide whether the export must include it, then add it to this list.
#[tokio::test]
async fn the_export_considers_every_table_with_guest_data() {
    let server = Server::open().await;
    let tables = [
        "account",
        "cart_item",
        "cart_key",
        "ceremony",
        "favorite_item",
        "history_item",
        // Hashes, from which no address can be read.
        "known_network",
        "linked_identity",
        "passkey",
        "preferences",
        "session",
    ];

    let known = server.database().tables_with("user_id");

    assert_eq!(known, tables);
}

#[tokio::test]
async fn the_export_of_a_member_has_the_email_address_and_linked_identities() {
    let issuer = Issuer::start().await;
    let key = SigningKey::es256("first");
    issuer.publish(&[key.jwk()]);
    let server = Server::open_with(|config| config.oidc_issuers = vec![issuer.setting().parse().unwrap()]).await;
    let account = server.anonymous_login().await;
    let mut claims = issuer.claims("ada", server.clock.secs());
    claims["email"] = EMAIL.into();
    claims["email_verified"] = true.into();
    let linked = server.call("POST", "/link", &account.refresh, json!({ "id_token": key.sign(&claims) })).await;
    let account = linked.assert_member(&user_id(&account.id), "registered", false);

    let export = server.get("/me/export", &account.refresh).await.json();

    assert_eq!(export["id"], user_id(&account.id));
    assert_eq!(export["email"], EMAIL);
    assert_eq!(export["registered_at"], "2027-01-15T08:00:00.250Z");
    assert_eq!(export["identities"], json!([{ "issuer": issuer.url, "subject": "ada" }]));
}
