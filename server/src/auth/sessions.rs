//! The life of a session: login, refresh, revocation.

use std::sync::Arc;
use std::time::Duration;

use guestpass_core::wire::TokenResponse;
use tracing::Instrument;
use uuid::Uuid;

use super::access_token::{Issuer, SigningError};
use super::guest::Subject;
use super::keys::Keys;
use super::members::Members;
use super::refresh_token::RefreshToken;
use super::revoked::RevokedSessions;
use super::rotation::KeyKeeper;
use super::verify::{AccessTokenError, Verified, Verifier};
use crate::activity::Activity;
use crate::clock::Timestamp;
use crate::config::Config;
use crate::metrics::{ErasureOutcome, Metrics, RefreshOutcome};
use crate::secret::sha256;
use crate::store::{Login, LoginOutcome, OpenSession, DataResult, Reuse, Rotation, RotationOutcome, Store, StoreError};

/// How long things live.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lifetimes {
    access: Duration,
    refresh: Duration,
    guest_token: Duration,
    grace: Duration,
}

impl Lifetimes {
    pub(crate) fn of(config: &Config) -> Self {
        Self {
            access: config.access_ttl,
            refresh: config.refresh_ttl,
            guest_token: config.guest_token_ttl,
            grace: config.refresh_grace,
        }
    }
}

impl Lifetimes {
    pub(super) const fn grace(&self) -> Duration {
        self.grace
    }
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum LoginError {
    #[error("the Idempotency-Key is too old, or its session has moved on or is gone")]
    TooLate,
    #[error("the Idempotency-Key has been used with a login of the other form")]
    OtherForm,
    #[error(transparent)]
    Unavailable(#[from] UnavailableError),
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum RefreshError {
    /// Not a refresh token of ours, or its session is over.
    #[error("the refresh token is invalid, expired or revoked")]
    Refused,
    #[error(transparent)]
    Unavailable(#[from] UnavailableError),
}

/// The server could not do it now. The cause is for the log.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UnavailableError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("an access token could not be signed: {0}")]
    Signing(#[from] SigningError),
    #[error("a task of the server failed")]
    Task,
}

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Caller {
    pub(crate) subject: Subject,
    /// Whom the token names. Another one, if that guest has become a member since.
    pub(crate) token_subject: Subject,
    pub(crate) session: Uuid,
}

/// Opens, continues and ends sessions. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Sessions {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) issuer: Arc<Issuer>,
    pub(crate) verifier: Arc<Verifier>,
    pub(crate) keys: Arc<Keys>,
    pub(crate) key_keeper: Arc<KeyKeeper>,
    pub(crate) revoked: Arc<RevokedSessions>,
    pub(crate) members: Arc<Members>,
    pub(crate) activity: Arc<Activity>,
    pub(crate) lifetimes: Lifetimes,
    pub(crate) metrics: Arc<Metrics>,
}

impl Sessions {
    /// Makes a guest, or finds the one that the same idempotency key has made.
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
                Ok(self.answer(&open, refreshable, now)?)
            }
            LoginOutcome::TooLate => Err(LoginError::TooLate),
            LoginOutcome::OtherForm => Err(LoginError::OtherForm),
        }
    }

    /// Exchanges a refresh token for its successor.
    pub(crate) async fn refresh(&self, token: &str, now: Timestamp) -> Result<TokenResponse, RefreshError> {
        let Some(token) = self.read_refresh_token(token, now).await else {
            self.metrics.refreshed(RefreshOutcome::Refused);
            return Err(RefreshError::Refused);
        };
        let rotation = Rotation {
            session: token.session,
            presented: token.counter,
            now,
            grace: self.lifetimes.grace,
            expires_at: (now + self.lifetimes.refresh).rounded_up_to_second(),
            access_expires_at: (now + self.lifetimes.access).rounded_up_to_second(),
        };
        let this = self.clone();
        let outcome = run_to_completion(async move {
            let outcome = this.store.rotate(rotation).await?;
            if let RotationOutcome::Revoked(revocation, _) = outcome {
                this.revoked.add(revocation);
                tracing::warn!(session = %revocation.session, "an old refresh token was used again: session revoked");
            }
            Ok(outcome)
        });
        let outcome = outcome.await?;
        self.metrics.refreshed(match outcome {
            RotationOutcome::Open(_) => RefreshOutcome::Rotated,
            RotationOutcome::Replayed(_) => RefreshOutcome::Replayed,
            RotationOutcome::Revoked(_, Reuse::ParentPastWindow) => RefreshOutcome::ParentPastWindow,
            RotationOutcome::Revoked(_, Reuse::Older) => RefreshOutcome::Older,
            RotationOutcome::Refused => RefreshOutcome::Refused,
        });
        match outcome {
            RotationOutcome::Open(open) | RotationOutcome::Replayed(open) => {
                self.activity.note(open.user, now);
                Ok(self.answer(&open, true, now)?)
            }
            RotationOutcome::Revoked(..) | RotationOutcome::Refused => Err(RefreshError::Refused),
        }
    }

    /// Ends the session that an access or a refresh token belongs to. A token that is none ends nothing (RFC 7009 §2.2).
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

    /// Ends a live session of that user. Says whether there was such a one.
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

    /// Erases a guest with all sessions, at once on this node.
    pub(crate) async fn erase(&self, guest: Uuid) -> Result<DataResult<()>, UnavailableError> {
        let this = self.clone();
        run_to_completion(async move {
            let erased = this.store.erase(guest).await;
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

    /// Whom an access token speaks for, unless its session has been revoked. Asks no database, unless a rotation has
    /// overtaken this node; notes the activity.
    pub(crate) async fn verify(&self, token: &str, now: Timestamp) -> Result<Caller, AccessTokenError> {
        let verified = self.verify_access_token(token, now).await?;
        if self.revoked.contains(verified.session) {
            return Err(AccessTokenError::Revoked);
        }
        let subject = self.members.now(verified.subject);
        self.activity.note(subject.id, now);
        Ok(Caller { subject, token_subject: verified.subject, session: verified.session })
    }

    pub(super) async fn verify_access_token(&self, token: &str, now: Timestamp) -> Result<Verified, AccessTokenError> {
        match self.verifier.verify(token, now) {
            (Err(AccessTokenError::UnknownKey), generation) if self.key_keeper.has_news(generation, now).await => {
                self.verifier.verify(token, now).0
            }
            (verdict, _) => verdict,
        }
    }

    pub(super) async fn read_refresh_token(&self, token: &str, now: Timestamp) -> Option<RefreshToken> {
        let ring = self.keys.current();
        match ring.refresh().read(token, now) {
            None if ring.refresh().is_of_unknown_version(token)
                && self.key_keeper.has_news(ring.generation(), now).await =>
            {
                self.keys.current().refresh().read(token, now)
            }
            token => token,
        }
    }

    fn answer(&self, open: &OpenSession, refreshable: bool, now: Timestamp) -> Result<TokenResponse, UnavailableError> {
        let subject = Subject::new(open.user, open.registered).to_string();
        Ok(TokenResponse {
            access_token: self.issuer.issue(subject.clone(), open.id, now, open.access_expires_at)?,
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

/// Runs `work` to its end even if the client hangs up: a revocation or a merge must not be left in the store alone, where
/// this node's requests do not see it.
pub(crate) async fn run_to_completion<T, W>(work: W) -> Result<T, UnavailableError>
where
    T: Send + 'static,
    W: Future<Output = Result<T, StoreError>> + Send + 'static,
{
    match tokio::spawn(work.in_current_span()).await {
        Ok(result) => Ok(result?),
        Err(_) => Err(UnavailableError::Task),
    }
}
