//! Rate limits for logins and refreshes: for each client, and for all clients together

use axum::body::Body;
use axum::http::Request;
use guestpass_server::Config;
use serde_json::json;

use crate::support::{MINUTE, Response, SECOND, Server, anonymous_login, from_peer, refresh};

const KEY: &str = "k_-GqFbKvQ0r8pWm2ZtYxA";

/// The login request of the SDK, which asks for a refresh token.
fn sdk_login(key: Option<&str>) -> Request<Body> {
    anonymous_login(Some(json!({ "refresh": true })), key)
}

async fn server(change: impl FnOnce(&mut Config)) -> Server {
    Server::open_with(|config| {
        config.login_rate = "2/1h".parse().unwrap();
        config.refresh_rate = "2/1m".parse().unwrap();
        change(config);
    })
    .await
}

/// Whether a login from this address is within the limits.
async fn logs_in(server: &Server, peer: &str) -> bool {
    let response = server.send(from_peer(peer, sdk_login(None))).await;
    match response.status.as_u16() {
        200 => true,
        429 => false,
        _ => panic!("{response:?}"),
    }
}

/// The headers `RateLimit-Policy` and `RateLimit`.
fn rate_limit_headers(response: &Response) -> [&str; 2] {
    [response.header("ratelimit-policy"), response.header("ratelimit")]
}

#[tokio::test]
async fn a_client_over_the_login_limit_gets_429_with_retry_after() {
    let server = server(|_| {}).await;

    let first = server.send(from_peer("203.0.113.7", sdk_login(None))).await;
    let second = server.send(from_peer("203.0.113.7", sdk_login(None))).await;
    let third = server.send(from_peer("203.0.113.7", sdk_login(None))).await;

    assert_eq!(first.status, 200);
    assert_eq!(rate_limit_headers(&first), ["\"client\";q=2;w=3600", "\"client\";r=1;t=1800"]);
    assert_eq!(rate_limit_headers(&second), ["\"client\";q=2;w=3600", "\"client\";r=0;t=1800"]);
    third.assert_problem(429);
    assert_eq!(rate_limit_headers(&third), ["\"client\";q=2;w=3600", "\"client\";r=0;t=1800"]);
    assert_eq!(third.header("retry-after"), "1800");
    assert_eq!(third.json()["type"], "https://iana.org/assignments/http-problem-types#quota-exceeded");
    assert_eq!(third.json()["violated-policies"], json!(["client"]));
    assert_eq!(server.number("SELECT count(*) FROM anonymous_user"), 2);

    server.clock.advance(1800 * SECOND);
    assert!(logs_in(&server, "203.0.113.7").await);
    assert!(!logs_in(&server, "203.0.113.7").await);
}

#[tokio::test]
async fn s10_each_client_has_its_own_limit_and_an_ipv6_64_network_is_one_client() {
    let server = server(|_| {}).await;

    for (peer, allowed) in [
        ("203.0.113.7", true),
        ("203.0.113.7", true),
        ("203.0.113.7", false),
        ("203.0.113.8", true),
        ("2001:db8:1:2::1", true),
        ("2001:db8:1:2:ffff::2", true),
        ("2001:db8:1:2::3", false),
        ("2001:db8:1:3::1", true),
        ("::ffff:203.0.113.7", false),
    ] {
        assert_eq!(logs_in(&server, peer).await, allowed, "{peer}");
    }
}

#[tokio::test]
async fn s10_behind_a_trusted_proxy_the_limit_applies_to_the_forwarded_address() {
    let server = server(|config| config.trusted_proxies = vec!["10.0.0.0/8".parse().unwrap()]).await;
    let logs_in = async |peer: &str, forwarded: &str| {
        let mut request = from_peer(peer, sdk_login(None));
        request.headers_mut().insert("x-forwarded-for", forwarded.parse().unwrap());
        server.send(request).await.status == 200
    };

    assert!(logs_in("10.0.0.1", "203.0.113.7").await);
    assert!(logs_in("10.0.0.2", "198.51.100.1, 203.0.113.7").await);
    assert!(
        !logs_in("10.0.0.1", "198.51.100.2, 203.0.113.7").await,
        "only the address that the trusted proxy added counts"
    );
    assert!(logs_in("10.0.0.1", "203.0.113.8").await);
    // A client that is not a trusted proxy: its own `X-Forwarded-For` is ignored.
    for forged in ["198.51.100.3", "198.51.100.4"] {
        assert!(logs_in("192.0.2.1", forged).await);
    }
    assert!(!logs_in("192.0.2.1", "198.51.100.5").await);
}

#[tokio::test]
async fn refused_logins_do_not_count_toward_the_total_limit() {
    let server = server(|config| config.login_rate_total = "4/1h".parse().unwrap()).await;

    for allowed in [true, true, false, false, false] {
        assert_eq!(logs_in(&server, "203.0.113.7").await, allowed);
    }
    assert!(logs_in(&server, "203.0.113.8").await && logs_in(&server, "203.0.113.9").await);
    let refused = server.send(from_peer("203.0.113.10", sdk_login(None))).await;

    refused.assert_problem(429);
    assert_eq!(refused.header("ratelimit-policy"), "\"client\";q=2;w=3600, \"total\";q=4;w=3600");
    assert_eq!(refused.header("ratelimit"), "\"client\";r=1;t=1800, \"total\";r=0;t=900");
    assert_eq!(refused.header("retry-after"), "900");
    assert_eq!(refused.json()["violated-policies"], json!(["total"]));
}

#[tokio::test]
async fn a_refresh_over_the_limit_gets_429_and_its_token_stays_valid() {
    let server = server(|_| {}).await;
    let mut tokens = server.anonymous_login().await;
    let refresh_from = async |token: &str| server.send(from_peer("203.0.113.7", refresh(token))).await;
    for _ in 0..2 {
        tokens = refresh_from(&tokens.refresh).await.tokens();
    }

    let refused = refresh_from(&tokens.refresh).await;

    assert_eq!(refused.status, 429);
    assert_eq!(refused.header("content-type"), "application/json");
    assert_eq!(refused.header("cache-control"), "no-store");
    assert_eq!(refused.header("retry-after"), "30");
    assert_eq!(rate_limit_headers(&refused), ["\"client\";q=2;w=60", "\"client\";r=0;t=30"]);
    assert_eq!(refused.json()["error"], "temporarily_unavailable");
    server.clock.advance(30 * SECOND);
    let next = refresh_from(&tokens.refresh).await.tokens();
    assert_eq!(next.id, tokens.id);
}

#[tokio::test]
async fn up_to_ten_retries_of_an_accepted_login_do_not_count() {
    let server = server(|_| {}).await;
    let guest = server.send(from_peer("203.0.113.7", sdk_login(Some(KEY)))).await.tokens().id;
    assert!(logs_in(&server, "203.0.113.7").await);
    assert!(!logs_in(&server, "203.0.113.7").await, "the limit is reached");

    for _ in 0..10 {
        assert_eq!(server.send(from_peer("203.0.113.7", sdk_login(Some(KEY)))).await.tokens().id, guest);
    }

    server.send(from_peer("203.0.113.7", sdk_login(Some(KEY)))).await.assert_problem(429);
    let other = "another-key-of-128-bits";
    server.send(from_peer("203.0.113.7", sdk_login(Some(other)))).await.assert_problem(429);
    server.clock.advance(60 * MINUTE);
    assert_eq!(server.send(from_peer("203.0.113.7", sdk_login(Some(other)))).await.status, 200);
}

#[tokio::test]
async fn a_limit_can_be_turned_off() {
    let server = server(|config| config.login_rate = "off".parse().unwrap()).await;

    for _ in 0..20 {
        let response = server.send(from_peer("203.0.113.7", sdk_login(None))).await;
        assert_eq!(response.status, 200);
        assert_eq!(rate_limit_headers(&response), ["", ""]);
    }
}
