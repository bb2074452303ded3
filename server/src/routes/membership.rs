//! What `/register`, `/login` and `/link` share: retries, responses, and the bodies of passkeys.

use axum::Json;
use axum::body::Bytes;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use guestpass_core::wire::{MembershipOutcome, MembershipResponse, TokenResponse};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::error::Problem;
use super::extract::idempotency_key;
use crate::accounts::{AccountError, PasskeyChallenge, PasskeyResponse, UpgradeRequest};
use crate::auth::{Kind, RefreshToken, Subject};
use crate::clock::Timestamp;
use crate::failed_attempts::RATE_LIMITED;
use crate::limits::RateLimited;
use crate::metrics::MembershipEndpoint;
use crate::secret::{hmac_sha256, sha256};
use crate::server::Inner;
use crate::store::{AuditEvent, NewSession, Upgrade, UpgradeKey, UpgradeRetry};

/// The description of the header `Idempotency-Key` of an upgrade.
pub(super) const KEY_DESCRIPTION: &str = "At least 128 random bits in base64url. For 10 minutes, and until the new session is \
    refreshed, the same request with the same key gets the same session again: send it with every retry, together with the \
    same refresh token, although its session has ended. Keep it secret, as a token.";

/// A request to `/register`, `/login` or `/link`: an upgrade, or the retry of one whose response was lost.
pub(super) struct UpgradeCall<'a> {
    inner: &'a Inner,
    endpoint: MembershipEndpoint,
    token: RefreshToken,
    session: NewSession,
    key: Option<UpgradeKey>,
    now: Timestamp,
}

impl<'a> UpgradeCall<'a> {
    /// The `path` and the `body` identify the request, together with the session of the `token`.
    pub(super) fn new(
        inner: &'a Inner,
        (endpoint, path): (MembershipEndpoint, &'static str),
        token: RefreshToken,
        headers: &HeaderMap,
        body: &Bytes,
    ) -> Result<Self, Problem> {
        let key = idempotency_key(headers)?.map(|key| UpgradeKey {
            hash: sha256(key.as_bytes()),
            // The session has a fixed length and the path has no zero byte, so different requests are different messages.
            request: hmac_sha256(key.as_bytes(), &[token.session.as_bytes(), path.as_bytes(), &[0], body]),
        });
        let now = inner.clock.now();
        Ok(Self { inner, endpoint, token, session: inner.sessions.new_session(now), key, now })
    }

    /// Repeats the response of an earlier request with the same key; if there is none, authenticates the caller and carries the
    /// request out.
    pub(super) async fn respond<F>(
        &self,
        carry_out: impl FnOnce(UpgradeRequest) -> F,
    ) -> Result<Json<MembershipResponse>, Response>
    where
        F: Future<Output = Result<Upgrade, Response>>,
    {
        if let Some(response) = self.repeated().await? {
            return Ok(response);
        }
        let caller = match self.inner.sessions.account_caller(self.token, self.now).await {
            Ok(caller) => caller,
            Err(error) => return self.repeated_or(Problem::from(error).into_response()).await,
        };
        if caller.subject.kind == Kind::User {
            let admitted = self.inner.limits.admit_repeated_sign_in(caller.subject.id);
            admitted.map_err(IntoResponse::into_response)?;
        }
        let request = UpgradeRequest { caller, session: self.session, key: self.key, now: self.now };
        match carry_out(request).await {
            Ok(upgrade) => {
                self.inner.metrics.membership_requested(self.endpoint, outcome_name(&upgrade));
                self.response(upgrade).map_err(IntoResponse::into_response)
            }
            Err(error) => self.repeated_or(error).await,
        }
    }

    /// After a failure: a concurrent request with the same key may have succeeded, and may be the cause.
    async fn repeated_or(&self, error: Response) -> Result<Json<MembershipResponse>, Response> {
        self.repeated().await?.ok_or(error)
    }

    async fn repeated(&self) -> Result<Option<Json<MembershipResponse>>, Response> {
        let Some(key) = self.key else { return Ok(None) };
        let retry = UpgradeRetry {
            key,
            session: self.token.session,
            counter: self.token.counter,
            now: self.now,
            access_expires_at: self.session.access_expires_at,
        };
        match self.inner.accounts.repeat(retry).await {
            Ok(None) => Ok(None),
            Ok(Some(upgrade)) => {
                self.inner.metrics.membership_requested(self.endpoint, "repeated");
                self.response(upgrade).map(Some).map_err(IntoResponse::into_response)
            }
            Err(error) => Err(self.failed(error)),
        }
    }

    /// The response to an attempt that failed. The audit trail counts it.
    pub(super) fn attempt_failed(&self, error: AccountError, email: Option<&str>) -> Response {
        self.count_attempt(error.code(), email);
        self.failed(error)
    }

    /// The response to an attempt that a rate limit refuses. The audit trail counts it.
    pub(super) fn attempt_limited(&self, limited: RateLimited, email: Option<&str>) -> Response {
        self.count_attempt(RATE_LIMITED, email);
        limited.into_response()
    }

    fn count_attempt(&self, reason: &'static str, email: Option<&str>) {
        let event = match self.endpoint {
            MembershipEndpoint::Register => AuditEvent::RegistrationFailed,
            MembershipEndpoint::Login => AuditEvent::LoginFailed,
            MembershipEndpoint::Link => AuditEvent::LinkFailed,
        };
        self.inner.failures.record(event, reason, email, self.now);
    }

    /// The response to a request that failed.
    fn failed(&self, error: AccountError) -> Response {
        self.inner.metrics.membership_requested(self.endpoint, error.code());
        error.into_response()
    }

    fn response(&self, upgrade: Upgrade) -> Result<Json<MembershipResponse>, Problem> {
        let Upgrade { account, registered, merged, session, .. } = upgrade;
        let tokens = self.inner.sessions.issue(&session, true, self.now)?;
        let TokenResponse { access_token, token_type, expires_in, refresh_token, .. } = tokens;
        let subject = Subject::new(account.user, true);
        Ok(Json(MembershipResponse {
            id: subject.to_string(),
            kind: subject.kind.name().to_owned(),
            email: account.email,
            outcome: if registered { MembershipOutcome::Registered } else { MembershipOutcome::LoggedIn },
            merged,
            access_token,
            token_type,
            expires_in: expires_in.unwrap_or_default(),
            refresh_token: refresh_token.unwrap_or_default(),
        }))
    }
}

/// The outcome as a label of the metrics.
const fn outcome_name(upgrade: &Upgrade) -> &'static str {
    match (upgrade.registered, upgrade.merged) {
        (true, _) => "registered",
        (false, true) => "merged",
        (false, false) => "logged_in",
    }
}

/// A challenge for `navigator.credentials`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PasskeyChallenge)]
pub(super) struct PasskeyChallengeResponse {
    /// Send it back with the credential.
    challenge_id: Uuid,
    /// `PublicKeyCredentialCreationOptionsJSON` for registering, `PublicKeyCredentialRequestOptionsJSON` for signing in
    /// (WebAuthn level 3).
    #[serde(rename = "publicKey")]
    #[schema(value_type = Object)]
    public_key: Value,
}

impl From<PasskeyChallenge> for PasskeyChallengeResponse {
    fn from(PasskeyChallenge { id, public_key }: PasskeyChallenge) -> Self {
        Self { challenge_id: id, public_key }
    }
}

/// The response of the browser to a challenge.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PasskeyAnswer)]
pub(super) struct PasskeyBody {
    /// The `challenge_id` of the challenge. It can be used once, within five minutes, by the caller that got it.
    challenge_id: Uuid,
    /// `PublicKeyCredential.toJSON()`.
    #[schema(value_type = Object)]
    credential: Value,
}

impl From<PasskeyBody> for PasskeyResponse {
    fn from(PasskeyBody { challenge_id, credential }: PasskeyBody) -> Self {
        Self { challenge_id, credential }
    }
}
