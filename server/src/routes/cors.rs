//! CORS (Fetch standard, §3.2): which pages of other origins may read responses, and which headers they may send.

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, CONTENT_DISPOSITION, DATE, ETAG, HeaderName, LINK, LOCATION, RETRY_AFTER,
    WWW_AUTHENTICATE,
};
use axum::http::{HeaderValue, Method};
use axum::middleware::Next;
use axum::response::Response;
use std::time::Duration;
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

use super::limits::{RATE_LIMIT, RATE_LIMIT_POLICY};
use super::well_known::{AUTHORIZATION_SERVER_PATH, JWKS_PATH, OPENID_CONFIGURATION_PATH};
use crate::config::Config;

/// How long a browser may cache the response to a preflight request.
const PREFLIGHT_MAX_AGE: Duration = Duration::from_secs(600);

/// Access for the configured origins and, to read the public documents, for every origin. Credentials are not allowed, because
/// there are no cookies.
///
/// A configured page may send every header: libraries add their own, above all those of traces (`traceparent`, `baggage`,
/// `sentry-trace`), and a header alone gives no access.
pub(super) fn layer(config: &Config) -> CorsLayer {
    let origins: Vec<String> = config.cors_origins.iter().map(|origin| origin.as_str().to_owned()).collect();
    let is_allowed = move |origin: &HeaderValue, request: &axum::http::request::Parts| {
        is_public_document(request.uri.path()) || origins.iter().any(|allowed| allowed.as_bytes() == origin.as_bytes())
    };
    CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(is_allowed))
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers([
            ETAG,
            CONTENT_DISPOSITION,
            DATE,
            LINK,
            LOCATION,
            WWW_AUTHENTICATE,
            RETRY_AFTER,
            RATE_LIMIT,
            RATE_LIMIT_POLICY,
            HeaderName::from_static("dpop-nonce"),
            // A proxy or the layer of an embedding application may add these.
            HeaderName::from_static("server-timing"),
            HeaderName::from_static("traceresponse"),
            HeaderName::from_static("x-request-id"),
        ])
        .max_age(PREFLIGHT_MAX_AGE)
}

/// Names every origin in the responses with public documents, also in those to a request without `Origin`, because a cache may
/// return them to a page.
pub(super) async fn open_public_documents(request: Request<Body>, next: Next) -> Response {
    let is_public = is_public_document(request.uri().path());
    let mut response = next.run(request).await;
    if is_public {
        response.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    }
    response
}

/// Whether the path is that of a document that says the same to everyone: the keys, the discovery documents, the contract.
fn is_public_document(path: &str) -> bool {
    let is_discovery =
        |document: &str| path.strip_prefix(document).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    path == JWKS_PATH
        || path == "/openapi.json"
        || is_discovery(AUTHORIZATION_SERVER_PATH)
        || is_discovery(OPENID_CONFIGURATION_PATH)
}
