//! Bodies of requests, and the precise 4xx for each way in which they can be wrong (S11).

use axum::body::Bytes;
use axum::extract::{FromRequest, Json, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer};
use serde_json::Number;

use crate::error::{Problem, TokenError};

/// A JSON object, required.
pub(super) struct JsonBody<T>(pub(super) T);

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

/// A JSON object, or no body at all.
pub(super) struct OptionalJsonBody<T>(pub(super) Option<T>);

impl<T, S> FromRequest<S> for OptionalJsonBody<T>
where
    T: DeserializeOwned,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let (is_json, bytes) = body_of(request, state).await?;
        // Simple clients send an empty body with whatever type their library puts there, or a null that they posted.
        let value =
            if bytes.is_empty() || bytes.trim_ascii() == b"null" { None } else { Some(object(is_json, &bytes)?) };
        Ok(Self(value))
    }
}

/// A JSON merge patch (RFC 7396) of an object.
pub(super) struct MergePatchBody<T>(pub(super) T);

impl<T, S> FromRequest<S> for MergePatchBody<T>
where
    T: DeserializeOwned,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        // Many clients send the type of any JSON.
        let is_patch = is_type(request.headers(), "application/merge-patch+json");
        let (is_json, bytes) = body_of(request, state).await?;
        object(is_json || is_patch, &bytes).map(Self)
    }
}

async fn body_of<S: Send + Sync>(request: Request, state: &S) -> Result<(bool, Bytes), Problem> {
    let is_json = is_type(request.headers(), "application/json");
    let bytes = Bytes::from_request(request, state)
        .await
        .map_err(|rejection| Problem::new(rejection.status(), rejection.body_text()))?;
    Ok((is_json, bytes))
}

pub(super) fn object<T: DeserializeOwned>(is_json: bool, bytes: &[u8]) -> Result<T, Problem> {
    if !is_json {
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "The body must be application/json."));
    }
    let Json(value) = Json::from_bytes(bytes)
        // The texts say what is wrong with the client's JSON, and nothing about us.
        .map_err(|rejection| Problem::new(rejection.status(), rejection.body_text()))?;
    // serde would fill a struct from an array too.
    if !bytes.trim_ascii_start().starts_with(b"{") {
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "The body must be a JSON object."));
    }
    Ok(value)
}

/// A whole number. JSON knows one kind of number: some clients write 2 as 2.0.
pub(super) fn integer<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    let number = Number::deserialize(deserializer)?;
    let whole = |number: f64| {
        // Both bounds are powers of two, so that they are exact.
        let fits = number >= i64::MIN as f64 && number < -(i64::MIN as f64);
        (fits && number.fract() == 0.0).then_some(number as i64)
    };
    number
        .as_i64()
        .or_else(|| number.as_f64().and_then(whole))
        .ok_or_else(|| Error::custom(format!("{number} is not a whole number, or is too large")))
}

/// A member that may be left out, and is not null where it is there.
pub(super) fn given<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}

/// The parameters of an OAuth request: `application/x-www-form-urlencoded` (RFC 6749 appendix B).
pub(super) struct OAuthForm(Vec<(String, String)>);

impl OAuthForm {
    pub(super) fn parse(body: &[u8]) -> Self {
        Self(form_urlencoded::parse(body).into_owned().collect())
    }

    /// A parameter's value. RFC 6749 §3.2: one without a value counts as left out, and none may come twice.
    pub(super) fn parameter(&self, name: &str) -> Result<Option<&str>, TokenError> {
        let mut values = self.0.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str());
        let value = values.next();
        if values.next().is_some() {
            return Err(TokenError::InvalidRequest("a parameter comes more than once"));
        }
        Ok(value.filter(|value| !value.is_empty()))
    }
}

impl<S: Send + Sync> FromRequest<S> for OAuthForm {
    type Rejection = TokenError;

    async fn from_request(request: Request, state: &S) -> Result<Self, TokenError> {
        if !is_type(request.headers(), "application/x-www-form-urlencoded") {
            return Err(TokenError::InvalidRequest("the body must be application/x-www-form-urlencoded"));
        }
        let body = Bytes::from_request(request, state)
            .await
            .map_err(|_| TokenError::InvalidRequest("the body is too long or incomplete"))?;
        Ok(Self::parse(&body))
    }
}

fn is_type(headers: &HeaderMap, wanted: &str) -> bool {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case(wanted)
}
