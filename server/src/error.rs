//! What goes wrong, as clients see it: problems (RFC 9457), OAuth errors (RFC 6749 §5.2) and bearer challenges
//! (RFC 6750 §3). Nothing internal is in any of them.

use axum::Json;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use guestpass_core::wire::error_code;
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use crate::auth::{LoginError, BearerError, RefreshError, AccessTokenError, UnavailableError};
use crate::store::{MAX_FAVORITES, MAX_LINES, PreferencesError, DataError, StoreError};

/// An error of the app: `application/problem+json`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    status: StatusCode,
    /// `about:blank`, unless there is more to know than the status.
    kind: &'static str,
    detail: String,
    /// Further members of the problem.
    members: Box<Map<String, Value>>,
    /// `WWW-Authenticate`
    challenge: Option<HeaderValue>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, kind: "about:blank", detail: detail.into(), members: Box::default(), challenge: None }
    }

    /// 429: draft-ietf-httpapi-ratelimit-headers-10 §6. `policy` is the name of the limit in `RateLimit-Policy`.
    pub(crate) fn quota_exceeded(detail: String, policy: &str) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, detail)
            .of_kind("https://iana.org/assignments/http-problem-types#quota-exceeded")
            .with("violated-policies", json!([policy]))
    }

    pub(crate) fn of_kind(self, kind: &'static str) -> Self {
        Self { kind, ..self }
    }

    pub(crate) fn with(mut self, member: &str, value: Value) -> Self {
        self.members.insert(member.to_owned(), value);
        self
    }

    pub(crate) fn unavailable() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "The server cannot do this right now. Try again.")
    }
}

/// An error of the app (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemBody {
    /// What kind of problem. `about:blank`: the status says it all.
    #[serde(rename = "type")]
    #[schema(
        pattern = "^(about:blank|https://iana.org/assignments/http-problem-types#quota-exceeded)$",
        example = "about:blank"
    )]
    kind: &'static str,
    /// The status in words.
    #[schema(example = "Unprocessable Entity")]
    title: &'static str,
    /// The status of the answer.
    #[schema(minimum = 400, maximum = 599, example = 422)]
    status: u16,
    /// What is wrong with this request, for the developer of the client.
    #[schema(example = "quantity must be at least 1.")]
    detail: String,
    /// What a kind of problem has beside that.
    #[serde(flatten)]
    members: Map<String, Value>,
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = ProblemBody {
            kind: self.kind,
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            detail: self.detail,
            members: *self.members,
        };
        let mut response = (self.status, Json(body)).into_response();
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(challenge) = self.challenge {
            response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        }
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "the store did not answer");
        Self::unavailable()
    }
}

impl From<DataError> for Problem {
    fn from(error: DataError) -> Self {
        match error {
            // The token of a guest who is gone is as good as one that was revoked.
            DataError::NoGuest => Unauthorized::from(AccessTokenError::Revoked).into(),
            DataError::NoItem => Self::new(StatusCode::NOT_FOUND, "There is no such item."),
            DataError::Changed => {
                Self::new(StatusCode::PRECONDITION_FAILED, "It is no longer what you take it for. Read it again.")
            }
            DataError::CartFull => {
                let detail = format!("A cart holds at most {MAX_LINES} different items. Take one out first.");
                Self::new(StatusCode::CONFLICT, detail).with("code", json!("cart_full"))
            }
            DataError::FavoritesFull => {
                let detail = format!("There are at most {MAX_FAVORITES} favourites. Remove one first.");
                Self::new(StatusCode::CONFLICT, detail).with("code", json!("favorites_full"))
            }
            DataError::OtherRequest => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "The Idempotency-Key has been used with another request.")
            }
            DataError::Preferences(error) => error.into(),
        }
    }
}

impl From<PreferencesError> for Problem {
    fn from(error: PreferencesError) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, sentence(error))
    }
}

impl From<UnavailableError> for Problem {
    fn from(error: UnavailableError) -> Self {
        tracing::error!(%error, "a request could not be served");
        Self::unavailable()
    }
}

impl From<LoginError> for Problem {
    fn from(error: LoginError) -> Self {
        match error {
            LoginError::TooLate => Self::new(StatusCode::CONFLICT, sentence(&error)),
            LoginError::OtherForm => Self::new(StatusCode::UNPROCESSABLE_ENTITY, sentence(&error)),
            LoginError::Unavailable(error) => error.into(),
        }
    }
}

/// Why a request that needs a guest has none: the answer of RFC 6750 §3.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unauthorized {
    /// 401 without a code: the client sent no credentials.
    NoCredentials,
    /// 401 `invalid_token`: bad, expired or revoked.
    InvalidToken(&'static str),
    /// 400 `invalid_request`: malformed, or sent in more than one way.
    InvalidRequest(&'static str),
}

impl IntoResponse for Unauthorized {
    fn into_response(self) -> Response {
        Problem::from(self).into_response()
    }
}

impl From<Unauthorized> for Problem {
    fn from(unauthorized: Unauthorized) -> Self {
        let (status, challenge, detail) = match unauthorized {
            Unauthorized::NoCredentials => {
                (StatusCode::UNAUTHORIZED, String::new(), "This resource needs an access token.".to_owned())
            }
            Unauthorized::InvalidToken(why) => (StatusCode::UNAUTHORIZED, code("invalid_token", why), sentence(why)),
            Unauthorized::InvalidRequest(why) => (StatusCode::BAD_REQUEST, code("invalid_request", why), sentence(why)),
        };
        // The descriptions are ours and plain ASCII, so this does not fail; without the header the status still tells.
        let challenge = HeaderValue::try_from(format!("Bearer realm=\"guestpass\"{challenge}")).ok();
        Self { challenge, ..Self::new(status, detail) }
    }
}

fn code(error: &str, description: &str) -> String {
    format!(", error=\"{error}\", error_description=\"{description}\"")
}

/// An error of the token endpoint.
#[derive(Debug)]
pub(crate) enum TokenError {
    InvalidRequest(&'static str),
    InvalidGrant,
    UnsupportedGrantType,
    TooManyRequests,
    /// 401: the caller of introspection is not who it must be.
    InvalidClient,
    /// The endpoint has not been opened.
    NotFound,
    Unavailable(UnavailableError),
}

/// An error of an OAuth endpoint (RFC 6749 §5.2).
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OAuthError {
    /// The code. `invalid_grant`: the session is over, and only a new guest helps.
    #[schema(
        pattern = "^(invalid_request|invalid_grant|unsupported_grant_type|invalid_client|temporarily_unavailable)$",
        example = "invalid_grant"
    )]
    error: &'static str,
    /// For the developer of the client.
    #[schema(example = "the refresh token is invalid, expired or revoked")]
    error_description: &'static str,
}

impl IntoResponse for TokenError {
    fn into_response(self) -> Response {
        let mut status = StatusCode::BAD_REQUEST;
        let (error, description) = match self {
            Self::InvalidRequest(why) => (error_code::INVALID_REQUEST, why),
            Self::InvalidGrant => (error_code::INVALID_GRANT, "the refresh token is invalid, expired or revoked"),
            Self::UnsupportedGrantType => {
                (error_code::UNSUPPORTED_GRANT_TYPE, "the only grant type here is refresh_token")
            }
            Self::TooManyRequests => {
                status = StatusCode::TOO_MANY_REQUESTS;
                (error_code::TEMPORARILY_UNAVAILABLE, "there are too many refreshes; try again later")
            }
            Self::InvalidClient => {
                let body = Json(OAuthError { error: "invalid_client", error_description: "the caller is unknown" });
                let challenge = "Basic realm=\"guestpass introspection\", Bearer realm=\"guestpass introspection\"";
                let headers = [(CACHE_CONTROL, "no-store"), (WWW_AUTHENTICATE, challenge)];
                return (StatusCode::UNAUTHORIZED, headers, body).into_response();
            }
            Self::NotFound => return Problem::new(StatusCode::NOT_FOUND, "There is nothing here.").into_response(),
            Self::Unavailable(error) => return Problem::from(error).into_response(),
        };
        let body = Json(OAuthError { error, error_description: description });
        (status, [(CACHE_CONTROL, "no-store")], body).into_response()
    }
}

impl From<RefreshError> for TokenError {
    fn from(error: RefreshError) -> Self {
        match error {
            RefreshError::Refused => Self::InvalidGrant,
            RefreshError::Unavailable(error) => Self::Unavailable(error),
        }
    }
}

impl From<BearerError> for Unauthorized {
    fn from(error: BearerError) -> Self {
        match error {
            BearerError::Absent => Self::NoCredentials,
            BearerError::Malformed(why) => Self::InvalidRequest(why),
        }
    }
}

impl From<AccessTokenError> for Unauthorized {
    fn from(error: AccessTokenError) -> Self {
        Self::InvalidToken(error.describe())
    }
}

/// "the token has expired" as a sentence.
fn sentence(text: impl ToString) -> String {
    let text = text.to_string();
    let mut chars = text.chars();
    let first = chars.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(chars).chain(['.']).collect()
}
