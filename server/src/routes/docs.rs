//! `/docs/`: the contract as a page to read and to try out. Swagger UI, whose files are part of the program.

use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use utoipa_swagger_ui::{Config, serve};

use crate::error::Problem;
use crate::server::Guestpass;

/// The page talks to the server that it comes from, and to nobody else. It sets styles on its own elements.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// This document as a page
#[utoipa::path(get, path = "/docs/", tag = "operation", responses(
    (status = 200, description = "The page. `/docs` leads here.", body = String, content_type = "text/html", headers(
        ("Cache-Control" = String, description = "`no-cache`: kept, and asked for each time."),
        ("Content-Security-Policy" = String, description = "The page talks to this server and to nobody else."),
    )),
))]
pub(super) async fn page() -> Response {
    file("index.html")
}

/// What the page loads, and the way to it for those who leave out the slash.
pub(super) fn files() -> Router<Guestpass> {
    Router::new()
        // Relative, as all links of the page are, so that they lead here under a path of somebody else's, too.
        .route("/docs", get(|| async { Redirect::permanent("docs/") }))
        .route("/docs/{file}", get(|Path(name): Path<String>| async move { file(&name) }))
}

fn file(name: &str) -> Response {
    static CONFIG: LazyLock<Arc<Config<'_>>> = LazyLock::new(|| {
        // Without a validator: Swagger UI would send the address of this server to one on the Internet.
        Arc::new(Config::from("../openapi.json").validator_url("none").display_request_duration(true))
    });
    match serve(name, Arc::clone(&CONFIG)) {
        Ok(Some(file)) => {
            let headers = [
                (CONTENT_TYPE, file.content_type.as_str()),
                (CACHE_CONTROL, "no-cache"),
                (CONTENT_SECURITY_POLICY, POLICY),
            ];
            let encoding = file.gzpipped.then_some([(CONTENT_ENCODING, "gzip")]);
            (headers, encoding, file.bytes.into_owned()).into_response()
        }
        Ok(None) => Problem::new(StatusCode::NOT_FOUND, "There is nothing here.").into_response(),
        Err(error) => {
            tracing::error!(%error, "a file of the documentation could not be made");
            Problem::unavailable().into_response()
        }
    }
}
