//! `POST /anonymous-login`

use std::collections::HashSet;

use axum::body::Body;
use axum::http::Request;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::support::{MINUTE, SECOND, Server, anonymous_login, authorized, get};

/// An idempotency key of the minimum length: 22 characters of base64url (132 bits).
const KEY: &str = "k_-GqFbKvQ0r8pWm2ZtYxA";

/// The body that asks for a refresh token.
fn with_refresh() -> Option<Value> {
    Some(json!({ "refresh": true }))
}

#[tokio::test]
async fn without_a_body_the_client_gets_one_token_for_30_days() {
    let server = Server::open().await;

    let response = server.send(anonymous_login(None, None)).await;

    assert_eq!(response.status, 200);
    assert_eq!(response.header("cache-control"), "no-store");
    let json = response.json();
    let names: HashSet<_> = json.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, HashSet::from(["access_token", "token_type", "expires_in", "anonymous_id"]));
    assert_eq!(json["token_type"], "bearer");
    assert_eq!(json["expires_in"], 30 * 24 * 60 * 60);
    let me = server.get("/me", json["access_token"].as_str().unwrap()).await;
    assert_eq!(me.json()["id"], json["anonymous_id"]);
}

#[tokio::test]
async fn with_refresh_the_client_gets_a_short_lived_token_and_a_refresh_token() {
    let server = Server::open().await;

    let tokens = server.anonymous_login().await;

    assert_eq!(tokens.expires_in, 900);
    assert!(tokens.refresh.starts_with("gpr_"), "{tokens:?}");
    assert!(tokens.id.starts_with("anonymous_"), "{tokens:?}");
}

#[tokio::test]
async fn an_access_token_has_the_claims_of_rfc_9068_and_no_others() {
    let server = Server::open().await;
    let tokens = server.anonymous_login().await;

    let parts: Vec<Value> = tokens
        .access
        .split('.')
        .take(2)
        .map(|part| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap())
        .collect();

    let kid = server.database().text("SELECT kid FROM signing_key");
    assert_eq!(parts[0], json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": kid }));
    let claims = parts[1].as_object().unwrap();
    let names: HashSet<_> = claims.keys().map(String::as_str).collect();
    assert_eq!(names, HashSet::from(["iss", "sub", "aud", "client_id", "iat", "exp", "jti", "sid", "gen"]));
    assert_eq!(claims["iss"], "http://localhost:8000");
    assert_eq!(claims["aud"], "guestpass");
    assert_eq!(claims["sub"], tokens.id);
    assert_eq!(claims["iat"], server.clock.secs());
    // The clock is at a quarter of a second. `exp` is rounded up, so that the token is valid for at least `expires_in` seconds.
    assert_eq!(claims["exp"], server.clock.secs() + 901);
}

#[tokio::test]
async fn the_same_idempotency_key_returns_the_same_guest_and_session() {
    let server = Server::open().await;
    let first = server.send(anonymous_login(with_refresh(), Some(KEY))).await.tokens();
    server.clock.advance(10 * MINUTE - SECOND);

    let second = server.send(anonymous_login(with_refresh(), Some(KEY))).await.tokens();

    assert_eq!((&second.id, &second.refresh), (&first.id, &first.refresh));
    assert_eq!(server.number("SELECT count(*) FROM anonymous_user"), 1);
    assert!(server.accepts(&second.access).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_logins_with_one_key_create_one_guest() {
    let server = Server::open().await;

    let responses = server.send_concurrently(32, || anonymous_login(with_refresh(), Some(KEY))).await;

    let guests: HashSet<_> =
        responses.iter().map(|response| (response.tokens().id, response.tokens().refresh)).collect();
    assert_eq!(guests.len(), 1);
    assert_eq!(server.number("SELECT count(*) FROM anonymous_user"), 1);
    assert_eq!(server.number("SELECT count(*) FROM session"), 1);
}

#[tokio::test]
async fn different_keys_and_missing_keys_create_different_guests() {
    let server = Server::open().await;

    server.send(anonymous_login(with_refresh(), Some(KEY))).await.tokens();
    server.send(anonymous_login(with_refresh(), Some(&KEY.replace('k', "K")))).await.tokens();
    server.anonymous_login().await;
    server.anonymous_login().await;

    assert_eq!(server.number("SELECT count(*) FROM anonymous_user"), 4);
}

#[tokio::test]
async fn a_key_expires_after_ten_minutes() {
    let server = Server::open().await;
    server.send(anonymous_login(with_refresh(), Some(KEY))).await.tokens();
    server.clock.advance(10 * MINUTE);

    server.send(anonymous_login(with_refresh(), Some(KEY))).await.assert_problem(409);

    assert_eq!(server.number("SELECT count(*) FROM anonymous_user"), 1);
}

#[tokio::test]
async fn a_key_expires_at_the_first_refresh() {
    let server = Server::open().await;
    let tokens = server.send(anonymous_login(with_refresh(), Some(KEY))).await.tokens();
    server.refresh(&tokens.refresh).await.tokens();

    server.send(anonymous_login(with_refresh(), Some(KEY))).await.assert_problem(409);
}

#[tokio::test]
async fn a_key_of_a_revoked_session_is_refused() {
    let server = Server::open().await;
    let tokens = server.send(anonymous_login(with_refresh(), Some(KEY))).await.tokens();
    server.revoke(&tokens.refresh).await;

    server.send(anonymous_login(with_refresh(), Some(KEY))).await.assert_problem(409);
}

#[tokio::test]
async fn a_key_cannot_be_reused_with_another_body() {
    let server = Server::open().await;
    server.send(anonymous_login(None, Some(KEY))).await;

    server.send(anonymous_login(with_refresh(), Some(KEY))).await.assert_problem(422);
}

#[tokio::test]
async fn a_malformed_key_is_refused_and_creates_no_guest() {
    let server = Server::open().await;

    for key in [
        "",
        &KEY[1..],
        &"k".repeat(129),
        "k_-GqFbKvQ0r8pWm2ZtYx=",
        "k_-GqFbKvQ0r8pWm2Zt Yx",
        "'; DROP TABLE session; --",
    ] {
        server.send(anonymous_login(with_refresh(), Some(key))).await.assert_problem(400);
    }
    let mut twice = anonymous_login(with_refresh(), Some(KEY));
    twice.headers_mut().append("idempotency-key", KEY.parse().unwrap());
    server.send(twice).await.assert_problem(400);

    assert_eq!(server.number("SELECT count(*) FROM anonymous_user"), 0);
}

#[tokio::test]
async fn keys_of_the_minimum_and_maximum_length_are_accepted() {
    let server = Server::open().await;

    for length in [22, 128] {
        server.send(anonymous_login(with_refresh(), Some(&"k".repeat(length)))).await.tokens();
    }
}

#[tokio::test]
async fn a_key_is_stored_as_a_sha256_hash() {
    let server = Server::open().await;
    server.send(anonymous_login(with_refresh(), Some(KEY))).await.tokens();

    let hash = server.database().bytes("SELECT hash FROM login_key");

    let sha256 = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, KEY.as_bytes());
    assert_eq!(hash, sha256.as_ref());
}

#[tokio::test]
async fn empty_bodies_of_simple_clients_are_accepted() {
    let server = Server::open().await;

    for content_type in ["application/json", "application/x-www-form-urlencoded", "text/plain"] {
        let request =
            Request::post("/anonymous-login").header("content-type", content_type).body(Body::empty()).unwrap();
        assert_eq!(server.send(request).await.status, 200, "{content_type}");
    }
    for body in ["{}", "{\"refresh\":false}", "{\"other\":1}", "null"] {
        let request =
            Request::post("/anonymous-login").header("content-type", "application/json").body(body.into()).unwrap();
        assert!(server.send(request).await.json().get("refresh_token").is_none(), "{body}");
    }
}

#[tokio::test]
async fn s11_an_invalid_body_gets_a_specific_status_and_creates_no_guest() {
    let server = Server::open().await;
    let long = format!("{{\"refresh\":true,\"x\":\"{}\"}}", "x".repeat(20_000));

    for (content_type, body, status) in [
        ("application/json", "{", 400),
        ("application/json", "{\"refresh\":true} x", 400),
        ("application/json", "{\"refresh\":\"yes\"}", 422),
        ("application/json", "{\"refresh\":true,\"refresh\":true}", 422),
        ("application/json", "[true]", 422),
        ("text/plain", "{\"refresh\":true}", 415),
        ("application/json", &long, 413),
    ] {
        let request = Request::post("/anonymous-login").header("content-type", content_type);
        server.send(request.body(body.to_owned().into()).unwrap()).await.assert_problem(status);
    }

    assert_eq!(server.number("SELECT count(*) FROM anonymous_user"), 0);
}

#[tokio::test]
async fn other_methods_get_405_with_allow_post() {
    let server = Server::open().await;

    let response = server.send(get("/anonymous-login")).await;

    response.assert_problem(405);
    assert_eq!(response.header("allow"), "POST");
}

#[tokio::test]
async fn an_invalid_bearer_token_on_the_request_is_ignored() {
    let server = Server::open().await;

    // Simple clients send their stored token with every request, including this one.
    let response = server.send(authorized("POST", "/anonymous-login", "expired", None)).await;

    assert_eq!(response.status, 200);
}

#[tokio::test]
async fn the_operator_can_refuse_long_lived_tokens() {
    let server = Server::open_with(|config| config.require_refresh = true).await;

    for body in [None, Some(json!({})), Some(json!({ "refresh": false }))] {
        let response = server.send(anonymous_login(body, None)).await;
        response.assert_problem(403);
        assert!(response.body.contains("refresh"), "{response:?}");
    }
    assert_eq!(server.number("SELECT count(*) FROM anonymous_user"), 0);
    assert!(server.accepts(&server.anonymous_login().await.access).await);
}
