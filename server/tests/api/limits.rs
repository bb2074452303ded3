//! How often one client, and all together, may log in and refresh

use axum::body::Body;
use axum::http::Request;
use guestpass_server::Config;
use serde_json::json;

use crate::support::{Answer, MINUTE, SECOND, Server, from, login, refresh};

const KEY: &str = "k_-GqFbKvQ0r8pWm2ZtYxA";

fn sdk_login(key: Option<&str>) -> Request<Body> {
    login(Some(json!({ "refresh": true })), key)
}

async fn server(change: impl FnOnce(&mut Config)) -> Server {
    Server::open_with(|config| {
        config.login_rate = "2/1h".parse().unwrap();
        config.refresh_rate = "2/1m".parse().unwrap();
        change(config);
    })
    .await
}

async fn logs_in(server: &Server, peer: &str) -> bool {
    let answer = server.send(from(peer, sdk_login(None))).await;
    match answer.status.as_u16() {
        200 => true,
        429 => false,
        _ => panic!("{answer:?}"),
    }
}

/// What `RateLimit-Policy` and `RateLimit` say.
fn fields(answer: &Answer) -> [&str; 2] {
    [answer.header("ratelimit-policy"), answer.header("ratelimit")]
}

#[tokio::test]
async fn a_client_that_logs_in_too_often_is_told_when_to_come_back() {
    let server = server(|_| {}).await;

    let first = server.send(from("203.0.113.7", sdk_login(None))).await;
    let second = server.send(from("203.0.113.7", sdk_login(None))).await;
    let third = server.send(from("203.0.113.7", sdk_login(None))).await;

    assert_eq!(first.status, 200);
    assert_eq!(fields(&first), ["\"client\";q=2;w=3600", "\"client\";r=1;t=1800"]);
    assert_eq!(fields(&second), ["\"client\";q=2;w=3600", "\"client\";r=0;t=1800"]);
    third.assert_problem(429);
    assert_eq!(fields(&third), ["\"client\";q=2;w=3600", "\"client\";r=0;t=1800"]);
    assert_eq!(third.header("retry-after"), "1800");
    assert_eq!(third.json()["type"], "https://iana.org/assignments/http-problem-types#quota-exceeded");
    assert_eq!(third.json()["violated-policies"], json!(["client"]));
    assert_eq!(server.number("SELECT count(*) FROM anonymous_user"), 2);

    server.clock.advance(1800 * SECOND);
    assert!(logs_in(&server, "203.0.113.7").await);
    assert!(!logs_in(&server, "203.0.113.7").await);
}

#[tokio::test]
async fn s10_each_client_has_its_own_limit_and_a_64_is_one_client() {
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
async fn s10_behind_a_trusted_proxy_the_client_is_who_the_proxy_names() {
    let server = server(|config| config.trusted_proxies = vec!["10.0.0.0/8".parse().unwrap()]).await;
    let logs_in = async |peer: &str, forwarded: &str| {
        let mut request = from(peer, sdk_login(None));
        request.headers_mut().insert("x-forwarded-for", forwarded.parse().unwrap());
        server.send(request).await.status == 200
    };

    assert!(logs_in("10.0.0.1", "203.0.113.7").await);
    assert!(logs_in("10.0.0.2", "198.51.100.1, 203.0.113.7").await);
    assert!(!logs_in("10.0.0.1", "198.51.100.2, 203.0.113.7").await, "the client has made up the first hop");
    assert!(logs_in("10.0.0.1", "203.0.113.8").await);
    // Not through a proxy: what it says of itself does not matter.
    for made_up in ["198.51.100.3", "198.51.100.4"] {
        assert!(logs_in("192.0.2.1", made_up).await);
    }
    assert!(!logs_in("192.0.2.1", "198.51.100.5").await);
}

#[tokio::test]
async fn a_client_that_is_refused_does_not_use_up_what_is_there_for_all() {
    let server = server(|config| config.login_rate_total = "4/1h".parse().unwrap()).await;

    for allowed in [true, true, false, false, false] {
        assert_eq!(logs_in(&server, "203.0.113.7").await, allowed);
    }
    assert!(logs_in(&server, "203.0.113.8").await && logs_in(&server, "203.0.113.9").await);
    let refused = server.send(from("203.0.113.10", sdk_login(None))).await;

    refused.assert_problem(429);
    assert_eq!(refused.header("ratelimit-policy"), "\"client\";q=2;w=3600, \"total\";q=4;w=3600");
    assert_eq!(refused.header("ratelimit"), "\"client\";r=1;t=1800, \"total\";r=0;t=900");
    assert_eq!(refused.header("retry-after"), "900");
    assert_eq!(refused.json()["violated-policies"], json!(["total"]));
}

#[tokio::test]
async fn a_refresh_that_is_refused_is_no_invalid_grant_and_loses_nothing() {
    let server = server(|_| {}).await;
    let mut tokens = server.login().await;
    let refresh_from = async |token: &str| server.send(from("203.0.113.7", refresh(token))).await;
    for _ in 0..2 {
        tokens = refresh_from(&tokens.refresh).await.tokens();
    }

    let refused = refresh_from(&tokens.refresh).await;

    assert_eq!(refused.status, 429);
    assert_eq!(refused.header("content-type"), "application/json");
    assert_eq!(refused.header("cache-control"), "no-store");
    assert_eq!(refused.header("retry-after"), "30");
    assert_eq!(fields(&refused), ["\"client\";q=2;w=60", "\"client\";r=0;t=30"]);
    assert_eq!(refused.json()["error"], "temporarily_unavailable");
    server.clock.advance(30 * SECOND);
    let next = refresh_from(&tokens.refresh).await.tokens();
    assert_eq!(next.id, tokens.id);
}

#[tokio::test]
async fn a_retry_of_a_login_that_was_let_through_does_not_count() {
    let server = server(|_| {}).await;
    let guest = server.send(from("203.0.113.7", sdk_login(Some(KEY)))).await.tokens().id;
    assert!(logs_in(&server, "203.0.113.7").await);
    assert!(!logs_in(&server, "203.0.113.7").await, "the limit is used up");

    for _ in 0..10 {
        assert_eq!(server.send(from("203.0.113.7", sdk_login(Some(KEY)))).await.tokens().id, guest);
    }

    server.send(from("203.0.113.7", sdk_login(Some(KEY)))).await.assert_problem(429);
    let other = "another-key-of-128-bits";
    server.send(from("203.0.113.7", sdk_login(Some(other)))).await.assert_problem(429);
    server.clock.advance(60 * MINUTE);
    assert_eq!(server.send(from("203.0.113.7", sdk_login(Some(other)))).await.status, 200);
}

#[tokio::test]
async fn limits_can_be_turned_off() {
    let server = server(|config| config.login_rate = "off".parse().unwrap()).await;

    for _ in 0..20 {
        let answer = server.send(from("203.0.113.7", sdk_login(None))).await;
        assert_eq!(answer.status, 200);
        assert_eq!(fields(&answer), ["", ""]);
    }
}
