//! Retries of a login whose response was lost.
//!
//! A client that got no response sends the login again with the same `Idempotency-Key` and gets the same guest. If the retry were
//! refused until the key has expired, that guest would be lost. So retries of an admitted login are admitted too; only a few of
//! them, so that a key does not bypass the limit.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use super::recent::Recent;
use crate::store::LOGIN_KEY_WINDOW;

/// The number of retries of one login that are not counted.
const UNCOUNTED_RETRIES: u32 = 10;
/// The greatest number of logins that are kept. They take about 20 MB.
const MAX_KEYS: usize = 100_000;

/// Admitted logins, by the SHA-256 of their idempotency keys.
#[derive(Debug)]
pub(super) struct LoginRetries(Recent<[u8; 32], AdmittedLogin>);

/// When a login was admitted, and how often it has been retried.
#[derive(Debug)]
struct AdmittedLogin {
    at: Instant,
    retries: AtomicU32,
}

impl Default for AdmittedLogin {
    fn default() -> Self {
        Self { at: Instant::now(), retries: AtomicU32::new(0) }
    }
}

impl AdmittedLogin {
    /// Whether its idempotency key still gives the same guest.
    fn is_current(&self) -> bool {
        self.at.elapsed() < LOGIN_KEY_WINDOW
    }
}

impl LoginRetries {
    pub(super) fn new() -> Self {
        Self(Recent::new(MAX_KEYS))
    }

    /// Whether the login is a retry that is not counted.
    pub(super) fn is_uncounted(&self, key: &[u8; 32]) -> bool {
        let login = self.0.get(key).filter(|login| login.is_current());
        login.is_some_and(|login| login.retries.fetch_add(1, Ordering::Relaxed) < UNCOUNTED_RETRIES)
    }

    /// Records an admitted login.
    pub(super) fn record(&self, key: [u8; 32]) {
        if !self.0.get_or_default(&key).is_current() {
            self.0.insert(key, AdmittedLogin::default());
        }
    }
}
