//! `GET /items/`, `GET /public-data` and `GET /healthz`

use serde_json::json;

use crate::support::{Server, get};

#[tokio::test]
async fn a_guest_sees_the_catalogue() {
    let server = Server::open().await;
    let token = server.login().await.access;

    let answer = server.get("/items/", &token).await;

    assert_eq!(answer.status, 200);
    let items = answer.json()["items"].as_array().unwrap().clone();
    assert_eq!(items.len(), 12);
    assert_eq!(
        items[0],
        json!({
            "id": 1,
            "name": "Stoneware teapot",
            "description": "Holds four cups and pours without a drip.",
            "price_cents": 3490,
            "currency": "EUR",
            "emoji": "🫖",
        })
    );
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
