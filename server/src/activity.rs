//! When guests were last active: noted in memory at each request, written every few seconds (S6).
//!
//! A guest who makes a thousand requests costs one row update. A crash loses at most the last few seconds of this, and
//! nothing else; an orderly shutdown loses none.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use uuid::Uuid;

use crate::clock::Timestamp;
use crate::shards::Shards;
use crate::store::{Store, StoreError};

/// How often notes are written.
pub(crate) const FLUSH_INTERVAL: Duration = Duration::from_secs(3);
/// Guests in one job of the store, so that a full flush does not hold up a login.
const CHUNK: usize = 2000;

type Seen = HashMap<Uuid, Timestamp>;

#[derive(Debug, Default)]
pub(crate) struct Activity {
    seen: Shards<Mutex<Seen>>,
}

impl Activity {
    pub(crate) fn note(&self, guest: Uuid, now: Timestamp) {
        let mut seen = lock(self.seen.of(guest));
        let last = seen.entry(guest).or_insert(now);
        *last = now.max(*last);
    }

    /// Guests seen since the last flush.
    pub(crate) fn guests(&self) -> usize {
        self.seen.all().map(|part| lock(part).len()).sum()
    }

    /// Writes all notes. What could not be written is kept for the next time.
    pub(crate) async fn flush(&self, store: &dyn Store) -> Result<(), StoreError> {
        let mut seen: Vec<_> = self.seen.all().flat_map(|part| std::mem::take(&mut *lock(part))).collect();
        // In the order of the table: neighbours share its pages.
        seen.sort_unstable();
        let mut chunks = seen.chunks(CHUNK);
        while let Some(chunk) = chunks.next() {
            if let Err(error) = store.touch(chunk.to_vec()).await {
                for &(guest, at) in chunk.iter().chain(chunks.flatten()) {
                    self.note(guest, at);
                }
                return Err(error);
            }
        }
        Ok(())
    }
}

fn lock(part: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    part.lock().unwrap_or_else(PoisonError::into_inner)
}
