//! `POST /introspect`

use axum::body::Body;
use axum::http::Request;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::{DAY, MINUTE, Response, SECOND, Server, anonymous_login, claims_of, form};

const SECRET: &str = "0123456789abcdef0123456789abcdef+%";

async fn server() -> Server {
    Server::open_with(|config| config.introspection_secrets = vec![SECRET.parse().unwrap()]).await
}

fn request(token: &str, authorization: &str) -> Request<Body> {
    let mut request = form("/introspect", &[("token", token)]);
    request.headers_mut().insert("authorization", authorization.parse().unwrap());
    request
}

fn bearer() -> String {
    format!("Bearer {SECRET}")
}

async fn introspect(server: &Server, token: &str) -> Response {
    server.send(request(token, &bearer())).await
}

/// Checks that a token is inactive, and that the response tells nothing else about it.
async fn assert_inactive(server: &Server, token: &str) {
    let response = introspect(server, token).await;
    assert_eq!((response.status.as_u16(), response.body.as_str()), (200, r#"{"active":false}"#), "{token}");
}

#[tokio::test]
async fn an_active_access_token_is_introspected_with_its_claims() {
    let server = server().await;
    let tokens = server.anonymous_login().await;

    let response = introspect(&server, &tokens.access).await;

    assert_eq!(response.header("cache-control"), "no-store");
    let mut expected = claims_of(&tokens.access);
    expected.as_object_mut().unwrap().remove("gen");
    expected["active"] = true.into();
    expected["token_type"] = "Bearer".into();
    assert_eq!(response.json(), expected);
}

#[tokio::test]
async fn an_active_refresh_token_is_introspected_as_one_and_not_consumed() {
    let server = server().await;
    let first = server.anonymous_login().await;
    let second = server.refresh(&first.refresh).await.tokens();

    for token in [&first.refresh, &second.refresh] {
        let response = introspect(&server, token).await.json();
        assert_eq!((&response["active"], &response["token_type"]), (&json!(true), &json!("refresh_token")));
        assert_eq!(response["sub"], first.id.as_str());
        assert_eq!(response["aud"], Value::Null);
        assert_eq!(response["sid"], claims_of(&first.access)["sid"]);
    }
    assert_eq!(server.refresh(&second.refresh).await.status, 200);
}

#[tokio::test]
async fn an_inactive_token_gets_only_active_false() {
    let server = server().await;
    let (expired, revoked, other) =
        (server.anonymous_login().await, server.anonymous_login().await, Server::open().await.anonymous_login().await);
    let first = server.anonymous_login().await;
    let second = server.refresh(&first.refresh).await.tokens();
    server.revoke(&revoked.refresh).await;
    for token in [&revoked.access, &revoked.refresh, &other.access, &other.refresh] {
        assert_inactive(&server, token).await;
    }
    for token in ["x", "a.b.c", "gpr_x", &expired.access[1..]] {
        assert_inactive(&server, token).await;
    }
    // The replay window of the rotated token has ended, and its successor has been seen.
    server.clock.advance(MINUTE + SECOND);
    assert_eq!(introspect(&server, &first.refresh).await.json()["active"], true);
    assert!(server.accepts(&second.access).await);
    assert_inactive(&server, &first.refresh).await;
    // Introspection is no reuse: the session is still active.
    server.clock.advance(15 * MINUTE);
    assert_inactive(&server, &expired.access).await;
    assert_eq!(introspect(&server, &expired.refresh).await.json()["active"], true);
    server.clock.advance(30 * DAY);
    assert_inactive(&server, &expired.refresh).await;
}

#[tokio::test]
async fn the_audience_of_a_token_without_refresh_is_the_issuer() {
    let server = server().await;
    let simple = server.send(anonymous_login(None, None)).await.json()["access_token"].as_str().unwrap().to_owned();

    let response = introspect(&server, &simple).await.json();

    assert_eq!((&response["active"], &response["aud"]), (&json!(true), &json!("http://localhost:8000")));
}

#[tokio::test]
async fn the_caller_must_authenticate_with_the_secret() {
    let server = server().await;
    let access = server.anonymous_login().await.access;
    let basic = |user: &str, password: &str| format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
    // RFC 6749 §2.3.1: OAuth clients percent-encode the password.
    let encoded = SECRET.replace('%', "%25").replace('+', "%2B");

    for authorization in
        [bearer(), format!("bearer {SECRET}"), basic("", SECRET), basic("shop", SECRET), basic("shop", &encoded)]
    {
        let response = server.send(request(&access, &authorization)).await;
        assert_eq!(response.json()["active"], true, "{authorization}");
    }
    for authorization in [
        String::new(),
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        format!("Bearer {access}"),
        format!("Bearer {}", &SECRET[1..]),
        format!("Bearer {SECRET}x"),
        format!("Digest {SECRET}"),
        basic(SECRET, ""),
        basic("shop", &SECRET.to_uppercase()),
        format!("Basic {}", STANDARD.encode(SECRET)),
        "Basic !".to_owned(),
    ] {
        let response = server.send(request(&access, &authorization)).await;
        assert_eq!(response.status, 401, "{authorization}");
        assert_eq!(response.json()["error"], "invalid_client");
        assert!(response.header("www-authenticate").starts_with("Basic realm="), "{response:?}");
    }
    assert_eq!(server.send(form("/introspect", &[("token", &access)])).await.status, 401);
    let mut twice = request(&access, &bearer());
    twice.headers_mut().append("authorization", bearer().parse().unwrap());
    assert_eq!(server.send(twice).await.status, 401);
}

#[tokio::test]
async fn each_of_several_secrets_is_accepted_so_that_one_can_be_replaced() {
    const NEW: &str = "fedcba9876543210fedcba9876543210";
    let server = Server::open_with(|config| {
        config.introspection_secrets = vec![SECRET.parse().unwrap(), NEW.parse().unwrap()];
    })
    .await;
    let access = server.anonymous_login().await.access;
    let status = async |server: &Server, secret| {
        server.send(request(&access, &format!("Bearer {secret}"))).await.status.as_u16()
    };

    for (secret, expected) in [(SECRET, 200), (NEW, 200), ("0123456789abcdeffedcba9876543210", 401)] {
        assert_eq!(status(&server, secret).await, expected, "{secret}");
    }

    let server = server.restart_with(|config| config.introspection_secrets = vec![NEW.parse().unwrap()]).await;
    assert_eq!((status(&server, SECRET).await, status(&server, NEW).await), (401, 200));
}

#[tokio::test]
async fn s11_a_request_without_a_token_gets_invalid_request() {
    let server = server().await;

    introspect(&server, "").await.assert_oauth_error("invalid_request");
}

#[tokio::test]
async fn without_a_secret_the_endpoint_responds_with_404() {
    let server = Server::open().await;
    let access = server.anonymous_login().await.access;

    server.send(request(&access, &bearer())).await.assert_problem(404);
    server.send(form("/introspect", &[("token", &access)])).await.assert_problem(404);
}
