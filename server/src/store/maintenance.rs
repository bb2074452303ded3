//! Work that is not part of a request: removing old rows, following the changes of other processes, the heartbeat, metrics,
//! closing.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use prometheus_client::registry::Registry;
use uuid::Uuid;

use super::{Revocation, StoreError};
use crate::clock::{Clock, Timestamp};

/// Maintains a store.
#[async_trait]
pub(crate) trait MaintenanceStore: fmt::Debug + Send + Sync {
    /// Deletes up to `limit` rows of one kind whose time is before `before`. Returns the number of deleted rows.
    async fn delete_expired(&self, rows: ExpiringRows, before: Timestamp, limit: u32) -> Result<usize, StoreError>;

    /// Deletes the guests of one batch who were last active before `before`, by their own rows and by their sessions, and have neither a usable session nor a revoked
    /// session that must still be kept; and the tombstones of merged guests whose access tokens have all expired. Never
    /// deletes a member. Deletes no more than [`SweepBatch::allowed`] leaves.
    async fn sweep_guests(&self, batch: SweepBatch) -> Result<SweptBatch, StoreError>;

    /// Deletes the sessions of one batch that ended before `before`, along with their last access tokens. Writes the activity
    /// that such a session tells to the row of its user (S7).
    async fn sweep_sessions(&self, batch: SweepBatch) -> Result<SweptBatch, StoreError>;

    /// The number of guests, without members and tombstones. May be an estimate for millions of guests.
    async fn guest_count(&self) -> Result<u64, StoreError>;

    /// Waits for the next change that another process makes in the database: another node, a command, or an operator with
    /// SQL. The same change may be returned twice.
    async fn next_change(&self, clock: &dyn Clock) -> StoreChange;

    /// The time since [`MaintenanceStore::next_change`] has last heard from the database. Zero for a database that this server
    /// alone uses, apart from commands.
    fn changes_age(&self) -> Duration {
        Duration::ZERO
    }

    /// The clocks that the store knows.
    async fn clocks(&self) -> Result<StoreClocks, StoreError>;

    /// Commits a small write, which shows that the store accepts writes. `at` is recorded as the newest time at which a server
    /// with a trusted clock ran.
    async fn write_heartbeat(&self, at: Option<Timestamp>) -> Result<(), StoreError>;

    /// Registers the metrics of the store.
    fn register_metrics(&self, _registry: &mut Registry) {}

    /// Completes queued work and closes the connections to the database.
    async fn close(&self);
}

/// A change in the database of data that every node also keeps in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StoreChange {
    /// A session was revoked.
    Revoked(Revocation),
    /// An operator unlocked an account.
    Unlocked(Unlock),
    /// The keys may have changed.
    Keys,
}

/// An operator has unlocked an account: earlier attempts at its password do not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unlock {
    /// SHA-256 of the e-mail address of the account.
    pub(crate) account: [u8; 32],
    /// When it was unlocked. The same unlock may be reported more than once, and counts once.
    pub(crate) at: Timestamp,
}

/// The greatest [`MaintenanceStore::changes_age`] of a server that is ready.
pub(crate) const CHANGES_READY: Duration = Duration::from_secs(5);
/// The greatest [`MaintenanceStore::changes_age`] of a server that accepts access tokens: longer than a reconnection takes.
pub(crate) const CHANGES_TRUSTED: Duration = Duration::from_secs(10);

/// The clocks that a store knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StoreClocks {
    /// The newest time at which a server with a trusted clock ran. `None`: never, and the store had no guests then.
    pub(crate) heartbeat: Option<Timestamp>,
    /// The clock of the database server. `None`: the database runs in this process and has no clock of its own.
    pub(crate) database: Option<Timestamp>,
}

/// Rows that are kept for a limited time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExpiringRows {
    /// Idempotency keys of logins, by the time of the login.
    LoginKeys,
    /// Idempotency keys of requests to become a member, by the time of the request.
    UpgradeKeys,
    /// Idempotency keys of additions, by the time of the addition.
    AdditionKeys,
    /// Sessions of erased guests, by the expiry of their last access token.
    ErasedSessions,
    /// Records of erased users, by the time of the erasure.
    ErasedUsers,
    /// Challenges of passkeys, by their expiry.
    Ceremonies,
    /// Used ID tokens, by their expiry.
    IdTokens,
    /// Entries of the audit trail, by their time.
    AuditEntries,
    /// Networks of members, by the time of their last sign-in from there.
    KnownNetworks,
}

impl ExpiringRows {
    /// The table, its primary key, and the column of the time.
    pub(crate) const fn columns(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::LoginKeys => ("login_key", "hash", "created_at"),
            Self::UpgradeKeys => ("upgrade_key", "hash", "created_at"),
            Self::AdditionKeys => ("addition_key", "user_id, hash", "created_at"),
            Self::ErasedSessions => ("erased_session", "id", "access_expires_at"),
            Self::ErasedUsers => ("erased_user", "hash", "erased_at"),
            Self::Ceremonies => ("ceremony", "id", "expires_at"),
            Self::IdTokens => ("used_id_token", "hash", "expires_at"),
            Self::AuditEntries => ("audit_entry", "id", "at"),
            Self::KnownNetworks => ("known_network", "user_id, hash", "used_at"),
        }
    }
}

/// A batch of a sweep: the next `limit` rows after `after`, in the order of their ids.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SweepBatch {
    pub(crate) after: Uuid,
    pub(crate) now: Timestamp,
    /// Rows that are older than this are deleted.
    pub(crate) before: Timestamp,
    pub(crate) limit: u32,
    /// The number of guests that the sweeps of all nodes together may delete in [`SWEEP_DAY`]. Not for sessions.
    pub(crate) allowed: u64,
}

/// The period in which [`SweepBatch::allowed`] counts.
pub(crate) const SWEEP_DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The guests that the sweeps have deleted in the current period.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SweepDay {
    pub(crate) began_at: Timestamp,
    pub(crate) removed: u64,
}

impl SweepDay {
    /// This period, or the next one if it is over. A period that begins in the future is from a clock that was wrong.
    pub(crate) fn at(self, now: Timestamp) -> Self {
        let current = self.began_at <= now && now.since(self.began_at) < SWEEP_DAY;
        if current { self } else { Self { began_at: now, removed: 0 } }
    }

    /// The number of guests that may still be deleted.
    pub(crate) const fn remaining(self, allowed: u64) -> u64 {
        allowed.saturating_sub(self.removed)
    }
}

/// The result of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SweptBatch {
    pub(crate) removed: usize,
    /// The row after which the next batch begins. `None`: there are no more rows.
    pub(crate) next: Option<Uuid>,
    /// Whether guests were kept because of [`SweepBatch::allowed`].
    pub(crate) limited: bool,
}

impl SweptBatch {
    pub(crate) const EMPTY: Self = Self { removed: 0, next: None, limited: false };
}
