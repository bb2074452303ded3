//! The operations on sessions: login, refresh, revocation, erasure, verification.

use std::sync::Arc;
use std::time::Duration;

use guestpass_core::wire::TokenResponse;
use tracing::Instrument;
use uuid::Uuid;

use super::access_token::{Issuer, SigningError};
use super::account_caller::AccountCaller;
use super::future_tokens::FutureTokens;
use super::guest::Subject;
use super::key_rotation::KeyReloader;
use super::keys::Keys;
use super::refresh_token::RefreshToken;
use super::revoked::RevokedSessions;
use super::verify::{AccessTokenError, Verified, Verifier};
use crate::activity::Activity;
use crate::actor::Actor;
use crate::clock::Timestamp;
use crate::config::Config;
use crate::metrics::{ErasureOutcome, Metrics, RefreshOutcome};
use crate::secret::sha256;
use crate::store::{
    DataResult, GuestStore, Login, LoginOutcome, NewSession, OpenSession, Reuse, Rotation, RotationOutcome,
    SessionStore, StoreError,
};

/// The lifetimes of tokens and sessions.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lifetimes {
    access: Duration,
    refresh: Duration,
    guest_token: Duration,
    grace: Duration,
    /// The longest time from the creation of a session to its end.
    max_age: Option<Duration>,
}

impl Lifetimes {
    pub(crate) fn of(config: &Config) -> Self {
        let until_max_age = |ttl: Duration| config.session_max_age.map_or(ttl, |age| ttl.min(age));
        Self {
            access: until_max_age(config.access_ttl),
            refresh: until_max_age(config.refresh_ttl),
            guest_token: until_max_age(config.guest_token_ttl),
            grace: config.refresh_grace,
            max_age: config.session_max_age,
        }
    }
}

impl Lifetimes {
    pub(super) const fn grace(&self) -> Duration {
        self.grace
    }

    pub(super) const fn max_age(&self) -> Option<Duration> {
        self.max_age
    }
}

/// An error of a login. The texts are for the developer of the client.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoginError {
    #[error("the Idempotency-Key is too old, or its session was refreshed or has ended; log in with a new key")]
    KeyExpired,
    #[error("the Idempotency-Key was used for a login with another value of refresh; log in with a new key")]
    KeyReused,
    #[error(transparent)]
    Unavailable(#[from] UnavailableError),
}

/// An error of a refresh.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RefreshError {
    /// The token is not a refresh token of this server, or its session has ended.
    #[error("the refresh token is invalid, expired or revoked")]
    InvalidToken,
    #[error(transparent)]
    Unavailable(#[from] UnavailableError),
}

/// The server cannot handle the request at the moment. The cause is for the log.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UnavailableError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("an access token could not be signed: {0}")]
    Signing(#[from] SigningError),
    #[error("a task of the server failed")]
    Task,
    #[error("the clock of this server is in doubt, and by the time that it should show, the request would succeed")]
    Clock,
    #[error("this server has not heard for some seconds which sessions other servers have revoked")]
    Changes,
}

/// The caller that an access token authenticates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AuthenticatedCaller {
    pub(crate) subject: Subject,
    pub(crate) session: Uuid,
}

/// Opens, continues and ends sessions. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Sessions {
    pub(crate) store: Arc<dyn SessionStore>,
    pub(crate) guests: Arc<dyn GuestStore>,
    pub(crate) issuer: Arc<Issuer>,
    pub(crate) verifier: Arc<Verifier>,
    pub(crate) keys: Arc<Keys>,
    pub(crate) key_reloader: Arc<KeyReloader>,
    pub(crate) revoked: Arc<RevokedSessions>,
    pub(crate) activity: Arc<Activity>,
    pub(crate) lifetimes: Lifetimes,
    pub(crate) future_tokens: Arc<FutureTokens>,
    pub(crate) metrics: Arc<Metrics>,
}

impl Sessions {
    /// Makes a guest, or finds the guest that a login with the same idempotency key made.
    pub(crate) async fn login(
        &self,
        refreshable: bool,
        key: Option<&str>,
        now: Timestamp,
    ) -> Result<TokenResponse, LoginError> {
        let (access, session) = if refreshable {
            (self.lifetimes.access, self.lifetimes.refresh)
        } else {
            (self.lifetimes.guest_token, self.lifetimes.guest_token)
        };
        let login = Login {
            key: key.map(|key| sha256(key.as_bytes())),
            user: Uuid::now_v7(),
            session: Uuid::now_v7(),
            refreshable,
            now,
            expires_at: (now + session).rounded_up_to_second(),
            access_expires_at: (now + access).rounded_up_to_second(),
        };
        match self.store.login(login).await.map_err(UnavailableError::from)? {
            LoginOutcome::Open(open) => {
                self.metrics.logged_in();
                Ok(self.issue(&open, refreshable, now)?)
            }
            LoginOutcome::KeyExpired => Err(LoginError::KeyExpired),
            LoginOutcome::KeyReused => Err(LoginError::KeyReused),
        }
    }

    /// Exchanges a refresh token for its successor.
    pub(crate) async fn refresh(&self, token: &str, now: Timestamp) -> Result<TokenResponse, RefreshError> {
        let Some(token) = self.read_refresh_token(token, now).await else {
            self.metrics.refreshed(RefreshOutcome::Invalid);
            return Err(RefreshError::InvalidToken);
        };
        let rotation = Rotation {
            session: token.session,
            presented: token.counter,
            now,
            grace: self.lifetimes.grace,
            seen: self.activity.seen(token.session),
            max_age: self.lifetimes.max_age,
            expires_at: (now + self.lifetimes.refresh).rounded_up_to_second(),
            access_expires_at: (now + self.lifetimes.access).rounded_up_to_second(),
        };
        let this = self.clone();
        let outcome = run_to_completion(async move {
            let outcome = this.store.rotate(rotation).await?;
            if let RotationOutcome::Revoked(revocation, _) = outcome {
                this.revoked.add(revocation);
                tracing::warn!(session = %revocation.session, "an old refresh token was reused; the session has been revoked");
            }
            Ok(outcome)
        });
        let outcome = outcome.await?;
        self.metrics.refreshed(match outcome {
            RotationOutcome::Rotated(_) => RefreshOutcome::Rotated,
            RotationOutcome::Replayed(_) => RefreshOutcome::Replayed,
            RotationOutcome::Revoked(_, Reuse::ParentPastWindow) => RefreshOutcome::ParentPastWindow,
            RotationOutcome::Revoked(_, Reuse::Older) => RefreshOutcome::Older,
            RotationOutcome::Invalid => RefreshOutcome::Invalid,
        });
        match outcome {
            // The row of the session tells this activity.
            RotationOutcome::Rotated(open) => Ok(self.issue(&open, true, now)?),
            RotationOutcome::Replayed(open) => {
                self.activity.record(open.user, now);
                Ok(self.issue(&open, true, now)?)
            }
            RotationOutcome::Revoked(..) | RotationOutcome::Invalid => Err(RefreshError::InvalidToken),
        }
    }

    /// Whether the refresh token could be exchanged at that time. Changes nothing.
    pub(crate) async fn could_refresh(&self, token: &str, at: Timestamp) -> Result<bool, UnavailableError> {
        let Some(token) = self.read_refresh_token(token, at).await else { return Ok(false) };
        let session = self.store.session(token.session).await?;
        Ok(session.is_some_and(|session| self.would_refresh(&session, token.counter, at)))
    }

    /// Ends the session of an access token or a refresh token. An invalid token ends no session (RFC 7009 §2.2).
    pub(crate) async fn revoke(&self, token: &str, now: Timestamp) -> Result<(), UnavailableError> {
        let session = match self.read_refresh_token(token, now).await {
            Some(token) => token.session,
            None => match self.verify_access_token(token, now).await {
                Ok(verified) => verified.session,
                Err(_) => return Ok(()),
            },
        };
        let this = self.clone();
        run_to_completion(async move {
            if let Some(revocation) = this.store.revoke(session, now).await? {
                this.revoked.add(revocation);
                this.metrics.revoked();
            }
            Ok(())
        })
        .await
    }

    /// Ends a live session of that user. Returns false if the user has no such session.
    pub(crate) async fn end(&self, user: Uuid, session: Uuid, now: Timestamp) -> Result<bool, UnavailableError> {
        let this = self.clone();
        run_to_completion(async move {
            let ended = this.store.end_session(user, session, now).await?;
            if let Some(revocation) = ended {
                this.revoked.add(revocation);
                this.metrics.revoked();
            }
            Ok(ended.is_some())
        })
        .await
    }

    /// Ends the other live sessions of a caller. Returns false if the session of the caller has ended meanwhile.
    pub(crate) async fn end_others(&self, caller: AccountCaller, now: Timestamp) -> Result<bool, UnavailableError> {
        let this = self.clone();
        run_to_completion(async move {
            let ended = this.store.end_other_sessions(caller.subject.id, caller.session, now).await?;
            for revocation in ended.iter().flatten() {
                this.revoked.add(*revocation);
                this.metrics.revoked();
            }
            Ok(ended.is_some())
        })
        .await
    }

    /// Erases a guest and ends all sessions of the guest, on this node at once.
    /// `by` is the session that asks.
    pub(crate) async fn erase(
        &self,
        guest: Uuid,
        by: Uuid,
        now: Timestamp,
    ) -> Result<DataResult<()>, UnavailableError> {
        let this = self.clone();
        run_to_completion(async move {
            let erased = this.guests.erase(guest, Some(by), now).await;
            this.metrics.erased(match &erased {
                Ok(Ok(_)) => ErasureOutcome::Erased,
                Ok(Err(_)) => ErasureOutcome::Gone,
                Err(_) => ErasureOutcome::Unavailable,
            });
            let erased = erased?;
            for revocation in erased.iter().flatten() {
                this.revoked.add(*revocation);
                this.metrics.revoked();
            }
            Ok(erased.map(drop))
        })
        .await
    }

    /// As [`Sessions::verify`] for a token that this node has verified before. `None` if the text may be no such token.
    pub(crate) fn verify_cached(
        &self,
        token: &[u8],
        now: Timestamp,
    ) -> Option<Result<AuthenticatedCaller, AccessTokenError>> {
        self.verifier.cached(token, now).map(|verified| self.admit(verified, now))
    }

    /// Verifies an access token, including the revocation of its session, and records the activity of the user. Reads the
    /// database only if the token names a key that this node does not know.
    pub(crate) async fn verify(&self, token: &str, now: Timestamp) -> Result<AuthenticatedCaller, AccessTokenError> {
        let verified = self.verify_access_token(token, now).await?;
        self.admit(verified, now)
    }

    /// Checks that the session of a verified token is not revoked, and records the activity of the user.
    fn admit(&self, verified: Verified, now: Timestamp) -> Result<AuthenticatedCaller, AccessTokenError> {
        if self.revoked.contains(verified.session) {
            return Err(AccessTokenError::Revoked);
        }
        self.activity.record(verified.subject.id, now);
        Ok(AuthenticatedCaller { subject: verified.subject, session: verified.session })
    }

    /// Verifies an access token, except the revocation of its session. If the token is not in the cache, also records that the
    /// client has the tokens of its generation.
    pub(super) async fn verify_access_token(&self, token: &str, now: Timestamp) -> Result<Verified, AccessTokenError> {
        if let Some(verified) = self.verifier.cached(token.as_bytes(), now) {
            return Ok(verified);
        }
        let verified = match self.verifier.verify(token, now) {
            (Err(AccessTokenError::UnknownKey), generation) if self.key_reloader.reload(generation, now).await => {
                self.verifier.verify(token, now).0
            }
            (verified, _) => verified,
        }
        .inspect_err(|error| {
            if let AccessTokenError::NotYetValid(at) = error {
                self.notice_future(*at, now);
            }
        })?;
        self.notice_future(verified.not_before, now);
        // The first generation has no parent.
        if let Some(generation @ 1..) = verified.generation {
            self.activity.record_seen(verified.session, generation);
        }
        Ok(verified)
    }

    fn notice_future(&self, not_before: Timestamp, now: Timestamp) {
        if self.future_tokens.notice(not_before, now) {
            self.metrics.saw_future_token();
        }
    }

    /// The session of an authentic refresh token. `None` for any other text. The session may have ended.
    pub(crate) async fn session_of_refresh_token(&self, token: &str, now: Timestamp) -> Option<Uuid> {
        self.read_refresh_token(token, now).await.map(|token| token.session)
    }

    pub(super) async fn read_refresh_token(&self, token: &str, now: Timestamp) -> Option<RefreshToken> {
        let ring = self.keys.current();
        match ring.refresh().read(token, now) {
            None if ring.refresh().is_of_unknown_version(token)
                && self.key_reloader.reload(ring.generation(), now).await =>
            {
                self.keys.current().refresh().read(token, now)
            }
            token => token,
        }
    }

    /// A session to be opened in place of the session of a caller who becomes a member.
    pub(crate) fn new_session(&self, now: Timestamp) -> NewSession {
        NewSession {
            id: Uuid::now_v7(),
            expires_at: (now + self.lifetimes.refresh).rounded_up_to_second(),
            access_expires_at: (now + self.lifetimes.access).rounded_up_to_second(),
        }
    }

    pub(crate) fn issue(
        &self,
        open: &OpenSession,
        refreshable: bool,
        now: Timestamp,
    ) -> Result<TokenResponse, UnavailableError> {
        let subject = Subject::new(open.user, open.registered).to_string();
        Ok(TokenResponse {
            access_token: self.issuer.issue(
                subject.clone(),
                open.id,
                refreshable.then_some(open.counter),
                now,
                open.access_expires_at,
            )?,
            token_type: "bearer".to_owned(),
            expires_in: Some(open.access_expires_at.since(now).as_secs()),
            refresh_token: refreshable.then(|| {
                let token = RefreshToken { session: open.id, counter: open.counter };
                self.keys.current().refresh().sign(token, open.current_since)
            }),
            anonymous_id: Some(subject),
        })
    }
}

/// Runs `work` to completion even if the client disconnects. Otherwise a revocation or a merge could be committed in the store
/// without being added to the memory of this node.
pub(crate) async fn run_to_completion<T, W>(work: W) -> Result<T, UnavailableError>
where
    T: Send + 'static,
    W: Future<Output = Result<T, StoreError>> + Send + 'static,
{
    match tokio::spawn(Actor::current().scope(work.in_current_span())).await {
        Ok(result) => Ok(result?),
        Err(_) => Err(UnavailableError::Task),
    }
}
