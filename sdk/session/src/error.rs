//! The errors that calls of a session reject with.

use guestpass_core::SessionError;
use js_sys::{Array, Function, Reflect};
use serde::{Deserialize, Serialize};
use wasm_bindgen::prelude::*;

use crate::js::{assign, get, set, to_js};
use crate::text_builder::TextBuilder;

/// The stable code of an error of a session: the member `code` of a `GuestpassError`.
///
/// A call whose own `signal` is aborted rejects with the reason of that signal, and a request that does not reach its server
/// rejects with the `TypeError` of `fetch`: neither is an error of Guestpass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum ErrorCode {
    /// The session server could not be reached, or its response ended early.
    Network,
    /// There was no credential within the `timeout` of the session or of the call of `token`.
    Timeout,
    /// The server responded with 408, 429 or 5xx, or its response is not a token response; or the storage of the browser fails,
    /// and without it the session of all tabs cannot be renewed.
    Unavailable,
    /// The server refused to make or refresh a session, or to open a stream, for a reason that does not pass by itself: a
    /// wrong base URL, for example.
    Rejected,
    /// The server ended the session, and the option `onIdentityLost` is `stop`.
    SessionEnded,
    /// The session was signed out during the call, or permanently (`next: 'none'`) before the call.
    SignedOut,
    /// The server refused to register, log in, link or erase the visitor, or refused a request of a collection. The members
    /// `status` and `reason` of the error tell why; nothing has changed.
    Refused,
    /// The session is closed.
    Closed,
}

/// The JavaScript value that a call of a [`Session`](crate::Session) rejected with, as a Rust error:
/// `session.token().await?`.
#[derive(Clone, Debug)]
pub struct Error(JsValue);

impl Error {
    /// The stable code. `None` for the reason of the caller's own abort signal, and for a rejection of `fetch`.
    pub fn code(&self) -> Option<ErrorCode> {
        serde_wasm_bindgen::from_value(get(&self.0, "code")).ok()
    }

    /// The HTTP status of the response, for [`ErrorCode::Refused`].
    pub fn status(&self) -> Option<u16> {
        serde_wasm_bindgen::from_value(get(&self.0, "status")).ok()
    }

    /// The code of the server's problem (RFC 9457), for [`ErrorCode::Refused`]: `invalid_credentials`, `email_taken`, …
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

/// An error of a call, before it becomes a JavaScript error.
pub(crate) struct CallError {
    code: ErrorCode,
    message: String,
    details: Details,
}

/// For `Refused`: the HTTP status, and the code of the server's problem.
#[derive(Default, Serialize)]
struct Details {
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl CallError {
    pub(crate) fn refused(status: u16, reason: String) -> Self {
        let message = with_status(TextBuilder::new("the server refused: ").text(&reason), status);
        let message = message.text("; the session is as it was").into_string();
        Self { code: ErrorCode::Refused, message, details: Details { status: Some(status), reason: Some(reason) } }
    }

    /// A JavaScript `Error`, with the code and the details as members.
    pub(crate) fn into_error(self) -> JsValue {
        let error = js_sys::Error::new(&self.message);
        set(&error, "code", to_js(&self.code));
        let _ = assign(&error, &to_js(&self.details));
        error.into()
    }

    /// An object of a class whose constructor takes the code, the message, and an object with the details.
    pub(crate) fn into_instance(self, class: &Function) -> JsValue {
        let arguments = Array::of3(&to_js(&self.code), &self.message.into(), &to_js(&self.details));
        Reflect::construct(class, &arguments).unwrap_or_else(|thrown| thrown)
    }
}

impl From<SessionError> for CallError {
    fn from(error: SessionError) -> Self {
        let (code, message) = describe(error);
        Self { code, message, details: Details::default() }
    }
}

/// The code of an error, and its message: what is wrong, and what the developer or the visitor can do.
pub(crate) fn describe(error: SessionError) -> (ErrorCode, String) {
    let (code, message) = match error {
        SessionError::Network => {
            (ErrorCode::Network, "the session server could not be reached; check the connection and `baseUrl`")
        }
        SessionError::Timeout => (ErrorCode::Timeout, "no token within the time limit; try again later"),
        SessionError::Unavailable { status } => {
            let message = with_status(TextBuilder::new("the session server is not available"), status);
            return (ErrorCode::Unavailable, message.text("; try again later").into_string());
        }
        SessionError::Rejected { status } => {
            let message = with_status(TextBuilder::new("the session server refused the request"), status);
            return (ErrorCode::Rejected, message.text("; check `baseUrl`").into_string());
        }
        SessionError::Storage => (
            ErrorCode::Unavailable,
            "the storage of the browser does not work, and without it the session of all tabs cannot be renewed; free or allow \
             storage",
        ),
        SessionError::SessionEnded => {
            (ErrorCode::SessionEnded, "the server ended the session; call start() for a new guest")
        }
        SessionError::SignedOut => (ErrorCode::SignedOut, "the session was signed out; call start() for a new guest"),
        // A call that its caller aborts rejects with the reason of the signal instead.
        SessionError::Aborted | SessionError::Closed => (ErrorCode::Closed, "the session is closed"),
    };
    (code, message.into())
}

fn with_status(line: TextBuilder, status: u16) -> TextBuilder {
    line.text(" (HTTP ").number(status.into()).text(")")
}
