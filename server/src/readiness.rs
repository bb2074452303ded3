//! Whether the store accepts writes: asked by probes of load balancers (S16).
//!
//! Only a commit tells: a full disk, a lock of another program, a file that was moved, and a database that has become a replica
//! all let reads succeed. Probes that arrive within a second share one commit, so that probes cannot load the store.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::time::{Instant, timeout};

use crate::store::{MaintenanceStore, Store, StoreError};

/// How long the store may take to commit.
const DEADLINE: Duration = Duration::from_secs(2);
/// How long a result is used.
const FRESH: Duration = Duration::from_secs(1);

/// Commits a small write to find out whether the store accepts writes.
#[derive(Debug, Default)]
pub(crate) struct WriteProbe(Arc<Mutex<Option<Probed>>>);

#[derive(Debug, Clone, Copy)]
struct Probed {
    at: Instant,
    accepted: bool,
}

impl WriteProbe {
    /// Whether the store accepts writes, as of at most a second ago.
    pub(crate) async fn accepts_writes(&self, store: &Arc<dyn Store>) -> bool {
        let probed = Arc::clone(&self.0).lock_owned().await;
        if let Some(Probed { at, accepted }) = *probed
            && at.elapsed() < FRESH
        {
            return accepted;
        }
        // In a task of its own, so that a client that disconnects does not make the next request commit again.
        let store = Arc::clone(store);
        tokio::spawn(async move { probe(probed, &*store).await }).await.unwrap_or(false)
    }

    /// Makes the next probe ask the store.
    pub(crate) async fn forget(&self) {
        *self.0.lock().await = None;
    }
}

/// Commits a small write, and keeps the result.
async fn probe(mut probed: OwnedMutexGuard<Option<Probed>>, store: &dyn MaintenanceStore) -> bool {
    let result = timeout(DEADLINE, store.write_heartbeat(None))
        .await
        .unwrap_or_else(|_| Err(StoreError::Database(format!("no write was committed within {DEADLINE:?}"))));
    // Said when it changes, and not at each probe.
    let accepted_before = probed.is_none_or(|probed| probed.accepted);
    match &result {
        Err(error) if accepted_before => tracing::warn!(%error, "not ready: the store accepts no writes"),
        Ok(()) if !accepted_before => tracing::info!("the store accepts writes again"),
        _ => {}
    }
    *probed = Some(Probed { at: Instant::now(), accepted: result.is_ok() });
    result.is_ok()
}
