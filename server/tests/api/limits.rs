//! Rate limits for logins, refreshes and account requests: for each client, for each session, and for all clients together

use axum::body::Body;
use axum::http::Request;
use guestpass_server::Config;
use serde_json::json;

use crate::support::membership::{PASSWORD, credentials, login, new_member};
use crate::support::{
    MINUTE, Response, SECOND, Server, anonymous_login, authorized, form, from_peer, refresh, with_header,
};

const KEY: &str = "k_-GqFbKvQ0r8pWm2ZtYxA";

/// The login request of the SDK, which asks for a refresh token.
fn sdk_login(key: Option<&str>) -> Request<Body> {
    anonymous_login(Some(json!({ "refresh": true })), key)
}

async fn server(change: impl FnOnce(&mut Config)) -> Server {
    Server::open_with(|config| {
        config.login_rate = "2/1h".parse().unwrap();
        config.refresh_rate = "2/1m".parse().unwrap();
        config.failed_refresh_rate = "2/1m".parse().unwrap();
        config.account_rate = "2/10m".parse().unwrap();
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
    assert_eq!(refused.header("ratelimit"), "\"client\";r=2;t=1800, \"total\";r=0;t=900");
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
    assert_eq!(rate_limit_headers(&refused), ["\"session\";q=2;w=60", "\"session\";r=0;t=30"]);
    assert_eq!(refused.json()["error"], "temporarily_unavailable");
    // The limit is that of the session: another guest behind the same address is not affected.
    let other = server.anonymous_login().await;
    assert_eq!(refresh_from(&other.refresh).await.tokens().id, other.id);
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

#[tokio::test]
async fn s14_an_ipv6_56_has_twice_and_a_48_three_times_the_limit_of_a_64() {
    let server = server(|_| {}).await;
    let count = async |networks: &[&str]| {
        let mut count = 0;
        for network in networks {
            while logs_in(&server, &format!("{network}::1")).await {
                count += 1;
            }
        }
        count
    };

    assert_eq!(count(&["2001:db8:1:100", "2001:db8:1:101", "2001:db8:1:102"]).await, 4);
    assert_eq!(count(&["2001:db8:1:200", "2001:db8:1:300", "2001:db8:1:ffff"]).await, 2);
    let refused = server.send(from_peer("2001:db8:1:400::1", sdk_login(None))).await;
    assert_eq!(refused.json()["violated-policies"], json!(["client-48"]));
    assert_eq!(count(&["2001:db8:2:100"]).await, 2, "another /48");
    // A network that its own limit refuses uses up nothing of the limit of its neighbours.
    for _ in 0..20 {
        assert!(!logs_in(&server, "2001:db8:2:100::1").await);
    }
    assert_eq!(count(&["2001:db8:2:101"]).await, 2);
}

#[tokio::test]
async fn s13_texts_that_are_no_refresh_tokens_use_up_nothing_of_the_limit_of_valid_ones() {
    let server = server(|_| {}).await;
    let tokens = server.anonymous_login().await;
    let refresh_from = async |token: &str| server.send(from_peer("203.0.113.7", refresh(token))).await;
    let forged = format!("{}A", &tokens.refresh[..tokens.refresh.len() - 1]);
    for garbage in ["gpr_x", &forged] {
        refresh_from(garbage).await.assert_oauth_error("invalid_grant");
    }

    let refused = refresh_from("gpr_x").await;

    assert_eq!(refused.status, 429);
    assert_eq!(refused.header("retry-after"), "30");
    assert_eq!(rate_limit_headers(&refused), ["\"client\";q=2;w=60", "\"client\";r=0;t=30"]);
    // Malformed requests need no limit: they are refused before a token is read.
    for malformed in [form("/token", &[]), form("/token", &[("grant_type", "password")])] {
        server.send(from_peer("203.0.113.7", malformed)).await;
    }
    assert_eq!(refresh_from(&tokens.refresh).await.tokens().id, tokens.id);
}

#[tokio::test]
async fn s13_malformed_logins_do_not_count() {
    let server = server(|_| {}).await;
    for request in [
        sdk_login(Some("too-short")),
        anonymous_login(Some(json!({ "refresh": "yes" })), None),
        anonymous_login(Some(json!([])), None),
        with_header(sdk_login(Some(KEY)), "idempotency-key", KEY),
    ] {
        let refused = server.send(from_peer("203.0.113.7", request)).await;
        assert!(refused.status.is_client_error() && refused.status != 429, "{refused:?}");
    }

    assert!(logs_in(&server, "203.0.113.7").await && logs_in(&server, "203.0.113.7").await);
    assert!(!logs_in(&server, "203.0.113.7").await);
}

#[tokio::test]
async fn s13_account_requests_count_only_if_they_fail_with_a_valid_credential() {
    let server = server(|_| {}).await;
    let mut member = new_member(&server).await;
    let send = async |request: Request<Body>| server.send(from_peer("203.0.113.7", request)).await;
    let wrong = credentials("eve@example.com", PASSWORD);
    for _ in 0..5 {
        // No credential, one that is malformed, an access token, a malformed body.
        send(Request::post("/login").body(Body::empty()).unwrap()).await.assert_problem(401);
        send(authorized("POST", "/login", "x", Some(wrong.clone()))).await.assert_problem(401);
        send(login(&member.access)).await.assert_refused(403, "refresh_token_required");
        let text = authorized("POST", "/login", &member.refresh, None);
        send(with_header(text, "content-type", "text/plain")).await.assert_problem(415);
        // Members who sign in.
        let response = send(login(&member.refresh)).await;
        assert_eq!(response.status, 200, "{response:?}");
        member = response.tokens();
    }
    for _ in 0..2 {
        let guest = server.anonymous_login().await;
        send(authorized("POST", "/login", &guest.refresh, Some(wrong.clone())))
            .await
            .assert_refused(403, "invalid_credentials");
    }

    let refused = send(login(&member.refresh)).await;

    refused.assert_problem(429);
    assert_eq!(rate_limit_headers(&refused), ["\"client\";q=2;w=600", "\"client\";r=0;t=300"]);
    let elsewhere = server.send(from_peer("203.0.113.8", login(&member.refresh))).await;
    assert_eq!(elsewhere.status, 200, "another network");
    server.clock.advance(300 * SECOND);
    assert_eq!(send(login(&elsewhere.tokens().refresh)).await.status, 200);
}

#[tokio::test]
async fn s13_retry_after_is_the_longest_wait_of_all_limits() {
    let server = server(|config| config.login_rate_total = "3/7h".parse().unwrap()).await;
    assert!(logs_in(&server, "203.0.113.7").await && logs_in(&server, "203.0.113.7").await);
    assert!(logs_in(&server, "203.0.113.8").await);

    let refused = server.send(from_peer("203.0.113.7", sdk_login(None))).await;

    assert_eq!(refused.header("ratelimit"), "\"client\";r=0;t=1800, \"total\";r=0;t=8400");
    assert_eq!(refused.header("retry-after"), "8400");
    assert_eq!(refused.json()["violated-policies"], json!(["total"]));
    server.clock.advance(8400 * SECOND);
    assert!(logs_in(&server, "203.0.113.7").await);
}

/// `Retry-After` covers all limits that apply: a client that waits for exactly that time is admitted.
#[tokio::test]
async fn s13_a_client_that_waits_as_long_as_retry_after_says_is_admitted() {
    let server = server(|config| {
        config.login_rate = "4/1h".parse().unwrap();
        config.login_rate_total = "9/7h".parse().unwrap();
    })
    .await;
    let peers = ["203.0.113.7", "2001:db8:1:1::1", "2001:db8:1:2::1", "203.0.113.7", "2001:db8:1:1::1"];

    let mut refusals = 0;
    for peer in peers.repeat(5) {
        let response = server.send(from_peer(peer, sdk_login(None))).await;
        if response.status == 200 {
            continue;
        }
        refusals += 1;
        response.assert_problem(429);
        let wait: u32 = response.header("retry-after").parse().unwrap();
        server.clock.advance(wait * SECOND - SECOND);
        let early = server.send(from_peer(peer, sdk_login(None))).await;
        assert!(early.status == 429 && early.header("retry-after") == "1", "{early:?}");
        server.clock.advance(SECOND);
        assert!(logs_in(&server, peer).await, "{peer}");
    }
    assert!(refusals > 10, "{refusals}");
}

/// A school, or the customers of a carrier who share one address.
#[tokio::test]
async fn s13_900_guests_behind_one_address_are_within_the_default_limits() {
    let server = Server::open().await;
    let logins = server.send_concurrently(900, || from_peer("203.0.113.7", sdk_login(None))).await;
    let mut guests: Vec<_> = logins.iter().map(Response::tokens).collect();

    for hour_quarter in 0..4 {
        server.clock.advance(15 * MINUTE);
        // The first guests refresh in each quarter of the hour, the others once.
        let due = if hour_quarter == 0 { 900 } else { 100 };
        for guest in &mut guests[..due] {
            *guest = server.send(from_peer("203.0.113.7", refresh(&guest.refresh))).await.tokens();
        }
    }
}

#[tokio::test]
async fn s14_a_member_signs_in_again_a_limited_number_of_times() {
    let server = Server::open().await;
    let mut member = new_member(&server).await;
    for _ in 0..60 {
        let response = server.send(login(&member.refresh)).await;
        assert_eq!(response.status, 200, "{response:?}");
        member = response.tokens();
    }

    let refused = server.send(login(&member.refresh)).await;

    refused.assert_problem(429);
    assert_eq!((refused.header("retry-after"), refused.json()["violated-policies"].clone()), ("60", json!(["member"])));
    let other = server.anonymous_login().await;
    assert_eq!(server.send(login(&other.refresh)).await.status, 200, "a guest who signs in");
    server.clock.advance(MINUTE);
    assert_eq!(server.send(login(&member.refresh)).await.status, 200);
}
