//! `GET /public-data`

use serde_json::json;

use crate::support::{Server, get, with_header};

#[tokio::test]
async fn public_data_needs_no_token() {
    let server = Server::open().await;

    let response = server.send(get("/public-data")).await;

    let message = "This data is public: it needs no token.";
    assert_eq!(response.json(), json!({ "message": message, "name": "Guestpass demo shop", "items": 12 }));
    assert_eq!(response.header("content-language"), "en");

    let response = server.send(with_header(get("/public-data"), "accept-language", "zh-CN,zh;q=0.9")).await;

    assert_eq!(response.json()["message"], "这是公开数据，不需要令牌。");
    assert_eq!(response.header("content-language"), "zh");
}
