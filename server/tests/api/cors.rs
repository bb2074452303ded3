//! Cross-origin requests (CORS)

use axum::body::Body;
use axum::http::Request;

use crate::support::{Response, Server, authorized};

const SHOP: &str = "https://shop.example";

async fn server() -> Server {
    Server::open_with(|config| {
        config.cors_origins = vec![SHOP.parse().unwrap(), "http://localhost:5173".parse().unwrap()];
    })
    .await
}

async fn preflight(server: &Server, origin: &str) -> Response {
    let request = Request::builder()
        .method("OPTIONS")
        .uri("/me/cart/1")
        .header("origin", origin)
        .header("access-control-request-method", "PUT")
        .header("access-control-request-headers", "authorization,content-type,if-match,if-none-match,idempotency-key");
    server.send(request.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn a_preflight_from_an_allowed_origin_permits_the_requests_of_the_sdk() {
    let server = server().await;

    for origin in [SHOP, "http://localhost:5173"] {
        let response = preflight(&server, origin).await;
        assert_eq!(response.status, 200);
        assert_eq!(response.header("access-control-allow-origin"), origin);
        assert_eq!(
            response.header("access-control-allow-headers"),
            "authorization,content-type,if-match,if-none-match,idempotency-key"
        );
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
            assert!(response.header("access-control-allow-methods").contains(method), "{method}");
        }
        assert_eq!(response.header("access-control-allow-credentials"), "");
    }
}

#[tokio::test]
async fn other_origins_are_not_permitted() {
    let server = server().await;

    for origin in ["https://evil.example", "http://shop.example", "https://shop.example:8443", "null"] {
        assert_eq!(preflight(&server, origin).await.header("access-control-allow-origin"), "", "{origin}");
    }
    let closed = Server::open().await;
    assert_eq!(preflight(&closed, SHOP).await.header("access-control-allow-origin"), "");
}

#[tokio::test]
async fn error_responses_have_cors_headers() {
    let server = server().await;
    let mut request = authorized("GET", "/me", "bad", None);
    request.headers_mut().insert("origin", SHOP.parse().unwrap());

    let response = server.send(request).await;

    assert_eq!(response.status, 401);
    assert_eq!(response.header("access-control-allow-origin"), SHOP);
    let exposed = response.header("access-control-expose-headers").to_ascii_lowercase();
    for name in [
        "www-authenticate",
        "retry-after",
        "ratelimit",
        "ratelimit-policy",
        "etag",
        "dpop-nonce",
        "date",
        "x-request-id",
    ] {
        assert!(exposed.contains(name), "{name} is not exposed");
    }
}
