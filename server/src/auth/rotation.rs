//! How a server gets its keys, and hears that somebody has rotated them.
//!
//! `guestpass keys rotate` writes to the store and talks to no server: each asks the store every few seconds. A new key
//! is announced before it signs, so nobody meets a token of a key that they have not heard of; if they do all the same
//! (another algorithm at a restart, a leak), they ask the store at once.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;

use super::keys::{KeyError, Keys, fresh_refresh_key, fresh_signing_key};
use crate::auth::Algorithm;
use crate::clock::Timestamp;
use crate::config::Config;
use crate::store::{KeyChange, NewSigningKey, Store, StoreError};

/// How often a server asks whether the keys are still the same.
pub(crate) const KEY_POLL: Duration = Duration::from_secs(2);
/// How often it asks because of tokens whose key it does not know: anybody can make those up.
const UNKNOWN_KEY_PAUSE: Duration = Duration::from_secs(1);

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PrepareKeysError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// The keys of a server that starts, made if they are not there.
pub(crate) async fn prepare(store: &dyn Store, config: &Config, now: Timestamp) -> Result<Keys, PrepareKeysError> {
    let mut signing = None;
    loop {
        let change = KeyChange::Prepare {
            signing: signing.take(),
            refresh: fresh_refresh_key()?,
            access_ttl: config.longest_access_ttl(),
            refresh_ttl: config.refresh_ttl,
            now,
        };
        let keys = store.change_keys(change).await?;
        if keys.algorithm() == Some(config.algorithm) {
            return Ok(Keys::new(keys)?);
        }
        signing = Some(make_signing_key(config.algorithm).await?);
    }
}

/// On a thread that may take its time: an RSA key needs some.
pub(crate) async fn make_signing_key(algorithm: Algorithm) -> Result<NewSigningKey, KeyError> {
    tokio::task::spawn_blocking(move || fresh_signing_key(algorithm)).await.map_err(|_| KeyError::Random)?
}

/// Keeps the keys of a running server those of the store.
#[derive(Debug)]
pub(crate) struct KeyKeeper {
    keys: Arc<Keys>,
    store: Arc<dyn Store>,
    unknown_key: Reloads,
}

impl KeyKeeper {
    pub(crate) fn new(keys: Arc<Keys>, store: Arc<dyn Store>) -> Self {
        Self { keys, store, unknown_key: Reloads::new(UNKNOWN_KEY_PAUSE) }
    }

    /// Asks the store for its keys, and drops those there that have done their work.
    pub(crate) async fn poll(&self, now: Timestamp) -> Result<(), StoreError> {
        self.take_over(self.store.keys().await?);
        if self.keys.current().has_expired(now) {
            self.take_over(self.store.change_keys(KeyChange::DropExpired { now }).await?);
        }
        Ok(())
    }

    /// A token names a key that is not among those of `generation`. Says whether there are others now.
    pub(crate) async fn has_news(&self, generation: u64, now: Timestamp) -> bool {
        let changed = || self.keys.current().generation() != generation;
        let reload = async || match self.store.keys().await {
            Ok(set) => self.take_over(set),
            Err(error) => tracing::error!(%error, "the keys could not be read"),
        };
        self.unknown_key.reload(now, changed, reload).await
    }

    fn take_over(&self, set: crate::store::KeySet) {
        match self.keys.update(set) {
            Ok(false) => {}
            Ok(true) => tracing::info!(keys = ?self.keys.current(), "the keys have changed"),
            Err(error) => tracing::error!(%error, "the new keys cannot be used; the ones before stay"),
        }
    }
}

/// Reloads keys for whoever meets one that is not known: one at a time, and one in `pause`, however many ask.
#[derive(Debug)]
pub(super) struct Reloads {
    pause: Duration,
    last: Mutex<Option<Timestamp>>,
}

impl Reloads {
    pub(super) fn new(pause: Duration) -> Self {
        Self { pause, last: Mutex::const_new(None) }
    }

    /// Reloads unless the keys have `changed` meanwhile; says whether they have.
    pub(super) async fn reload(&self, now: Timestamp, changed: impl Fn() -> bool, reload: impl AsyncFnOnce()) -> bool {
        let mut last = self.last.lock().await;
        let too_soon = last.is_some_and(|last| last <= now && now.since(last) < self.pause);
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
    async fn however_many_meet_an_unknown_key_one_of_them_reloads() {
        let (reloads, count) = (Reloads::new(Duration::from_secs(1)), AtomicU32::new(0));
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
        // The clock has been set back: that is no reason to wait.
        ask(1000).await;
        assert_eq!(count.load(SeqCst), 3);
    }

    #[tokio::test]
    async fn what_another_has_reloaded_is_enough() {
        let reloads = Reloads::new(Duration::from_secs(1));

        let changed = reloads.reload(Timestamp::from_secs(5), || true, async || panic!("reloaded in vain")).await;

        assert!(changed);
    }
}
