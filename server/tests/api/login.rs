//! `POST /anonymous-login`

use std::collections::HashSet;

use axum::body::Body;
use axum::http::Request;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::support::{MINUTE, SECOND, Server, authorized, get, login};

/// 22 characters of base64url: 128 bits and a little.
const KEY: &str = "k_-GqFbKvQ0r8pWm2ZtYxA";

fn refreshing() -> Option<Value> {
    Some(json!({ "refresh": true }))
}

#[tokio::test]
async fn without_a_body_a_client_gets_one_token_for_thirty_days() {
    let server = Server::open().await;

    let answer = server.send(login(None, None)).await;

    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("cache-control"), "no-store");
    let json = answer.json();
    let names: HashSet<_> = json.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, HashSet::from(["access_token", "token_type", "expires_in", "anonymous_id"]));
    assert_eq!(json["token_type"], "bearer");
    assert_eq!(json["expires_in"], 30 * 24 * 60 * 60);
    let me = server.get("/me", json["access_token"].as_str().unwrap()).await;
    assert_eq!(me.json()["id"], json["anonymous_id"]);
}

#[tokio::test]
async fn with_refresh_a_client_gets_a_short_token_and_a_refresh_token() {
    let server = Server::open().await;

    let tokens = server.login().await;

    assert_eq!(tokens.expires_in, 900);
    assert!(tokens.refresh.starts_with("gpr_"), "{tokens:?}");
    assert!(tokens.id.starts_with("anonymous_"), "{tokens:?}");
}

#[tokio::test]
async fn an_access_token_has_the_claims_of_rfc_9068_and_no_others() {
    let server = Server::open().await;
    let tokens = server.login().await;

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
    assert_eq!(names, HashSet::from(["iss", "sub", "aud", "client_id", "iat", "exp", "jti", "sid"]));
    assert_eq!(claims["iss"], "http://localhost:8000");
    assert_eq!(claims["aud"], "guestpass");
    assert_eq!(claims["sub"], tokens.id);
    assert_eq!(claims["iat"], server.clock.secs());
    // The clock stands at a quarter past a second: rounded up, so that the token lives as long as `expires_in` says.
    assert_eq!(claims["exp"], server.clock.secs() + 901);
}

#[tokio::test]
async fn the_same_key_gives_the_same_guest_and_session() {
    let server = Server::open().await;
    let first = server.send(login(refreshing(), Some(KEY))).await.tokens();
    server.clock.advance(10 * MINUTE - SECOND);

    let second = server.send(login(refreshing(), Some(KEY))).await.tokens();

    assert_eq!((&second.id, &second.refresh), (&first.id, &first.refresh));
    assert_eq!(server.number("SELECT count(*) FROM anonymous_user"), 1);
    assert!(server.accepts(&second.access).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn thirty_two_logins_at_once_with_one_key_make_one_guest() {
    let server = Server::open().await;

    let answers = server.send_at_once(32, || login(refreshing(), Some(KEY))).await;

    let guests: HashSet<_> = answers.iter().map(|answer| (answer.tokens().id, answer.tokens().refresh)).collect();
    assert_eq!(guests.len(), 1);
    assert_eq!(server.number("SELECT count(*) FROM anonymous_user"), 1);
    assert_eq!(server.number("SELECT count(*) FROM session"), 1);
}

#[tokio::test]
async fn other_keys_and_no_key_make_other_guests() {
    let server = Server::open().await;

    server.send(login(refreshing(), Some(KEY))).await.tokens();
    server.send(login(refreshing(), Some(&KEY.replace('k', "K")))).await.tokens();
    server.login().await;
    server.login().await;

    assert_eq!(server.number("SELECT count(*) FROM anonymous_user"), 4);
}

#[tokio::test]
async fn a_key_is_too_late_after_ten_minutes() {
    let server = Server::open().await;
    server.send(login(refreshing(), Some(KEY))).await.tokens();
    server.clock.advance(10 * MINUTE);

    server.send(login(refreshing(), Some(KEY))).await.assert_problem(409);

    assert_eq!(server.number("SELECT count(*) FROM anonymous_user"), 1);
}

#[tokio::test]
async fn a_key_is_too_late_after_the_first_refresh() {
    let server = Server::open().await;
    let tokens = server.send(login(refreshing(), Some(KEY))).await.tokens();
    server.refresh(&tokens.refresh).await.tokens();

    server.send(login(refreshing(), Some(KEY))).await.assert_problem(409);
}

#[tokio::test]
async fn a_key_does_not_bring_a_revoked_session_back() {
    let server = Server::open().await;
    let tokens = server.send(login(refreshing(), Some(KEY))).await.tokens();
    server.revoke(&tokens.refresh).await;

    server.send(login(refreshing(), Some(KEY))).await.assert_problem(409);
}

#[tokio::test]
async fn a_key_belongs_to_one_form_of_login() {
    let server = Server::open().await;
    server.send(login(None, Some(KEY))).await;

    server.send(login(refreshing(), Some(KEY))).await.assert_problem(422);
}

#[tokio::test]
async fn a_malformed_key_is_refused_and_makes_no_guest() {
    let server = Server::open().await;

    for key in [
        "",
        &KEY[1..],
        &"k".repeat(129),
        "k_-GqFbKvQ0r8pWm2ZtYx=",
        "k_-GqFbKvQ0r8pWm2Zt Yx",
        "'; DROP TABLE session; --",
    ] {
        server.send(login(refreshing(), Some(key))).await.assert_problem(400);
    }
    let mut twice = login(refreshing(), Some(KEY));
    twice.headers_mut().append("idempotency-key", KEY.parse().unwrap());
    server.send(twice).await.assert_problem(400);

    assert_eq!(server.number("SELECT count(*) FROM anonymous_user"), 0);
}

#[tokio::test]
async fn keys_of_the_least_and_the_greatest_length_are_taken() {
    let server = Server::open().await;

    for length in [22, 128] {
        server.send(login(refreshing(), Some(&"k".repeat(length)))).await.tokens();
    }
}

#[tokio::test]
async fn a_key_is_stored_hashed() {
    let server = Server::open().await;
    server.send(login(refreshing(), Some(KEY))).await.tokens();

    let hash = server.database().bytes("SELECT hash FROM login_key");

    let sha256 = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, KEY.as_bytes());
    assert_eq!(hash, sha256.as_ref());
}

#[tokio::test]
async fn what_simple_clients_send_as_no_body_is_none() {
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
async fn s11_a_bad_body_gets_a_precise_answer_and_makes_no_guest() {
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
async fn other_methods_are_told_which_one_is_taken() {
    let server = Server::open().await;

    let answer = server.send(get("/anonymous-login")).await;

    answer.assert_problem(405);
    assert_eq!(answer.header("allow"), "POST");
}

#[tokio::test]
async fn a_bad_token_on_the_request_does_not_keep_a_client_from_logging_in() {
    let server = Server::open().await;

    // The classic client sends whatever it has with every request, also with this one.
    let answer = server.send(authorized("POST", "/anonymous-login", "expired", None)).await;

    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn the_operator_can_refuse_long_lived_tokens() {
    let server = Server::open_with(|config| config.require_refresh = true).await;

    for body in [None, Some(json!({})), Some(json!({ "refresh": false }))] {
        let answer = server.send(login(body, None)).await;
        answer.assert_problem(403);
        assert!(answer.body.contains("refresh"), "{answer:?}");
    }
    assert_eq!(server.number("SELECT count(*) FROM anonymous_user"), 0);
    assert!(server.accepts(&server.login().await.access).await);
}
