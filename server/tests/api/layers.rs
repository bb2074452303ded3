//! Headers and errors that all routes share

use axum::body::Body;
use axum::http::Request;

use crate::support::{Server, get};

#[tokio::test]
async fn every_response_has_the_security_headers() {
    let server = Server::open().await;

    for path in ["/healthz", "/me", "/nothing", "/.well-known/jwks.json"] {
        let response = server.send(get(path)).await;
        assert_eq!(response.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(response.header("referrer-policy"), "no-referrer", "{path}");
    }
}

#[tokio::test]
async fn personal_data_is_not_cached() {
    let server = Server::open().await;
    let token = server.anonymous_login().await.access;

    for path in ["/me", "/me/cart", "/me/history", "/me/preferences", "/me/export", "/items/"] {
        assert_eq!(server.get(path, &token).await.header("cache-control"), "no-store", "{path}");
    }
}

#[tokio::test]
async fn s11_an_unknown_path_gets_a_404_problem() {
    let server = Server::open().await;

    server.send(get("/nothing")).await.assert_problem(404);
    server.send(get("/items")).await.assert_problem(404);
    server.send(Request::post("/nothing").body(Body::empty()).unwrap()).await.assert_problem(404);
}

#[tokio::test]
async fn s11_a_closed_store_gets_503_with_retry_after() {
    let server = Server::open().await;
    let token = server.anonymous_login().await.access;
    server.close().await;

    let response = server.get("/me/cart", &token).await;

    response.assert_problem(503);
    assert_eq!(response.header("retry-after"), "1");
    assert!(!response.body.contains("store"), "the response reveals internals: {response:?}");
    let refresh = server.refresh("gpr_x").await;
    refresh.assert_oauth_error("invalid_grant");
}
