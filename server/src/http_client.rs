//! HTTP requests to services that the operator has named: OpenID Connect issuers, and the service that verifies CAPTCHAs.

use std::time::Duration;

use reqwest::{ClientBuilder, Response};
use serde::de::DeserializeOwned;

/// The greatest length of a response in bytes.
const MAX_LENGTH: usize = 256 * 1024;

/// An error of a request, for the log.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HttpError {
    #[error("{0}")]
    Failed(String),
    #[error("the response is longer than {MAX_LENGTH} bytes")]
    TooLong,
    #[error("the response cannot be read: {0}")]
    Unreadable(#[from] serde_json::Error),
}

impl From<reqwest::Error> for HttpError {
    fn from(error: reqwest::Error) -> Self {
        // Not the URL, which can contain a secret.
        let error = error.without_url();
        let mut text = error.to_string();
        let mut cause = std::error::Error::source(&error);
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        Self::Failed(text)
    }
}

/// A client whose requests end after `timeout`.
pub(crate) fn builder(timeout: Duration) -> ClientBuilder {
    reqwest::Client::builder()
        .timeout(timeout)
        // The operator has chosen the host, so a response must not lead to another one.
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("guestpass/", env!("CARGO_PKG_VERSION")))
}

/// Reads a body with JSON.
pub(crate) async fn json<T: DeserializeOwned>(mut response: Response) -> Result<T, HttpError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > MAX_LENGTH {
            return Err(HttpError::TooLong);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(serde_json::from_slice(&body)?)
}
