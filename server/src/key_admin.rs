//! Administration of the keys of a store, for `guestpass keys` and for programs that embed the server.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::actor::Actor;
use crate::auth::{KeyError, fresh_refresh_key, make_signing_key};
use crate::clock::{Clock, SystemClock, Timestamp};
use crate::config::StoreLocation;
use crate::open::{OpenError, open_store_for_admin};
use crate::settings::{Algorithm, KeyEncryptionKey, KeyEncryptionKeyId};
use crate::store::{
    KeyChange, KeyEncryption, KeyLifetime, KeySet, KeyState, Store, StoreError, encrypted_by, key_state, verifies_until,
};

/// The least time between a rotation and the first token of the new key. By then, every server has read the new key.
pub const ROTATION_NOTICE_MIN: Duration = Duration::from_secs(5);

/// Lists and rotates the keys of a store while servers use it. The servers read changed keys within seconds.
#[derive(Debug)]
pub struct KeyAdmin {
    store: Arc<dyn Store>,
    encryption: KeyEncryption,
    clock: Arc<dyn Clock>,
}

/// One key, without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyInfo {
    /// The kind of tokens that the key signs.
    pub kind: KeyKind,
    /// The name of the key in tokens: the `kid` of an access token, the version in a refresh token.
    pub name: String,
    /// The state of the key.
    pub state: KeyState,
    /// When the key was made.
    pub created_at: Timestamp,
    /// When the key began to sign, or will begin.
    pub signs_from: Timestamp,
    /// When the last token of the key will have expired, if it has a successor.
    pub verifies_until: Option<Timestamp>,
    /// The key-encryption key that encrypts the key in the store. `None`: stored in plain text.
    pub encrypted_by: Option<KeyEncryptionKeyId>,
}

/// The kind of tokens that a key signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// Access tokens.
    Access(Algorithm),
    /// Refresh tokens, with HMAC-SHA256.
    Refresh,
}

/// Which keys to replace after a leak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyScope {
    /// The keys of access tokens.
    AccessTokens,
    /// All keys, for example after a copy of the database has leaked.
    AllTokens,
}

/// An error of a change of the keys. No key has been changed.
#[derive(Debug, thiserror::Error)]
pub enum RotationError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store has no keys.
    #[error("the store has no keys: start a server with this store once, which makes them")]
    PrepareKeysError,
    /// The notice is shorter than [`ROTATION_NOTICE_MIN`].
    #[error("the notice must be at least 5s, so that every server has the new key before one signs with it")]
    ShortNotice,
    /// Too many rotations within the lifetime of a refresh token.
    #[error(
        "255 refresh token keys are in use: rotate again when the oldest key has been dropped, which `keys list` shows"
    )]
    TooMany,
    /// A key could not be made.
    #[error("a new key could not be made: {0}")]
    Key(String),
}

impl From<KeyError> for RotationError {
    fn from(error: KeyError) -> Self {
        Self::Key(error.to_string())
    }
}

impl KeyAdmin {
    /// Opens an existing store. Servers of this version may be using it.
    ///
    /// # Errors
    /// The store does not exist, or its schema is that of another version.
    pub async fn open(location: &StoreLocation) -> Result<Self, OpenError> {
        Self::open_at(location, Arc::new(SystemClock)).await
    }

    /// As [`KeyAdmin::open`] with another clock, for tests.
    ///
    /// # Errors
    /// As [`KeyAdmin::open`].
    pub async fn open_at(location: &StoreLocation, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        let opened = open_store_for_admin(location).await;
        let store = opened.map_err(|error| OpenError::Store { location: location.clone(), error })?;
        Ok(Self { store, encryption: KeyEncryption::default(), clock })
    }

    /// Encrypts new keys with the first of these key-encryption keys, and reads keys that any of them has encrypted.
    #[must_use]
    pub fn with_key_encryption(mut self, keys: &[KeyEncryptionKey]) -> Self {
        self.encryption = KeyEncryption::new(keys);
        self
    }

    /// All keys, each kind in the order in which they sign.
    ///
    /// # Errors
    /// The store failed.
    pub async fn list(&self) -> Result<Vec<KeyInfo>, StoreError> {
        Ok(infos(&self.store.keys().await?, self.clock.now()))
    }

    /// Makes a new key of each kind. The new key is published at once and signs after `notice`; the previous key verifies until
    /// its last token has expired. If a key waits already, its start is brought forward instead.
    ///
    /// # Errors
    /// See [`RotationError`]. No key has been changed.
    pub async fn rotate(&self, notice: Duration) -> Result<Vec<KeyInfo>, RotationError> {
        if notice < ROTATION_NOTICE_MIN {
            return Err(RotationError::ShortNotice);
        }
        loop {
            let algorithm = self.store.keys().await?.algorithm().ok_or(RotationError::PrepareKeysError)?;
            let (signing, refresh) = (make_signing_key(algorithm).await?, fresh_refresh_key()?);
            let now = self.clock.now();
            let signs_from = now + notice;
            let keys = self.change(KeyChange::Rotate { signing, refresh, signs_from, now }).await?;
            let waits = |last: Option<KeyLifetime>| last.is_some_and(|lifetime| now < lifetime.signs_from);
            if !waits(keys.refresh_lifetimes().last().copied()) {
                return Err(RotationError::TooMany);
            }
            // Otherwise a server with another algorithm has started concurrently: try again.
            if waits(keys.signing_lifetimes().last().copied()) {
                return Ok(infos(&keys, now));
            }
        }
    }

    /// Replaces keys that have leaked: the new keys sign at once, and the old keys are deleted. Every issued access token is
    /// refused from then on. Clients get new ones with their refresh tokens, unless [`KeyScope::AllTokens`] has invalidated
    /// those too.
    ///
    /// # Errors
    /// See [`RotationError`]. No key has been changed.
    pub async fn replace(&self, scope: KeyScope) -> Result<Vec<KeyInfo>, RotationError> {
        loop {
            let algorithm = self.store.keys().await?.algorithm().ok_or(RotationError::PrepareKeysError)?;
            let signing = make_signing_key(algorithm).await?;
            let refresh = if scope == KeyScope::AllTokens { Some(fresh_refresh_key()?) } else { None };
            let (kid, now) = (signing.kid.clone(), self.clock.now());
            let keys = self.change(KeyChange::Replace { signing, refresh, now }).await?;
            if keys.signing.last().is_some_and(|key| key.kid == kid) {
                return Ok(infos(&keys, now));
            }
        }
    }

    /// Encrypts every key of the store with the first key-encryption key (see [`KeyAdmin::with_key_encryption`]): keys in plain
    /// text, and keys that another of the key-encryption keys has encrypted. In one transaction; running servers that have the
    /// same key-encryption keys read the keys before and after it. Then removes the overwritten keys from the files of the
    /// database.
    ///
    /// # Errors
    /// The store failed, or a key cannot be decrypted. No key has been changed, unless only the removal failed.
    pub async fn encrypt(&self) -> Result<Vec<KeyInfo>, RotationError> {
        let keys = self.change(KeyChange::Encrypt { now: self.clock.now() }).await?;
        self.store.discard_old_keys().await?;
        Ok(infos(&keys, self.clock.now()))
    }

    /// Stores every key in plain text.
    ///
    /// # Errors
    /// The store failed, or a key cannot be decrypted. No key has been changed.
    pub async fn decrypt(&self) -> Result<Vec<KeyInfo>, RotationError> {
        let keys = self.change(KeyChange::Decrypt { now: self.clock.now() }).await?;
        Ok(infos(&keys, self.clock.now()))
    }

    async fn change(&self, change: KeyChange) -> Result<KeySet, StoreError> {
        Actor::operator().scope(self.store.change_keys(change, &self.encryption)).await
    }

    /// Closes the store.
    pub async fn close(&self) {
        self.store.close().await;
    }
}

fn infos(keys: &KeySet, now: Timestamp) -> Vec<KeyInfo> {
    let info = |kind, name, lifetimes: &[KeyLifetime], index: usize, lifetime: KeyLifetime, stored| KeyInfo {
        kind,
        name,
        state: key_state(lifetimes, index, now),
        created_at: lifetime.created_at,
        signs_from: lifetime.signs_from,
        verifies_until: verifies_until(lifetimes, index),
        encrypted_by: encrypted_by(stored),
    };
    let (signing, refresh) = (keys.signing_lifetimes(), keys.refresh_lifetimes());
    let access = keys.signing.iter().enumerate().map(|(index, key)| {
        info(KeyKind::Access(key.algorithm), key.kid.clone(), &signing, index, key.lifetime, &key.material)
    });
    let refresh = keys.refresh.iter().enumerate().map(|(index, key)| {
        info(KeyKind::Refresh, key.version.to_string(), &refresh, index, key.lifetime, &key.material)
    });
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
