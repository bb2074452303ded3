//! `/docs/`: the contract as a web page, by Swagger UI. Its files are part of the program.

use std::sync::{Arc, LazyLock};

use axum::extract::Path;
use axum::http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use utoipa_swagger_ui::{Config, serve};

use super::error::Problem;
use crate::server::Guestpass;

/// The page sends requests only to the server that it comes from. It needs inline styles.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// This document as a page
#[utoipa::path(get, path = "/docs/", tag = "operation", responses(
    (status = 200, description = "The page. `/docs` redirects to it.", body = String, content_type = "text/html", headers(
        ("Cache-Control" = String, description = "`no-cache`: cached and revalidated each time."),
        ("Content-Security-Policy" = String, description = "Allows requests to this server only."),
    )),
))]
async fn page() -> Response {
    file("index.html")
}

/// The page, its files, and the redirect from the path without the slash.
pub(super) fn routes() -> OpenApiRouter<Guestpass> {
    OpenApiRouter::new()
        .routes(routes!(page))
        // Relative, as all links of the page are, so that they also work if the application nests this router under a path.
        .route("/docs", get(|| async { Redirect::permanent("docs/") }))
        .route("/docs/{file}", get(|Path(name): Path<String>| async move { file(&name) }))
}

fn file(name: &str) -> Response {
    static CONFIG: LazyLock<Arc<Config<'_>>> = LazyLock::new(|| {
        // Without a validator, because Swagger UI would send the address of this server to a service on the Internet.
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
        Ok(None) => Problem::not_found().into_response(),
        Err(error) => {
            tracing::error!(%error, "a file of the documentation could not be read");
            Problem::unavailable().into_response()
        }
    }
}
