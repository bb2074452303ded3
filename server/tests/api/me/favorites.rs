//! `/me/favorites`

use std::sync::atomic::{AtomicI64, Ordering};

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};

use crate::support::{Response, SECOND, Server, authorized};

fn add_request(token: &str, item: i64) -> Request<Body> {
    authorized("PUT", &format!("/me/favorites/{item}"), token, None)
}

/// Adds a favorite, one second after the previous one.
async fn add(server: &Server, token: &str, item: i64) -> Response {
    server.clock.advance(SECOND);
    server.send(add_request(token, item)).await
}

async fn remove(server: &Server, token: &str, item: i64) {
    assert_eq!(server.send(authorized("DELETE", &format!("/me/favorites/{item}"), token, None)).await.status, 204);
}

fn ids(page: &Value) -> Vec<i64> {
    page["items"].as_array().unwrap().iter().map(|item| item["item_id"].as_i64().unwrap()).collect()
}

async fn favorites(server: &Server, token: &str) -> Vec<i64> {
    ids(&server.get("/me/favorites?limit=100", token).await.json())
}

/// Adds the items up to ID `count` to the favorites of the only guest.
fn add_first_items(server: &Server, count: i64) {
    server.database().execute(&format!(
        "INSERT INTO favorite_item (user_id, item_id, added_at)
         SELECT anonymous_user.id, item.id, item.id FROM anonymous_user, item WHERE item.id <= {count}"
    ));
}

#[tokio::test]
async fn the_newest_favorite_is_first() {
    let server = Server::open().await;
    let token = server.anonymous_login().await.access;
    assert_eq!(server.get("/me/favorites", &token).await.json(), json!({ "items": [], "next": null }));

    for item in [3, 1, 2] {
        let response = add(&server, &token, item).await;
        assert_eq!((response.status.as_u16(), response.body.as_str()), (204, ""));
    }

    assert_eq!(favorites(&server, &token).await, [2, 1, 3]);
    let first = server.get("/me/favorites", &token).await.json()["items"][0].clone();
    assert_eq!(first["name"], "Morning mug");
    assert_eq!(first["added_at"], "2027-01-15T08:00:03.250Z");
}

#[tokio::test]
async fn adding_or_removing_a_favorite_twice_succeeds() {
    let server = Server::open().await;
    let token = server.anonymous_login().await.access;
    add(&server, &token, 1).await;
    add(&server, &token, 2).await;

    assert_eq!(add(&server, &token, 1).await.status, 204);
    assert_eq!(favorites(&server, &token).await, [2, 1], "a repeated addition keeps the first time");
    for _ in 0..2 {
        remove(&server, &token, 2).await;
        assert_eq!(favorites(&server, &token).await, [1]);
    }
}

#[tokio::test]
async fn a_guest_has_at_most_500_favorites() {
    let server = Server::open().await;
    let token = server.anonymous_login().await.access;
    server.add_items_up_to(502);
    add_first_items(&server, 499);

    assert_eq!(add(&server, &token, 500).await.status, 204);
    let full = add(&server, &token, 501).await;
    full.assert_problem(409);
    assert_eq!(full.json()["code"], "favorites_full");
    assert_eq!(add(&server, &token, 500).await.status, 204, "the item is already a favorite");
    add(&server, &token, 999).await.assert_problem(404);

    remove(&server, &token, 1).await;
    assert_eq!(add(&server, &token, 501).await.status, 204);
    assert_eq!(server.number("SELECT count(*) FROM favorite_item"), 500);
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_additions_do_not_exceed_the_limit() {
    let server = Server::open().await;
    let token = server.anonymous_login().await.access;
    server.add_items_up_to(520);
    add_first_items(&server, 497);

    let next_item = AtomicI64::new(500);
    let responses =
        server.send_concurrently(16, || add_request(&token, next_item.fetch_add(1, Ordering::SeqCst))).await;

    assert_eq!(responses.iter().filter(|response| response.status == 204).count(), 3, "{responses:?}");
    assert_eq!(responses.iter().filter(|response| response.status == 409).count(), 13, "{responses:?}");
    assert_eq!(server.number("SELECT count(*) FROM favorite_item"), 500);
}

#[tokio::test]
async fn all_500_favorites_are_returned_in_pages() {
    let server = Server::open().await;
    let token = server.anonymous_login().await.access;
    server.add_items_up_to(500);
    add_first_items(&server, 500);

    let (mut found, mut after) = (Vec::new(), String::new());
    loop {
        let page = server.get(&format!("/me/favorites?limit=99{after}"), &token).await.json();
        found.extend(ids(&page));
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }

    assert_eq!(found, (1..=500).rev().collect::<Vec<_>>());
}

#[tokio::test]
async fn s05_favorites_survive_a_restart_and_are_separate_for_each_guest() {
    let server = Server::open().await;
    let (token, other) = (server.anonymous_login().await.access, server.anonymous_login().await.access);
    add(&server, &token, 4).await;
    add(&server, &token, 5).await;
    remove(&server, &token, 5).await;

    let server = server.restart().await;

    assert_eq!(favorites(&server, &token).await, [4]);
    assert_eq!(favorites(&server, &other).await, [0_i64; 0]);
}

#[tokio::test]
async fn s11_an_unknown_item_gets_404() {
    let server = Server::open().await;
    let token = server.anonymous_login().await.access;

    for item in ["999", "-1", "teapot", "99999999999999999999"] {
        server.send(authorized("PUT", &format!("/me/favorites/{item}"), &token, None)).await.assert_problem(404);
    }
    server.send(authorized("DELETE", "/me/favorites/teapot", &token, None)).await.assert_problem(404);
    server.get("/me/favorites?limit=0", &token).await.assert_problem(400);
    assert_eq!(favorites(&server, &token).await, [0_i64; 0]);
}
