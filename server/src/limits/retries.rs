//! Retries of a login whose answer was lost.
//!
//! A client that never heard the answer asks again under the same `Idempotency-Key` and gets the same guest. Were the
//! retry refused until the key is too old, that guest would be lost; so the retries of a login that was let through are
//! let through as well. A few of them, so that one key is no way around the limit.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use moka::sync::Cache;

use crate::store::LOGIN_KEY_WINDOW;

/// Retries of one login that do not count.
const FREE: u32 = 10;
/// Logins that are remembered. About 20 MB.
const MAX_KEYS: u64 = 100_000;

/// Logins that were let through, by the SHA-256 of their idempotency keys, and how often each has been retried.
#[derive(Clone)]
pub(super) struct Retries(Cache<[u8; 32], Arc<AtomicU32>>);

impl Retries {
    pub(super) fn new() -> Self {
        Self(Cache::builder().max_capacity(MAX_KEYS).time_to_live(LOGIN_KEY_WINDOW).build())
    }

    /// Whether this is a retry that does not count.
    pub(super) fn is_free(&self, key: &[u8; 32]) -> bool {
        self.0.get(key).is_some_and(|retries| retries.fetch_add(1, Ordering::Relaxed) < FREE)
    }

    /// Notes a login that was let through.
    pub(super) fn note(&self, key: [u8; 32]) {
        self.0.get_with(key, Arc::default);
    }
}

impl fmt::Debug for Retries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Retries").finish_non_exhaustive()
    }
}
