//! Limits in HTTP: the middleware that counts requests with `crate::limits`, the `RateLimit` header fields
//! (draft-ietf-httpapi-ratelimit-headers-10), and the responses to refused requests.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use guestpass_core::wire::IDEMPOTENCY_KEY;

use super::error::{OAuthError, Problem};
use super::extract::client_of;
use crate::limits::{AdmittedLogin, LimitState, Limits, LoginLimited, RateLimited};
use crate::secret::sha256;

pub(super) const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
pub(super) const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
/// The request header with a proof of work.
pub(super) const PROOF_OF_WORK: HeaderName = HeaderName::from_static("proof-of-work");

/// Limits the requests to become a member or to sign in as one.
pub(super) async fn limit_account_requests(
    State(limits): State<Arc<Limits>>,
    request: Request,
    next: Next,
) -> Response {
    match limits.admit_account_request(client_of(&limits, request.headers(), request.extensions())) {
        Ok(states) => {
            let mut response = next.run(request).await;
            // A request that the limit of its account refuses has its own header fields.
            if !response.headers().contains_key(RATE_LIMIT) {
                response.headers_mut().extend(rate_limit_fields(&states));
            }
            response
        }
        Err(limited) => limited.into_response(),
    }
}

/// Limits `POST /anonymous-login`.
pub(super) async fn limit_logins(State(limits): State<Arc<Limits>>, mut request: Request, next: Next) -> Response {
    let client = client_of(&limits, request.headers(), request.extensions());
    let key = single_value(request.headers(), IDEMPOTENCY_KEY).map(|key| sha256(key.as_bytes()));
    let proof = request.headers().get(PROOF_OF_WORK).cloned();
    match limits.admit_login(client, key, proof.as_ref().map(HeaderValue::as_bytes)).await {
        Ok(AdmittedLogin { limits: states, replacement_key }) => {
            // Base64url, so it is a valid header value.
            if let Some(key) = replacement_key.and_then(|key| HeaderValue::try_from(key).ok()) {
                request.headers_mut().insert(IDEMPOTENCY_KEY, key);
            }
            let mut response = next.run(request).await;
            response.headers_mut().extend(rate_limit_fields(&states));
            response
        }
        Err(LoginLimited::ProofRequired { error, challenge }) => match challenge {
            Some(challenge) => Problem::proof_required(error, challenge).into_response(),
            None => Problem::unavailable().into_response(),
        },
        Err(LoginLimited::RateLimited(limited)) => limited.into_response(),
    }
}

/// Limits `POST /token`.
pub(super) async fn limit_refreshes(State(limits): State<Arc<Limits>>, request: Request, next: Next) -> Response {
    match limits.admit_refresh(client_of(&limits, request.headers(), request.extensions())) {
        Ok(states) => {
            let mut response = next.run(request).await;
            response.headers_mut().extend(rate_limit_fields(&states));
            response
        }
        Err(limited) => with_fields(OAuthError::TooManyRequests.into_response(), &limited),
    }
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
fn rate_limit_fields(states: &[LimitState]) -> HeaderMap {
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
fn single_value<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}
