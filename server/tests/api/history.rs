//! `/me/history`

use serde_json::{Value, json};

use crate::support::{Answer, SECOND, Server, authorized};

async fn see(server: &Server, token: &str, item: i64) -> Answer {
    server.clock.advance(SECOND);
    server.send(authorized("PUT", &format!("/me/history/{item}"), token, None)).await
}

async fn forget(server: &Server, token: &str, path: &str) {
    let answer = server.send(authorized("DELETE", path, token, None)).await;
    assert_eq!((answer.status.as_u16(), answer.body.as_str()), (204, ""));
}

fn ids(page: &Value) -> Vec<i64> {
    page["items"].as_array().unwrap().iter().map(|item| item["item_id"].as_i64().unwrap()).collect()
}

async fn history(server: &Server, token: &str) -> Vec<i64> {
    ids(&server.get("/me/history", token).await.json())
}

#[tokio::test]
async fn a_new_guest_has_seen_nothing() {
    let server = Server::open().await;
    let token = server.login().await.access;

    assert_eq!(server.get("/me/history", &token).await.json(), json!({ "items": [], "next": null }));
}

#[tokio::test]
async fn what_was_seen_last_is_first_and_each_item_is_there_once() {
    let server = Server::open().await;
    let token = server.login().await.access;

    for item in [1, 2, 3, 1] {
        assert_eq!(see(&server, &token, item).await.status, 204);
    }

    assert_eq!(history(&server, &token).await, [1, 3, 2]);
    let latest = server.get("/me/history?limit=1", &token).await.json()["items"][0].clone();
    assert_eq!(
        latest,
        json!({
            "item_id": 1,
            "name": "Stoneware teapot",
            "description": "Holds four cups and pours without a drip.",
            "price_cents": 3490,
            "currency": "EUR",
            "emoji": "🫖",
            "category": "kitchen",
            "viewed_at": "2027-01-15T08:00:04.250Z",
        })
    );
}

#[tokio::test]
async fn a_clock_that_is_behind_moves_nothing_back() {
    let server = Server::open().await;
    let token = server.login().await.access;
    see(&server, &token, 1).await;
    see(&server, &token, 2).await;

    server.clock.set_back(2 * SECOND);
    see(&server, &token, 2).await;

    assert_eq!(history(&server, &token).await, [2, 1]);
}

#[tokio::test]
async fn one_item_or_everything_is_forgotten_and_twice_is_as_good_as_once() {
    let server = Server::open().await;
    let (token, other) = (server.login().await.access, server.login().await.access);
    for item in [1, 2, 3] {
        see(&server, &token, item).await;
        see(&server, &other, item).await;
    }

    for _ in 0..2 {
        forget(&server, &token, "/me/history/2").await;
        assert_eq!(history(&server, &token).await, [3, 1]);
    }
    for _ in 0..2 {
        forget(&server, &token, "/me/history").await;
        assert_eq!(history(&server, &token).await, [0_i64; 0]);
    }
    assert_eq!(history(&server, &other).await, [3, 2, 1], "guests do not touch each other's");
}

#[tokio::test]
async fn the_hundred_that_were_seen_last_stay() {
    let server = Server::open().await;
    let token = server.login().await.access;
    server.stock(102);
    server.database().execute(
        "INSERT INTO history_item (user_id, item_id, viewed_at)
         SELECT anonymous_user.id, item.id, item.id FROM anonymous_user, item WHERE item.id <= 100",
    );
    let oldest = || server.number("SELECT min(item_id) FROM history_item");
    let count = || server.number("SELECT count(*) FROM history_item");

    see(&server, &token, 1).await;
    assert_eq!((count(), oldest()), (100, 1));
    see(&server, &token, 101).await;
    assert_eq!((count(), oldest()), (100, 1), "2 has made room");
    see(&server, &token, 102).await;
    assert_eq!(server.number("SELECT count(*) FROM history_item WHERE item_id IN (2, 3)"), 0);
    assert_eq!(count(), 100);
}

#[tokio::test]
async fn parts_follow_each_other_without_a_gap() {
    let server = Server::open().await;
    let token = server.login().await.access;
    for item in 1..=12 {
        see(&server, &token, item).await;
    }
    // Four at one moment: their numbers decide.
    server.database().execute("UPDATE history_item SET viewed_at = 1800000020000 WHERE item_id IN (2, 5, 7, 11)");
    let everything = [11, 7, 5, 2, 12, 10, 9, 8, 6, 4, 3, 1];

    for limit in [1, 2, 3, 5, 6, 11, 12, 13, 100] {
        let (mut found, mut after) = (Vec::new(), String::new());
        loop {
            let page = server.get(&format!("/me/history?limit={limit}{after}"), &token).await.json();
            found.extend(ids(&page));
            match page["next"].as_str() {
                Some(next) => after = format!("&after={next}"),
                None => break,
            }
            assert_eq!(found.len() % limit, 0, "a part that is not the last is full");
        }
        assert_eq!(found, everything, "in parts of {limit}");
    }
}

#[tokio::test]
async fn what_is_seen_meanwhile_moves_nothing_that_is_still_to_come() {
    let server = Server::open().await;
    let token = server.login().await.access;
    for item in 1..=6 {
        see(&server, &token, item).await;
    }
    let first = server.get("/me/history?limit=2", &token).await.json();

    see(&server, &token, 12).await;
    let second = server.get(&format!("/me/history?after={}", first["next"].as_str().unwrap()), &token).await.json();

    assert_eq!((ids(&first), ids(&second)), (vec![6, 5], vec![4, 3, 2, 1]));
}

#[tokio::test]
async fn s05_a_history_outlives_the_process() {
    let server = Server::open().await;
    let token = server.login().await.access;
    see(&server, &token, 4).await;
    see(&server, &token, 9).await;
    forget(&server, &token, "/me/history/9").await;

    let server = server.reopen().await;

    assert_eq!(history(&server, &token).await, [4]);
}

#[tokio::test]
async fn s11_a_bad_part_or_item_gets_a_precise_answer() {
    let server = Server::open().await;
    let token = server.login().await.access;

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
        "after=1.",
        "after=a.b",
        "after=99999999999999999999.1",
        "limt=1",
    ] {
        server.get(&format!("/me/history?{query}"), &token).await.assert_problem(400);
    }
    for item in ["999", "-1", "teapot", "99999999999999999999"] {
        server.send(authorized("PUT", &format!("/me/history/{item}"), &token, None)).await.assert_problem(404);
    }
    server.send(authorized("DELETE", "/me/history/teapot", &token, None)).await.assert_problem(404);
    assert_eq!(history(&server, &token).await, [0_i64; 0]);
}
