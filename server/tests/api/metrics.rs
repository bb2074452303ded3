//! `GET /metrics`

use std::net::SocketAddr;

use axum::extract::ConnectInfo;
use serde_json::json;

use crate::support::membership::{EMAIL, credentials, login, new_member, register, user_id};
use crate::support::oidc_issuer::{Issuer, SigningKey};
use crate::support::{MINUTE, Server, anonymous_login, get, send, with_header};

async fn metrics(server: &Server) -> String {
    let response = send(server.guestpass().metrics_router(), get("/metrics")).await;
    assert_eq!(response.status, 200);
    assert!(response.header("content-type").starts_with("application/openmetrics-text; version=1.0.0"));
    response.body
}

/// The value of one time series.
fn value(metrics: &str, series: &str) -> f64 {
    let line = metrics.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {series} in {metrics}")).parse().unwrap()
}

#[tokio::test]
async fn the_three_kinds_of_refresh_token_reuse_are_counted_separately() {
    let server = Server::open().await;
    let first = server.anonymous_login().await;
    let second = server.refresh(&first.refresh).await.tokens();
    server.refresh(&first.refresh).await.tokens();
    let third = server.refresh(&second.refresh).await.tokens();
    server.refresh(&first.refresh).await.assert_oauth_error("invalid_grant");
    server.refresh(&third.refresh).await.assert_oauth_error("invalid_grant");
    let other = server.anonymous_login().await;
    let successor = server.refresh(&other.refresh).await.tokens();
    server.clock.advance(2 * MINUTE);
    assert!(server.accepts(&successor.access).await);
    server.refresh(&other.refresh).await.assert_oauth_error("invalid_grant");
    server.refresh("gpr_x").await.assert_oauth_error("invalid_grant");

    let metrics = metrics(&server).await;

    for (outcome, count) in
        [("rotated", 3.0), ("reuse_in_window", 1.0), ("reuse_past_window", 1.0), ("reuse_older", 1.0), ("refused", 2.0)]
    {
        let series = format!("guestpass_refreshes_total{{outcome=\"{outcome}\"}}");
        assert!((value(&metrics, &series) - count).abs() < 0.5, "{outcome}: {metrics}");
    }
    assert!((value(&metrics, "guestpass_logins_total") - 2.0).abs() < 0.5);
}

#[tokio::test]
async fn requests_are_counted_by_route_without_personal_data() {
    let server = Server::open_with(|config| config.login_rate = "1/1h".parse().unwrap()).await;
    let tokens = server.anonymous_login().await;
    for item in [1, 2, 3] {
        server.call("PUT", &format!("/me/cart/{item}"), &tokens.access, json!({ "quantity": 1 })).await;
    }
    server.send(get("/no/such/thing")).await;
    server.revoke(&tokens.access).await;
    for _ in 0..2 {
        let mut request = anonymous_login(None, None);
        request.extensions_mut().insert(ConnectInfo(SocketAddr::from(([203, 0, 113, 7], 4711))));
        server.send(request).await;
    }

    let metrics = metrics(&server).await;

    for (series, count) in [
        ("guestpass_http_requests_total{method=\"PUT\",route=\"/me/{collection}/{key}\",status=\"201\"}", 3.0),
        ("guestpass_http_requests_total{method=\"GET\",route=\"other\",status=\"404\"}", 1.0),
        ("guestpass_http_request_duration_seconds_count{method=\"PUT\",route=\"/me/{collection}/{key}\"}", 3.0),
        ("guestpass_limited_requests_total{endpoint=\"login\",limit=\"client\"}", 1.0),
        ("guestpass_revocations_total", 1.0),
    ] {
        assert!((value(&metrics, series) - count).abs() < 0.5, "{series}: {metrics}");
    }
    assert!(value(&metrics, "guestpass_store_commit_jobs_count") >= 5.0, "{metrics}");
    let id = &tokens.id["anonymous_".len()..];
    for personal in [id, "203.0.113.7", &tokens.access, "/no/such/thing"] {
        assert!(!metrics.contains(personal), "the metrics contain {personal}");
    }
    assert!(metrics.ends_with("# EOF\n"));
}

#[tokio::test]
async fn registrations_logins_links_and_erasures_are_counted_by_outcome() {
    let issuer = Issuer::start().await;
    let key = SigningKey::es256("first");
    issuer.publish(&[key.jwk()]);
    let server = Server::open_with(|config| config.oidc_issuers = vec![issuer.setting().parse().unwrap()]).await;
    let fresh = metrics(&server).await;
    for series in ["memberships_total{endpoint=\"link\",outcome=\"merged\"}", "erasures_total{outcome=\"gone\"}"] {
        assert!(value(&fresh, &format!("guestpass_{series}")) < 0.5, "{fresh}");
    }
    let (member, guest) = (new_member(&server).await, server.anonymous_login().await);
    server.send(register(&guest.refresh)).await.assert_refused(409, "email_taken");
    let weak = credentials(EMAIL, "short");
    server.call("POST", "/register", &guest.refresh, weak).await.assert_refused(422, "password_too_short");
    let wrong = credentials(EMAIL, "wrong horse battery staple");
    server.call("POST", "/login", &guest.refresh, wrong).await.assert_refused(403, "invalid_credentials");
    server.send(login(&guest.refresh)).await.assert_member(&user_id(&member.id), "logged_in", true);
    let member = server.send(login(&member.refresh)).await.assert_member(&member.id, "logged_in", false);
    for _ in 0..2 {
        let retried = with_header(login(&member.refresh), "idempotency-key", "k_-GqFbKvQ0r8pWm2ZtYxA");
        server.send(retried).await.assert_member(&member.id, "logged_in", false);
    }
    let member = server.anonymous_login().await;
    let member = server.send(login(&member.refresh)).await.tokens();
    let mut linked = None;
    for number in 0..2 {
        let guest = server.anonymous_login().await;
        let mut claims = issuer.claims("eve", server.clock.secs());
        claims["jti"] = number.into();
        let token = json!({ "id_token": key.sign(&claims) });
        linked = Some(server.call("POST", "/link", &guest.refresh, token).await.tokens());
    }
    let no_token = json!({ "id_token": "none" });
    server.call("POST", "/link", &linked.unwrap().refresh, no_token).await.assert_refused(403, "invalid_id_token");
    server.call("DELETE", "/me", &member.refresh, json!({})).await;

    let metrics = metrics(&server).await;

    for (endpoint, outcome) in [
        ("register", "registered"),
        ("register", "email_taken"),
        ("register", "password_too_short"),
        ("member_login", "invalid_credentials"),
        ("member_login", "repeated"),
        ("link", "registered"),
        ("link", "merged"),
        ("link", "invalid_id_token"),
    ] {
        let series = format!("guestpass_memberships_total{{endpoint=\"{endpoint}\",outcome=\"{outcome}\"}}");
        assert!((value(&metrics, &series) - 1.0).abs() < 0.5, "{series}: {metrics}");
    }
    for outcome in ["merged", "logged_in"] {
        let series = format!("guestpass_memberships_total{{endpoint=\"member_login\",outcome=\"{outcome}\"}}");
        assert!((value(&metrics, &series) - 2.0).abs() < 0.5, "{series}: {metrics}");
    }
    assert!((value(&metrics, "guestpass_erasures_total{outcome=\"erased\"}") - 1.0).abs() < 0.5, "{metrics}");
}

#[tokio::test]
async fn the_public_router_has_no_metrics() {
    let server = Server::open().await;

    server.send(get("/metrics")).await.assert_problem(404);
}
