//! Deleting expired sessions, and guests who have been inactive for long (S7).
//!
//! A guest is deleted by its last activity and not by age, and only if no session of the guest can still be used. Each batch reads
//! a limited number of rows in the order of their ids, and the delete statement checks the conditions again; so no index has to
//! be updated at each activity, and no batch delays logins for long. The last activity is the latest of `last_active_at` and of
//! the times that the guest's sessions tell; before a session is deleted, its time is written to `last_active_at`. In the background, a few batches run each minute and
//! continue where the last ones stopped.
//!
//! Nothing is deleted while the clock of the server is in doubt ([`ClockCheck`]), and the guests that all sweeps of a day delete
//! are limited to a share ([`Config::sweep_limit`]), so that a wrong clock or setting cannot delete them all at once.

mod clock_check;

use std::time::Duration;

use uuid::Uuid;

use crate::clock::Timestamp;
use crate::config::Config;
use crate::store::{MaintenanceStore, SWEEP_DAY, StoreError, SweepBatch};

pub(crate) use self::clock_check::ClockCheck;

pub use self::clock_check::ClockDoubt;

/// The number of rows that one batch reads.
const BATCH: u32 = 1000;
/// The number of batches of each kind per run in the background. Ten million guests are checked in eight hours.
const BATCHES: u32 = 20;
/// The number of guests that the sweeps may delete within a day whatever their share is: small sites are not limited.
const UNLIMITED: u64 = 100;

/// The number of rows that a sweep has deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SweepReport {
    /// Guests, with all their data.
    pub guests: usize,
    /// Expired sessions of guests who have not been deleted.
    pub sessions: usize,
    /// Whether guests were kept because of [`Config::sweep_limit`].
    pub limited: bool,
}

/// A sweep that was refused or has failed.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// The clock of this server may be wrong, so nothing was deleted.
    #[error("{0}")]
    Clock(ClockDoubt),
    /// The store failed. Rows that were deleted before stay deleted.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Sweeps a store, a few batches at a time.
#[derive(Debug)]
pub(crate) struct Sweeper {
    guest_retention: Duration,
    session_retention: Duration,
    /// In percent.
    limit: u8,
    /// The number of guests that all sweeps may delete within a day, and when the guests were counted.
    allowed: Option<(Timestamp, u64)>,
    /// Whether the last batches kept guests because of the limit, which is logged once.
    limited: bool,
    /// The guest and the session after which the next batches begin.
    after_guest: Uuid,
    after_session: Uuid,
}

impl Sweeper {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            guest_retention: config.guest_retention,
            session_retention: config.session_retention,
            limit: config.sweep_limit,
            allowed: None,
            limited: false,
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
        let allowed = self.allowed(store, now).await?;
        for _ in 0..BATCHES {
            let batch = store.sweep_guests(self.guests_after(self.after_guest, now, allowed)).await?;
            swept.guests += batch.removed;
            if batch.limited {
                swept.limited = true;
                break;
            }
            self.after_guest = batch.next.unwrap_or(Uuid::nil());
            if batch.next.is_none() {
                break;
            }
        }
        match (std::mem::replace(&mut self.limited, swept.limited), swept.limited) {
            (false, true) => tracing::warn!(
                allowed,
                "the sweeps have removed as many guests within a day as --sweep-limit ({} percent) allows; the others are \
                 removed later. If so many guests have really been inactive for --guest-retention, run \
                 `guestpass sweep --sweep-limit 100`; if not, check the clock and the setting",
                self.limit
            ),
            (true, false) => tracing::info!("the sweeps are not limited by --sweep-limit any more"),
            _ => {}
        }
        Ok(swept)
    }

    /// Checks all rows, from the first to the last.
    pub(crate) async fn sweep_all(
        &mut self,
        store: &dyn MaintenanceStore,
        now: Timestamp,
    ) -> Result<SweepReport, StoreError> {
        let mut swept = SweepReport::default();
        let mut next = Some(Uuid::nil());
        while let Some(after) = next {
            let batch = store.sweep_sessions(self.sessions_after(after, now)).await?;
            swept.sessions += batch.removed;
            next = batch.next;
        }
        let allowed = self.allowed(store, now).await?;
        next = Some(Uuid::nil());
        while let Some(after) = next {
            let batch = store.sweep_guests(self.guests_after(after, now, allowed)).await?;
            swept.guests += batch.removed;
            swept.limited = batch.limited;
            next = batch.next.filter(|_| !batch.limited);
        }
        Ok(swept)
    }

    /// The number of guests that all sweeps may delete within a day. The guests are counted once a day.
    async fn allowed(&mut self, store: &dyn MaintenanceStore, now: Timestamp) -> Result<u64, StoreError> {
        if self.limit >= 100 {
            return Ok(u64::MAX);
        }
        match self.allowed {
            Some((counted_at, allowed)) if counted_at <= now && now.since(counted_at) < SWEEP_DAY => Ok(allowed),
            _ => {
                let allowed = UNLIMITED.max(store.guest_count().await?.saturating_mul(self.limit.into()) / 100);
                self.allowed = Some((now, allowed));
                Ok(allowed)
            }
        }
    }

    fn guests_after(&self, after: Uuid, now: Timestamp, allowed: u64) -> SweepBatch {
        SweepBatch { after, now, before: now - self.guest_retention, limit: BATCH, allowed }
    }

    fn sessions_after(&self, after: Uuid, now: Timestamp) -> SweepBatch {
        SweepBatch { after, now, before: now - self.session_retention, limit: BATCH, allowed: 0 }
    }
}
