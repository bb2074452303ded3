//! Retries of a login whose response was lost.
//!
//! A client that got no response sends the login again with the same `Idempotency-Key` and gets the same guest. If the retry were
//! refused until the key has expired, that guest would be lost. So retries of an admitted login are admitted too; only a few of
//! them, so that a key does not bypass the limit.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use moka::sync::Cache;

use crate::store::LOGIN_KEY_WINDOW;

/// The number of retries of one login that are not counted.
const FREE: u32 = 10;
/// The greatest number of logins that are remembered. They take about 20 MB.
const MAX_KEYS: u64 = 100_000;

/// Admitted logins, by the SHA-256 of their idempotency keys, with the number of their retries.
#[derive(Clone)]
pub(super) struct LoginRetries(Cache<[u8; 32], Arc<AtomicU32>>);

impl LoginRetries {
    pub(super) fn new() -> Self {
        Self(Cache::builder().max_capacity(MAX_KEYS).time_to_live(LOGIN_KEY_WINDOW).build())
    }

    /// Whether the login is a retry that is not counted.
    pub(super) fn is_free(&self, key: &[u8; 32]) -> bool {
        self.0.get(key).is_some_and(|retries| retries.fetch_add(1, Ordering::Relaxed) < FREE)
    }

    /// Records an admitted login.
    pub(super) fn record(&self, key: [u8; 32]) {
        self.0.get_with(key, Arc::default);
    }
}

impl fmt::Debug for LoginRetries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoginRetries").finish_non_exhaustive()
    }
}
