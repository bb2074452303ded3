//! The migration of a database of version 0.1 before collections, which had tables for the cart, the history, the favourites and
//! the preferences: every one of them becomes an entry.
//!
//! The program of that version wrote `migration/sqlite.sql` and `migration/postgres.sql` (dumps, without keys) by requests of its
//! API, and returned `migration/*.json` from `GET /me/export` of each guest before it ended.

use std::collections::BTreeMap;

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::{Value, json};

use crate::STORE;
use crate::support::database::{Database, Kind};
use crate::support::membership::{login, uuid_of};
use crate::support::{Server, entry_path, keys_of};

const fn fixture() -> (&'static str, &'static str) {
    match STORE {
        Kind::Sqlite => (include_str!("migration/sqlite.sql"), include_str!("migration/sqlite.json")),
        Kind::Postgres => (include_str!("migration/postgres.sql"), include_str!("migration/postgres.json")),
    }
}

/// The value and the times of each entry of a guest, by collection and key.
type Entries = BTreeMap<(String, String), Value>;

fn key_of_preference(name: &str) -> String {
    if matches!(STORE, Kind::Sqlite) {
        return name.to_owned();
    }
    // PostgreSQL has no U+0000 in a text, and an index has no long ones.
    if name == "nul\0name" {
        return "nul\u{fffd}name…1".to_owned();
    }
    if name.len() <= 2048 {
        return name.replace('\0', "\u{fffd}");
    }
    let hash: String = digest(&SHA256, name.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}…{hash}", name.chars().take(128).collect::<String>())
}

fn expected(export: &Value, last_active_at: &str) -> Entries {
    let list = |collection: &'static str, time: &'static str, value: fn(&Value) -> Value| {
        export[collection].as_array().unwrap().iter().map(move |item| {
            let key = item["item_id"].to_string();
            ((collection.to_owned(), key), json!([value(item), item[time], item[time]]))
        })
    };
    let preferences = export["preferences"].as_object().unwrap().iter().map(|(name, value)| {
        let name = ("preferences".to_owned(), key_of_preference(name));
        (name, json!([value, last_active_at, last_active_at]))
    });
    list("cart", "added_at", |item| json!({ "quantity": item["quantity"] }))
        .chain(list("history", "viewed_at", |_| json!({})))
        .chain(list("favorites", "added_at", |_| json!({})))
        .chain(preferences)
        .collect()
}

/// The stored entries of a user. The value is compared as the text in the store, so that every digit counts.
fn stored(database: &Database, user: &str) -> (Entries, Vec<String>) {
    // The names of some entries contain line breaks, so each row is a JSON array.
    let (rows, list) = match STORE {
        Kind::Sqlite => ("json_array(collection, key, created_at, updated_at, value)", "json_group_array(json(line))"),
        Kind::Postgres => {
            ("json_build_array(collection, key, created_at, updated_at, value)", "coalesce(json_agg(line), '[]')::text")
        }
    };
    let text = database
        .text(&format!("SELECT {list} FROM (SELECT {rows} AS line FROM entry WHERE user_id = '{user}') AS lines"));
    let rows: Vec<(String, String, i64, i64, String)> = serde_json::from_str(&text).unwrap();
    let at = |millis: i64| guestpass_server::Timestamp::from_millis(millis).rfc3339();
    let mut texts = Vec::new();
    let entries = rows.into_iter().map(|(collection, key, created_at, updated_at, value)| {
        texts.push(value.clone());
        let value: Value = serde_json::from_str(&value).unwrap();
        ((collection, key), json!([value, at(created_at), at(updated_at)]))
    });
    (entries.collect(), texts)
}

#[tokio::test]
async fn every_cart_line_view_favourite_and_preference_of_an_older_database_becomes_an_entry() {
    let (dump, exports) = fixture();
    let database = Database::new();
    database.load(dump);
    let count = |table: &str| database.number(&format!("SELECT count(*) FROM {table}"));
    let users = count("anonymous_user");
    let lists = count("cart_item") + count("history_item") + count("favorite_item");
    let exports: Vec<Value> = serde_json::from_str(exports).unwrap();
    let members = exports.iter().map(|export| export["preferences"].as_object().unwrap().len()).sum::<usize>();

    let server = Server::open_on(database).await;

    let mut all = Vec::new();
    for export in &exports {
        let user = uuid_of(export["id"].as_str().unwrap());
        let last_active_at = server.number(&format!("SELECT last_active_at FROM anonymous_user WHERE id = '{user}'"));
        let last_active_at = guestpass_server::Timestamp::from_millis(last_active_at).rfc3339();
        let (found, texts) = stored(server.database(), user);
        assert_eq!(found, expected(export, &last_active_at), "{user}");
        all.extend(texts);
    }
    assert_eq!(all.len(), usize::try_from(lists).unwrap() + members);
    assert_eq!(server.number("SELECT count(*) FROM entry"), i64::try_from(all.len()).unwrap());
    assert_eq!(server.number("SELECT count(*) FROM anonymous_user"), users);
    assert!(members > 35 && lists > 25, "the fixture is complete");
    for text in [
        "0.30000000000000004",
        "1e-7",
        "9007199254740993",
        "18446744073709551615",
        "-9223372036854775808",
        "-0.0",
        "5e-324",
        "1.7976931348623157e+308",
        "2.0",
        r#"{"quantity":99}"#,
        // Of text, an escape of U+0000, an escaped backslash before u0000, and U+FFFD.
        "\"\\\"quotes\\\" \\\\ \\n \\u0000 \\\\u0000 \u{fffd} 🫖 é \u{2028} </script>\"",
    ] {
        assert!(all.iter().any(|stored| stored == text), "{text} has changed");
    }
}

#[tokio::test]
async fn a_member_of_an_older_database_finds_all_data() {
    let database = Database::new();
    database.load(fixture().0);
    let server = Server::open_on(database).await;
    let guest = server.anonymous_login().await;

    let response = server.send(login(&guest.refresh)).await;

    assert_eq!(response.status, 200, "{response:?}");
    let member = response.tokens().access;
    assert_eq!(keys_of(&server.get("/me/cart", &member).await.json()), ["5", "4", "2"]);
    assert_eq!(server.get("/me/cart/2", &member).await.json(), json!({ "quantity": 99 }));
    assert_eq!(keys_of(&server.get("/me/history", &member).await.json()), ["4", "3"]);
    assert_eq!(keys_of(&server.get("/me/favorites", &member).await.json()), ["4", "3"]);
    let theme = entry_path("preferences", "theme");
    assert_eq!(server.get(&theme, &member).await.json(), json!("light"));
    assert_eq!(keys_of(&server.get("/me/preferences", &member).await.json()), ["theme", "size", "language"]);
    let catalogue = server.get("/items/", &member).await.json();
    assert_eq!(catalogue["recently_seen"], json!([4, 3]));
    // The tables of the earlier version are gone.
    let tables = server.database().tables_with("user_id");
    assert!(tables.iter().all(|table| !table.ends_with("_item") && table != "preferences"), "{tables:?}");
}
