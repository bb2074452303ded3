//! `GET /public-data`

use serde_json::json;

use crate::support::{Server, get};

#[tokio::test]
async fn public_data_needs_no_token() {
    let server = Server::open().await;

    let response = server.send(get("/public-data")).await;

    assert_eq!(response.json(), json!({ "name": "Guestpass demo shop", "items": 12 }));
}
