//! `/me/history`

use serde_json::{Value, json};

use crate::support::{Response, SECOND, Server, authorized};

/// Records a view of an item, one second after the previous one.
async fn view(server: &Server, token: &str, item: i64) -> Response {
    server.clock.advance(SECOND);
    server.send(authorized("PUT", &format!("/me/history/{item}"), token, None)).await
}

async fn delete(server: &Server, token: &str, path: &str) {
    let response = server.send(authorized("DELETE", path, token, None)).await;
    assert_eq!((response.status.as_u16(), response.body.as_str()), (204, ""));
}

fn ids(page: &Value) -> Vec<i64> {
    page["items"].as_array().unwrap().iter().map(|item| item["item_id"].as_i64().unwrap()).collect()
}

async fn history(server: &Server, token: &str) -> Vec<i64> {
    ids(&server.get("/me/history", token).await.json())
}

#[tokio::test]
async fn a_new_guest_has_an_empty_history() {
    let server = Server::open().await;
    let token = server.anonymous_login().await.access;

    assert_eq!(server.get("/me/history", &token).await.json(), json!({ "items": [], "next": null }));
}

#[tokio::test]
async fn the_last_viewed_item_is_first_and_each_item_is_listed_once() {
    let server = Server::open().await;
    let token = server.anonymous_login().await.access;

    for item in [1, 2, 3, 1] {
        assert_eq!(view(&server, &token, item).await.status, 204);
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
async fn a_clock_that_was_set_back_does_not_change_the_order() {
    let server = Server::open().await;
    let token = server.anonymous_login().await.access;
    view(&server, &token, 1).await;
    view(&server, &token, 2).await;

    server.clock.set_back(2 * SECOND);
    view(&server, &token, 2).await;

    assert_eq!(history(&server, &token).await, [2, 1]);
}

#[tokio::test]
async fn one_item_or_the_whole_history_can_be_deleted_more_than_once() {
    let server = Server::open().await;
    let (token, other) = (server.anonymous_login().await.access, server.anonymous_login().await.access);
    for item in [1, 2, 3] {
        view(&server, &token, item).await;
        view(&server, &other, item).await;
    }

    for _ in 0..2 {
        delete(&server, &token, "/me/history/2").await;
        assert_eq!(history(&server, &token).await, [3, 1]);
    }
    for _ in 0..2 {
        delete(&server, &token, "/me/history").await;
        assert_eq!(history(&server, &token).await, [0_i64; 0]);
    }
    assert_eq!(history(&server, &other).await, [3, 2, 1], "the history of another guest is unchanged");
}

#[tokio::test]
async fn the_100_items_viewed_last_are_kept() {
    let server = Server::open().await;
    let token = server.anonymous_login().await.access;
    server.add_items_up_to(102);
    server.database().execute(
        "INSERT INTO history_item (user_id, item_id, viewed_at)
         SELECT anonymous_user.id, item.id, item.id FROM anonymous_user, item WHERE item.id <= 100",
    );
    let oldest = || server.number("SELECT min(item_id) FROM history_item");
    let count = || server.number("SELECT count(*) FROM history_item");

    view(&server, &token, 1).await;
    assert_eq!((count(), oldest()), (100, 1));
    view(&server, &token, 101).await;
    assert_eq!((count(), oldest()), (100, 1), "item 2 was deleted");
    view(&server, &token, 102).await;
    assert_eq!(server.number("SELECT count(*) FROM history_item WHERE item_id IN (2, 3)"), 0);
    assert_eq!(count(), 100);
}

#[tokio::test]
async fn pages_have_no_gaps_and_no_duplicates() {
    let server = Server::open().await;
    let token = server.anonymous_login().await.access;
    for item in 1..=12 {
        view(&server, &token, item).await;
    }
    // Four items with the same time are ordered by their IDs.
    server.database().execute("UPDATE history_item SET viewed_at = 1800000020000 WHERE item_id IN (2, 5, 7, 11)");
    let expected = [11, 7, 5, 2, 12, 10, 9, 8, 6, 4, 3, 1];

    for limit in [1, 2, 3, 5, 6, 11, 12, 13, 100] {
        let (mut found, mut after) = (Vec::new(), String::new());
        loop {
            let page = server.get(&format!("/me/history?limit={limit}{after}"), &token).await.json();
            found.extend(ids(&page));
            match page["next"].as_str() {
                Some(next) => after = format!("&after={next}"),
                None => break,
            }
            assert_eq!(found.len() % limit, 0, "every page except the last is full");
        }
        assert_eq!(found, expected, "pages of {limit}");
    }
}

#[tokio::test]
async fn an_item_viewed_between_two_pages_does_not_shift_the_next_page() {
    let server = Server::open().await;
    let token = server.anonymous_login().await.access;
    for item in 1..=6 {
        view(&server, &token, item).await;
    }
    let first = server.get("/me/history?limit=2", &token).await.json();

    view(&server, &token, 12).await;
    let second = server.get(&format!("/me/history?after={}", first["next"].as_str().unwrap()), &token).await.json();

    assert_eq!((ids(&first), ids(&second)), (vec![6, 5], vec![4, 3, 2, 1]));
}

#[tokio::test]
async fn s05_a_history_survives_a_restart() {
    let server = Server::open().await;
    let token = server.anonymous_login().await.access;
    view(&server, &token, 4).await;
    view(&server, &token, 9).await;
    delete(&server, &token, "/me/history/9").await;

    let server = server.restart().await;

    assert_eq!(history(&server, &token).await, [4]);
}

#[tokio::test]
async fn s11_an_invalid_page_or_item_gets_a_specific_status() {
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
