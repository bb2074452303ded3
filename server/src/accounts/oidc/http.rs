//! Requests for the documents of an issuer, with limits.

use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;
use url::Url;

use super::reach::{Reach, ReachError};
use crate::http_client::{self, HttpError};

/// The client for requests to one issuer.
#[derive(Debug)]
pub(super) struct HttpClient {
    client: reqwest::Client,
    reach: Reach,
}

/// An error of a fetch, for the log.
#[derive(Debug, thiserror::Error)]
pub(super) enum FetchError {
    #[error(transparent)]
    Http(#[from] HttpError),
    #[error("the response has the status {0}")]
    Status(u16),
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

impl HttpClient {
    /// `timeout` is that of one request.
    pub(super) fn new(reach: Reach, timeout: Duration) -> Result<Self, reqwest::Error> {
        let client = http_client::builder(timeout).dns_resolver(Arc::new(reach.clone())).build()?;
        Ok(Self { client, reach })
    }

    pub(super) async fn json<T: DeserializeOwned>(&self, url: Url) -> Result<T, FetchError> {
        self.reach.check(&url)?;
        let sent = self.client.get(url).header("accept", "application/json").send().await;
        let response = sent.map_err(HttpError::from)?;
        if response.status() != reqwest::StatusCode::OK {
            return Err(FetchError::Status(response.status().as_u16()));
        }
        Ok(http_client::json(response).await?)
    }
}
