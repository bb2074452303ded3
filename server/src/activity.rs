//! When guests were last active: recorded in memory at each request, and written every few seconds (S6).
//!
//! A thousand requests of one guest within that time cost one update of a row. A crash loses the activity of the last few
//! seconds and no other data; an orderly shutdown loses none.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use uuid::Uuid;

use crate::clock::Timestamp;
use crate::shards::Shards;
use crate::store::{GuestStore, StoreError};

/// How often the activity is written.
pub(crate) const FLUSH_INTERVAL: Duration = Duration::from_secs(3);
/// The number of guests in one transaction, so that a large flush does not delay logins.
const CHUNK: usize = 2000;

type LastActive = HashMap<Uuid, Timestamp>;

/// The recorded activity of this node.
#[derive(Debug, Default)]
pub(crate) struct Activity {
    last_active: Shards<Mutex<LastActive>>,
}

impl Activity {
    /// Records that a guest is active.
    pub(crate) fn record(&self, guest: Uuid, now: Timestamp) {
        let mut last_active = lock(self.last_active.of(guest));
        let last = last_active.entry(guest).or_insert(now);
        *last = now.max(*last);
    }

    /// The number of guests who have been active since the last flush.
    pub(crate) fn guests(&self) -> usize {
        self.last_active.all().map(|shard| lock(shard).len()).sum()
    }

    /// Writes the recorded activity. Activity that could not be written is kept for the next flush.
    pub(crate) async fn flush(&self, store: &dyn GuestStore) -> Result<(), StoreError> {
        let mut activity: Vec<_> = self.last_active.all().flat_map(|shard| std::mem::take(&mut *lock(shard))).collect();
        // In the order of the table, so that neighbouring rows share pages.
        activity.sort_unstable();
        let mut chunks = activity.chunks(CHUNK);
        while let Some(chunk) = chunks.next() {
            if let Err(error) = store.record_activity(chunk.to_vec()).await {
                for &(guest, at) in chunk.iter().chain(chunks.flatten()) {
                    self.record(guest, at);
                }
                return Err(error);
            }
        }
        Ok(())
    }
}

fn lock(shard: &Mutex<LastActive>) -> MutexGuard<'_, LastActive> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}
