//! Removing what nobody will come back to (S7): sessions that are over, and guests who have been away for long.
//!
//! A guest goes by `last_active_at`, not by age, and only without a session that could still be used. Each batch looks at
//! so many rows in the order of their ids, and the delete itself checks again; so no index has to be kept up at every
//! activity, and no batch holds up a login for long. In the background a few batches run each minute and go on where the
//! last ones stopped.

use std::time::Duration;

use uuid::Uuid;

use crate::clock::Timestamp;
use crate::config::Config;
use crate::store::{Batch, Store, StoreError, SweepBatch};

/// Rows that one batch looks at.
const BATCH: u32 = 1000;
/// Batches of each kind that run at once in the background: ten million guests are looked at in eight hours.
const BATCHES: u32 = 20;

/// What a sweep has removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SweepReport {
    /// Guests, with everything of theirs.
    pub guests: usize,
    /// Sessions that were over, of guests who are still there.
    pub sessions: usize,
}

/// Sweeps a store, a few batches at a time.
#[derive(Debug)]
pub(crate) struct Sweeper {
    guest_retention: Duration,
    session_retention: Duration,
    guests: Uuid,
    sessions: Uuid,
}

impl Sweeper {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            guest_retention: config.guest_retention,
            session_retention: config.session_retention,
            guests: Uuid::nil(),
            sessions: Uuid::nil(),
        }
    }

    /// Some batches, on from where the last ones stopped.
    pub(crate) async fn some(&mut self, store: &dyn Store, now: Timestamp) -> Result<SweepReport, StoreError> {
        let mut swept = SweepReport::default();
        for _ in 0..BATCHES {
            let batch = store.sweep_sessions(self.sessions_after(self.sessions, now)).await?;
            swept.sessions += batch.removed;
            self.sessions = batch.next.unwrap_or(Uuid::nil());
            if batch.next.is_none() {
                break;
            }
        }
        for _ in 0..BATCHES {
            let batch = store.sweep_guests(self.guests_after(self.guests, now)).await?;
            swept.guests += batch.removed;
            self.guests = batch.next.unwrap_or(Uuid::nil());
            if batch.next.is_none() {
                break;
            }
        }
        Ok(swept)
    }

    /// Everything, from the first row to the last.
    pub(crate) async fn all(&self, store: &dyn Store, now: Timestamp) -> Result<SweepReport, StoreError> {
        let mut swept = SweepReport::default();
        let mut next = Some(Uuid::nil());
        while let Some(after) = next {
            let Batch { removed, next: on } = store.sweep_sessions(self.sessions_after(after, now)).await?;
            swept.sessions += removed;
            next = on;
        }
        next = Some(Uuid::nil());
        while let Some(after) = next {
            let Batch { removed, next: on } = store.sweep_guests(self.guests_after(after, now)).await?;
            swept.guests += removed;
            next = on;
        }
        Ok(swept)
    }

    fn guests_after(&self, after: Uuid, now: Timestamp) -> SweepBatch {
        SweepBatch { after, now, before: now - self.guest_retention, limit: BATCH }
    }

    fn sessions_after(&self, after: Uuid, now: Timestamp) -> SweepBatch {
        SweepBatch { after, now, before: now - self.session_retention, limit: BATCH }
    }
}
