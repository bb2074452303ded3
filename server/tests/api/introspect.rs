//! `POST /introspect`

use axum::body::Body;
use axum::http::Request;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::{Answer, DAY, MINUTE, SECOND, Server, claims_of, form};

const SECRET: &str = "0123456789abcdef0123456789abcdef+%";

async fn server() -> Server {
    Server::open_with(|config| config.introspection_secret = Some(SECRET.parse().unwrap())).await
}

fn request(token: &str, authorization: &str) -> Request<Body> {
    let mut request = form("/introspect", &[("token", token)]);
    request.headers_mut().insert("authorization", authorization.parse().unwrap());
    request
}

fn bearer() -> String {
    format!("Bearer {SECRET}")
}

async fn introspect(server: &Server, token: &str) -> Answer {
    server.send(request(token, &bearer())).await
}

async fn assert_dead(server: &Server, token: &str) {
    let answer = introspect(server, token).await;
    assert_eq!((answer.status.as_u16(), answer.body.as_str()), (200, r#"{"active":false}"#), "{token}");
}

#[tokio::test]
async fn a_live_access_token_says_what_is_in_it() {
    let server = server().await;
    let tokens = server.login().await;

    let answer = introspect(&server, &tokens.access).await;

    assert_eq!(answer.header("cache-control"), "no-store");
    let mut expected = claims_of(&tokens.access);
    expected["active"] = true.into();
    expected["token_type"] = "Bearer".into();
    assert_eq!(answer.json(), expected);
}

#[tokio::test]
async fn a_live_refresh_token_is_told_apart_and_not_used_up() {
    let server = server().await;
    let first = server.login().await;
    let second = server.refresh(&first.refresh).await.tokens();

    for token in [&first.refresh, &second.refresh] {
        let answer = introspect(&server, token).await.json();
        assert_eq!((&answer["active"], &answer["token_type"]), (&json!(true), &json!("refresh_token")));
        assert_eq!(answer["sub"], first.id.as_str());
        assert_eq!(answer["aud"], Value::Null);
        assert_eq!(answer["sid"], claims_of(&first.access)["sid"]);
    }
    assert_eq!(server.refresh(&second.refresh).await.status, 200);
}

#[tokio::test]
async fn a_dead_token_gives_exactly_that() {
    let server = server().await;
    let (expired, revoked, other) = (server.login().await, server.login().await, Server::open().await.login().await);
    let first = server.login().await;
    server.refresh(&first.refresh).await.tokens();
    server.revoke(&revoked.refresh).await;
    for token in [&revoked.access, &revoked.refresh, &other.access, &other.refresh] {
        assert_dead(&server, token).await;
    }
    for token in ["x", "a.b.c", "gpr_x", &expired.access[1..]] {
        assert_dead(&server, token).await;
    }
    // Its successor was used, or could have been.
    server.clock.advance(MINUTE + SECOND);
    assert_dead(&server, &first.refresh).await;
    // Looking at it was not using it: the session lives.
    server.clock.advance(15 * MINUTE);
    assert_dead(&server, &expired.access).await;
    assert_eq!(introspect(&server, &expired.refresh).await.json()["active"], true);
    server.clock.advance(30 * DAY);
    assert_dead(&server, &expired.refresh).await;
}

#[tokio::test]
async fn the_caller_proves_who_it_is() {
    let server = server().await;
    let access = server.login().await.access;
    let basic = |user: &str, password: &str| format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
    // RFC 6749 §2.3.1: OAuth clients encode it.
    let encoded = SECRET.replace('%', "%25").replace('+', "%2B");

    for authorization in
        [bearer(), format!("bearer {SECRET}"), basic("", SECRET), basic("shop", SECRET), basic("shop", &encoded)]
    {
        let answer = server.send(request(&access, &authorization)).await;
        assert_eq!(answer.json()["active"], true, "{authorization}");
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
        let answer = server.send(request(&access, &authorization)).await;
        assert_eq!(answer.status, 401, "{authorization}");
        assert_eq!(answer.json()["error"], "invalid_client");
        assert!(answer.header("www-authenticate").starts_with("Basic realm="), "{answer:?}");
    }
    assert_eq!(server.send(form("/introspect", &[("token", &access)])).await.status, 401);
    let mut twice = request(&access, &bearer());
    twice.headers_mut().append("authorization", bearer().parse().unwrap());
    assert_eq!(server.send(twice).await.status, 401);
}

#[tokio::test]
async fn s11_a_request_without_a_token_is_invalid() {
    let server = server().await;

    introspect(&server, "").await.assert_oauth_error("invalid_request");
}

#[tokio::test]
async fn without_a_secret_there_is_no_such_endpoint() {
    let server = Server::open().await;
    let access = server.login().await.access;

    server.send(request(&access, &bearer())).await.assert_problem(404);
    server.send(form("/introspect", &[("token", &access)])).await.assert_problem(404);
}
