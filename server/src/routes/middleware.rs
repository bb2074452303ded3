//! The middleware around all routes: CORS, limits of size and time, security headers, the log, metrics.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::error_handling::HandleErrorLayer;
use axum::extract::{DefaultBodyLimit, MatchedPath, State};
use axum::http::header::{CACHE_CONTROL, HeaderName, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderValue, Request, StatusCode};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Response;
use axum::{BoxError, Router};
use tower::ServiceBuilder;
use tower::timeout::TimeoutLayer;
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::trace::TraceLayer;

use super::cors;
use super::error::Problem;
use crate::config::Config;
use crate::metrics::Metrics;

/// The greatest length of a request body in bytes.
pub(super) const BODY_LIMIT: usize = 16 * 1024;
/// The time from the head of a request to the head of its response.
const TIMEOUT: Duration = Duration::from_secs(15);

pub(super) fn wrap(router: Router, config: &Config, metrics: &Arc<Metrics>) -> Router {
    let layers = ServiceBuilder::new()
        // The path without the query, and no headers, so that no secret gets into the log.
        .layer(
            TraceLayer::new_for_http()
                .make_span_with(|request: &Request<_>| {
                    tracing::info_span!("request", method = %request.method(), path = request.uri().path())
                    // What makes a 5xx logs the error with its cause.
                })
                .on_failure(()),
        )
        .layer(from_fn_with_state(Arc::clone(metrics), measure))
        .layer(header(X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(header(REFERRER_POLICY, "no-referrer"))
        // Responses are personal unless a route sets another value.
        .layer(header(CACHE_CONTROL, "no-store"))
        .layer(from_fn(cors::open_public_documents))
        .layer(cors::layer(config))
        .layer(HandleErrorLayer::new(timed_out))
        .layer(TimeoutLayer::new(TIMEOUT))
        .layer(DefaultBodyLimit::max(BODY_LIMIT));
    router.layer(layers)
}

/// Counts the request and its time, under the template of its route.
async fn measure(State(metrics): State<Arc<Metrics>>, request: Request<Body>, next: Next) -> Response {
    let started = Instant::now();
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let response = next.run(request).await;
    let route = route.as_ref().map_or("other", MatchedPath::as_str);
    metrics.request_handled(method.as_str(), route, response.status().as_u16(), started.elapsed());
    response
}

fn header(name: HeaderName, value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
}

async fn timed_out(_: BoxError) -> Problem {
    tracing::error!(timeout = ?TIMEOUT, "a request took too long");
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "The request took too long. Try again later.")
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use axum::body::{Body, Bytes};
    use axum::http::HeaderMap;
    use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
    use axum::routing::{get, post};
    use http_body_util::{BodyExt, Empty};
    use tower::ServiceExt;

    use super::*;
    use crate::routes::extract::{JsonBody, OAuthForm};

    #[tokio::test(start_paused = true)]
    async fn s11_a_client_that_sends_its_body_too_slowly_gets_a_408() {
        let routes = Router::new()
            .route("/json", post(async |_: JsonBody<serde_json::Value>| ()))
            .route("/form", post(async |_: OAuthForm| ()));
        let router = wrap(routes, &Config::default(), &Arc::new(Metrics::new(|_| ())));

        for (path, media_type, length, status) in [
            ("/json", "application/json", 2, 408),
            ("/json", "application/json", BODY_LIMIT + 1, 413),
            ("/form", "application/x-www-form-urlencoded", 2, 408),
            ("/form", "application/x-www-form-urlencoded", BODY_LIMIT + 1, 400),
        ] {
            let started = tokio::time::Instant::now();
            // Nothing arrives, and the body does not end.
            let end = std::future::pending::<Option<Result<HeaderMap, Infallible>>>();
            let body = Empty::<Bytes>::new().with_trailers(end);
            let request = Request::post(path).header(CONTENT_TYPE, media_type).header(CONTENT_LENGTH, length);
            let request = request.body(Body::new(body)).unwrap();

            let response = router.clone().oneshot(request).await.unwrap();

            assert_eq!(response.status().as_u16(), status, "{path} {length}");
            assert_eq!(
                started.elapsed().is_zero(),
                status != 408,
                "{path} {length}: a body that is too long is not read"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn s11_a_request_that_takes_too_long_gets_a_503() {
        let started = tokio::time::Instant::now();
        let stuck = Router::new().route("/", get(std::future::pending::<()>));

        let request = Request::get("/").body(Body::empty()).unwrap();
        let response = wrap(stuck, &Config::default(), &Arc::new(Metrics::new(|_| ()))).oneshot(request).await.unwrap();

        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
        assert!(started.elapsed() < TIMEOUT + Duration::from_secs(1));
    }
}
