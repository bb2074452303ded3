//! When guests were last active, and which generations of their sessions have been seen: recorded in memory at requests, and
//! written every few seconds (S6).
//!
//! A refresh is not recorded here: the row of the session has its time, and the store returns the latest of these times and of
//! those that are written here. So a refresh changes one row.
//!
//! A thousand requests of one guest within that time cost one update of a row. A crash loses what was recorded in the last few
//! seconds and no other data; an orderly shutdown loses nothing.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use uuid::Uuid;

use crate::clock::Timestamp;
use crate::shards::Shards;
use crate::store::{Store, StoreError};

/// How often the activity is written.
pub(crate) const FLUSH_INTERVAL: Duration = Duration::from_secs(3);
/// The number of rows in one transaction, so that a large flush does not delay logins.
const CHUNK: usize = 2000;

type LastActive = HashMap<Uuid, Timestamp>;
/// The highest generation that was seen, by session.
type Seen = HashMap<Uuid, u64>;

/// The recorded activity of this node.
#[derive(Debug, Default)]
pub(crate) struct Activity {
    last_active: Shards<Mutex<LastActive>>,
    seen: Shards<Mutex<Seen>>,
}

impl Activity {
    /// Records that a guest is active.
    pub(crate) fn record(&self, guest: Uuid, now: Timestamp) {
        let mut last_active = lock(self.last_active.of(guest));
        let last = last_active.entry(guest).or_insert(now);
        *last = now.max(*last);
    }

    /// Records that the client of a session has the tokens of this generation.
    pub(crate) fn record_seen(&self, session: Uuid, generation: u64) {
        let mut seen = lock(self.seen.of(session));
        let last = seen.entry(session).or_insert(generation);
        *last = generation.max(*last);
    }

    /// The highest generation of the session that was recorded since the last flush.
    pub(crate) fn seen(&self, session: Uuid) -> Option<u64> {
        lock(self.seen.of(session)).get(&session).copied()
    }

    /// The number of guests who have been active since the last flush, apart from refreshes.
    pub(crate) fn guests(&self) -> usize {
        self.last_active.all().map(|shard| lock(shard).len()).sum()
    }

    /// Writes what was recorded. What could not be written is kept for the next flush.
    pub(crate) async fn flush(&self, store: &dyn Store) -> Result<(), StoreError> {
        self.flush_activity(store).await?;
        self.flush_seen(store).await
    }

    async fn flush_activity(&self, store: &dyn Store) -> Result<(), StoreError> {
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

    async fn flush_seen(&self, store: &dyn Store) -> Result<(), StoreError> {
        let copy =
            |shard: &Mutex<Seen>| lock(shard).iter().map(|(&session, &generation)| (session, generation)).collect();
        let mut seen: Vec<_> = self.seen.all().flat_map::<Vec<_>, _>(copy).collect();
        seen.sort_unstable();
        for chunk in seen.chunks(CHUNK) {
            let locked = store.confirm(chunk.to_vec()).await?;
            // Kept until then: a refresh during the write must find the generation here or in the store.
            for (session, generation) in chunk.iter().filter(|(session, _)| !locked.contains(session)) {
                let mut shard = lock(self.seen.of(*session));
                if shard.get(session) == Some(generation) {
                    shard.remove(session);
                }
            }
        }
        Ok(())
    }
}

fn lock<T>(shard: &Mutex<T>) -> MutexGuard<'_, T> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}
