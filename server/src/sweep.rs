//! Deleting expired sessions, and guests who have been inactive for long (S7).
//!
//! A guest is deleted by `last_active_at` and not by age, and only if no session of the guest can still be used. Each batch reads
//! a limited number of rows in the order of their ids, and the delete statement checks the conditions again; so no index has to
//! be updated at each activity, and no batch delays logins for long. In the background, a few batches run each minute and
//! continue where the last ones stopped.

use std::time::Duration;

use uuid::Uuid;

use crate::clock::Timestamp;
use crate::config::Config;
use crate::store::{MaintenanceStore, StoreError, SweepBatch, SweptBatch};

/// The number of rows that one batch reads.
const BATCH: u32 = 1000;
/// The number of batches of each kind per run in the background. Ten million guests are checked in eight hours.
const BATCHES: u32 = 20;

/// The number of rows that a sweep has deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SweepReport {
    /// Guests, with all their data.
    pub guests: usize,
    /// Expired sessions of guests who have not been deleted.
    pub sessions: usize,
}

/// Sweeps a store, a few batches at a time.
#[derive(Debug)]
pub(crate) struct Sweeper {
    guest_retention: Duration,
    session_retention: Duration,
    /// The guest and the session after which the next batches begin.
    after_guest: Uuid,
    after_session: Uuid,
}

impl Sweeper {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            guest_retention: config.guest_retention,
            session_retention: config.session_retention,
            after_guest: Uuid::nil(),
            after_session: Uuid::nil(),
        }
    }

    /// Runs some batches, and continues where the last ones stopped.
    pub(crate) async fn sweep_some(
        &mut self,
        store: &dyn MaintenanceStore,
        now: Timestamp,
    ) -> Result<SweepReport, StoreError> {
        let mut swept = SweepReport::default();
        for _ in 0..BATCHES {
            let batch = store.sweep_sessions(self.sessions_after(self.after_session, now)).await?;
            swept.sessions += batch.removed;
            self.after_session = batch.next.unwrap_or(Uuid::nil());
            if batch.next.is_none() {
                break;
            }
        }
        for _ in 0..BATCHES {
            let batch = store.sweep_guests(self.guests_after(self.after_guest, now)).await?;
            swept.guests += batch.removed;
            self.after_guest = batch.next.unwrap_or(Uuid::nil());
            if batch.next.is_none() {
                break;
            }
        }
        Ok(swept)
    }

    /// Checks all rows, from the first to the last.
    pub(crate) async fn sweep_all(
        &self,
        store: &dyn MaintenanceStore,
        now: Timestamp,
    ) -> Result<SweepReport, StoreError> {
        let mut swept = SweepReport::default();
        let mut next = Some(Uuid::nil());
        while let Some(after) = next {
            let SweptBatch { removed, next: following } = store.sweep_sessions(self.sessions_after(after, now)).await?;
            swept.sessions += removed;
            next = following;
        }
        next = Some(Uuid::nil());
        while let Some(after) = next {
            let SweptBatch { removed, next: following } = store.sweep_guests(self.guests_after(after, now)).await?;
            swept.guests += removed;
            next = following;
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
