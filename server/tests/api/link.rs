//! `POST /link`: with the ID token of another issuer

use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::issuer::{Issuer, Mood, SigningKey};
use crate::membership::{EMAIL, PASSWORD, add_to_cart, cart, credentials, log_in, member, user};
use crate::support::{Answer, DAY, MINUTE, SECOND, Server, Tokens, authorized};

/// A server that trusts an issuer that has a key.
async fn trusting() -> (Server, Issuer, SigningKey) {
    let issuer = Issuer::start().await;
    let key = SigningKey::es256("first");
    issuer.publish(&[key.jwk()]);
    let server = Server::open_with(|config| config.oidc_issuers = vec![issuer.setting().parse().unwrap()]).await;
    (server, issuer, key)
}

fn link_request(access_token: &str, id_token: &str) -> Request<Body> {
    authorized("POST", "/link", access_token, Some(json!({ "id_token": id_token })))
}

async fn link(server: &Server, tokens: &Tokens, id_token: &str) -> Answer {
    server.send(link_request(&tokens.access, id_token)).await
}

/// With the other signature by the same key: to (r, s) of ECDSA that is (r, n - s), and everybody can compute it.
fn with_other_signature(token: &str) -> String {
    /// n of P-256, the upper half and the lower one.
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

/// Checks that a guest who has got hold of the token is none the better for it.
async fn assert_used(server: &Server, id_token: &str) {
    let thief = server.login().await;
    let answer = link(server, &thief, id_token).await;
    answer.assert_refused(403, "invalid_id_token");
    assert_eq!(answer.json()["detail"], "The ID token is refused: it has been used before.");
    assert_eq!(server.get("/me", &thief.access).await.json()["kind"], "guest");
}

#[tokio::test]
async fn s08_an_unknown_identity_registers_and_a_known_one_logs_in() {
    let (server, issuer, key) = trusting().await;
    let account = server.login().await;
    add_to_cart(&server, &account.access, 1, 2).await;

    let answer = link(&server, &account, &key.sign(&issuer.claims("ada", server.clock.secs()))).await;

    answer.assert_member(&user(&account.id), "registered", false);
    assert_eq!(answer.json()["email"], Value::Null);
    server.clock.advance(DAY);
    let account = server.refresh(&account.refresh).await.tokens();
    let guest = server.login().await;
    add_to_cart(&server, &guest.access, 1, 3).await;
    let answer = link(&server, &guest, &key.sign(&issuer.claims("ada", server.clock.secs()))).await;
    answer.assert_member(&user(&account.id), "logged_in", true);
    assert_eq!(cart(&server, &account.access).await, [(1, 5)]);
    let other = server.login().await;
    let answer = link(&server, &other, &key.sign(&issuer.claims("eve", server.clock.secs()))).await;
    answer.assert_member(&user(&other.id), "registered", false);
}

#[tokio::test]
async fn s08_a_link_whose_answer_was_lost_is_repeated() {
    let (server, issuer, key) = trusting().await;
    let account = server.login().await;
    let token = key.sign(&issuer.claims("ada", server.clock.secs()));
    let registrations = server.send_at_once(5, || link_request(&account.access, &token)).await;
    let guest = server.login().await;
    add_to_cart(&server, &guest.access, 1, 3).await;
    server.clock.advance(SECOND);
    let token = key.sign(&issuer.claims("ada", server.clock.secs()));
    let logins = server.send_at_once(5, || link_request(&guest.access, &token)).await;

    for answer in registrations {
        answer.assert_member(&user(&account.id), "registered", false);
    }
    for answer in logins {
        answer.assert_member(&user(&account.id), "logged_in", true);
    }
    assert_eq!(cart(&server, &account.access).await, [(1, 3)]);
}

#[tokio::test]
async fn s08_guests_of_one_unknown_identity_at_once_end_in_one_account() {
    let (server, issuer, key) = trusting().await;
    let guests = [server.login().await, server.login().await, server.login().await];
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
    let answers = server.send_at_once(3, || requests.lock().unwrap().pop().unwrap()).await;

    let ids: std::collections::HashSet<_> = answers.iter().map(|answer| answer.json()["id"].to_string()).collect();
    assert_eq!(ids.len(), 1, "{answers:?}");
    for guest in &guests {
        assert_eq!(cart(&server, &guest.access).await, [(1, 3)]);
    }
}

#[tokio::test]
async fn c18_a_token_is_good_for_one_caller() {
    let (server, issuer, key) = trusting().await;
    let account = server.login().await;
    let token = key.sign(&issuer.claims("ada", server.clock.secs()));
    link(&server, &account, &token).await.assert_member(&user(&account.id), "registered", false);

    assert_used(&server, &token).await;

    assert_eq!(server.number("SELECT count(*) FROM used_id_token"), 1);
    server.clock.advance(5 * MINUTE + SECOND);
    server.guestpass().sweep().await.unwrap();
    assert_eq!(server.number("SELECT count(*) FROM used_id_token"), 0);
}

#[tokio::test]
async fn c18_a_used_token_with_another_signature_is_the_same_token() {
    let (server, issuer, key) = trusting().await;
    let account = server.login().await;
    let token = key.sign(&issuer.claims("ada", server.clock.secs()));
    link(&server, &account, &token).await.assert_member(&user(&account.id), "registered", false);

    assert_used(&server, &with_other_signature(&token)).await;

    // That is no signature less than the first one.
    let guest = server.login().await;
    let token = key.sign(&issuer.claims("eve", server.clock.secs()));
    let answer = link(&server, &guest, &with_other_signature(&token)).await;
    answer.assert_member(&user(&guest.id), "registered", false);
}

#[tokio::test]
async fn c18_a_token_is_used_also_by_who_is_in_that_account() {
    let (server, issuer, key) = trusting().await;
    let new_token = || {
        server.clock.advance(SECOND);
        key.sign(&issuer.claims("ada", server.clock.secs()))
    };
    let account = server.login().await;
    link(&server, &account, &new_token()).await.assert_member(&user(&account.id), "registered", false);
    let guest = server.login().await;
    link(&server, &guest, &new_token()).await.assert_member(&user(&account.id), "logged_in", true);
    let refreshed = server.refresh(&account.refresh).await.tokens();

    for (tokens, outcome, merged) in
        [(&account, "registered", false), (&refreshed, "logged_in", false), (&guest, "logged_in", true)]
    {
        let token = new_token();
        for _ in 0..2 {
            link(&server, tokens, &token).await.assert_member(&user(&account.id), outcome, merged);
            assert_used(&server, &token).await;
        }
    }
}

#[tokio::test]
async fn c18_a_token_is_used_also_by_who_is_in_another_account() {
    let (server, issuer, key) = trusting().await;
    let new_token = || {
        server.clock.advance(SECOND);
        key.sign(&issuer.claims("ada", server.clock.secs()))
    };
    let other = member(&server).await;
    let merged = server.login().await;
    server.send(log_in(&merged.access)).await.assert_member(&user(&other.id), "logged_in", true);
    let assert_used_by_both = async || {
        for tokens in [&other, &merged] {
            let token = new_token();
            for _ in 0..2 {
                link(&server, tokens, &token).await.assert_refused(409, "already_member");
                assert_used(&server, &token).await;
            }
        }
    };

    // The identity is nobody's yet.
    assert_used_by_both().await;

    let account = server.login().await;
    link(&server, &account, &new_token()).await.assert_member(&user(&account.id), "registered", false);
    assert_used_by_both().await;
}

#[tokio::test]
async fn c18_a_member_links_no_identity_of_another_account() {
    let (server, issuer, key) = trusting().await;
    let account = member(&server).await;

    link(&server, &account, &key.sign(&issuer.claims("ada", server.clock.secs())))
        .await
        .assert_refused(409, "already_member");

    let other = server.login().await;
    server.clock.advance(SECOND);
    let answer = link(&server, &other, &key.sign(&issuer.claims("ada", server.clock.secs()))).await;
    answer.assert_member(&user(&other.id), "registered", false);
    server.clock.advance(SECOND);
    link(&server, &account, &key.sign(&issuer.claims("ada", server.clock.secs())))
        .await
        .assert_refused(409, "already_member");
}

#[tokio::test]
async fn an_address_is_taken_over_only_if_it_is_verified_and_free() {
    let (server, issuer, key) = trusting().await;
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
        let guest = server.login().await;
        let answer = link(&server, &guest, &with(subject, email, verified)).await;
        answer.assert_member(&user(&guest.id), "registered", false);
        assert_eq!(answer.json()["email"], kept, "{subject}");
    }

    // Nor does an address lead to an account: only the identity does.
    let guest = server.login().await;
    server
        .call("POST", "/register", &guest.access, credentials("a@example.com", PASSWORD))
        .await
        .assert_refused(409, "email_taken");
    server
        .call("POST", "/login", &guest.access, credentials("a@example.com", PASSWORD))
        .await
        .assert_refused(403, "invalid_credentials");
    let answer = server.call("POST", "/register", &guest.access, credentials(EMAIL, PASSWORD)).await;
    answer.assert_member(&user(&guest.id), "registered", false);
}

#[tokio::test]
async fn every_kind_of_key_verifies() {
    let (server, issuer, _) = trusting().await;
    let keys = [SigningKey::es256("a"), SigningKey::rs256("b"), SigningKey::eddsa("c")];
    issuer.publish(&keys.iter().map(SigningKey::jwk).collect::<Vec<_>>());

    for key in keys {
        let guest = server.login().await;
        let token = key.sign(&issuer.claims(key.algorithm(), server.clock.secs()));
        link(&server, &guest, &token).await.assert_member(&user(&guest.id), "registered", false);
    }
}

#[tokio::test]
async fn c18_each_rule_of_an_id_token_is_enforced() {
    let (server, issuer, key) = trusting().await;
    let guest = server.login().await;
    let now = server.clock.secs();
    let good = issuer.claims("ada", now);
    let with = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        key.sign(&claims)
    };
    let without = |name: &str| {
        let mut claims = good.clone();
        claims.as_object_mut().unwrap().remove(name);
        key.sign(&claims)
    };
    let header = |header: Value| key.sign_with(&header, &good.to_string());
    let es256 = |name: &str, value: Value| {
        let mut header = json!({ "alg": "ES256", "kid": "first" });
        header[name] = value;
        header
    };
    let token = key.sign(&good);
    let parts: Vec<_> = token.split('.').collect();
    let stranger = SigningKey::es256("first");
    let twice = good.to_string().replacen('{', "{\"sub\":\"eve\",", 1);

    let bad = [
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
        key.sign_with(&es256("typ", "JWT".into()), &json!([good["iss"], good["sub"]]).to_string()),
        stranger.sign(&good),
        stranger.sign_with(&es256("jwk", stranger.jwk()), &good.to_string()),
        format!("{}.{}.", parts[0], parts[1]),
        format!("{}.{}", parts[0], parts[1]),
        format!("{token}.x"),
        format!("{token}="),
        format!("{}.{}.{}", parts[0], parts[1], "A".repeat(86)),
        String::new(),
        "x".repeat(9000),
        guest.access.clone(),
    ];
    for token in bad {
        let answer = link(&server, &guest, &token).await;
        answer.assert_refused(403, "invalid_id_token");
    }

    assert_eq!(server.get("/me", &guest.access).await.json()["kind"], "guest");
    // What is allowed, though it looks unusual.
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
        let guest = server.login().await;
        let answer = link(&server, &guest, &token).await;
        assert_eq!(answer.status, 200, "{number}: {answer:?}");
    }
}

#[tokio::test]
async fn several_audiences_need_the_one_it_was_given_to() {
    let (server, issuer, key) = trusting().await;
    let mut claims = issuer.claims("ada", server.clock.secs());
    claims["aud"] = json!(["another", "shop"]);
    claims["azp"] = "shop".into();
    let guest = server.login().await;

    link(&server, &guest, &key.sign(&claims)).await.assert_member(&user(&guest.id), "registered", false);
}

#[tokio::test]
async fn the_nonces_of_token_and_request_are_the_same_or_there_is_none() {
    let (server, issuer, key) = trusting().await;
    let guest = server.login().await;
    let mut claims = issuer.claims("ada", server.clock.secs());
    let bare = key.sign(&claims);
    claims["nonce"] = "n-0S6_WzA2Mj".into();
    let token = key.sign(&claims);
    let call = async |token: &str, nonce: &str| {
        server.call("POST", "/link", &guest.access, json!({ "id_token": token, "nonce": nonce })).await
    };

    call(&bare, "n-0S6_WzA2Mj").await.assert_refused(403, "invalid_id_token");
    call(&token, "another").await.assert_refused(403, "invalid_id_token");
    let answer = link(&server, &guest, &token).await;
    answer.assert_refused(403, "invalid_id_token");
    assert_eq!(
        answer.json()["detail"],
        "The ID token is refused: it has a nonce, and the request has none; send that of the authentication request along."
    );
    call(&token, "n-0S6_WzA2Mj").await.assert_member(&user(&guest.id), "registered", false);
}

#[tokio::test]
async fn a_key_that_is_not_for_this_is_none() {
    let (server, issuer, key) = trusting().await;
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
        let guest = server.login().await;
        let answer = link(&server, &guest, &key.sign(&issuer.claims("ada", server.clock.secs()))).await;
        answer.assert_refused(403, "invalid_id_token");
    }
}

#[tokio::test]
async fn new_keys_are_fetched_when_a_token_names_one_and_not_all_the_time() {
    let (server, issuer, first) = trusting().await;
    let try_with = async |key: &SigningKey, subject: &str| {
        let guest = server.login().await;
        link(&server, &guest, &key.sign(&issuer.claims(subject, server.clock.secs()))).await
    };
    for subject in ["a", "b", "c"] {
        assert_eq!(try_with(&first, subject).await.status, 200);
    }
    assert_eq!(issuer.asked(), 1);

    let second = SigningKey::es256("second");
    for _ in 0..5 {
        try_with(&second, "d").await.assert_refused(403, "invalid_id_token");
    }
    assert_eq!(issuer.asked(), 1, "asked within ten seconds");
    issuer.publish(&[first.jwk(), second.jwk()]);
    server.clock.advance(10 * SECOND);
    assert_eq!(try_with(&second, "d").await.status, 200);
    assert_eq!(issuer.asked(), 2);

    // A key that is withdrawn is forgotten within the hour.
    issuer.publish(&[second.jwk()]);
    server.clock.advance(Duration::from_secs(3600));
    try_with(&first, "e").await.assert_refused(403, "invalid_id_token");
}

#[tokio::test]
async fn an_issuer_that_does_not_answer_is_waited_for_and_its_keys_are_used_for_a_day() {
    let (server, issuer, key) = trusting().await;
    let try_again = async || {
        let guest = server.login().await;
        link(&server, &guest, &key.sign(&issuer.claims("ada", server.clock.secs()))).await
    };
    issuer.is(Mood::Down);
    let answer = try_again().await;
    answer.assert_problem(503);
    assert_eq!(answer.header("retry-after"), "1");

    issuer.is(Mood::Well);
    server.clock.advance(10 * SECOND);
    assert_eq!(try_again().await.status, 200);
    issuer.is(Mood::Down);
    server.clock.advance(DAY - SECOND);
    assert_eq!(try_again().await.status, 200);
    server.clock.advance(SECOND);
    try_again().await.assert_problem(503);
}

#[tokio::test]
async fn what_an_issuer_publishes_is_read_within_bounds() {
    let (server, issuer, key) = trusting().await;
    let well = json!({ "issuer": issuer.url, "jwks_uri": format!("{}/keys", issuer.url) });
    let elsewhere = Issuer::start().await;
    elsewhere.publish(&[key.jwk()]);
    let guest = server.login().await;
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
        let mut discovery = well.clone();
        discovery[name] = value;
        issuer.describe(discovery);
        try_again().await.assert_problem(503);
    }
    issuer.describe(well);
    issuer.is(Mood::Elsewhere(elsewhere.url.clone()));
    try_again().await.assert_problem(503);
    assert_eq!(elsewhere.asked(), 0);

    issuer.is(Mood::Well);
    issuer.publish(&[json!({ "kty": "new", "kid": "first" }), json!("nonsense"), key.jwk()]);
    try_again().await.assert_member(&user(&guest.id), "registered", false);
}

#[tokio::test]
async fn without_issuers_no_token_is_known() {
    let issuer = Issuer::start().await;
    let server = Server::open().await;
    let guest = server.login().await;
    let token = SigningKey::es256("first").sign(&issuer.claims("ada", server.clock.secs()));

    link(&server, &guest, &token).await.assert_refused(403, "invalid_id_token");

    assert_eq!(issuer.asked(), 0);
}
