//! `GET /me/export`

use serde_json::{Value, json};

use crate::support::membership::{EMAIL, user_id};
use crate::support::oidc_issuer::{Issuer, SigningKey};
use crate::support::{SECOND, Server, Tokens, authorized, declare, with_header};

/// Stores data of every kind for a guest.
async fn store_data(server: &Server, guest: &Tokens) {
    for (method, path, body) in [
        ("POST", "/me/cart/mug", json!({ "add": { "quantity": 3 } })),
        ("PUT", "/me/history/teapot", json!({})),
        ("PUT", "/me/history/mug", json!({ "page": 2 })),
        ("PUT", "/me/history/teapot", json!({})),
        ("PUT", "/me/preferences/theme", json!("dark")),
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
    let at = |second: i64| format!("2027-01-15T08:00:{second:02}.250Z");
    let entry = |key: &str, value: Value, created: i64, updated: i64| json!({ "key": key, "value": value, "created_at": at(created), "updated_at": at(updated) });
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
            "collections": {
                "cart": [entry("mug", json!({ "quantity": 3 }), 1, 1)],
                "history": [entry("teapot", json!({}), 2, 4), entry("mug", json!({ "page": 2 }), 3, 3)],
                "preferences": [entry("theme", json!("dark"), 5, 5)],
            },
            "audit": [],
        })
    );
}

#[tokio::test]
async fn collections_are_exported_without_paging_also_if_they_are_not_declared_any_more() {
    let server = Server::open_with(|config| declare(config, "[collections]\nfavorites = false")).await;
    let guest = server.anonymous_login().await;
    server.insert_entries("favorites", 500, r#"{"note":"\u0000 0.30000000000000004"}"#);
    server.insert_entries("renamed", 3, "1e-7");

    let export = server.get("/me/export", &guest.refresh).await.json();

    assert_eq!(export["collections"]["favorites"].as_array().map(Vec::len), Some(500));
    assert_eq!(export["collections"]["favorites"][0]["value"], json!({ "note": "\u{0} 0.30000000000000004" }));
    assert_eq!(export["collections"]["renamed"][2]["key"], "1");
    assert_eq!(export["collections"]["renamed"][2]["value"], json!(1e-7));
    assert_eq!(export["collections"].as_object().map(serde_json::Map::len), Some(2));
}

/// Fails if a table with guest data is added: decide whether the export must include it, then add it to this list.
#[tokio::test]
async fn the_export_considers_every_table_with_guest_data() {
    let server = Server::open().await;
    let tables = [
        "account",
        "addition_key",
        "ceremony",
        "entry",
        // Hashes, from which no address can be read.
        "known_network",
        "linked_identity",
        "passkey",
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
