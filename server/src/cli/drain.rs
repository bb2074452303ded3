//! The first moments after the process was told to stop: a proxy in front is made to go elsewhere.
//!
//! Whoever closes its port at once breaks the connections that the kernel has accepted and the process has not, and the
//! requests on their way over idle ones. So the port stays open for a moment, and requests that any proxy may send again
//! (RFC 9110 §9.2.2, and those of ours that are as good as idempotent) get a 503 without being looked at: the proxy asks
//! another node and, told so by this, this one no more. What must not be sent twice is served as ever. When nothing has
//! come for a while the port is closed, and nobody notices.

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

/// Without requests for so long, nobody sends any more.
const QUIET: Duration = Duration::from_millis(300);
/// Who still sends after this does not listen.
const LONGEST: Duration = Duration::from_secs(3);
/// A login repeated under its key gives the same guest, and one without a key at worst a guest that nobody ever hears of;
/// a refresh gives the same successor; revoking twice is revoking.
const SAFE_TO_REPEAT: [&str; 3] = ["/anonymous-login", "/token", "/revoke"];

/// Cheap to clone; every clone is the same.
#[derive(Debug, Clone)]
pub(super) struct Drain {
    /// When the last request came, once draining.
    last: Arc<watch::Sender<Option<Instant>>>,
}

impl Drain {
    pub(super) fn new() -> Self {
        Self { last: Arc::new(watch::Sender::new(None)) }
    }

    pub(super) fn around(&self, router: Router) -> Router {
        router.layer(from_fn_with_state(self.clone(), pass))
    }

    /// Begins, and waits until no more requests come.
    pub(super) async fn until_quiet(&self) {
        let mut requests = self.last.subscribe();
        self.last.send_replace(Some(Instant::now()));
        let quiet = async {
            loop {
                let last = requests.borrow_and_update().unwrap_or_else(Instant::now);
                tokio::select! {
                    () = sleep_until(last + QUIET) => return,
                    // It cannot fail: we hold the sender.
                    _ = requests.changed() => {}
                }
            }
        };
        if timeout(LONGEST, quiet).await.is_err() {
            tracing::warn!("requests still come; whoever sends them does not go elsewhere on a 503");
        }
    }
}

async fn pass(State(drain): State<Drain>, request: Request, next: Next) -> Response {
    let draining = drain.last.borrow().is_some();
    if !draining {
        return next.run(request).await;
    }
    drain.last.send_replace(Some(Instant::now()));
    let mut response = if may_be_sent_again(&request) { elsewhere() } else { next.run(request).await };
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

fn may_be_sent_again(request: &Request) -> bool {
    let path = request.uri().path();
    match *request.method() {
        // The process is alive and well until it ends.
        Method::GET | Method::HEAD => path != "/healthz",
        Method::PUT | Method::DELETE => true,
        Method::POST => SAFE_TO_REPEAT.contains(&path),
        _ => false,
    }
}

fn elsewhere() -> Response {
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
    async fn s12_a_draining_node_sends_away_what_may_be_repeated_and_serves_the_rest() {
        let drain = Drain::new();
        let router = drain.around(Router::new().fallback(any(async || "served")));
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
        for (method, path) in [("POST", "/me/cart"), ("GET", "/healthz")] {
            assert_eq!(status(method, path).await, 200, "{method} {path}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn s12_draining_lasts_while_requests_come_but_not_for_ever() {
        let drain = Drain::new();
        let router = drain.around(Router::new().fallback(any(async || "served")));
        let started = Instant::now();

        let knocking = async {
            loop {
                let request = Request::get("/").body(Body::empty()).unwrap();
                router.clone().oneshot(request).await.unwrap();
                tokio::time::sleep(QUIET / 2).await;
            }
        };
        tokio::select! {
            () = drain.until_quiet() => {}
            () = knocking => {}
        }

        assert_eq!(started.elapsed(), LONGEST);
        drain.until_quiet().await;
        assert_eq!(started.elapsed(), LONGEST + QUIET);
    }
}
