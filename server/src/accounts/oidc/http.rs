//! Requests for the documents of an issuer, with limits.

use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;
use url::Url;

use super::reach::{Reach, ReachError};

/// The greatest length of a response in bytes.
const MAX_LENGTH: usize = 256 * 1024;

/// The client for requests to one issuer.
#[derive(Debug)]
pub(super) struct HttpClient {
    client: reqwest::Client,
    reach: Reach,
}

/// An error of a fetch, for the log.
#[derive(Debug, thiserror::Error)]
pub(super) enum FetchError {
    #[error("{0}")]
    Http(String),
    #[error("the response has the status {0}")]
    Status(u16),
    #[error("the response is longer than {MAX_LENGTH} bytes")]
    TooLong,
    #[error("the response cannot be read: {0}")]
    Unreadable(#[from] serde_json::Error),
    #[error("{0}")]
    Document(&'static str),
    #[error(
        "--oidc-issuer names it {configured}, and its discovery document {found}: {}",
        if found.contains('{') {
            "that stands for many issuers, one for each tenant; name the issuer of each tenant, with its id"
        } else {
            "write the name of the document, which its tokens have too"
        }
    )]
    Name { configured: String, found: String },
    #[error(transparent)]
    Reach(#[from] ReachError),
}

impl From<reqwest::Error> for FetchError {
    fn from(error: reqwest::Error) -> Self {
        let mut text = error.to_string();
        let mut cause = std::error::Error::source(&error);
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        Self::Http(text)
    }
}

impl HttpClient {
    /// `timeout` is that of one request.
    pub(super) fn new(reach: Reach, timeout: Duration) -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder()
            .timeout(timeout)
            // The operator has chosen the host, so a response must not lead to another one.
            .redirect(reqwest::redirect::Policy::none())
            .dns_resolver(Arc::new(reach.clone()))
            .user_agent(concat!("guestpass/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self { client, reach })
    }

    pub(super) async fn json<T: DeserializeOwned>(&self, url: Url) -> Result<T, FetchError> {
        self.reach.check(&url)?;
        let mut response = self.client.get(url).header("accept", "application/json").send().await?;
        if response.status() != reqwest::StatusCode::OK {
            return Err(FetchError::Status(response.status().as_u16()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            if body.len() + chunk.len() > MAX_LENGTH {
                return Err(FetchError::TooLong);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(serde_json::from_slice(&body)?)
    }
}
