//! What every answer has in common

use axum::body::Body;
use axum::http::Request;

use crate::support::{Server, get};

#[tokio::test]
async fn every_answer_has_the_security_headers() {
    let server = Server::open().await;

    for path in ["/healthz", "/me", "/nothing", "/.well-known/jwks.json"] {
        let answer = server.send(get(path)).await;
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("referrer-policy"), "no-referrer", "{path}");
    }
}

#[tokio::test]
async fn what_is_personal_is_not_cached() {
    let server = Server::open().await;
    let token = server.login().await.access;

    for path in ["/me", "/me/cart", "/me/history", "/me/preferences", "/me/export", "/items/"] {
        assert_eq!(server.get(path, &token).await.header("cache-control"), "no-store", "{path}");
    }
}

#[tokio::test]
async fn s11_an_unknown_path_is_a_problem() {
    let server = Server::open().await;

    server.send(get("/nothing")).await.assert_problem(404);
    server.send(get("/items")).await.assert_problem(404);
    server.send(Request::post("/nothing").body(Body::empty()).unwrap()).await.assert_problem(404);
}

#[tokio::test]
async fn s11_a_closed_store_is_a_503_that_says_when_to_come_back() {
    let server = Server::open().await;
    let token = server.login().await.access;
    server.close().await;

    let answer = server.get("/me/cart", &token).await;

    answer.assert_problem(503);
    assert_eq!(answer.header("retry-after"), "1");
    assert!(!answer.body.contains("store"), "internals in {answer:?}");
    let refresh = server.refresh("gpr_x").await;
    refresh.assert_oauth_error("invalid_grant");
}
