//! `/me/favorites`

use std::sync::atomic::{AtomicI64, Ordering};

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};

use crate::support::{Answer, SECOND, Server, authorized};

fn marking(token: &str, item: i64) -> Request<Body> {
    authorized("PUT", &format!("/me/favorites/{item}"), token, None)
}

async fn mark(server: &Server, token: &str, item: i64) -> Answer {
    server.clock.advance(SECOND);
    server.send(marking(token, item)).await
}

async fn unmark(server: &Server, token: &str, item: i64) {
    assert_eq!(server.send(authorized("DELETE", &format!("/me/favorites/{item}"), token, None)).await.status, 204);
}

fn ids(page: &Value) -> Vec<i64> {
    page["items"].as_array().unwrap().iter().map(|item| item["item_id"].as_i64().unwrap()).collect()
}

async fn favorites(server: &Server, token: &str) -> Vec<i64> {
    ids(&server.get("/me/favorites?limit=100", token).await.json())
}

/// Gives the only guest there is so many favourites.
fn fill(server: &Server, count: i64) {
    server.database().execute(&format!(
        "INSERT INTO favorite_item (user_id, item_id, added_at)
         SELECT anonymous_user.id, item.id, item.id FROM anonymous_user, item WHERE item.id <= {count}"
    ));
}

#[tokio::test]
async fn what_was_marked_last_is_first() {
    let server = Server::open().await;
    let token = server.login().await.access;
    assert_eq!(server.get("/me/favorites", &token).await.json(), json!({ "items": [], "next": null }));

    for item in [3, 1, 2] {
        let answer = mark(&server, &token, item).await;
        assert_eq!((answer.status.as_u16(), answer.body.as_str()), (204, ""));
    }

    assert_eq!(favorites(&server, &token).await, [2, 1, 3]);
    let first = server.get("/me/favorites", &token).await.json()["items"][0].clone();
    assert_eq!(first["name"], "Morning mug");
    assert_eq!(first["added_at"], "2027-01-15T08:00:03.250Z");
}

#[tokio::test]
async fn marking_and_removing_twice_is_as_good_as_once() {
    let server = Server::open().await;
    let token = server.login().await.access;
    mark(&server, &token, 1).await;
    mark(&server, &token, 2).await;

    assert_eq!(mark(&server, &token, 1).await.status, 204);
    assert_eq!(favorites(&server, &token).await, [2, 1], "it keeps its time");
    for _ in 0..2 {
        unmark(&server, &token, 2).await;
        assert_eq!(favorites(&server, &token).await, [1]);
    }
}

#[tokio::test]
async fn there_are_five_hundred_at_most() {
    let server = Server::open().await;
    let token = server.login().await.access;
    server.stock(502);
    fill(&server, 499);

    assert_eq!(mark(&server, &token, 500).await.status, 204);
    let full = mark(&server, &token, 501).await;
    full.assert_problem(409);
    assert_eq!(full.json()["code"], "favorites_full");
    assert_eq!(mark(&server, &token, 500).await.status, 204, "it is one already");
    mark(&server, &token, 999).await.assert_problem(404);

    unmark(&server, &token, 1).await;
    assert_eq!(mark(&server, &token, 501).await.status, 204);
    assert_eq!(server.number("SELECT count(*) FROM favorite_item"), 500);
}

#[tokio::test(flavor = "multi_thread")]
async fn marks_at_once_do_not_get_past_the_limit() {
    let server = Server::open().await;
    let token = server.login().await.access;
    server.stock(520);
    fill(&server, 497);

    let next = AtomicI64::new(500);
    let answers = server.send_at_once(16, || marking(&token, next.fetch_add(1, Ordering::SeqCst))).await;

    assert_eq!(answers.iter().filter(|answer| answer.status == 204).count(), 3, "{answers:?}");
    assert_eq!(answers.iter().filter(|answer| answer.status == 409).count(), 13, "{answers:?}");
    assert_eq!(server.number("SELECT count(*) FROM favorite_item"), 500);
}

#[tokio::test]
async fn five_hundred_come_in_parts() {
    let server = Server::open().await;
    let token = server.login().await.access;
    server.stock(500);
    fill(&server, 500);

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
async fn s05_favourites_outlive_the_process_and_are_the_guests_own() {
    let server = Server::open().await;
    let (token, other) = (server.login().await.access, server.login().await.access);
    mark(&server, &token, 4).await;
    mark(&server, &token, 5).await;
    unmark(&server, &token, 5).await;

    let server = server.reopen().await;

    assert_eq!(favorites(&server, &token).await, [4]);
    assert_eq!(favorites(&server, &other).await, [0_i64; 0]);
}

#[tokio::test]
async fn s11_an_unknown_item_is_no_favourite() {
    let server = Server::open().await;
    let token = server.login().await.access;

    for item in ["999", "-1", "teapot", "99999999999999999999"] {
        server.send(authorized("PUT", &format!("/me/favorites/{item}"), &token, None)).await.assert_problem(404);
    }
    server.send(authorized("DELETE", "/me/favorites/teapot", &token, None)).await.assert_problem(404);
    server.get("/me/favorites?limit=0", &token).await.assert_problem(400);
    assert_eq!(favorites(&server, &token).await, [0_i64; 0]);
}
