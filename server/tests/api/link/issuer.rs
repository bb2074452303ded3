//! The keys and the discovery document of an issuer

use std::time::Duration;

use serde_json::{Value, json};

use super::{link, server_with_issuer};
use crate::support::membership::user_id;
use crate::support::oidc_issuer::{Availability, Issuer, SigningKey};
use crate::support::{DAY, MINUTE, SECOND, Server};

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
