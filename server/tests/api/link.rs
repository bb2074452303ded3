//! `POST /link`: registration and login with the ID token of an OpenID Connect issuer

use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::support::membership::{EMAIL, PASSWORD, add_to_cart, cart, credentials, login, new_member, user_id};
use crate::support::oidc_issuer::{Availability, Issuer, SigningKey};
use crate::support::{DAY, MINUTE, Response, SECOND, Server, Tokens, authorized};

/// A server, an issuer that it trusts, and the issuer's key.
async fn server_with_issuer() -> (Server, Issuer, SigningKey) {
    let issuer = Issuer::start().await;
    let key = SigningKey::es256("first");
    issuer.publish(&[key.jwk()]);
    let server = Server::open_with(|config| config.oidc_issuers = vec![issuer.setting().parse().unwrap()]).await;
    (server, issuer, key)
}

fn link_request(access_token: &str, id_token: &str) -> Request<Body> {
    authorized("POST", "/link", access_token, Some(json!({ "id_token": id_token })))
}

async fn link(server: &Server, tokens: &Tokens, id_token: &str) -> Response {
    server.send(link_request(&tokens.access, id_token)).await
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

    response.assert_member(&user_id(&account.id), "registered", false);
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
async fn s08_a_link_whose_response_was_lost_can_be_retried() {
    let (server, issuer, key) = server_with_issuer().await;
    let account = server.anonymous_login().await;
    let token = key.sign(&issuer.claims("ada", server.clock.secs()));
    let registrations = server.send_concurrently(5, || link_request(&account.access, &token)).await;
    let guest = server.anonymous_login().await;
    add_to_cart(&server, &guest.access, 1, 3).await;
    server.clock.advance(SECOND);
    let token = key.sign(&issuer.claims("ada", server.clock.secs()));
    let logins = server.send_concurrently(5, || link_request(&guest.access, &token)).await;

    for response in registrations {
        response.assert_member(&user_id(&account.id), "registered", false);
    }
    for response in logins {
        response.assert_member(&user_id(&account.id), "logged_in", true);
    }
    assert_eq!(cart(&server, &account.access).await, [(1, 3)]);
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
            link_request(&guest.access, &key.sign(&claims))
        })
        .collect();
    let requests = std::sync::Mutex::new(requests);
    let responses = server.send_concurrently(3, || requests.lock().unwrap().pop().unwrap()).await;

    let ids: std::collections::HashSet<_> =
        responses.iter().map(|response| response.json()["id"].to_string()).collect();
    assert_eq!(ids.len(), 1, "{responses:?}");
    for guest in &guests {
        assert_eq!(cart(&server, &guest.access).await, [(1, 3)]);
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
    link(&server, &account, &new_token()).await.assert_member(&user_id(&account.id), "registered", false);
    let guest = server.anonymous_login().await;
    link(&server, &guest, &new_token()).await.assert_member(&user_id(&account.id), "logged_in", true);
    let refreshed = server.refresh(&account.refresh).await.tokens();

    for (tokens, outcome, merged) in
        [(&account, "registered", false), (&refreshed, "logged_in", false), (&guest, "logged_in", true)]
    {
        let token = new_token();
        for _ in 0..2 {
            link(&server, tokens, &token).await.assert_member(&user_id(&account.id), outcome, merged);
            assert_used(&server, &token).await;
        }
    }
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
    server.send(login(&merged.access)).await.assert_member(&user_id(&other.id), "logged_in", true);
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
        .call("POST", "/register", &guest.access, credentials("a@example.com", PASSWORD))
        .await
        .assert_refused(409, "email_taken");
    server
        .call("POST", "/login", &guest.access, credentials("a@example.com", PASSWORD))
        .await
        .assert_refused(403, "invalid_credentials");
    let response = server.call("POST", "/register", &guest.access, credentials(EMAIL, PASSWORD)).await;
    response.assert_member(&user_id(&guest.id), "registered", false);
}

#[tokio::test]
async fn id_tokens_of_every_supported_algorithm_are_accepted() {
    let (server, issuer, _) = server_with_issuer().await;
    let keys = [SigningKey::es256("a"), SigningKey::rs256("b"), SigningKey::eddsa("c")];
    issuer.publish(&keys.iter().map(SigningKey::jwk).collect::<Vec<_>>());

    for key in keys {
        let guest = server.anonymous_login().await;
        let token = key.sign(&issuer.claims(key.algorithm(), server.clock.secs()));
        link(&server, &guest, &token).await.assert_member(&user_id(&guest.id), "registered", false);
    }
}

#[tokio::test]
async fn c18_each_rule_of_an_id_token_is_enforced() {
    let (server, issuer, key) = server_with_issuer().await;
    let guest = server.anonymous_login().await;
    let now = server.clock.secs();
    let valid_claims = issuer.claims("ada", now);
    let with = |name: &str, value: Value| {
        let mut claims = valid_claims.clone();
        claims[name] = value;
        key.sign(&claims)
    };
    let without = |name: &str| {
        let mut claims = valid_claims.clone();
        claims.as_object_mut().unwrap().remove(name);
        key.sign(&claims)
    };
    let header = |header: Value| key.sign_with(&header, &valid_claims.to_string());
    let es256 = |name: &str, value: Value| {
        let mut header = json!({ "alg": "ES256", "kid": "first" });
        header[name] = value;
        header
    };
    let token = key.sign(&valid_claims);
    let parts: Vec<_> = token.split('.').collect();
    let other_key = SigningKey::es256("first");
    let twice = valid_claims.to_string().replacen('{', "{\"sub\":\"eve\",", 1);

    let invalid = [
        with("iss", "https://evil.example".into()),
        with("iss", format!("{}/", issuer.url).into()),
        with("aud", "another".into()),
        with("aud", json!([])),
        with("aud", json!(["shop", "another"])),
        with("azp", "another".into()),
        with("exp", now.into()),
        with("exp", "soon".into()),
        with("iat", (now + 61).into()),
        with("iat", (now - 11 * 60).into()),
        with("nbf", (now + 61).into()),
        with("sub", "".into()),
        with("sub", "a".repeat(256).into()),
        with("sub", 1.into()),
        with("nonce", "n-0S6_WzA2Mj".into()),
        // A logout token (OpenID Connect Back-Channel Logout §2.4).
        with("events", json!({ "http://schemas.openid.net/event/backchannel-logout": {} })),
        without("iss"),
        without("sub"),
        without("aud"),
        without("exp"),
        without("iat"),
        header(es256("alg", "none".into())),
        header(es256("alg", "HS256".into())),
        header(es256("alg", "RS256".into())),
        header(es256("kid", "second".into())),
        header(es256("typ", "at+jwt".into())),
        header(es256("crit", json!(["exp"]))),
        key.sign_with(&es256("typ", "JWT".into()), &twice),
        key.sign_with(&es256("typ", "JWT".into()), &json!([valid_claims["iss"], valid_claims["sub"]]).to_string()),
        other_key.sign(&valid_claims),
        other_key.sign_with(&es256("jwk", other_key.jwk()), &valid_claims.to_string()),
        format!("{}.{}.", parts[0], parts[1]),
        format!("{}.{}", parts[0], parts[1]),
        format!("{token}.x"),
        format!("{token}="),
        format!("{}.{}.{}", parts[0], parts[1], "A".repeat(86)),
        String::new(),
        "x".repeat(9000),
        guest.access.clone(),
    ];
    for token in invalid {
        let response = link(&server, &guest, &token).await;
        response.assert_refused(403, "invalid_id_token");
    }

    assert_eq!(server.get("/me", &guest.access).await.json()["kind"], "guest");
    // These tokens are unusual and valid.
    for (number, token) in [
        with("aud", json!(["shop"])),
        with("nbf", now.into()),
        with("iat", (now + 60).into()),
        header(json!({ "alg": "ES256" })),
        header(es256("x5t", "x".into())),
    ]
    .into_iter()
    .enumerate()
    {
        let guest = server.anonymous_login().await;
        let response = link(&server, &guest, &token).await;
        assert_eq!(response.status, 200, "{number}: {response:?}");
    }
}

#[tokio::test]
async fn several_audiences_are_accepted_if_azp_is_the_client() {
    let (server, issuer, key) = server_with_issuer().await;
    let mut claims = issuer.claims("ada", server.clock.secs());
    claims["aud"] = json!(["another", "shop"]);
    claims["azp"] = "shop".into();
    let guest = server.anonymous_login().await;

    link(&server, &guest, &key.sign(&claims)).await.assert_member(&user_id(&guest.id), "registered", false);
}

#[tokio::test]
async fn the_nonce_of_the_request_must_equal_that_of_the_id_token() {
    let (server, issuer, key) = server_with_issuer().await;
    let guest = server.anonymous_login().await;
    let mut claims = issuer.claims("ada", server.clock.secs());
    let without_nonce = key.sign(&claims);
    claims["nonce"] = "n-0S6_WzA2Mj".into();
    let token = key.sign(&claims);
    let call = async |token: &str, nonce: &str| {
        server.call("POST", "/link", &guest.access, json!({ "id_token": token, "nonce": nonce })).await
    };

    call(&without_nonce, "n-0S6_WzA2Mj").await.assert_refused(403, "invalid_id_token");
    call(&token, "another").await.assert_refused(403, "invalid_id_token");
    let response = link(&server, &guest, &token).await;
    response.assert_refused(403, "invalid_id_token");
    assert_eq!(
        response.json()["detail"],
        "The ID token is refused: it has a nonce, and the request has none; send the nonce of the authentication request."
    );
    call(&token, "n-0S6_WzA2Mj").await.assert_member(&user_id(&guest.id), "registered", false);
}

#[tokio::test]
async fn a_key_with_another_use_algorithm_or_curve_is_ignored() {
    let (server, issuer, key) = server_with_issuer().await;
    for (name, value) in [
        ("use", json!("enc")),
        ("alg", json!("ES384")),
        ("key_ops", json!(["sign"])),
        ("crv", json!("P-384")),
        ("kid", json!("another")),
    ] {
        let mut jwk = key.jwk();
        jwk[name] = value;
        issuer.publish(&[jwk]);
        server.clock.advance(2 * 60 * MINUTE);
        let guest = server.anonymous_login().await;
        let response = link(&server, &guest, &key.sign(&issuer.claims("ada", server.clock.secs()))).await;
        response.assert_refused(403, "invalid_id_token");
    }
}

#[tokio::test]
async fn an_unknown_kid_makes_the_server_fetch_the_keys_at_most_every_ten_seconds() {
    let (server, issuer, first) = server_with_issuer().await;
    let try_with = async |key: &SigningKey, subject: &str| {
        let guest = server.anonymous_login().await;
        link(&server, &guest, &key.sign(&issuer.claims(subject, server.clock.secs()))).await
    };
    for subject in ["a", "b", "c"] {
        assert_eq!(try_with(&first, subject).await.status, 200);
    }
    assert_eq!(issuer.key_fetches(), 1);

    let second = SigningKey::es256("second");
    for _ in 0..5 {
        try_with(&second, "d").await.assert_refused(403, "invalid_id_token");
    }
    assert_eq!(issuer.key_fetches(), 1, "the keys were fetched again within ten seconds");
    issuer.publish(&[first.jwk(), second.jwk()]);
    server.clock.advance(10 * SECOND);
    assert_eq!(try_with(&second, "d").await.status, 200);
    assert_eq!(issuer.key_fetches(), 2);

    // A key that the issuer no longer publishes is dropped within one hour.
    issuer.publish(&[second.jwk()]);
    server.clock.advance(Duration::from_secs(3600));
    try_with(&first, "e").await.assert_refused(403, "invalid_id_token");
}

#[tokio::test]
async fn an_unavailable_issuer_gets_503_and_its_keys_stay_valid_for_a_day() {
    let (server, issuer, key) = server_with_issuer().await;
    let try_again = async || {
        let guest = server.anonymous_login().await;
        link(&server, &guest, &key.sign(&issuer.claims("ada", server.clock.secs()))).await
    };
    issuer.set_availability(Availability::Failing);
    let response = try_again().await;
    response.assert_problem(503);
    assert_eq!(response.header("retry-after"), "1");

    issuer.set_availability(Availability::Available);
    server.clock.advance(10 * SECOND);
    assert_eq!(try_again().await.status, 200);
    issuer.set_availability(Availability::Failing);
    server.clock.advance(DAY - SECOND);
    assert_eq!(try_again().await.status, 200);
    server.clock.advance(SECOND);
    try_again().await.assert_problem(503);
}

#[tokio::test]
async fn invalid_discovery_documents_and_redirects_get_503() {
    let (server, issuer, key) = server_with_issuer().await;
    let valid_discovery = json!({ "issuer": issuer.url, "jwks_uri": format!("{}/keys", issuer.url) });
    let redirect_target = Issuer::start().await;
    redirect_target.publish(&[key.jwk()]);
    let guest = server.anonymous_login().await;
    let try_again = async || {
        server.clock.advance(10 * SECOND);
        link(&server, &guest, &key.sign(&issuer.claims("ada", server.clock.secs()))).await
    };

    for (name, value) in [
        ("issuer", json!("https://evil.example")),
        ("issuer", Value::Null),
        ("jwks_uri", json!("http://192.0.2.1/keys")),
        ("jwks_uri", json!("file:///etc/passwd")),
        ("padding", json!("x".repeat(300_000))),
    ] {
        let mut discovery = valid_discovery.clone();
        discovery[name] = value;
        issuer.set_discovery(discovery);
        try_again().await.assert_problem(503);
    }
    issuer.set_discovery(valid_discovery);
    issuer.set_availability(Availability::RedirectsTo(redirect_target.url.clone()));
    try_again().await.assert_problem(503);
    assert_eq!(redirect_target.key_fetches(), 0);

    issuer.set_availability(Availability::Available);
    issuer.publish(&[json!({ "kty": "new", "kid": "first" }), json!("nonsense"), key.jwk()]);
    try_again().await.assert_member(&user_id(&guest.id), "registered", false);
}

#[tokio::test]
async fn without_configured_issuers_every_id_token_is_refused() {
    let issuer = Issuer::start().await;
    let server = Server::open().await;
    let guest = server.anonymous_login().await;
    let token = SigningKey::es256("first").sign(&issuer.claims("ada", server.clock.secs()));

    link(&server, &guest, &token).await.assert_refused(403, "invalid_id_token");

    assert_eq!(issuer.key_fetches(), 0);
}
