//! Problems (RFC 9457): the errors of all endpoints but those of OAuth.

use axum::Json;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use guestpass_core::wire::problem_code;
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::sentence;
use crate::accounts::AccountError;
use crate::auth::{AccessTokenError, AccountCallerError, LoginError, Unauthorized, UnavailableError};
use crate::collections::{ChangeError, ValueError};
use crate::limits::{CAPTCHA_REQUIRED, CHALLENGE, CaptchaError, PROOF_REQUIRED, ProofError};
use crate::settings::Origin;
use crate::store::{DataError, StoreError};

/// The `code` of the response to a request from a page of another site.
pub(in crate::routes) const FOREIGN_PAGE: &str = "foreign_page";

/// Marks a response to an account request without a refresh token, which attempts nothing and is not counted.
#[derive(Debug, Clone, Copy)]
pub(in crate::routes) struct NoAttempt;

/// An error response: `application/problem+json`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    status: StatusCode,
    /// The member `type`: `about:blank` if the status describes the problem.
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

    pub(in crate::routes) const fn status(&self) -> StatusCode {
        self.status
    }

    /// 404 for a path without a resource.
    pub(crate) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "There is no resource at this path.")
    }

    /// 404 for a path that names a collection which is not declared.
    pub(in crate::routes) fn unknown_collection() -> Self {
        let detail =
            "This server has no collection with this name. Declare it in the configuration file of the server.";
        Self::new(StatusCode::NOT_FOUND, detail).with("code", json!("unknown_collection"))
    }

    /// 503: the server cannot handle the request at the moment.
    pub(crate) fn unavailable() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "The server cannot handle the request at the moment. Try again later.",
        )
    }

    /// 403: the request comes from a page of another site. `origin` is what the browser sent as the page's origin.
    pub(in crate::routes) fn foreign_page(origin: Option<&str>) -> Self {
        let named = origin.filter(|origin| origin.len() <= 256).and_then(|origin| origin.parse::<Origin>().ok());
        let detail = match named {
            Some(origin) => format!(
                "Pages of {0} may not send this request. If they are yours, start the server with --cors-origin {0}.",
                origin.as_str()
            ),
            None => {
                "Pages of other sites may not send this request. Start the server with --cors-origin for each origin \
                     whose pages may; a sandboxed page has none."
                    .to_owned()
            }
        };
        Self::new(StatusCode::FORBIDDEN, detail).with("code", json!(FOREIGN_PAGE))
    }

    /// 429 (draft-ietf-httpapi-ratelimit-headers-10 §6). `policy` is the name of the limit in `RateLimit-Policy`.
    pub(in crate::routes) fn quota_exceeded(detail: String, policy: &str) -> Self {
        let kind = "https://iana.org/assignments/http-problem-types#quota-exceeded";
        Self { kind, ..Self::new(StatusCode::TOO_MANY_REQUESTS, detail) }.with("violated-policies", json!([policy]))
    }

    /// 428 with a challenge for the login.
    pub(in crate::routes) fn proof_required(error: ProofError, challenge: Value) -> Self {
        let detail = format!(
            "{}. Solve the challenge, and send this request again with the solution in Proof-Of-Work.",
            error.describe()
        );
        Self::new(StatusCode::PRECONDITION_REQUIRED, detail)
            .with("code", json!(PROOF_REQUIRED))
            .with(CHALLENGE, challenge)
    }

    /// 428: the login needs the token of a CAPTCHA.
    pub(in crate::routes) fn captcha_required(error: CaptchaError) -> Self {
        let detail = format!(
            "{}. Let the visitor answer the CAPTCHA, and send this request again with the token as the member captcha of the \
             JSON body.",
            error.describe()
        );
        Self::new(StatusCode::PRECONDITION_REQUIRED, detail).with("code", json!(CAPTCHA_REQUIRED))
    }

    fn with(mut self, member: &str, value: Value) -> Self {
        self.members.insert(member.to_owned(), value);
        self
    }
}

/// An error (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(in crate::routes) struct ProblemBody {
    /// The type of the problem. `about:blank`: the status describes the problem.
    #[serde(rename = "type")]
    #[schema(
        pattern = "^(about:blank|https://iana.org/assignments/http-problem-types#quota-exceeded)$",
        example = "about:blank"
    )]
    kind: &'static str,
    /// The status as a text.
    #[schema(example = "Unprocessable Entity")]
    title: &'static str,
    /// The status of the response.
    #[schema(minimum = 400, maximum = 599, example = 422)]
    status: u16,
    /// What is wrong with this request, and what to do about it; for the developer of the client.
    #[schema(example = "quantity must be at least 1.")]
    detail: String,
    /// Further members of some types of problems.
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
        let is_access_token = body.members.get("code") == Some(&json!(problem_code::REFRESH_TOKEN_REQUIRED));
        let mut response = (self.status, Json(body)).into_response();
        if is_access_token {
            response.extensions_mut().insert(NoAttempt);
        }
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
        tracing::error!(%error, "the store failed");
        Self::unavailable()
    }
}

impl From<UnavailableError> for Problem {
    fn from(error: UnavailableError) -> Self {
        tracing::error!(%error, "a request could not be handled");
        Self::unavailable()
    }
}

impl From<DataError> for Problem {
    fn from(error: DataError) -> Self {
        match error {
            // A token of a guest who does not exist is as invalid as a revoked one.
            DataError::NoGuest => Unauthorized::from(AccessTokenError::Revoked).into(),
            DataError::NoEntry => Self::new(StatusCode::NOT_FOUND, "The collection has no entry with this key.")
                .with("code", json!("no_entry")),
            DataError::Change(error) => error.into(),
        }
    }
}

impl From<ChangeError> for Problem {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::PreconditionFailed => {
                Self::new(StatusCode::PRECONDITION_FAILED, "The resource has changed. Read it again.")
            }
            ChangeError::Full { collection, entries } => {
                let detail =
                    format!("The collection {collection} has the maximum of {entries} entries. Remove an entry first.");
                Self::new(StatusCode::CONFLICT, detail)
                    .with("code", json!("collection_full"))
                    .with("collection", json!(collection))
            }
            ChangeError::KeyReused => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "The Idempotency-Key was used with another request. Send a new key with each new request.",
            ),
            ChangeError::Value(error) => error.into(),
        }
    }
}

impl From<ValueError> for Problem {
    fn from(error: ValueError) -> Self {
        match error {
            ValueError::TooLong { limit } => {
                let detail = format!("The value has more than {limit} bytes of JSON. Send a shorter value.");
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, detail).with("code", json!("value_too_long"))
            }
            ValueError::Invalid(places) => {
                let first = places.first().map(|place| match place.pointer.as_str() {
                    "" => sentence(&place.detail),
                    pointer => format!("At {pointer}: {}.", place.detail),
                });
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, first.unwrap_or_default())
                    .with("code", json!("invalid_value"))
                    .with("errors", json!(places))
            }
        }
    }
}

impl From<LoginError> for Problem {
    fn from(error: LoginError) -> Self {
        match error {
            LoginError::KeyExpired => Self::new(StatusCode::CONFLICT, sentence(&error)),
            LoginError::KeyReused => Self::new(StatusCode::UNPROCESSABLE_ENTITY, sentence(&error)),
            LoginError::Unavailable(error) => error.into(),
        }
    }
}

impl From<AccountCallerError> for Problem {
    fn from(error: AccountCallerError) -> Self {
        match error {
            AccountCallerError::NoCredentials => Self { detail: sentence(error), ..Unauthorized::NoCredentials.into() },
            AccountCallerError::AccessToken => Self::new(StatusCode::FORBIDDEN, sentence(error))
                .with("code", json!(problem_code::REFRESH_TOKEN_REQUIRED)),
            AccountCallerError::Unauthorized(unauthorized) => unauthorized.into(),
            AccountCallerError::Unavailable(error) => error.into(),
        }
    }
}

impl From<AccountError> for Problem {
    fn from(error: AccountError) -> Self {
        let status = match error {
            AccountError::InvalidCredentials | AccountError::InvalidIdToken(_) => StatusCode::FORBIDDEN,
            AccountError::EmailTaken
            | AccountError::AlreadyMember
            | AccountError::KeyReused
            | AccountError::KeyExpired => StatusCode::CONFLICT,
            AccountError::InvalidEmail
            | AccountError::PasswordTooShort
            | AccountError::PasswordTooLong
            | AccountError::PasswordTooCommon
            | AccountError::PasswordNotAllowed
            | AccountError::InvalidPasskey
            | AccountError::ChallengeExpired
            | AccountError::PasskeysUnavailable => StatusCode::UNPROCESSABLE_ENTITY,
            AccountError::IssuerUnavailable => StatusCode::SERVICE_UNAVAILABLE,
            AccountError::SessionEnded => return AccountCallerError::INVALID.into(),
            AccountError::Unavailable(error) => return error.into(),
            AccountError::Busy => return Self::unavailable(),
        };
        Self::new(status, error.to_string()).with("code", error.code().into())
    }
}

impl IntoResponse for AccountError {
    fn into_response(self) -> Response {
        Problem::from(self).into_response()
    }
}

impl From<Unauthorized> for Problem {
    fn from(unauthorized: Unauthorized) -> Self {
        let (status, code, detail) = match unauthorized {
            Unauthorized::Unavailable => return Self::unavailable(),
            Unauthorized::NoCredentials => {
                let detail = "Send an access token: Authorization: Bearer, followed by the token.";
                (StatusCode::UNAUTHORIZED, String::new(), detail.to_owned())
            }
            Unauthorized::InvalidToken(reason) => {
                (StatusCode::UNAUTHORIZED, error_code("invalid_token", reason), sentence(reason))
            }
            Unauthorized::InvalidRequest(reason) => {
                (StatusCode::BAD_REQUEST, error_code("invalid_request", reason), sentence(reason))
            }
        };
        // The texts are plain ASCII, so this does not fail.
        let challenge = HeaderValue::try_from(format!("Bearer realm=\"guestpass\"{code}")).ok();
        Self { challenge, ..Self::new(status, detail) }
    }
}

impl IntoResponse for Unauthorized {
    fn into_response(self) -> Response {
        Problem::from(self).into_response()
    }
}

/// The parameters of an error in `WWW-Authenticate` (RFC 6750 §3).
fn error_code(error: &str, description: &str) -> String {
    format!(", error=\"{error}\", error_description=\"{description}\"")
}
