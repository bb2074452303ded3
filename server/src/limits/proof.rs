//! Proof of work at login, for when limits are not enough: each guest costs whoever makes it some processor time.
//!
//! The protocol is ALTCHA's, version 2. A challenge is signed and forgotten, so that strangers fill no memory and every
//! node can check what another has asked for. It is good for one guest: either it names the `Idempotency-Key` that was
//! sent, or its proof stands in for the key. Used again, it gives the same guest again.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use altcha::{Challenge, CreateChallengeOptions, HmacAlgorithm, Payload, VerifySolutionOptions};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::auth::Keys;
use crate::clock::{Clock, Timestamp};
use crate::config::InvalidValue;
use crate::error::Problem;
use crate::secret::{Secret, sha256};

/// The header with a solved challenge: base64 of `{"challenge", "solution"}`, as ALTCHA's own clients write it.
pub(crate) const PROOF_OF_WORK: HeaderName = HeaderName::from_static("proof-of-work");
/// The member of the problem with the challenge.
pub(crate) const CHALLENGE: &str = "challenge";
/// The `code` of the problem.
pub(crate) const PROOF_REQUIRED: &str = "proof_required";

const ALGORITHM: &str = "PBKDF2/SHA-256";
/// What a derived key must begin with, in hexadecimal: 256 attempts on average.
const KEY_PREFIX: &str = "00";
/// How long a client may take. Shorter than an idempotency key counts, so that a proof never makes a second guest.
const LIFE: Duration = Duration::from_secs(5 * 60);
/// Ours are under 900 bytes.
const MAX_LENGTH: usize = 4096;
/// No message that a refresh token's key signs otherwise: those have 24 bytes.
const PURPOSE: &[u8] = b"guestpass: proof of work at login";

/// Whether a login needs a proof of work: `off`, or how much work one of its 256 attempts is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProofOfWork {
    /// No proof is needed.
    Off,
    /// Iterations of PBKDF2 with SHA-256 in each attempt.
    Cost(u32),
}

impl FromStr for ProofOfWork {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        match (text, text.parse()) {
            ("off", _) => Ok(Self::Off),
            // The server makes one attempt to check.
            (_, Ok(cost @ 1..=100_000)) => Ok(Self::Cost(cost)),
            _ => Err(InvalidValue::new("expected a number from 1 to 100000 such as 2000, or off")),
        }
    }
}

/// Asks for proofs and checks them.
#[derive(Debug)]
pub(super) struct Proofs {
    cost: u32,
    keys: Arc<Keys>,
    clock: Arc<dyn Clock>,
    /// Checks at a time: they cost what a client's attempt costs, and must not take all processors.
    checks: Semaphore,
}

/// Why a proof counts for nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ProofError {
    Missing,
    Malformed,
    Expired,
    /// For another login, or not made by this server.
    Other,
    Unsolved,
}

impl ProofError {
    const fn describe(self) -> &'static str {
        match self {
            Self::Missing => "This login needs a proof of work",
            Self::Malformed => "The proof of work cannot be read",
            Self::Expired => "The challenge has expired",
            Self::Other => "The challenge is not of this server, or was for a login with another Idempotency-Key",
            Self::Unsolved => "The solution is wrong",
        }
    }
}

impl Proofs {
    /// `None` if no proof is needed.
    pub(super) fn new(setting: ProofOfWork, keys: &Arc<Keys>, clock: &Arc<dyn Clock>) -> Option<Self> {
        let ProofOfWork::Cost(cost) = setting else { return None };
        let checks = Semaphore::new(std::thread::available_parallelism().map_or(1, |count| count.get().div_ceil(2)));
        Some(Self { cost, keys: Arc::clone(keys), clock: Arc::clone(clock), checks })
    }

    /// Checks the proof that came with a login under the idempotency key of this hash. Without a key, hands back the one
    /// that the proof stands in for.
    pub(super) async fn check(&self, headers: &HeaderMap, key: Option<&[u8; 32]>) -> Result<Option<HeaderValue>, ProofError> {
        let header = headers.get(PROOF_OF_WORK).ok_or(ProofError::Missing)?;
        let Payload { challenge, solution } = read(header).ok_or(ProofError::Malformed)?;
        let Challenge { mut parameters, signature: Some(signature) } = challenge else { return Err(ProofError::Other) };
        let now = self.clock.now();
        let secret = self.secrets(now).into_iter().find(|secret| is_signed(&parameters, &signature, secret));
        let secret = secret.ok_or(ProofError::Other)?;
        let ends_at = parameters.expires_at.map(Timestamp::from_secs).ok_or(ProofError::Other)?;
        if ends_at <= now {
            return Err(ProofError::Expired);
        }
        if parameters.data.as_ref().and_then(|data| data.get(LOGIN)) != key.map(name_of).as_ref() {
            return Err(ProofError::Other);
        }
        // Its time has been looked at, by our clock; the crate has one of its own.
        parameters.expires_at = None;
        let unlimited = altcha::sign_challenge(&HmacAlgorithm::Sha256, &mut parameters, None, &secret, None);
        let unlimited = unlimited.map_err(|_| ProofError::Other)?;
        let _turn = self.checks.acquire().await.map_err(|_| ProofError::Unsolved)?;
        let solved = tokio::task::spawn_blocking(move || {
            altcha::verify_solution(VerifySolutionOptions::new(&unlimited, &solution, secret))
                .is_ok_and(|result| result.verified)
        });
        if !solved.await.unwrap_or(false) {
            return Err(ProofError::Unsolved);
        }
        let stand_in = || HeaderValue::try_from(URL_SAFE_NO_PAD.encode(sha256(signature.as_bytes()))).ok();
        Ok(if key.is_none() { stand_in() } else { None })
    }

    /// 428 with a challenge for this login.
    pub(super) fn demand(&self, error: ProofError, key: Option<&[u8; 32]>) -> Problem {
        let now = self.clock.now();
        let challenge = altcha::create_challenge(CreateChallengeOptions {
            algorithm: ALGORITHM.to_owned(),
            cost: self.cost,
            data: key.map(|key| [(LOGIN.to_owned(), name_of(key))].into()),
            expires_at: Some((now + LIFE).as_secs()),
            hmac_signature_secret: self.secrets(now).into_iter().next(),
            key_prefix: KEY_PREFIX.to_owned(),
            ..CreateChallengeOptions::default()
        });
        let challenge = challenge.ok().and_then(|challenge| serde_json::to_value(challenge).ok());
        let Some(challenge) = challenge else { return Problem::unavailable() };
        let detail = format!(
            "{}. Solve the challenge, and send this request again with the solution in Proof-Of-Work.",
            error.describe()
        );
        Problem::new(StatusCode::PRECONDITION_REQUIRED, detail)
            .with("code", json!(PROOF_REQUIRED))
            .with(CHALLENGE, challenge)
    }

    /// What signs challenges, and what has signed them before the keys were rotated; the same on every node.
    fn secrets(&self, now: Timestamp) -> Vec<String> {
        let text = |secret: Secret| URL_SAFE_NO_PAD.encode(secret.expose());
        self.keys.current().refresh().secrets_for(PURPOSE, now).into_iter().map(text).collect()
    }
}

/// The member of a challenge's `data` that names the login it is for.
const LOGIN: &str = "login";

/// Tells nobody the key, and one from another.
fn name_of(key: &[u8; 32]) -> Value {
    Value::from(URL_SAFE_NO_PAD.encode(&sha256(key)[..16]))
}

fn read(header: &HeaderValue) -> Option<Payload> {
    let text = header.as_bytes();
    if text.len() > MAX_LENGTH {
        return None;
    }
    serde_json::from_slice(&STANDARD.decode(text).ok()?).ok()
}

fn is_signed(parameters: &altcha::ChallengeParameters, signature: &str, secret: &str) -> bool {
    let ours = altcha::sign_challenge(&HmacAlgorithm::Sha256, &mut parameters.clone(), None, secret, None);
    let ours = ours.ok().and_then(|challenge| challenge.signature);
    ours.is_some_and(|ours| verify_slices_are_equal(ours.as_bytes(), signature.as_bytes()).is_ok())
}

impl fmt::Display for ProofOfWork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("off"),
            Self::Cost(cost) => cost.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_setting_is_a_cost_or_off() {
        assert_eq!("off".parse(), Ok(ProofOfWork::Off));
        assert_eq!("2000".parse(), Ok(ProofOfWork::Cost(2000)));
        for text in ["", "on", "0", "-1", "100001", "1.5", "99999999999"] {
            assert!(text.parse::<ProofOfWork>().is_err(), "{text}");
        }
    }
}
