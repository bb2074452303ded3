//! The keys of a store as an operator sees them: for `guestpass keys`, and for programs that embed the server.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::algorithm::Algorithm;
use super::keys::{KeyError, fresh_refresh_key};
use super::rotation::make_signing_key;
use crate::clock::{Clock, SystemClock, Timestamp};
use crate::config::StoreLocation;
use crate::server::{OpenError, open_store_beside};
use crate::store::{KeyChange, KeyLife, KeySet, KeyState, Store, StoreError, stage, verifies_until};

/// The least time between a rotation and the first token of the new key: every server has asked for it by then.
pub const ROTATION_NOTICE_MIN: Duration = Duration::from_secs(5);

/// Lists and rotates the keys of a store, beside the servers that are using it: they take over within seconds.
#[derive(Debug)]
pub struct KeyAdmin {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
}

/// One key, without what is secret about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyInfo {
    /// What it signs.
    pub kind: KeyKind,
    /// How tokens refer to it: the `kid` of an access token, the version in a refresh token.
    pub name: String,
    /// Where it is in its life.
    pub stage: KeyState,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it began to sign, or will.
    pub signs_from: Timestamp,
    /// When its last token will have expired, if another key follows it.
    pub verifies_until: Option<Timestamp>,
}

/// What a key signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// Access tokens.
    Access(Algorithm),
    /// Refresh tokens, with HMAC-SHA256.
    Refresh,
}

/// Which keys somebody else may know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyScope {
    /// Those of access tokens.
    AccessTokens,
    /// All: a copy of the database has been seen.
    AllTokens,
}

/// Why the keys were not rotated.
#[derive(Debug, thiserror::Error)]
pub enum RotationError {
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is nothing to rotate.
    #[error("the store has no keys: a server makes them at its first start")]
    PrepareKeysError,
    /// The notice is shorter than [`ROTATION_NOTICE_MIN`].
    #[error("the notice must be at least 5s, so that every server has the new key before one signs with it")]
    ShortNotice,
    /// Too many rotations in the life of a refresh token.
    #[error("255 refresh token keys are in use; one is dropped when its last token has expired")]
    TooMany,
    /// No key could be made.
    #[error("a new key: {0}")]
    Key(String),
}

impl From<KeyError> for RotationError {
    fn from(error: KeyError) -> Self {
        Self::Key(error.to_string())
    }
}

impl KeyAdmin {
    /// Opens a store that is there. It may be in use by servers of this version.
    ///
    /// # Errors
    /// There is no such store, or its schema is that of another version.
    pub async fn open(location: &StoreLocation) -> Result<Self, OpenError> {
        Self::open_at(location, Arc::new(SystemClock)).await
    }

    /// The same with a clock of one's own, for tests.
    ///
    /// # Errors
    /// As [`KeyAdmin::open`].
    pub async fn open_at(location: &StoreLocation, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        let opened = open_store_beside(location).await;
        let store = opened.map_err(|error| OpenError::Store { location: location.clone(), error })?;
        Ok(Self { store, clock })
    }

    /// All keys, each kind in the order in which they sign.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn list(&self) -> Result<Vec<KeyInfo>, StoreError> {
        Ok(infos(&self.store.keys().await?, self.clock.now()))
    }

    /// Makes a new key of each kind. It is published at once, and signs after `notice`; the one before goes on verifying
    /// until its last token has expired. A key that already waits is brought forward instead of making another.
    ///
    /// # Errors
    /// Nothing has been changed.
    pub async fn rotate(&self, notice: Duration) -> Result<Vec<KeyInfo>, RotationError> {
        if notice < ROTATION_NOTICE_MIN {
            return Err(RotationError::ShortNotice);
        }
        loop {
            let algorithm = self.store.keys().await?.algorithm().ok_or(RotationError::PrepareKeysError)?;
            let (signing, refresh) = (make_signing_key(algorithm).await?, fresh_refresh_key()?);
            let now = self.clock.now();
            let signs_from = now + notice;
            let keys = self.store.change_keys(KeyChange::Rotate { signing, refresh, signs_from, now }).await?;
            let waits = |last: Option<KeyLife>| last.is_some_and(|life| now < life.signs_from);
            if !waits(keys.refresh_lives().last().copied()) {
                return Err(RotationError::TooMany);
            }
            // Else a server with another algorithm has started in this moment.
            if waits(keys.signing_lives().last().copied()) {
                return Ok(infos(&keys, now));
            }
        }
    }

    /// Keys have leaked: new ones sign at once, and the others are gone. Every access token that is out is refused from
    /// then on; clients get another one with their refresh token, unless [`KeyScope::AllTokens`] has ended their sessions.
    ///
    /// # Errors
    /// Nothing has been changed.
    pub async fn replace(&self, scope: KeyScope) -> Result<Vec<KeyInfo>, RotationError> {
        loop {
            let algorithm = self.store.keys().await?.algorithm().ok_or(RotationError::PrepareKeysError)?;
            let signing = make_signing_key(algorithm).await?;
            let refresh = if scope == KeyScope::AllTokens { Some(fresh_refresh_key()?) } else { None };
            let (kid, now) = (signing.kid.clone(), self.clock.now());
            let keys = self.store.change_keys(KeyChange::Replace { signing, refresh, now }).await?;
            if keys.signing.last().is_some_and(|key| key.kid == kid) {
                return Ok(infos(&keys, now));
            }
        }
    }

    /// Lets go of the store.
    pub async fn close(&self) {
        self.store.close().await;
    }
}

fn infos(keys: &KeySet, now: Timestamp) -> Vec<KeyInfo> {
    let info = |kind, name, lives: &[KeyLife], index: usize, life: KeyLife| KeyInfo {
        kind,
        name,
        stage: stage(lives, index, now),
        created_at: life.created_at,
        signs_from: life.signs_from,
        verifies_until: verifies_until(lives, index),
    };
    let (signing, refresh) = (keys.signing_lives(), keys.refresh_lives());
    let access = keys
        .signing
        .iter()
        .enumerate()
        .map(|(index, key)| info(KeyKind::Access(key.algorithm), key.kid.clone(), &signing, index, key.life));
    let refresh = keys
        .refresh
        .iter()
        .enumerate()
        .map(|(index, key)| info(KeyKind::Refresh, key.version.to_string(), &refresh, index, key.life));
    access.chain(refresh).collect()
}

impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Access(algorithm) => write!(f, "access tokens, {algorithm}"),
            Self::Refresh => f.write_str("refresh tokens"),
        }
    }
}

impl fmt::Display for KeyState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Next => "next",
            Self::Signing => "signing",
            Self::Verifying => "verifying",
            Self::Expired => "expired",
        })
    }
}
