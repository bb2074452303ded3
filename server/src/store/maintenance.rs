//! Work that is not part of a request: removing old rows, following the changes of other nodes, metrics, closing.

use std::fmt;

use async_trait::async_trait;
use prometheus_client::registry::Registry;
use uuid::Uuid;

use super::{Revocation, StoreError};
use crate::clock::Timestamp;

/// Maintains a store.
#[async_trait]
pub(crate) trait MaintenanceStore: fmt::Debug + Send + Sync {
    /// Deletes up to `limit` rows of one kind whose time is before `before`. Returns the number of deleted rows.
    async fn delete_expired(&self, rows: ExpiringRows, before: Timestamp, limit: u32) -> Result<usize, StoreError>;

    /// Deletes the guests of one batch who were last active before `before` and have neither a usable session nor a revoked
    /// session that must still be kept; and the tombstones of merged guests whose access tokens have all expired. Never
    /// deletes a member.
    async fn sweep_guests(&self, batch: SweepBatch) -> Result<SweptBatch, StoreError>;

    /// Deletes the sessions of one batch that ended before `before`, along with their last access tokens.
    async fn sweep_sessions(&self, batch: SweepBatch) -> Result<SweptBatch, StoreError>;

    /// Waits for the next change that another node or an operator makes in the database; the same change may be returned
    /// twice. By default, it never returns: a SQLite file has one server, and the only other process that writes to it is
    /// the command for keys, which are read regularly anyway.
    async fn next_change(&self) -> StoreChange {
        std::future::pending().await
    }

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
}

/// Rows that are kept for a limited time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExpiringRows {
    /// Idempotency keys of logins, by the time of the login.
    LoginKeys,
    /// Idempotency keys of requests to become a member, by the time of the request.
    UpgradeKeys,
    /// Idempotency keys of additions to carts, by the time of the addition.
    CartKeys,
    /// Sessions of erased guests, by the expiry of their last access token.
    ErasedSessions,
    /// Challenges of passkeys, by their expiry.
    Ceremonies,
    /// Used ID tokens, by their expiry.
    IdTokens,
}

impl ExpiringRows {
    /// The table, its primary key, and the column of the time.
    pub(crate) const fn columns(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::LoginKeys => ("login_key", "hash", "created_at"),
            Self::UpgradeKeys => ("upgrade_key", "hash", "created_at"),
            Self::CartKeys => ("cart_key", "user_id, hash", "created_at"),
            Self::ErasedSessions => ("erased_session", "id", "access_expires_at"),
            Self::Ceremonies => ("ceremony", "id", "expires_at"),
            Self::IdTokens => ("used_id_token", "hash", "expires_at"),
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
}

/// The result of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SweptBatch {
    pub(crate) removed: usize,
    /// The row after which the next batch begins. `None`: there are no more rows.
    pub(crate) next: Option<Uuid>,
}

impl SweptBatch {
    pub(crate) const EMPTY: Self = Self { removed: 0, next: None };
}
