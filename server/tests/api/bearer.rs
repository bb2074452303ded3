//! The `Authorization` header, and the challenge of a 401 response (RFC 6750)

use axum::body::Body;
use axum::http::Request;

use crate::support::{Server, get};

#[tokio::test]
async fn a_request_without_credentials_gets_a_challenge_without_an_error_code() {
    let server = Server::open().await;

    for path in ["/me", "/items/", "/me/cart"] {
        let response = server.send(get(path)).await;
        response.assert_problem(401);
        assert_eq!(response.header("www-authenticate"), "Bearer realm=\"guestpass\"", "{path}");
    }
    let basic = Request::get("/me").header("authorization", "Basic dTpw").body(Body::empty()).unwrap();
    assert_eq!(server.send(basic).await.header("www-authenticate"), "Bearer realm=\"guestpass\"");
}

#[tokio::test]
async fn malformed_credentials_get_400_invalid_request() {
    let server = Server::open().await;
    let access = server.anonymous_login().await.access;
    let query = format!("/me?access_token={access}");
    let valid = format!("Bearer {access}");

    for (path, headers) in [
        ("/me", vec!["Bearer"]),
        ("/me", vec!["Bearer a b"]),
        ("/me", vec!["Bearer a,b"]),
        ("/me", vec![valid.as_str(), valid.as_str()]),
        (query.as_str(), vec![valid.as_str()]),
        (query.as_str(), vec![]),
    ] {
        let mut request = Request::get(path);
        for header in &headers {
            request = request.header("authorization", *header);
        }
        let response = server.send(request.body(Body::empty()).unwrap()).await;
        response.assert_problem(400);
        assert!(response.header("www-authenticate").contains("error=\"invalid_request\""), "{path} {headers:?}");
    }
}

#[tokio::test]
async fn the_tokens_null_and_undefined_get_401_invalid_token() {
    let server = Server::open().await;

    // Simple clients send these if they have no token. They handle a 401 by logging in again; they do not handle a 400.
    for token in ["null", "undefined"] {
        let response = server.get("/items/", token).await;
        response.assert_problem(401);
        assert!(response.header("www-authenticate").contains("error=\"invalid_token\""), "{response:?}");
    }
}
