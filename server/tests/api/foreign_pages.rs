//! Requests that a page of another site sends with the browser of a visitor

use axum::body::Body;
use axum::http::Request;
use axum::http::header::CONTENT_TYPE;
use guestpass_server::Config;

use crate::support::membership::{credentials, login, new_member};
use crate::support::{Response, Server, anonymous_login, authorized, form, from_peer, get, refresh, with_header};

const EVIL: &str = "https://evil.example";
const VISITOR: &str = "203.0.113.7";

/// The paths to which a page could send requests that change something or are counted.
const PATHS: [&str; 9] = [
    "/anonymous-login",
    "/token",
    "/revoke",
    "/register",
    "/register/options",
    "/login",
    "/login/options",
    "/link",
    "/introspect",
];

/// A server on which one request of each kind is allowed.
async fn server(change: impl FnOnce(&mut Config)) -> Server {
    Server::open_with(|config| {
        for rate in [
            &mut config.login_rate,
            &mut config.refresh_rate,
            &mut config.failed_refresh_rate,
            &mut config.account_rate,
            &mut config.password_rate,
        ] {
            *rate = "1/1h".parse().unwrap();
        }
        // The member of the test logs in, too.
        config.login_rate_total = "2/1h".parse().unwrap();
        change(config);
    })
    .await
}

/// The request as a browser at `VISITOR` sends it for a page of `origin`, with `Sec-Fetch-Site` unless it is empty.
fn of_page(origin: &str, fetch_site: &str, mut request: Request<Body>) -> Request<Body> {
    for (name, value) in [("origin", origin), ("sec-fetch-site", fetch_site)] {
        if !value.is_empty() {
            request = with_header(request, name, value);
        }
    }
    from_peer(VISITOR, request)
}

/// `fetch(url, { method: 'POST', mode: 'no-cors', body })`: needs no permission of the server.
fn no_cors(path: &str, content_type: &str, body: &str) -> Request<Body> {
    Request::post(path)
        .header("host", "api.shop.example")
        .header("sec-fetch-mode", "no-cors")
        .header(CONTENT_TYPE, content_type)
        .body(body.to_owned().into())
        .unwrap()
}

fn assert_foreign(response: &Response) {
    response.assert_refused(403, "foreign_page");
    assert!(response.json()["detail"].as_str().unwrap().contains("--cors-origin"), "{response:?}");
    assert_eq!(response.header("ratelimit"), "", "it was counted");
}

#[tokio::test]
async fn s13_a_foreign_page_uses_up_no_limit_of_its_visitor() {
    let server = server(|_| {}).await;
    let member = new_member(&server).await;
    let garbage = "grant_type=refresh_token&refresh_token=gpr_x";
    for path in PATHS {
        for (origin, fetch_site) in [
            (EVIL, "cross-site"),
            ("https://evil.localhost:8000", "same-site"),
            ("null", "cross-site"),
            ("", "cross-site"),
            (EVIL, ""),
            ("null", ""),
        ] {
            for content_type in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"] {
                assert_foreign(&server.send(of_page(origin, fetch_site, no_cors(path, content_type, garbage))).await);
            }
        }
    }
    let refused = server.send(of_page(EVIL, "cross-site", no_cors("/token", "text/plain", ""))).await;
    assert!(refused.json()["detail"].as_str().unwrap().contains("--cors-origin https://evil.example"), "{refused:?}");
    // A preflight is refused by CORS, so that this request never comes from a browser.
    assert_foreign(&server.send(of_page(EVIL, "cross-site", refresh(&member.refresh))).await);

    // Each limit admits one request: nothing has been counted.
    let send = async |request| server.send(from_peer(VISITOR, request)).await;
    let wrong = credentials("eve@example.com", "a wrong password");
    let failed = send(authorized("POST", "/login", &member.refresh, Some(wrong))).await;
    failed.assert_refused(403, "invalid_credentials");
    let guest = send(anonymous_login(Some(serde_json::json!({ "refresh": true })), None)).await.tokens();
    send(refresh("gpr_x")).await.assert_oauth_error("invalid_grant");
    assert_eq!(send(refresh(&guest.refresh)).await.tokens().id, guest.id);
}

#[tokio::test]
async fn s13_pages_of_the_server_and_configured_pages_and_apps_without_an_origin_are_admitted() {
    let server = Server::open_with(|config| {
        config.issuer = "https://api.shop.example".to_owned();
        config.cors_origins = vec!["https://shop.example".parse().unwrap(), "capacitor://localhost".parse().unwrap()];
    })
    .await;
    for (origin, fetch_site, host) in [
        // curl, a native app, a server.
        ("", "", "api.shop.example"),
        // The pages of this server, also behind a proxy that changes `Host` or adds `X-Forwarded-Host`.
        ("https://api.shop.example", "same-origin", "127.0.0.1:8000"),
        ("http://10.0.0.5:9000", "same-origin", "127.0.0.1:8000"),
        ("https://api.shop.example", "", "127.0.0.1:8000"),
        ("http://10.0.0.5:9000", "", "10.0.0.5:9000"),
        // Configured pages and apps.
        ("https://shop.example", "same-site", "api.shop.example"),
        ("capacitor://localhost", "cross-site", "api.shop.example"),
    ] {
        let login = with_header(anonymous_login(None, None), "host", host);

        let response = server.send(of_page(origin, fetch_site, login)).await;

        assert_eq!(response.status, 200, "{origin} {fetch_site} {host}: {response:?}");
    }
    let forwarded = with_header(anonymous_login(None, None), "x-forwarded-host", "shop.internal");
    assert_eq!(server.send(of_page("http://shop.internal", "", forwarded)).await.status, 200);
    let mut without_host = anonymous_login(None, None);
    *without_host.uri_mut() = "http://shop.internal/anonymous-login".parse().unwrap();
    assert_eq!(server.send(of_page("http://shop.internal", "", without_host)).await.status, 200, "HTTP/2");
}

#[tokio::test]
async fn s13_a_foreign_page_may_read_what_is_public() {
    let server = server(|_| {}).await;

    for path in ["/public-data", "/.well-known/jwks.json", "/healthz", "/items/"] {
        let response = server.send(of_page(EVIL, "cross-site", get(path))).await;
        assert_ne!(response.status, 403, "{path}");
    }
}

#[tokio::test]
async fn s13_data_of_guests_cannot_be_changed_by_a_foreign_page() {
    let server = Server::open().await;
    let guest = server.anonymous_login().await;
    for request in [
        authorized("PUT", "/me/favorites/1", &guest.access, Some(serde_json::json!({}))),
        authorized("DELETE", "/me", &guest.access, None),
        form("/revoke", &[("token", &guest.refresh)]),
    ] {
        assert_foreign(&server.send(of_page(EVIL, "cross-site", request)).await);
    }

    assert!(server.accepts(&guest.access).await);
    // A page without a browser's protection is not a page: this client sends neither header.
    assert_eq!(server.send(login(&guest.access)).await.status, 403);
}
