//! The keys and the discovery document of an issuer

use std::io::ErrorKind;
use std::net::TcpListener;
use std::time::Duration;

use serde_json::{Value, json};

use super::{link, link_request, server_with_issuer};
use crate::support::membership::user_id;
use crate::support::oidc_issuer::{Availability, Issuer, SigningKey};
use crate::support::wait::until;
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
async fn a_discovery_document_with_another_name_is_refused_at_once_until_one_of_the_two_is_corrected() {
    let (server, issuer, key) = server_with_issuer().await;
    let guest = server.anonymous_login().await;
    let try_again = async || link(&server, &guest, &key.sign(&issuer.claims("ada", server.clock.secs()))).await;
    let jwks_uri = format!("{}/keys", issuer.url);
    for name in [format!("{}/", issuer.url), "https://login.example/{tenantid}/v2.0".to_owned()] {
        issuer.set_discovery(json!({ "issuer": name, "jwks_uri": jwks_uri }));
        server.clock.advance(10 * SECOND);

        try_again().await.assert_refused(403, "invalid_id_token");
        // Without another fetch.
        issuer.set_availability(Availability::Hanging);
        try_again().await.assert_refused(403, "invalid_id_token");
        issuer.set_availability(Availability::Available);
    }
    let mut claims = issuer.claims("ada", server.clock.secs());
    claims["iss"] = format!("{}/", issuer.url).into();
    let response = link(&server, &guest, &key.sign(&claims)).await;
    response.assert_refused(403, "invalid_id_token");
    assert!(response.body.contains("a slash at the end"), "{response:?}");

    issuer.set_discovery(json!({ "issuer": issuer.url, "jwks_uri": jwks_uri }));
    // The next request starts the fetch, and does not wait for it.
    until("the token is accepted", async || {
        server.clock.advance(10 * SECOND);
        try_again().await.status == 200
    })
    .await;
}

#[tokio::test]
async fn each_fitting_key_is_tried_for_a_token_that_names_none() {
    let (server, issuer, _) = server_with_issuer().await;
    let keys = ["a", "b", "c", "d", "e", "f", "g", "h", "i"].map(SigningKey::es256);
    let published: Vec<_> = keys.iter().map(SigningKey::jwk).collect();
    let link_with = async |key: &SigningKey, subject: &str| {
        let guest = server.anonymous_login().await;
        let claims = issuer.claims(subject, server.clock.secs()).to_string();
        link(&server, &guest, &key.sign_with(&json!({ "alg": "ES256", "typ": "JWT" }), &claims)).await
    };
    let named_alike = |key: &SigningKey| {
        let mut jwk = key.jwk();
        jwk["kid"] = "one".into();
        jwk
    };

    // Also keys without a name, and among keys of another type.
    let mut nameless = keys[1].jwk();
    nameless.as_object_mut().unwrap().remove("kid");
    issuer.publish(&[SigningKey::rs256("rsa").jwk(), published[0].clone(), nameless]);
    assert_eq!(link_with(&keys[0], "ada").await.status, 200);
    assert_eq!(link_with(&keys[1], "eve").await.status, 200);
    link_with(&keys[2], "joe").await.assert_refused(403, "invalid_id_token");

    // The issuer has replaced all its keys.
    issuer.publish(&published[2..4]);
    server.clock.advance(10 * SECOND);
    assert_eq!(link_with(&keys[2], "joe").await.status, 200);

    // Of nine keys, the ninth is not tried.
    issuer.publish(&published);
    server.clock.advance(10 * SECOND);
    assert_eq!(link_with(&keys[7], "hal").await.status, 200);
    server.clock.advance(10 * SECOND);
    link_with(&keys[8], "ivy").await.assert_refused(403, "invalid_id_token");

    // Two keys with the name that the token has.
    issuer.publish(&[named_alike(&keys[0]), named_alike(&keys[1])]);
    server.clock.advance(10 * SECOND);
    let guest = server.anonymous_login().await;
    let claims = issuer.claims("zoe", server.clock.secs()).to_string();
    let token = keys[1].sign_with(&json!({ "alg": "ES256", "typ": "JWT", "kid": "one" }), &claims);
    assert_eq!(link(&server, &guest, &token).await.status, 200);
}

#[tokio::test]
async fn keys_are_not_fetched_from_local_addresses_other_than_the_host_of_the_issuer() {
    let (server, issuer, key) = server_with_issuer().await;
    let guest = server.anonymous_login().await;
    // A service of the operator on this machine. It is reached if it gets a connection.
    let service = |address: &str| {
        let service = TcpListener::bind((address, 0)).unwrap();
        service.set_nonblocking(true).unwrap();
        (service.local_addr().unwrap().port(), service)
    };
    let (port, on_ipv4) = service("127.0.0.2");
    let (port_of_ipv6, on_ipv6) = service("::1");

    for jwks_uri in [
        format!("http://127.0.0.2:{port}/keys"),
        format!("https://127.0.0.2:{port}/keys"),
        format!("https://[::ffff:127.0.0.2]:{port}/keys"),
        format!("https://2130706434:{port}/keys"),
        format!("https://[::1]:{port_of_ipv6}/keys"),
        format!("https://localhost:{port_of_ipv6}/keys"),
        "https://[64:ff9b::127.0.0.2]/keys".to_owned(),
        "https://169.254.169.254/latest/meta-data".to_owned(),
        "https://10.0.0.1/keys".to_owned(),
    ] {
        issuer.set_discovery(json!({ "issuer": issuer.url, "jwks_uri": jwks_uri }));
        server.clock.advance(10 * SECOND);
        let token = key.sign(&issuer.claims("ada", server.clock.secs()));
        link(&server, &guest, &token).await.assert_problem(503);
    }

    assert_eq!(on_ipv4.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
    assert_eq!(on_ipv6.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
}

#[tokio::test]
async fn keys_may_be_in_a_private_network_that_the_operator_allows() {
    let issuer = Issuer::start().await;
    let keys = Issuer::start_at("127.0.0.2").await;
    let key = SigningKey::es256("first");
    keys.publish(&[key.jwk()]);
    issuer.set_discovery(json!({ "issuer": issuer.url, "jwks_uri": format!("{}/keys", keys.url) }));
    for (networks, status) in [("10.0.0.0/8", 503), ("127.0.0.2/32", 200)] {
        let server = Server::open_with(|config| {
            config.oidc_issuers = vec![issuer.setting().parse().unwrap()];
            config.oidc_private_networks = vec![networks.parse().unwrap()];
        })
        .await;
        let guest = server.anonymous_login().await;
        let response = link(&server, &guest, &key.sign(&issuer.claims("ada", server.clock.secs()))).await;
        assert_eq!(response.status, status, "{response:?}");
    }
}

#[tokio::test]
async fn s14_an_issuer_that_hangs_delays_no_link_of_other_issuers() {
    let (slow, other) = (Issuer::start().await, Issuer::start().await);
    let key = SigningKey::es256("first");
    other.publish(&[key.jwk()]);
    slow.set_availability(Availability::Hanging);
    let server = Server::open_with(|config| {
        config.oidc_issuers = [&slow, &other].map(|issuer| issuer.setting().parse().unwrap()).into();
    })
    .await;
    let guest = server.anonymous_login().await;
    let requests =
        std::sync::Mutex::new(vec![link_request(&guest.refresh, &key.sign(&slow.claims("ada", server.clock.secs())))]);

    let (waiting, response) =
        tokio::join!(server.send_concurrently(1, || requests.lock().unwrap().pop().unwrap()), async {
            let guest = server.anonymous_login().await;
            link(&server, &guest, &key.sign(&other.claims("eve", server.clock.secs()))).await
        },);

    assert_eq!(response.status, 200, "{response:?}");
    waiting[0].assert_problem(503);
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
