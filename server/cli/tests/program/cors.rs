//! Requests of pages of other origins

use std::process::Stdio;

use reqwest::header::HeaderMap;
use reqwest::{Method, Response};

use crate::support::process::{Process, guestpass};

const SHOP: &str = "https://shop.example";
const APP: &str = "capacitor://localhost";
const FOREIGN: &str = "https://elsewhere.example";
/// What libraries for traces, monitoring and streams add to requests, and the headers of the SDK.
const HEADERS: [&str; 14] = [
    "authorization",
    "content-type",
    "idempotency-key",
    "proof-of-work",
    "if-match",
    "if-none-match",
    "traceparent",
    "tracestate",
    "baggage",
    "sentry-trace",
    "x-requested-with",
    "last-event-id",
    "x-request-id",
    "x-tenant",
];
const PUBLIC: [&str; 4] = [
    "/.well-known/jwks.json",
    "/.well-known/oauth-authorization-server",
    "/.well-known/openid-configuration",
    "/openapi.json",
];

fn server(directory: &tempfile::TempDir) -> Process {
    let mut command = guestpass();
    command.args(["serve", "--cors-origin", SHOP, "--cors-origin", APP]).stderr(Stdio::null());
    Process::spawn_serve(&mut command, &directory.path().join("guestpass.db"))
}

async fn preflight(server: &Process, path: &str, method: &str, origin: &str, headers: &str) -> HeaderMap {
    let request = server.http.request(Method::OPTIONS, format!("{}{path}", server.url)).header("origin", origin);
    let request = request.header("access-control-request-method", method);
    let response = request.header("access-control-request-headers", headers).send().await.unwrap();
    assert!(response.status().is_success(), "{path}: {}", response.status());
    response.headers().clone()
}

fn value<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn a_configured_page_may_send_the_headers_of_its_libraries() {
    let directory = tempfile::tempdir().unwrap();
    let server = server(&directory);

    for origin in [SHOP, APP] {
        for (path, method) in [
            ("/anonymous-login", "POST"),
            ("/token", "POST"),
            ("/login", "POST"),
            ("/me", "DELETE"),
            ("/me/cart/1", "PATCH"),
        ] {
            let headers = preflight(&server, path, method, origin, &HEADERS.join(",")).await;
            assert_eq!(value(&headers, "access-control-allow-origin"), origin, "{path}");
            assert_eq!(value(&headers, "access-control-allow-headers"), HEADERS.join(","), "{path}");
            assert!(value(&headers, "access-control-allow-methods").contains(method), "{path}");
            assert!(!headers.contains_key("access-control-allow-credentials"), "{path}");
        }
        let login = server.http.post(format!("{}/anonymous-login", server.url)).header("origin", origin);
        let login = login.header("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01").send();
        let login = login.await.unwrap();
        assert_eq!((login.status().as_u16(), value(login.headers(), "access-control-allow-origin")), (200, origin));
        let exposed = value(login.headers(), "access-control-expose-headers").to_ascii_lowercase();
        for name in ["www-authenticate", "retry-after", "etag", "date", "ratelimit", "x-request-id"] {
            assert!(exposed.split(',').any(|one| one == name), "{name} in {exposed}");
        }
    }
    for origin in [FOREIGN, "null", "https://shop.example:443", "capacitor://LOCALHOST"] {
        let headers = preflight(&server, "/anonymous-login", "POST", origin, "traceparent").await;
        assert!(!headers.contains_key("access-control-allow-origin"), "{origin}");
    }
}

#[tokio::test]
async fn the_public_documents_can_be_read_by_every_page() {
    let directory = tempfile::tempdir().unwrap();
    let server = server(&directory);
    let get = async |path: &str, origin: Option<&str>| -> Response {
        let request = server.http.get(format!("{}{path}", server.url));
        let request = origin.into_iter().fold(request, |request, origin| request.header("origin", origin));
        request.send().await.unwrap()
    };

    for path in PUBLIC {
        // Also without an origin, because a cache may return the response to a page.
        for origin in [Some(FOREIGN), Some("null"), Some(SHOP), None] {
            let response = get(path, origin).await;
            assert_eq!(response.status(), 200, "{path}");
            assert_eq!(value(response.headers(), "access-control-allow-origin"), "*", "{path} {origin:?}");
        }
        // A library for traces or the revalidation of a cache causes a preflight.
        let headers = preflight(&server, path, "GET", FOREIGN, "if-none-match,traceparent").await;
        assert_eq!(value(&headers, "access-control-allow-origin"), "*", "{path}");
        assert_eq!(value(&headers, "access-control-allow-headers"), "if-none-match,traceparent", "{path}");
    }
    for path in ["/healthz", "/me", "/.well-known/nothing", "/openapi.json/x"] {
        assert!(!get(path, Some(FOREIGN)).await.headers().contains_key("access-control-allow-origin"), "{path}");
    }
}
