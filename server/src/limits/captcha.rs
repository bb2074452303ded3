//! CAPTCHAs at login: a service verifies the tokens of its widget, as Turnstile and hCaptcha do.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use url::form_urlencoded;

use super::address::ClientNetwork;
use super::admission::{ByNetwork, RateLimited, admit};
use super::fair_queue::{FairQueue, QueueFull};
use super::rate::MonotonicClock;
use crate::config::{Config, ConfigError};
use crate::http_client::{self, HttpError};
use crate::settings::{CaptchaSecret, CaptchaUrl, Rate};

/// The `code` of the problem.
pub(crate) const CAPTCHA_REQUIRED: &str = "captcha_required";

/// How long the service may take. A login has 15 seconds, and a token may wait for its turn before.
const TIMEOUT: Duration = Duration::from_secs(5);
/// How many tokens are verified at a time.
const CONCURRENT: usize = 32;
/// The number of tokens that may wait. Further ones are refused with 503.
const QUEUE: usize = 128;
/// How many wrong tokens one client may send. A token counts until it is verified, so this is more than the number of tokens
/// that wait or are verified.
const WRONG_TOKENS: Rate = Rate::Limit { count: NonZeroU32::new(300).unwrap(), per: Duration::from_secs(10 * 60) };

/// Verifies tokens.
#[derive(Debug)]
pub(super) struct Captchas {
    url: CaptchaUrl,
    secret: CaptchaSecret,
    client: reqwest::Client,
    checks: FairQueue,
    wrong: Option<ByNetwork>,
}

/// A login that its token does not admit.
#[derive(Debug)]
pub(super) enum CheckError {
    Captcha(CaptchaError),
    /// The network of the client has sent too many wrong tokens.
    RateLimited(RateLimited),
    QueueFull,
    /// The service has not responded, or does not accept the secret.
    Unavailable,
}

impl From<QueueFull> for CheckError {
    fn from(QueueFull: QueueFull) -> Self {
        Self::QueueFull
    }
}

/// The problem of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CaptchaError {
    Missing,
    /// The service does not accept it.
    Wrong,
}

impl CaptchaError {
    /// A text for the developer of the client, without a full stop.
    pub(crate) const fn describe(self) -> &'static str {
        match self {
            Self::Missing => "This login needs the token of a CAPTCHA",
            Self::Wrong => "The token of the CAPTCHA is wrong, expired or used",
        }
    }
}

/// The response of the service.
#[derive(Deserialize)]
struct Verdict {
    success: bool,
    #[serde(default, rename = "error-codes")]
    error_codes: Vec<String>,
}

impl Captchas {
    /// `None` if no CAPTCHA is needed.
    pub(super) fn new(config: &Config, clock: &Arc<MonotonicClock>) -> Result<Option<Self>, ConfigError> {
        let (Some(url), Some(secret)) = (&config.captcha_verify_url, &config.captcha_secret) else { return Ok(None) };
        let client = http_client::builder(TIMEOUT).build();
        let client = client.map_err(|error| ConfigError::new("--captcha-verify-url", error.to_string()))?;
        Ok(Some(Self {
            url: url.clone(),
            secret: secret.clone(),
            client,
            checks: FairQueue::new(CONCURRENT, QUEUE),
            wrong: ByNetwork::new(WRONG_TOKENS, clock),
        }))
    }

    pub(super) async fn check(&self, token: Option<&str>, address: Option<IpAddr>) -> Result<(), CheckError> {
        let token = token.filter(|token| !token.is_empty()).ok_or(CheckError::Captcha(CaptchaError::Missing))?;
        let client = address.map(ClientNetwork::from);
        let limits = self.wrong.iter().zip(client).flat_map(|(wrong, client)| wrong.limits(client));
        // Counted as a wrong token until it turns out to be right.
        let counted = admit("wrong CAPTCHA tokens", limits).map_err(CheckError::RateLimited)?;
        let turn = self.checks.turn(client.map(ClientNetwork::allocation)).await.inspect_err(|_| counted.refund())?;
        let verdict = self.verify(token, address).await;
        drop(turn);
        let reason = match verdict {
            Ok(Verdict { success: true, .. }) => {
                counted.refund();
                return Ok(());
            }
            // The secret is wrong, or belongs to another site: a mistake of the operator.
            Ok(Verdict { error_codes, .. }) if error_codes.iter().any(|code| code.contains("secret")) => {
                format!("it does not accept --captcha-secret ({})", error_codes.join(", "))
            }
            Ok(_) => return Err(CheckError::Captcha(CaptchaError::Wrong)),
            Err(error) => error.to_string(),
        };
        counted.refund();
        tracing::error!(%reason, "the CAPTCHA service has verified no token");
        Err(CheckError::Unavailable)
    }

    async fn verify(&self, token: &str, address: Option<IpAddr>) -> Result<Verdict, HttpError> {
        let address = address.map(|address| address.to_string());
        let fields = [("secret", self.secret.0.as_str()), ("response", token)];
        let fields = fields.into_iter().chain(address.as_deref().map(|address| ("remoteip", address)));
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = self.client.post(self.url.0.clone()).body(form);
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let response = request.header("accept", "application/json").send().await?;
        // Some services respond to a wrong token with a status of 400 and more, and the same JSON.
        if response.status().is_server_error() || response.status().is_redirection() {
            return Err(HttpError::Failed(format!("the response has the status {}", response.status())));
        }
        http_client::json(response).await
    }
}
