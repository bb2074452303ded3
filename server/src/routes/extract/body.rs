//! Bodies of requests, with the precise 4xx for each kind of error in them (S11).

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{FromRequest, Json, Request};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::routes::error::{OAuthError, Problem};
use crate::routes::middleware::BODY_LIMIT;

/// How long a client may take to send a body. Shorter than the time of a whole request, so that a slow client gets 408, and 503
/// remains for a slow store.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// A required body with a JSON object.
pub(in crate::routes) struct JsonBody<T>(pub(in crate::routes) T);

impl<T, S> FromRequest<S> for JsonBody<T>
where
    T: DeserializeOwned,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let (is_json, bytes) = body_of(request, state).await?;
        object(is_json, &bytes).map(Self)
    }
}

/// A required body with a JSON object, and its bytes.
pub(in crate::routes) struct JsonBodyBytes<T>(pub(in crate::routes) T, pub(in crate::routes) Bytes);

impl<T, S> FromRequest<S> for JsonBodyBytes<T>
where
    T: DeserializeOwned,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let (is_json, bytes) = body_of(request, state).await?;
        Ok(Self(object(is_json, &bytes)?, bytes))
    }
}

/// An optional body with a JSON object.
pub(in crate::routes) struct OptionalJsonBody<T>(pub(in crate::routes) Option<T>);

impl<T, S> FromRequest<S> for OptionalJsonBody<T>
where
    T: DeserializeOwned,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let (is_json, bytes) = body_of(request, state).await?;
        // Simple clients send an empty body with any Content-Type, or the body null.
        let value =
            if bytes.is_empty() || bytes.trim_ascii() == b"null" { None } else { Some(object(is_json, &bytes)?) };
        Ok(Self(value))
    }
}

/// A required body with any JSON value.
pub(in crate::routes) struct JsonValue(pub(in crate::routes) Value);

impl<S: Send + Sync> FromRequest<S> for JsonValue {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let (is_json, bytes) = body_of(request, state).await?;
        json(is_json, &bytes).map(Self)
    }
}

/// A required body with a JSON merge patch (RFC 7396).
pub(in crate::routes) struct MergePatchValue(pub(in crate::routes) Value);

impl<S: Send + Sync> FromRequest<S> for MergePatchValue {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        // Many clients send merge patches as application/json.
        let is_patch = is_type(request.headers(), "application/merge-patch+json");
        let (is_json, bytes) = body_of(request, state).await?;
        json(is_json || is_patch, &bytes).map(Self)
    }
}

async fn body_of<S: Send + Sync>(request: Request, state: &S) -> Result<(bool, Bytes), Problem> {
    let is_json = is_type(request.headers(), "application/json");
    Ok((is_json, read(request, state).await?))
}

/// Reads a whole body. One that its client announces as too long is refused at once.
async fn read<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, Problem> {
    let announced = request.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if announced.is_some_and(|length: usize| length > BODY_LIMIT) {
        return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "The body is longer than 16 KiB."));
    }
    match tokio::time::timeout(BODY_TIMEOUT, Bytes::from_request(request, state)).await {
        Ok(read) => read.map_err(|rejection| Problem::new(rejection.status(), rejection.body_text())),
        Err(_) => Err(Problem::new(
            StatusCode::REQUEST_TIMEOUT,
            format!("The body of the request did not arrive within {} seconds.", BODY_TIMEOUT.as_secs()),
        )),
    }
}

/// Reads a body with a JSON object.
pub(in crate::routes) fn object<T: DeserializeOwned>(is_json: bool, bytes: &[u8]) -> Result<T, Problem> {
    let value = json(is_json, bytes)?;
    // serde would also fill a struct from an array.
    if !bytes.trim_ascii_start().starts_with(b"{") {
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "The body must be a JSON object."));
    }
    Ok(value)
}

/// Reads a body with JSON.
pub(in crate::routes) fn json<T: DeserializeOwned>(is_json: bool, bytes: &[u8]) -> Result<T, Problem> {
    if !is_json {
        return Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "Send the body as JSON, with Content-Type: application/json.",
        ));
    }
    let Json(value) = Json::from_bytes(bytes)
        // The texts describe the JSON of the client and contain no internal details.
        .map_err(|rejection| Problem::new(rejection.status(), rejection.body_text()))?;
    Ok(value)
}

/// Reads an optional member, which may be left out but not null.
pub(in crate::routes) fn given<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}

/// The parameters of an OAuth request: `application/x-www-form-urlencoded` (RFC 6749 appendix B).
pub(in crate::routes) struct OAuthForm(Vec<(String, String)>);

impl OAuthForm {
    pub(in crate::routes) fn parse(body: &[u8]) -> Self {
        Self(form_urlencoded::parse(body).into_owned().collect())
    }

    /// The value of a parameter. A parameter without a value counts as omitted, and a repeated one is an error (RFC 6749 §3.2).
    pub(in crate::routes) fn parameter(&self, name: &str) -> Result<Option<&str>, OAuthError> {
        let mut values = self.0.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str());
        let value = values.next();
        if values.next().is_some() {
            return Err(OAuthError::InvalidRequest("a parameter is repeated; send each parameter once"));
        }
        Ok(value.filter(|value| !value.is_empty()))
    }
}

impl<S: Send + Sync> FromRequest<S> for OAuthForm {
    type Rejection = OAuthError;

    async fn from_request(request: Request, state: &S) -> Result<Self, OAuthError> {
        if !is_type(request.headers(), "application/x-www-form-urlencoded") {
            return Err(OAuthError::InvalidRequest("send the body as application/x-www-form-urlencoded"));
        }
        match read(request, state).await {
            Ok(body) => Ok(Self::parse(&body)),
            Err(slow) if slow.status() == StatusCode::REQUEST_TIMEOUT => Err(OAuthError::SlowBody(slow)),
            Err(_) => Err(OAuthError::InvalidRequest("the body is incomplete or longer than 16 KiB")),
        }
    }
}

fn is_type(headers: &HeaderMap, wanted: &str) -> bool {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case(wanted)
}
