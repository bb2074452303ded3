//! How a server gets its keys, at the start and after a rotation.
//!
//! `guestpass keys rotate` only writes to the store, and each server reads the keys every few seconds. A new key is published
//! before it signs, so servers usually have the key of every token. If a token names an unknown key (after a restart with
//! another algorithm, or after a leak), the server reads the keys at once.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;

use super::keys::{KeyError, Keys, fresh_refresh_key, fresh_signing_key};
use crate::clock::Timestamp;
use crate::config::Config;
use crate::settings::Algorithm;
use crate::store::{KeyChange, KeyEncryption, KeySet, KeyStore, NewSigningKey, StoreError};

/// How often a server reads the keys.
pub(crate) const KEY_POLL_INTERVAL: Duration = Duration::from_secs(2);
/// The least time between two reads caused by tokens with unknown keys, because any client can send such tokens.
const UNKNOWN_KEY_INTERVAL: Duration = Duration::from_secs(1);

/// An error of [`prepare_keys`].
#[derive(Debug, thiserror::Error)]
pub(crate) enum PrepareKeysError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// The keys of a server that starts. Missing keys are made.
pub(crate) async fn prepare_keys(
    store: &dyn KeyStore,
    config: &Config,
    now: Timestamp,
) -> Result<Keys, PrepareKeysError> {
    let encryption = KeyEncryption::new(&config.key_encryption_keys);
    let mut signing = None;
    loop {
        let change = KeyChange::Prepare {
            signing: signing.take(),
            refresh: fresh_refresh_key()?,
            access_ttl: config.longest_access_ttl(),
            refresh_ttl: config.refresh_ttl,
            now,
        };
        let keys = store.change_keys(change, &encryption).await?;
        if keys.algorithm() == Some(config.algorithm) {
            if let plain @ 1.. = keys.plain_count()
                && encryption.is_on()
            {
                tracing::warn!(
                    keys = plain,
                    "keys in the store are in plain text; `guestpass keys encrypt` encrypts them"
                );
            }
            return Ok(Keys::new(keys, encryption)?);
        }
        signing = Some(make_signing_key(config.algorithm).await?);
    }
}

/// Makes a key on a thread for blocking work, because an RSA key takes up to a second.
pub(crate) async fn make_signing_key(algorithm: Algorithm) -> Result<NewSigningKey, KeyError> {
    tokio::task::spawn_blocking(move || fresh_signing_key(algorithm)).await.map_err(|_| KeyError::Random)?
}

/// Keeps the keys of a running server equal to those of the store.
#[derive(Debug)]
pub(crate) struct KeyReloader {
    keys: Arc<Keys>,
    store: Arc<dyn KeyStore>,
    unknown_key: ReloadLimiter,
}

impl KeyReloader {
    pub(crate) fn new(keys: Arc<Keys>, store: Arc<dyn KeyStore>) -> Self {
        Self { keys, store, unknown_key: ReloadLimiter::new(UNKNOWN_KEY_INTERVAL) }
    }

    /// Reads the keys from the store, and deletes expired keys in the store.
    pub(crate) async fn poll(&self, now: Timestamp) -> Result<(), StoreError> {
        self.replace_keys(self.store.keys().await?);
        if self.keys.current().has_expired(now) {
            self.replace_keys(self.store.change_keys(KeyChange::DropExpired { now }, self.keys.encryption()).await?);
        }
        Ok(())
    }

    /// Reads the keys because a token names a key that those of `generation` lack. Returns whether the keys have changed.
    pub(crate) async fn reload(&self, generation: u64, now: Timestamp) -> bool {
        let changed = || self.keys.current().generation() != generation;
        let reload = async || match self.store.keys().await {
            Ok(set) => self.replace_keys(set),
            Err(error) => tracing::error!(%error, "the keys could not be read from the store"),
        };
        self.unknown_key.reload(now, changed, reload).await
    }

    fn replace_keys(&self, set: KeySet) {
        match self.keys.update(set) {
            Ok(false) => {}
            Ok(true) => tracing::info!(keys = ?self.keys.current(), "the keys have changed"),
            Err(error) => {
                tracing::error!(%error, "the new keys in the store cannot be used; the previous keys stay in use")
            }
        }
    }
}

/// Limits how often keys are reloaded: one reload at a time, and one per `interval`, however many requests need it.
#[derive(Debug)]
pub(super) struct ReloadLimiter {
    interval: Duration,
    last: Mutex<Option<Timestamp>>,
}

impl ReloadLimiter {
    pub(super) fn new(interval: Duration) -> Self {
        Self { interval, last: Mutex::const_new(None) }
    }

    /// Runs `reload`, unless the keys have `changed` meanwhile or the last reload is recent. Returns whether they have changed.
    pub(super) async fn reload(&self, now: Timestamp, changed: impl Fn() -> bool, reload: impl AsyncFnOnce()) -> bool {
        let mut last = self.last.lock().await;
        let too_soon = last.is_some_and(|last| last <= now && now.since(last) < self.interval);
        if !changed() && !too_soon {
            *last = Some(now);
            reload().await;
        }
        changed()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

    use super::*;

    #[tokio::test]
    async fn concurrent_requests_with_unknown_keys_cause_one_reload() {
        let (reloads, count) = (ReloadLimiter::new(Duration::from_secs(1)), AtomicU32::new(0));
        let ask = |millis| {
            let reload = async || {
                tokio::task::yield_now().await;
                count.fetch_add(1, SeqCst);
            };
            reloads.reload(Timestamp::from_millis(millis), || false, reload)
        };

        tokio::join!(ask(5000), ask(5000), ask(5999));
        assert_eq!(count.load(SeqCst), 1);
        ask(6000).await;
        assert_eq!(count.load(SeqCst), 2);
        // A clock that is set back does not delay a reload.
        ask(1000).await;
        assert_eq!(count.load(SeqCst), 3);
    }

    #[tokio::test]
    async fn a_reload_by_another_request_is_not_repeated() {
        let reloads = ReloadLimiter::new(Duration::from_secs(1));

        let changed = reloads.reload(Timestamp::from_secs(5), || true, async || panic!("reloaded again")).await;

        assert!(changed);
    }
}
