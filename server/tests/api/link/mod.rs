//! `POST /link`: registration and login with the ID token of an OpenID Connect issuer. `id_token` tests the rules of an ID
//! token, and `issuer` the documents of its issuer.

mod id_token;
mod issuer;

use axum::body::Body;
use axum::http::Request;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::support::membership::{EMAIL, PASSWORD, add_to_cart, cart, credentials, login, new_member, user_id};
use crate::support::oidc_issuer::{Issuer, SigningKey};
use crate::support::{DAY, MINUTE, Response, SECOND, Server, Tokens, authorized};

/// A server, an issuer that it trusts, and the issuer's key.
async fn server_with_issuer() -> (Server, Issuer, SigningKey) {
    let issuer = Issuer::start().await;
    let key = SigningKey::es256("first");
    issuer.publish(&[key.jwk()]);
    let server = Server::open_with(|config| config.oidc_issuers = vec![issuer.setting().parse().unwrap()]).await;
    (server, issuer, key)
}

fn link_request(refresh_token: &str, id_token: &str) -> Request<Body> {
    authorized("POST", "/link", refresh_token, Some(json!({ "id_token": id_token })))
}

async fn link(server: &Server, tokens: &Tokens, id_token: &str) -> Response {
    server.send(link_request(&tokens.refresh, id_token)).await
}

/// The token with the second valid signature of the same key: for the ECDSA signature (r, s) that is (r, n - s), which can be
/// computed without the key.
fn with_other_signature(token: &str) -> String {
    /// The order n of P-256, as its upper and its lower half.
    const ORDER: [u128; 2] = [0xffff_ffff_0000_0000_ffff_ffff_ffff_ffff, 0xbce6_faad_a717_9e84_f3b9_cac2_fc63_2551];
    let (message, signature) = token.rsplit_once('.').unwrap();
    let mut signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let s = [32..48, 48..64].map(|half| u128::from_be_bytes(signature[half].try_into().unwrap()));
    let (lower, borrows) = ORDER[1].overflowing_sub(s[1]);
    let upper = ORDER[0] - s[0] - u128::from(borrows);
    signature[32..48].copy_from_slice(&upper.to_be_bytes());
    signature[48..].copy_from_slice(&lower.to_be_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// Checks that the ID token is refused for another guest, because it has been used.
async fn assert_used(server: &Server, id_token: &str) {
    let other = server.anonymous_login().await;
    let response = link(server, &other, id_token).await;
    response.assert_refused(403, "invalid_id_token");
    assert_eq!(response.json()["detail"], "The ID token is refused: it has been used before.");
    assert_eq!(server.get("/me", &other.access).await.json()["kind"], "guest");
}

#[tokio::test]
async fn s08_an_unknown_identity_registers_and_a_known_one_logs_in() {
    let (server, issuer, key) = server_with_issuer().await;
    let account = server.anonymous_login().await;
    add_to_cart(&server, &account.access, 1, 2).await;

    let response = link(&server, &account, &key.sign(&issuer.claims("ada", server.clock.secs()))).await;

    let account = response.assert_member(&user_id(&account.id), "registered", false);
    assert_eq!(response.json()["email"], Value::Null);
    server.clock.advance(DAY);
    let account = server.refresh(&account.refresh).await.tokens();
    let guest = server.anonymous_login().await;
    add_to_cart(&server, &guest.access, 1, 3).await;
    let response = link(&server, &guest, &key.sign(&issuer.claims("ada", server.clock.secs()))).await;
    response.assert_member(&user_id(&account.id), "logged_in", true);
    assert_eq!(cart(&server, &account.access).await, [(1, 5)]);
    let other = server.anonymous_login().await;
    let response = link(&server, &other, &key.sign(&issuer.claims("eve", server.clock.secs()))).await;
    response.assert_member(&user_id(&other.id), "registered", false);
}

#[tokio::test]
async fn s08_concurrent_links_of_one_unknown_identity_create_one_account() {
    let (server, issuer, key) = server_with_issuer().await;
    let guests = [server.anonymous_login().await, server.anonymous_login().await, server.anonymous_login().await];
    for guest in &guests {
        add_to_cart(&server, &guest.access, 1, 1).await;
    }

    let requests: Vec<_> = guests
        .iter()
        .enumerate()
        .map(|(number, guest)| {
            let mut claims = issuer.claims("ada", server.clock.secs());
            claims["jti"] = number.into();
            link_request(&guest.refresh, &key.sign(&claims))
        })
        .collect();
    let requests = std::sync::Mutex::new(requests);
    let responses = server.send_concurrently(3, || requests.lock().unwrap().pop().unwrap()).await;

    let members: Vec<_> = responses.iter().map(Response::tokens).collect();
    let ids: std::collections::HashSet<_> = members.iter().map(|member| &member.id).collect();
    assert_eq!(ids.len(), 1, "{responses:?}");
    for member in &members {
        assert_eq!(cart(&server, &member.access).await, [(1, 3)]);
    }
}

#[tokio::test]
async fn c18_an_id_token_can_be_used_by_one_caller_only() {
    let (server, issuer, key) = server_with_issuer().await;
    let account = server.anonymous_login().await;
    let token = key.sign(&issuer.claims("ada", server.clock.secs()));
    link(&server, &account, &token).await.assert_member(&user_id(&account.id), "registered", false);

    assert_used(&server, &token).await;

    assert_eq!(server.number("SELECT count(*) FROM used_id_token"), 1);
    server.clock.advance(5 * MINUTE + SECOND);
    server.guestpass().sweep().await.unwrap();
    assert_eq!(server.number("SELECT count(*) FROM used_id_token"), 0);
}

#[tokio::test]
async fn c18_a_used_id_token_with_another_valid_signature_is_refused() {
    let (server, issuer, key) = server_with_issuer().await;
    let account = server.anonymous_login().await;
    let token = key.sign(&issuer.claims("ada", server.clock.secs()));
    link(&server, &account, &token).await.assert_member(&user_id(&account.id), "registered", false);

    assert_used(&server, &with_other_signature(&token)).await;

    // The second signature is valid if the token has not been used.
    let guest = server.anonymous_login().await;
    let token = key.sign(&issuer.claims("eve", server.clock.secs()));
    let response = link(&server, &guest, &with_other_signature(&token)).await;
    response.assert_member(&user_id(&guest.id), "registered", false);
}

#[tokio::test]
async fn c18_an_id_token_is_consumed_also_if_the_caller_is_already_in_its_account() {
    let (server, issuer, key) = server_with_issuer().await;
    let new_token = || {
        server.clock.advance(SECOND);
        key.sign(&issuer.claims("ada", server.clock.secs()))
    };
    let account = server.anonymous_login().await;
    let account = link(&server, &account, &new_token()).await.assert_member(&user_id(&account.id), "registered", false);
    let token = new_token();

    let again = link(&server, &account, &token).await.assert_member(&account.id, "logged_in", false);

    assert_used(&server, &token).await;
    link(&server, &again, &token).await.assert_refused(403, "invalid_id_token");
}

#[tokio::test]
async fn c18_an_id_token_is_consumed_also_if_the_caller_is_in_another_account() {
    let (server, issuer, key) = server_with_issuer().await;
    let new_token = || {
        server.clock.advance(SECOND);
        key.sign(&issuer.claims("ada", server.clock.secs()))
    };
    let other = new_member(&server).await;
    let merged = server.anonymous_login().await;
    let merged = server.send(login(&merged.refresh)).await.assert_member(&other.id, "logged_in", true);
    let assert_used_by_both = async || {
        for tokens in [&other, &merged] {
            let token = new_token();
            for _ in 0..2 {
                link(&server, tokens, &token).await.assert_refused(409, "already_member");
                assert_used(&server, &token).await;
            }
        }
    };

    // No account has the identity yet.
    assert_used_by_both().await;

    let account = server.anonymous_login().await;
    link(&server, &account, &new_token()).await.assert_member(&user_id(&account.id), "registered", false);
    assert_used_by_both().await;
}

#[tokio::test]
async fn c18_a_member_cannot_link_another_identity() {
    let (server, issuer, key) = server_with_issuer().await;
    let account = new_member(&server).await;

    link(&server, &account, &key.sign(&issuer.claims("ada", server.clock.secs())))
        .await
        .assert_refused(409, "already_member");

    let other = server.anonymous_login().await;
    server.clock.advance(SECOND);
    let response = link(&server, &other, &key.sign(&issuer.claims("ada", server.clock.secs()))).await;
    response.assert_member(&user_id(&other.id), "registered", false);
    server.clock.advance(SECOND);
    link(&server, &account, &key.sign(&issuer.claims("ada", server.clock.secs())))
        .await
        .assert_refused(409, "already_member");
}

#[tokio::test]
async fn an_email_address_is_stored_only_if_it_is_verified_and_not_taken() {
    let (server, issuer, key) = server_with_issuer().await;
    let with = |subject: &str, email: &str, verified: Value| {
        let mut claims = issuer.claims(subject, server.clock.secs());
        claims["email"] = email.into();
        claims["email_verified"] = verified;
        key.sign(&claims)
    };
    for (subject, email, verified, kept) in [
        ("a", "A@example.com", json!(true), json!("a@example.com")),
        ("b", "b@example.com", json!(false), Value::Null),
        ("c", "c@example.com", Value::Null, Value::Null),
        ("d", "a@example.com", json!(true), Value::Null),
        ("e", "e@example.com", json!("true"), json!("e@example.com")),
        ("f", "nobody", json!(true), Value::Null),
    ] {
        let guest = server.anonymous_login().await;
        let response = link(&server, &guest, &with(subject, email, verified)).await;
        response.assert_member(&user_id(&guest.id), "registered", false);
        assert_eq!(response.json()["email"], kept, "{subject}");
    }

    // An account that was registered by a link has no password, and its email address is taken.
    let guest = server.anonymous_login().await;
    server
        .call("POST", "/register", &guest.refresh, credentials("a@example.com", PASSWORD))
        .await
        .assert_refused(409, "email_taken");
    server
        .call("POST", "/login", &guest.refresh, credentials("a@example.com", PASSWORD))
        .await
        .assert_refused(403, "invalid_credentials");
    let response = server.call("POST", "/register", &guest.refresh, credentials(EMAIL, PASSWORD)).await;
    response.assert_member(&user_id(&guest.id), "registered", false);
}
