//! The errors that callers see.

use guestpass_core::SessionError;
use js_sys::{Array, Function, Object, Reflect};
use serde::{Deserialize, Serialize};
use wasm_bindgen::prelude::*;

use crate::js::get;
use crate::line::Line;
use crate::record::to_js;

/// Stable codes of the errors of a session: the member `code` of a `GuestpassError`.
///
/// A call that its own `signal` aborts is rejected with the reason of that signal, and a request that does not reach its
/// server with the `TypeError` of `fetch`: neither is an error of Guestpass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum ErrorCode {
    /// The session server could not be reached, or its response was cut short.
    Network,
    /// There was no credential by the deadline, which is the `timeout` of the session or of the call of `token`.
    Timeout,
    /// The server responded with 408, 429 or 5xx, or with something that is not a token response.
    Unavailable,
    /// The server refused to make or refresh a session, or to open a stream, for a reason that waiting does not mend: a wrong
    /// base URL, for example.
    Rejected,
    /// The server ended the session, and the option `onIdentityLost` is `stop`.
    SessionEnded,
    /// The session was signed out while the call waited, or before the call, permanently (`next: 'none'`).
    SignedOut,
    /// The server refused to make a member of the guest, or to erase the visitor. `status` and `reason` of the error say why;
    /// the session is as it was.
    Refused,
    /// The session is closed.
    Closed,
}

/// What a call of a [`Session`](crate::Session) was rejected with, as an error of Rust: `session.token(None, None).await?`.
#[derive(Clone, Debug)]
pub struct Error(JsValue);

impl Error {
    /// What went wrong. `None` for the reason of the caller's own abort, and for what `fetch` rejects with.
    pub fn code(&self) -> Option<ErrorCode> {
        serde_wasm_bindgen::from_value(get(&self.0, "code")).ok()
    }

    /// The HTTP status of a refusal.
    pub fn status(&self) -> Option<u16> {
        serde_wasm_bindgen::from_value(get(&self.0, "status")).ok()
    }

    /// The code of the server's problem, of a refusal: `invalid_credentials`, `email_taken`, …
    pub fn reason(&self) -> Option<String> {
        get(&self.0, "reason").as_string()
    }
}

impl core::fmt::Display for Error {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(&get(&self.0, "message").as_string().unwrap_or_else(|| format!("{:?}", self.0)))
    }
}

impl core::error::Error for Error {}

impl From<JsValue> for Error {
    fn from(rejection: JsValue) -> Self {
        Self(rejection)
    }
}

impl From<Error> for JsValue {
    fn from(error: Error) -> Self {
        error.0
    }
}

/// An error before JavaScript sees it.
pub(crate) struct CallError {
    code: ErrorCode,
    message: String,
    details: Details,
}

/// Of a refusal: its HTTP status, and the problem's code.
#[derive(Default, Serialize)]
struct Details {
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl CallError {
    pub(crate) fn refused(status: u16, reason: String) -> Self {
        let message = with_status(Line::new("the server refused: ").text(&reason), status);
        let message = message.text("; the session is as it was").into_string();
        Self { code: ErrorCode::Refused, message, details: Details { status: Some(status), reason: Some(reason) } }
    }

    /// As an object of `class`, whose constructor takes the code, the message, and an object with the details; without a
    /// class, as an `Error` with these as members.
    pub(crate) fn into_js(self, class: Option<&Function>) -> JsValue {
        if let Some(class) = class {
            let arguments = Array::of3(&to_js(&self.code), &self.message.into(), &to_js(&self.details));
            return Reflect::construct(class, &arguments).unwrap_or_else(|thrown| thrown);
        }
        let error = js_sys::Error::new(&self.message);
        let _ = Reflect::set(&error, &"code".into(), &to_js(&self.code));
        Object::assign(&error, to_js(&self.details).unchecked_ref()).into()
    }
}

impl From<SessionError> for CallError {
    fn from(failure: SessionError) -> Self {
        let (code, message) = describe(failure);
        Self { code, message, details: Details::default() }
    }
}

/// The code of a failure, and what it means for people.
pub(crate) fn describe(failure: SessionError) -> (ErrorCode, String) {
    let (code, message) = match failure {
        SessionError::Network => (ErrorCode::Network, "the session server could not be reached"),
        SessionError::Timeout => (ErrorCode::Timeout, "no token within the time limit"),
        SessionError::Unavailable { status } => {
            let message = with_status(Line::new("the session server could not answer"), status);
            return (ErrorCode::Unavailable, message.text("; the session is kept").into_string());
        }
        SessionError::Rejected { status } => {
            let message = with_status(Line::new("the session server refused the request"), status);
            return (ErrorCode::Rejected, message.text("; is `baseUrl` right?").into_string());
        }
        SessionError::SessionEnded => {
            (ErrorCode::SessionEnded, "the server ended the session; call start() for a fresh guest")
        }
        SessionError::SignedOut => (ErrorCode::SignedOut, "the session was signed out"),
        // A call that its caller aborts is rejected with the reason of its signal, not with an error of the session.
        SessionError::Aborted | SessionError::Closed => (ErrorCode::Closed, "the session is closed"),
    };
    (code, message.into())
}

fn with_status(line: Line, status: u16) -> Line {
    line.text(" (HTTP ").number(status.into()).text(")")
}
