//! `/me/{collection}`

use std::sync::atomic::{AtomicI64, Ordering};

use serde_json::{Value, json};

use crate::support::{SECOND, Server, Tokens, authorized, declare, entry_path, keys_of, with_header};

/// Sets an entry of the history, one second after the previous one.
async fn view(server: &Server, token: &str, key: &str) {
    server.clock.advance(SECOND);
    let response = server.call("PUT", &entry_path("history", key), token, json!({})).await;
    assert!(response.status.is_success(), "{response:?}");
}

async fn history(server: &Server, token: &str) -> Vec<String> {
    server.keys("history", token).await
}

/// The keys of all pages of a collection with this limit of entries. Checks that every page except the last is full.
async fn keys_of_pages(server: &Server, token: &str, collection: &str, limit: usize) -> Vec<String> {
    let (mut found, mut after) = (Vec::new(), String::new());
    loop {
        let page = server.get(&format!("/me/{collection}?limit={limit}{after}"), token).await.json();
        found.extend(keys_of(&page));
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return found,
        }
        assert_eq!(found.len() % limit, 0, "{page}");
    }
}

#[tokio::test]
async fn the_entry_that_was_changed_last_is_first() {
    let server = Server::open().await;
    let token = server.anonymous_login().await.access;
    assert_eq!(server.get("/me/history", &token).await.json(), json!({ "entries": [], "next": null }));

    for key in ["1", "2", "3", "1"] {
        view(&server, &token, key).await;
    }

    assert_eq!(history(&server, &token).await, ["1", "3", "2"]);
    let page = server.get("/me/history?limit=2", &token).await.json();
    assert_eq!(
        page["entries"],
        json!([
            {
                "key": "1",
                "value": {},
                "created_at": "2027-01-15T08:00:01.250Z",
                "updated_at": "2027-01-15T08:00:04.250Z",
            },
            {
                "key": "3",
                "value": {},
                "created_at": "2027-01-15T08:00:03.250Z",
                "updated_at": "2027-01-15T08:00:03.250Z",
            },
        ])
    );
    assert!(page["next"].is_string());
}

#[tokio::test]
async fn a_clock_that_was_set_back_does_not_change_the_order() {
    let server = Server::open().await;
    let token = server.anonymous_login().await.access;
    view(&server, &token, "1").await;
    view(&server, &token, "2").await;

    server.clock.set_back(2 * SECOND);
    view(&server, &token, "2").await;

    assert_eq!(history(&server, &token).await, ["2", "1"]);
}

#[tokio::test]
async fn the_whole_collection_can_be_removed_more_than_once() {
    let server = Server::open().await;
    let (token, other) = (server.anonymous_login().await.access, server.anonymous_login().await.access);
    for key in ["1", "2", "3"] {
        view(&server, &token, key).await;
        view(&server, &other, key).await;
    }
    server.call("PUT", "/me/favorites/1", &token, json!({})).await;

    for _ in 0..2 {
        let response = server.send(authorized("DELETE", "/me/history", &token, None)).await;
        assert_eq!((response.status.as_u16(), response.body.as_str()), (204, ""));
        assert_eq!(history(&server, &token).await, [""; 0]);
    }
    assert_eq!(server.keys("favorites", &token).await, ["1"], "another collection is unchanged");
    assert_eq!(history(&server, &other).await, ["3", "2", "1"], "another guest is unchanged");
}

#[tokio::test]
async fn pages_have_no_gaps_and_no_duplicates() {
    let server = Server::open().await;
    let token = server.anonymous_login().await.access;
    for key in 1..=12 {
        view(&server, &token, &key.to_string()).await;
    }
    // Entries with the same time are ordered by the bytes of their keys.
    server.database().execute("UPDATE entry SET updated_at = 1800000020000 WHERE key IN ('2', '5', '7', '11')");
    for key in ["a", "B", "é", "Z/%2F?", "🫖"] {
        view(&server, &token, key).await;
    }
    server.database().execute("UPDATE entry SET updated_at = 1800000030000 WHERE key > ':'");
    let expected = ["🫖", "é", "a", "Z/%2F?", "B", "7", "5", "2", "11", "12", "10", "9", "8", "6", "4", "3", "1"];

    for limit in [1, 2, 3, 5, 6, 16, 17, 18, 100] {
        assert_eq!(keys_of_pages(&server, &token, "history", limit).await, expected, "pages of {limit}");
    }
}

#[tokio::test]
async fn an_entry_changed_between_two_pages_does_not_shift_the_next_page() {
    let server = Server::open().await;
    let token = server.anonymous_login().await.access;
    for key in ["1", "2", "3", "4", "5", "6"] {
        view(&server, &token, key).await;
    }
    let first = server.get("/me/history?limit=2", &token).await.json();

    view(&server, &token, "12").await;
    let second = server.get(&format!("/me/history?after={}", first["next"].as_str().unwrap()), &token).await.json();

    assert_eq!(
        (keys_of(&first), keys_of(&second)),
        (vec!["6".into(), "5".into()], ["4", "3", "2", "1"].map(String::from).into())
    );
}

#[tokio::test]
async fn ten_thousand_entries_are_returned_in_pages() {
    let server = Server::open_with(|config| declare(config, "[collections.notes]\nentries = 10000")).await;
    let token = server.anonymous_login().await.access;
    server.insert_entries("notes", 9_999, "{}");

    assert_eq!(server.call("PUT", "/me/notes/10000", &token, json!({})).await.status, 201);
    server.call("PUT", "/me/notes/10001", &token, json!({})).await.assert_problem(409);

    let found = keys_of_pages(&server, &token, "notes", 100).await;
    assert_eq!(found, (1..=10_000).rev().map(|key: i64| key.to_string()).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_page_that_the_client_has_gets_304() {
    let server = Server::open().await;
    let token = server.anonymous_login().await.access;
    for path in ["/me/history", "/me/history?limit=1"] {
        let tag = server.get(path, &token).await.header("etag").to_owned();
        let get_if_changed = || with_header(authorized("GET", path, &token, None), "if-none-match", &tag);

        let unchanged = server.send(get_if_changed()).await;
        assert_eq!(
            (unchanged.status.as_u16(), unchanged.body.as_str(), unchanged.header("etag")),
            (304, "", tag.as_str())
        );
        view(&server, &token, "1").await;
        let changed = server.send(get_if_changed()).await;
        assert_eq!(changed.status, 200);
        assert_ne!(changed.header("etag"), tag, "an equal value was set at another time");
    }
    let head = server.send(authorized("HEAD", "/me/history", &token, None)).await;
    assert_eq!((head.status.as_u16(), head.body.as_str()), (200, ""));
    assert_eq!(head.header("etag"), server.get("/me/history", &token).await.header("etag"));
}

#[tokio::test]
async fn a_collection_is_removed_only_as_the_client_knows_it() {
    let server = Server::open().await;
    let token = server.anonymous_login().await.access;
    server.insert_entries("favorites", 150, "{}");
    let old = server.get("/me/favorites", &token).await.header("etag").to_owned();
    let first_entry = server.get("/me/favorites?limit=1", &token).await.header("etag").to_owned();
    server.call("PUT", "/me/favorites/1", &token, json!({})).await;
    let clear = |name, tag: &str| with_header(authorized("DELETE", "/me/favorites", &token, None), name, tag);

    for tag in [&old, &first_entry] {
        server.send(clear("if-match", tag)).await.assert_problem(412);
    }
    let current = server.get("/me/favorites", &token).await.header("etag").to_owned();
    server.send(clear("if-none-match", &current)).await.assert_problem(412);
    assert_eq!(server.number("SELECT count(*) FROM entry"), 150);

    assert_eq!(server.send(clear("if-match", &current)).await.status, 204);
    assert_eq!(server.send(clear("if-match", "*")).await.status, 204);
    assert_eq!(server.number("SELECT count(*) FROM entry"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_concurrent_removals_with_the_same_etag_and_changes_none_is_lost() {
    let server = Server::open().await;
    let token = server.anonymous_login().await.access;

    for round in 0..5 {
        view(&server, &token, &format!("old{round}")).await;
        let tag = server.get("/me/history", &token).await.header("etag").to_owned();
        let next = AtomicI64::new(0);
        let request = || match next.fetch_add(1, Ordering::SeqCst) {
            1 => with_header(authorized("DELETE", "/me/history", &token, None), "if-match", &tag),
            number => authorized("PUT", &format!("/me/history/new{number}"), &token, Some(json!({}))),
        };
        let responses = server.send_concurrently(4, request).await;

        let cleared = responses.iter().any(|response| response.status == 204);
        assert!(responses.iter().all(|response| [201, 200, 204, 412].contains(&response.status.as_u16())));
        let keys = history(&server, &token).await;
        assert_eq!(keys.contains(&format!("old{round}")), !cleared, "{responses:?}");
        for number in [0, 2, 3] {
            assert!(keys.contains(&format!("new{number}")), "{keys:?} {responses:?}");
        }
    }
}

#[tokio::test]
async fn s05_collections_survive_a_restart_and_are_separate_for_each_guest() {
    let server = Server::open().await;
    let (token, other) = (server.anonymous_login().await.access, server.anonymous_login().await.access);
    view(&server, &token, "4").await;
    view(&server, &token, "9").await;
    server.send(authorized("DELETE", "/me/history/9", &token, None)).await;
    assert_eq!(history(&server, &other).await, [""; 0]);

    let server = server.restart().await;

    assert_eq!(history(&server, &token).await, ["4"]);
    assert_eq!(history(&server, &other).await, [""; 0]);
}

#[tokio::test]
async fn s11_an_invalid_page_gets_400() {
    let server = Server::open().await;
    let token = server.anonymous_login().await.access;

    for query in [
        "limit=0",
        "limit=101",
        "limit=-1",
        "limit=x",
        "limit=",
        "limit=4294967296",
        "limit=1&limit=2",
        "after=",
        "after=1",
        "after=1.bXV",
        "after=1.AA",
        "after=a.bXVn",
        "after=99999999999999999999.bXVn",
        "limt=1",
    ] {
        server.get(&format!("/me/history?{query}"), &token).await.assert_problem(400);
    }
    let bad = with_header(authorized("GET", "/me/history", &token, None), "if-none-match", "no tag");
    assert_eq!(server.send(bad).await.status, 200, "a tag that cannot be read matches nothing");
}

/// One request for each method of a collection and an entry.
fn requests(collection: &str) -> Vec<(&'static str, String, Option<Value>)> {
    let entry = format!("/me/{collection}/1");
    vec![
        ("GET", format!("/me/{collection}"), None),
        ("DELETE", format!("/me/{collection}"), None),
        ("GET", entry.clone(), None),
        ("PUT", entry.clone(), Some(json!({}))),
        ("PATCH", entry.clone(), Some(json!({}))),
        ("POST", entry.clone(), Some(json!({ "add": {} }))),
        ("DELETE", entry, None),
    ]
}

#[tokio::test]
async fn s11_a_collection_that_is_not_declared_gets_404() {
    let server = Server::open_with(|config| declare(config, "[collections]\nhistory = false")).await;
    let token = server.anonymous_login().await.access;
    server.insert_entries("history", 3, "{}");

    for collection in ["history", "carts", "Cart", "_", "%63art%2F", "%FF", "export", "sessions2", "collections"] {
        for (method, path, body) in requests(collection) {
            if collection == "export" && !path.ends_with('1') {
                continue;
            }
            let response = server.send(authorized(method, &path, &token, body)).await;
            // A path whose key cannot be decoded is no path of a collection either.
            if collection == "%FF" && path.ends_with('1') {
                response.assert_problem(422);
            } else {
                response.assert_problem(404);
                assert_eq!(response.json()["code"], "unknown_collection", "{method} {path}");
            }
        }
    }
    assert_eq!(server.number("SELECT count(*) FROM entry"), 3, "nothing was changed");
}

#[tokio::test]
async fn every_method_needs_a_token() {
    let server = Server::open().await;

    for (method, path, body) in requests("cart") {
        let mut request = authorized(method, &path, "", body);
        request.headers_mut().remove("authorization");
        server.send(request).await.assert_problem(401);
    }
}

#[tokio::test]
async fn s11_a_refresh_token_and_other_methods_are_refused() {
    let server = Server::open().await;
    let Tokens { access, refresh, .. } = server.anonymous_login().await;

    for (method, path, body) in requests("cart") {
        server.send(authorized(method, &path, &refresh, body)).await.assert_problem(401);
    }
    for (method, path) in [("POST", "/me/cart"), ("PUT", "/me/cart"), ("PATCH", "/me/cart"), ("PUT", "/me/export")] {
        server.call(method, path, &access, json!({})).await.assert_problem(405);
    }
    for path in ["/me/cart/", "/me/cart/a/b", "/me//1"] {
        server.get(path, &access).await.assert_problem(404);
    }
}
