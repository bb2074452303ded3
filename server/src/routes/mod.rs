//! The API: one file per resource, and the layers around all of them.

mod body;
mod docs;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzz;
mod health;
mod idempotency_key;
mod introspect;
mod items;
mod jwks;
mod layers;
mod link;
mod login;
mod me;
mod member_login;
mod metadata;
pub(crate) mod openapi;
mod public_data;
mod register;
mod revoke;
mod static_files;
mod token;

use std::sync::Arc;

use axum::Router;
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::Problem;
use crate::limits::{Limits, limit_accounts, limit_logins, limit_refreshes};
use crate::server::{Guestpass, Inner};

/// Every route of the contract, and the fallback for other paths; without the layers around them.
pub(crate) fn routes(guestpass: &Guestpass) -> Router<Guestpass> {
    let (routes, _) = api(Some(&guestpass.inner.limits)).split_for_parts();
    let routes = routes.method_not_allowed_fallback(method_not_allowed);
    match &guestpass.inner.config.static_dir {
        Some(directory) => routes.fallback_service(static_files::service(directory)),
        None => routes.fallback(not_found),
    }
}

/// Puts the layers around all routes.
pub(crate) fn with_layers(routes: Router<Guestpass>, guestpass: &Guestpass) -> Router {
    let Inner { config, metrics, .. } = &*guestpass.inner;
    layers::wrap(routes.with_state(guestpass.clone()), config, metrics)
}

/// What operators watch.
pub(crate) fn metrics_router(guestpass: &Guestpass) -> Router {
    Router::new()
        .route("/metrics", get(health::metrics))
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .fallback(not_found)
        .with_state(guestpass.clone())
}

/// Every route with its documentation: what is not annotated is not routed.
fn api(limits: Option<&Arc<Limits>>) -> OpenApiRouter<Guestpass> {
    let mut logins = OpenApiRouter::new().routes(routes!(login::login));
    let mut refreshes = OpenApiRouter::new().routes(routes!(token::token));
    let mut accounts = OpenApiRouter::new()
        .routes(routes!(register::register))
        .routes(routes!(register::options))
        .routes(routes!(member_login::login))
        .routes(routes!(member_login::options))
        .routes(routes!(link::link));
    if let Some(limits) = limits {
        accounts = accounts.route_layer(from_fn_with_state(Arc::clone(limits), limit_accounts));
        logins = logins.route_layer(from_fn_with_state(Arc::clone(limits), limit_logins));
        refreshes = refreshes.route_layer(from_fn_with_state(Arc::clone(limits), limit_refreshes));
    }
    OpenApiRouter::with_openapi(openapi::outline())
        .merge(logins)
        .merge(refreshes)
        .merge(accounts)
        .routes(routes!(revoke::revoke))
        .routes(routes!(introspect::introspect))
        .routes(routes!(metadata::metadata))
        .route("/.well-known/oauth-authorization-server/{*path}", axum::routing::get(metadata::metadata_of_path))
        .routes(routes!(jwks::jwks))
        .routes(routes!(items::items))
        .routes(routes!(public_data::public_data))
        .merge(me::routes())
        .routes(routes!(openapi::openapi))
        .routes(routes!(docs::page))
        .merge(docs::files().into())
        .routes(routes!(health::healthz))
        .routes(routes!(health::readyz))
}

async fn not_found() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "There is nothing here.")
}

async fn method_not_allowed(method: Method, uri: Uri) -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, format!("{} does not take {method}.", uri.path()))
}
