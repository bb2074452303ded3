//! The HTTP API: one file per path, which parses a request and responds; `extract` and `error`, which all of them use; and the
//! middleware around all of them.

mod actor;
mod anonymous_login;
mod cors;
mod docs;
pub(crate) mod error;
pub(crate) mod extract;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzz;
mod healthz;
mod introspect;
mod items;
mod limits;
mod link;
mod login;
mod me;
mod membership;
mod metrics;
mod middleware;
pub(crate) mod openapi;
mod public_data;
mod readyz;
mod register;
mod revoke;
mod static_files;
mod tagged;
mod token;
mod well_known;

use std::sync::Arc;

use axum::Router;
use axum::http::{Extensions, HeaderMap, Method, StatusCode, Uri};
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::error::Problem;
use self::limits::{limit_account_requests, refuse_foreign_pages};
use crate::config::Config;
use crate::limits::{ClientNetwork, Limits};
use crate::server::{Guestpass, Inner};

impl Guestpass {
    /// The API, with the static files of [`Config::static_dir`](crate::Config::static_dir), as an axum application.
    ///
    /// It responds to every path. To embed it, nest it under a path, or merge it into a router that has no fallback.
    pub fn router(&self) -> Router {
        self.with_layers(self.routes())
    }

    /// The routes of [`Guestpass::router`] without the layers around them, for an application that adds routes, middleware or
    /// another fallback inside of those layers. Pass the result to [`Guestpass::with_layers`].
    pub fn routes(&self) -> Router<Self> {
        let (routes, _) = api(Some(&self.inner.limits), self.inner.config.docs).split_for_parts();
        let routes = routes.route_layer(from_fn_with_state(Arc::clone(&self.inner.limits), actor::set_actor));
        let routes = routes.method_not_allowed_fallback(method_not_allowed);
        match &self.inner.config.static_dir {
            Some(directory) => {
                routes.fallback_service(static_files::service(directory, api_prefixes(&self.inner.config)))
            }
            None => routes.fallback(not_found),
        }
    }

    /// Puts the layers of [`Guestpass::router`] around `routes`: the log and metrics of requests, CORS, security headers, and
    /// the limits of a request's time and body.
    pub fn with_layers(&self, routes: Router<Self>) -> Router {
        let Inner { config, metrics, .. } = &*self.inner;
        middleware::wrap(routes.with_state(self.clone()), config, metrics)
    }

    /// The endpoints for operators: `/metrics`, `/healthz` and `/readyz`. Serve it at a separate address that is not public.
    pub fn metrics_router(&self) -> Router {
        Router::new()
            .route("/metrics", get(metrics::metrics))
            .route("/healthz", get(healthz::healthz))
            .route("/readyz", get(readyz::readyz))
            .fallback(not_found)
            .with_state(self.clone())
    }

    /// The client of a request, as the limits count it. Reads `ConnectInfo<SocketAddr>`, and `X-Forwarded-For` if the peer
    /// is one of [`Config::trusted_proxies`](crate::Config::trusted_proxies). `None` without `ConnectInfo`.
    pub fn client_network(&self, headers: &HeaderMap, extensions: &Extensions) -> Option<ClientNetwork> {
        extract::client_of(&self.inner.limits, headers, extensions)
    }
}

/// Every route with its documentation, and the page `/docs/` if `docs` is set. A handler without documentation cannot be routed
/// here.
fn api(limits: Option<&Arc<Limits>>, docs: bool) -> OpenApiRouter<Guestpass> {
    let mut accounts = OpenApiRouter::new()
        .routes(routes!(register::register))
        .routes(routes!(register::options))
        .routes(routes!(login::login))
        .routes(routes!(login::options))
        .routes(routes!(link::link));
    if let Some(limits) = limits {
        accounts = accounts.route_layer(from_fn_with_state(Arc::clone(limits), limit_account_requests));
    }
    let api = OpenApiRouter::with_openapi(openapi::outline())
        .routes(routes!(anonymous_login::anonymous_login))
        .merge(accounts)
        .routes(routes!(token::token))
        .routes(routes!(revoke::revoke))
        .routes(routes!(introspect::introspect))
        .routes(routes!(well_known::oauth_authorization_server::metadata))
        .route(
            "/.well-known/oauth-authorization-server/{*path}",
            get(well_known::oauth_authorization_server::metadata_of_path),
        )
        .routes(routes!(well_known::openid_configuration::configuration))
        .route(
            "/.well-known/openid-configuration/{*path}",
            get(well_known::openid_configuration::configuration_of_path),
        )
        .routes(routes!(well_known::jwks::jwks))
        .routes(routes!(items::items))
        .routes(routes!(public_data::public_data))
        .merge(me::routes())
        .routes(routes!(openapi::openapi))
        .merge(if docs { docs::routes() } else { OpenApiRouter::new() })
        .routes(routes!(healthz::healthz))
        .routes(routes!(readyz::readyz));
    match limits {
        Some(limits) => api.route_layer(from_fn_with_state(Arc::clone(limits), refuse_foreign_pages)),
        None => api,
    }
}

/// The first segments of the paths of the API, such as `me`: nothing below them is a page.
fn api_prefixes(config: &Config) -> Vec<String> {
    let paths = api(None, config.docs).into_openapi().paths.paths;
    let mut prefixes: Vec<_> = paths
        .keys()
        .filter_map(|path| path.split('/').nth(1))
        .filter(|first| !first.starts_with('{'))
        .map(str::to_owned)
        .collect();
    // The endpoint that only the OpenID Connect metadata names.
    prefixes.push("authorize".to_owned());
    prefixes.dedup();
    prefixes
}

async fn not_found() -> Problem {
    Problem::not_found()
}

async fn method_not_allowed(method: Method, uri: Uri) -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        format!("The path {} does not support the method {method}.", uri.path()),
    )
}
