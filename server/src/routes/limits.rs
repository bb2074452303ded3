//! Limits in HTTP: the middleware that counts requests with `crate::limits`, the `RateLimit` header fields
//! (draft-ietf-httpapi-ratelimit-headers-10), and the responses to refused requests.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{AsHeaderName, HOST, ORIGIN, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::error::{NoAttempt, OAuthError, Problem};
use super::extract::client_of;
use crate::limits::{LimitState, Limits, LoginLimited, RateLimited, RequestSource};

pub(super) const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
pub(super) const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
/// The request header with a proof of work.
pub(super) const PROOF_OF_WORK: HeaderName = HeaderName::from_static("proof-of-work");

/// Refuses a request that would change something and comes from a page of another site, before it is counted (S13).
pub(super) async fn refuse_foreign_pages(State(limits): State<Arc<Limits>>, request: Request, next: Next) -> Response {
    if request.method().is_safe() {
        return next.run(request).await;
    }
    let headers = request.headers();
    // A header that occurs twice or is not ASCII is that of no browser, and is compared as a text that fits nothing.
    let text = |name: &HeaderName| headers.contains_key(name).then(|| single_value(headers, name).unwrap_or_default());
    let source = RequestSource {
        origin: text(&ORIGIN),
        fetch_site: text(&HeaderName::from_static("sec-fetch-site")),
        hosts: [
            text(&HOST),
            request.uri().authority().map(|authority| authority.as_str()),
            text(&HeaderName::from_static("x-forwarded-host")),
        ],
    };
    if limits.is_foreign_page(source) {
        return Problem::foreign_page(source.origin).into_response();
    }
    next.run(request).await
}

/// Limits the requests to become a member or to sign in as one. Only those that fail count.
pub(super) async fn limit_account_requests(
    State(limits): State<Arc<Limits>>,
    request: Request,
    next: Next,
) -> Response {
    match limits.admit_account_request(client_of(&limits, request.headers(), request.extensions())) {
        Ok(admitted) => {
            let mut response = next.run(request).await;
            // A wrong credential of an account, or one that exists already. Any other response says nothing about an account:
            // the credential of the guest or the body was malformed, the request succeeded, or it was not handled.
            let is_failed_attempt = matches!(
                response.status(),
                StatusCode::FORBIDDEN | StatusCode::CONFLICT | StatusCode::UNPROCESSABLE_ENTITY
            ) && response.extensions().get::<NoAttempt>().is_none();
            if !is_failed_attempt {
                admitted.refund();
            } else if !response.headers().contains_key(RATE_LIMIT) {
                response.headers_mut().extend(rate_limit_fields(&admitted.states));
            }
            response
        }
        Err(limited) => limited.into_response(),
    }
}

/// The response to a login that may not proceed.
impl IntoResponse for LoginLimited {
    fn into_response(self) -> Response {
        match self {
            Self::ProofRequired { error, challenge: Some(challenge) } => {
                Problem::proof_required(error, challenge).into_response()
            }
            Self::CaptchaRequired(error) => Problem::captcha_required(error).into_response(),
            Self::RateLimited(limited) => limited.into_response(),
            Self::ProofRequired { challenge: None, .. } | Self::Unavailable => Problem::unavailable().into_response(),
        }
    }
}

/// The response to a refresh that a limit refuses.
pub(super) fn refresh_limited(limited: &RateLimited) -> Response {
    with_fields(OAuthError::TooManyRequests.into_response(), limited)
}

impl IntoResponse for RateLimited {
    fn into_response(self) -> Response {
        with_fields(Problem::quota_exceeded(self.detail(), self.policy).into_response(), &self)
    }
}

fn with_fields(mut response: Response, limited: &RateLimited) -> Response {
    response.headers_mut().extend(rate_limit_fields(&limited.limits));
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(limited.retry_after));
    response
}

/// `RateLimit-Policy` and `RateLimit`: lists of structured fields (RFC 9651).
pub(super) fn rate_limit_fields(states: &[LimitState]) -> HeaderMap {
    let policy = |LimitState { policy, quota, window, .. }: &LimitState| format!("\"{policy}\";q={quota};w={window}");
    let limit =
        |LimitState { policy, remaining, next, .. }: &LimitState| format!("\"{policy}\";r={remaining};t={next}");
    let policies: Vec<String> = states.iter().map(policy).collect();
    let limits: Vec<String> = states.iter().map(limit).collect();
    let fields = [(RATE_LIMIT_POLICY, policies), (RATE_LIMIT, limits)];
    let fields = fields.into_iter().filter(|(_, list)| !list.is_empty());
    // Printable ASCII, so each is a valid header value.
    fields.filter_map(|(name, list)| Some((name, HeaderValue::try_from(list.join(", ")).ok()?))).collect()
}

/// The value of a header that a request has exactly once.
fn single_value(headers: &HeaderMap, name: impl AsHeaderName) -> Option<&str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}
