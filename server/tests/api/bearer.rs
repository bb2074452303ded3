//! How credentials are sent, and the challenge when they are not (RFC 6750)

use axum::body::Body;
use axum::http::Request;

use crate::support::{Server, get};

#[tokio::test]
async fn without_credentials_the_challenge_has_no_code() {
    let server = Server::open().await;

    for path in ["/me", "/items/", "/me/cart"] {
        let answer = server.send(get(path)).await;
        answer.assert_problem(401);
        assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"guestpass\"", "{path}");
    }
    let basic = Request::get("/me").header("authorization", "Basic dTpw").body(Body::empty()).unwrap();
    assert_eq!(server.send(basic).await.header("www-authenticate"), "Bearer realm=\"guestpass\"");
}

#[tokio::test]
async fn malformed_credentials_are_a_bad_request() {
    let server = Server::open().await;
    let access = server.login().await.access;
    let query = format!("/me?access_token={access}");
    let good = format!("Bearer {access}");

    for (path, headers) in [
        ("/me", vec!["Bearer"]),
        ("/me", vec!["Bearer a b"]),
        ("/me", vec!["Bearer a,b"]),
        ("/me", vec![good.as_str(), good.as_str()]),
        (query.as_str(), vec![good.as_str()]),
        (query.as_str(), vec![]),
    ] {
        let mut request = Request::get(path);
        for header in &headers {
            request = request.header("authorization", *header);
        }
        let answer = server.send(request.body(Body::empty()).unwrap()).await;
        answer.assert_problem(400);
        assert!(answer.header("www-authenticate").contains("error=\"invalid_request\""), "{path} {headers:?}");
    }
}

#[tokio::test]
async fn what_classic_clients_send_without_a_token_is_an_invalid_one() {
    let server = Server::open().await;

    // Their answer to a 401 is to log in again; to a 400 they have none.
    for token in ["null", "undefined"] {
        let answer = server.get("/items/", token).await;
        answer.assert_problem(401);
        assert!(answer.header("www-authenticate").contains("error=\"invalid_token\""), "{answer:?}");
    }
}
