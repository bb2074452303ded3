//! Draining: after SIGTERM or SIGINT, the server makes a proxy in front of it send requests to another node.
//!
//! A server that closes its port immediately breaks the connections that only the kernel has accepted, and requests that are on
//! their way over idle connections. Therefore the port stays open for a moment. Requests that a proxy may repeat (RFC 9110
//! §9.2.2, and the POST requests in `SAFE_TO_REPEAT`) get 503 without being handled: the proxy repeats them at another node,
//! and marks this node as down. Requests that must not be repeated are handled as always. When no request has arrived for a
//! while, the port is closed, and no client gets an error.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::header::{CONNECTION, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use serde_json::json;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

/// Draining ends after this time without a request.
const QUIET: Duration = Duration::from_millis(300);
/// Draining ends after this time although requests still arrive.
const LONGEST: Duration = Duration::from_secs(3);
/// POST requests that a proxy may repeat. A repeated login with an `Idempotency-Key` returns the same guest, and without one
/// it creates at worst a guest that no client uses; a repeated refresh returns the same successor; a repeated revocation
/// changes nothing.
const SAFE_TO_REPEAT: [&str; 3] = ["/anonymous-login", "/token", "/revoke"];

/// The state of draining. Cheap to clone; all clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Drain {
    /// When the last request arrived; `None` before draining.
    last: Arc<watch::Sender<Option<Instant>>>,
}

impl Drain {
    pub(crate) fn new() -> Self {
        Self { last: Arc::new(watch::Sender::new(None)) }
    }

    pub(crate) fn wrap(&self, router: Router) -> Router {
        router.layer(from_fn_with_state(self.clone(), pass))
    }

    /// Starts draining, and waits until no more requests arrive.
    pub(crate) async fn until_quiet(&self) {
        let mut requests = self.last.subscribe();
        self.last.send_replace(Some(Instant::now()));
        let quiet = async {
            loop {
                let last = requests.borrow_and_update().unwrap_or_else(Instant::now);
                tokio::select! {
                    () = sleep_until(last + QUIET) => return,
                    // It cannot fail: `self` has the sender.
                    _ = requests.changed() => {}
                }
            }
        };
        if timeout(LONGEST, quiet).await.is_err() {
            tracing::warn!(
                "stopping although requests still arrive: the proxy or client repeats them here after a 503"
            );
        }
    }
}

async fn pass(State(drain): State<Drain>, request: Request, next: Next) -> Response {
    let draining = drain.last.borrow().is_some();
    if !draining {
        return next.run(request).await;
    }
    drain.last.send_replace(Some(Instant::now()));
    let mut response = if may_be_repeated(&request) { stopping() } else { next.run(request).await };
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

fn may_be_repeated(request: &Request) -> bool {
    let path = request.uri().path();
    match *request.method() {
        // The process is healthy until it ends.
        Method::GET | Method::HEAD => path != "/healthz",
        Method::PUT | Method::DELETE => true,
        Method::POST => SAFE_TO_REPEAT.contains(&path),
        _ => false,
    }
}

fn stopping() -> Response {
    let status = StatusCode::SERVICE_UNAVAILABLE;
    let body = json!({
        "type": "about:blank",
        "title": "Service Unavailable",
        "status": status.as_u16(),
        "detail": "This server is stopping. Try again.",
    });
    let headers = [(CONTENT_TYPE, "application/problem+json"), (RETRY_AFTER, "1")];
    (status, headers, Json(body)).into_response()
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::routing::any;
    use tower::ServiceExt;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn s12_a_draining_node_refuses_requests_that_may_be_repeated_and_serves_the_rest() {
        let drain = Drain::new();
        let router = drain.wrap(Router::new().fallback(any(async || "served")));
        let status = async |method: &str, path: &str| {
            let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
            router.clone().oneshot(request).await.unwrap().status().as_u16()
        };
        assert_eq!(status("GET", "/me").await, 200);

        drain.until_quiet().await;

        for (method, path) in
            [("GET", "/me"), ("PUT", "/me/cart/1"), ("DELETE", "/me/cart/1"), ("POST", "/token"), ("POST", "/revoke")]
        {
            assert_eq!(status(method, path).await, 503, "{method} {path}");
        }
        for (method, path) in [("POST", "/me/cart/1"), ("GET", "/healthz")] {
            assert_eq!(status(method, path).await, 200, "{method} {path}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn s12_draining_lasts_while_requests_arrive_up_to_a_limit() {
        let drain = Drain::new();
        let router = drain.wrap(Router::new().fallback(any(async || "served")));
        let started = Instant::now();

        let requests = async {
            loop {
                let request = Request::get("/").body(Body::empty()).unwrap();
                router.clone().oneshot(request).await.unwrap();
                tokio::time::sleep(QUIET / 2).await;
            }
        };
        tokio::select! {
            () = drain.until_quiet() => {}
            () = requests => {}
        }

        assert_eq!(started.elapsed(), LONGEST);
        drain.until_quiet().await;
        assert_eq!(started.elapsed(), LONGEST + QUIET);
    }
}
