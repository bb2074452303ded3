//! Proof of work at login, for servers where rate limits are not enough: each new guest costs the client processor time.
//!
//! The protocol is version 2 of ALTCHA. A challenge is signed and not stored, so that clients cannot fill the memory and every
//! node can check the challenges of the others. A challenge makes one guest: either it contains the `Idempotency-Key` of
//! the login, or the server derives a key from the proof. If the proof is sent again, the login returns the same guest.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use altcha::{Challenge, CreateChallengeOptions, HmacAlgorithm, Payload, VerifySolutionOptions};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::Value;

use super::address::ClientNetwork;
use super::admission::{ByNetwork, RateLimited, admit};
use super::fair_queue::{FairQueue, QueueFull};
use super::rate::MonotonicClock;
use crate::auth::Keys;
use crate::clock::{Clock, Timestamp};
use crate::secret::{Secret, sha256};
use crate::settings::{ProofOfWork, Rate};

/// The member of the problem that has the challenge.
pub(crate) const CHALLENGE: &str = "challenge";
/// The `code` of the problem.
pub(crate) const PROOF_REQUIRED: &str = "proof_required";

const ALGORITHM: &str = "PBKDF2/SHA-256";
/// The prefix of a derived key that solves a challenge, in hexadecimal: it takes 256 attempts on average.
const KEY_PREFIX: &str = "00";
/// How long a challenge is valid. Shorter than the window of an idempotency key, so that a proof never makes a second guest.
const LIFETIME: Duration = Duration::from_secs(5 * 60);
/// The greatest length of a proof. A proof is under 900 bytes.
const MAX_LENGTH: usize = 4096;
/// The purpose of the derived secrets. The signed part of a refresh token has another length: 24 bytes.
const PURPOSE: &[u8] = b"guestpass: proof of work at login";

/// How many wrong solutions one client may send. The clients of ALTCHA send none. A solution counts until its check has ended,
/// so this is more than the number of proofs that wait.
const WRONG_SOLUTIONS: Rate = Rate::Limit { count: NonZeroU32::new(300).unwrap(), per: Duration::from_secs(10 * 60) };
/// The number of proofs that may wait for their check. Further ones are refused with 503.
const QUEUE: usize = 128;

/// Makes challenges and checks proofs.
#[derive(Debug)]
pub(super) struct Proofs {
    cost: u32,
    keys: Arc<Keys>,
    clock: Arc<dyn Clock>,
    /// Limits the concurrent checks. A check costs as much as an attempt of the client, and must not take all processors.
    checks: FairQueue,
    wrong: Option<ByNetwork>,
}

/// A login that its proof does not admit.
#[derive(Debug)]
pub(super) enum CheckError {
    Proof(ProofError),
    /// The network of the client has sent too many wrong solutions.
    RateLimited(RateLimited),
    QueueFull,
}

impl From<ProofError> for CheckError {
    fn from(error: ProofError) -> Self {
        Self::Proof(error)
    }
}

impl From<QueueFull> for CheckError {
    fn from(QueueFull: QueueFull) -> Self {
        Self::QueueFull
    }
}

/// The problem of a proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ProofError {
    Missing,
    Malformed,
    Expired,
    /// The challenge belongs to another login, or is not signed by this server.
    ForeignChallenge,
    Unsolved,
}

impl ProofError {
    /// A text for the developer of the client, without a full stop.
    pub(crate) const fn describe(self) -> &'static str {
        match self {
            Self::Missing => "This login needs a proof of work",
            Self::Malformed => "The proof of work cannot be read",
            Self::Expired => "The challenge has expired",
            Self::ForeignChallenge => {
                "The challenge is not from this server, or belongs to a login with another Idempotency-Key"
            }
            Self::Unsolved => "The solution is wrong",
        }
    }
}

impl Proofs {
    /// `None` if no proof is needed.
    pub(super) fn new(
        setting: ProofOfWork,
        keys: &Arc<Keys>,
        clock: &Arc<dyn Clock>,
        monotonic: &Arc<MonotonicClock>,
    ) -> Option<Self> {
        let ProofOfWork::Cost(cost) = setting else { return None };
        let slots = std::thread::available_parallelism().map_or(1, |count| count.get().div_ceil(2));
        Some(Self {
            cost,
            keys: Arc::clone(keys),
            clock: Arc::clone(clock),
            checks: FairQueue::new(slots, QUEUE),
            wrong: ByNetwork::new(WRONG_SOLUTIONS, monotonic),
        })
    }

    /// Checks the proof of a login whose idempotency key has the hash `key`. The proof is base64 of
    /// `{"challenge", "solution"}`, as the clients of ALTCHA write it. For a login without a key, returns a key
    /// derived from the proof.
    pub(super) async fn check(
        &self,
        proof: Option<&[u8]>,
        key: Option<&[u8; 32]>,
        client: Option<ClientNetwork>,
    ) -> Result<Option<String>, CheckError> {
        let proof = proof.ok_or(ProofError::Missing)?;
        let Payload { challenge, solution } = read(proof).ok_or(ProofError::Malformed)?;
        let Challenge { mut parameters, signature: Some(signature) } = challenge else {
            return Err(ProofError::ForeignChallenge.into());
        };
        let now = self.clock.now();
        let secret = self.secrets(now).into_iter().find(|secret| is_signed(&parameters, &signature, secret));
        let secret = secret.ok_or(ProofError::ForeignChallenge)?;
        let ends_at = parameters.expires_at.map(Timestamp::from_secs).ok_or(ProofError::ForeignChallenge)?;
        if ends_at <= now {
            return Err(ProofError::Expired.into());
        }
        if parameters.data.as_ref().and_then(|data| data.get(LOGIN)) != key.map(login_id).as_ref() {
            return Err(ProofError::ForeignChallenge.into());
        }
        // The expiry has been checked above, by the clock of this server; the crate would use its own.
        parameters.expires_at = None;
        let unlimited = altcha::sign_challenge(&HmacAlgorithm::Sha256, &mut parameters, None, &secret, None);
        let unlimited = unlimited.map_err(|_| ProofError::ForeignChallenge)?;
        // Only now, because all checks above are cheap. Counted as a wrong solution until it turns out to be right.
        let limits = self.wrong.iter().zip(client).flat_map(|(wrong, client)| wrong.limits(client));
        let counted = admit("wrong solutions", limits).map_err(CheckError::RateLimited)?;
        let turn = self.checks.turn(client.map(ClientNetwork::allocation)).await.inspect_err(|_| counted.refund())?;
        let solved = tokio::task::spawn_blocking(move || {
            let verified = altcha::verify_solution(VerifySolutionOptions::new(&unlimited, &solution, secret))
                .is_ok_and(|result| result.verified);
            // Also if the client has disconnected: the next check begins when this one has ended.
            drop(turn);
            verified
        });
        if !solved.await.unwrap_or(false) {
            return Err(ProofError::Unsolved.into());
        }
        counted.refund();
        Ok(key.is_none().then(|| URL_SAFE_NO_PAD.encode(sha256(signature.as_bytes()))))
    }

    /// A new challenge for a login whose idempotency key has the hash `key`, as JSON. `None` if it could not be made.
    pub(super) fn challenge(&self, key: Option<&[u8; 32]>) -> Option<Value> {
        let now = self.clock.now();
        let challenge = altcha::create_challenge(CreateChallengeOptions {
            algorithm: ALGORITHM.to_owned(),
            cost: self.cost,
            data: key.map(|key| [(LOGIN.to_owned(), login_id(key))].into()),
            expires_at: Some((now + LIFETIME).as_secs()),
            hmac_signature_secret: self.secrets(now).into_iter().next(),
            key_prefix: KEY_PREFIX.to_owned(),
            ..CreateChallengeOptions::default()
        });
        challenge.ok().and_then(|challenge| serde_json::to_value(challenge).ok())
    }

    /// The secrets that sign challenges: the current one first, then those of older keys. The same on every node.
    fn secrets(&self, now: Timestamp) -> Vec<String> {
        let text = |secret: Secret| URL_SAFE_NO_PAD.encode(secret.expose());
        self.keys.current().refresh().secrets_for(PURPOSE, now).into_iter().map(text).collect()
    }
}

/// The member of a challenge's `data` that identifies the login.
const LOGIN: &str = "login";

/// A hash that identifies the idempotency key without revealing it.
fn login_id(key: &[u8; 32]) -> Value {
    Value::from(URL_SAFE_NO_PAD.encode(&sha256(key)[..16]))
}

fn read(text: &[u8]) -> Option<Payload> {
    if text.len() > MAX_LENGTH {
        return None;
    }
    serde_json::from_slice(&STANDARD.decode(text).ok()?).ok()
}

fn is_signed(parameters: &altcha::ChallengeParameters, signature: &str, secret: &str) -> bool {
    let expected = altcha::sign_challenge(&HmacAlgorithm::Sha256, &mut parameters.clone(), None, secret, None);
    let expected = expected.ok().and_then(|challenge| challenge.signature);
    expected.is_some_and(|expected| verify_slices_are_equal(expected.as_bytes(), signature.as_bytes()).is_ok())
}
