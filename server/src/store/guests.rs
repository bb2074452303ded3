//! Users: guests, and members, who are guests with an account. The table of both is `anonymous_user`.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use uuid::Uuid;

use super::{AuditEntry, CollectionEntry, DataResult, Identity, Revocation, SessionRow, StoreError};
use crate::clock::Timestamp;
use crate::secret::sha256;

/// Stores the users.
#[async_trait]
pub(crate) trait GuestStore: fmt::Debug + Send + Sync {
    /// Looks up a user. A guest who was merged into an account is no user any more.
    async fn guest(&self, id: Uuid) -> Result<Option<GuestRow>, StoreError>;

    /// Records when guests were last active, apart from refreshes, which the rows of their sessions tell. A time that is earlier
    /// than the recorded one changes nothing.
    async fn record_activity(&self, activity: Vec<(Uuid, Timestamp)>) -> Result<(), StoreError>;

    /// All data about a guest, read at one point in time.
    async fn export(&self, guest: Uuid) -> Result<DataResult<Export>, StoreError>;

    /// Erases a guest: deletes every row, and keeps only what is needed to refuse the access tokens of the guest's sessions, and
    /// a hash of the id, by which the guest is erased again after a backup has been restored.
    /// Serialized with every other change of those sessions (S4) and of the guest's data. `by` is the session that asks, which must
    /// be one of the guest and not revoked; `None` for an operator. Returns the ended sessions.
    async fn erase(
        &self,
        guest: Uuid,
        by: Option<Uuid>,
        now: Timestamp,
    ) -> Result<DataResult<Vec<Revocation>>, StoreError>;
}

/// How long the erasure of a user is recorded: longer than backups are usually kept.
pub(crate) const ERASED_USER_RETENTION: Duration = Duration::from_hours(365 * 24);

/// The record of an erased user, by which a restored backup finds the user. It contains no id.
pub(crate) fn erased_user_hash(id: Uuid) -> [u8; 32] {
    sha256(id.as_bytes())
}

/// A user: a guest or a member.
#[derive(Debug, Clone)]
pub(crate) struct GuestRow {
    pub(crate) id: Uuid,
    pub(crate) created_at: Timestamp,
    /// The latest of the activity in the row of the user and of what the user's sessions tell ([`SessionRow::active_at`]).
    pub(crate) last_active_at: Timestamp,
    /// Since when the user has been a member.
    pub(crate) registered_at: Option<Timestamp>,
    pub(crate) email: Option<String>,
    pub(crate) passkeys: u64,
}

/// All stored data about a guest, except the hashes of idempotency keys.
#[derive(Debug)]
pub(crate) struct Export {
    pub(crate) guest: GuestRow,
    pub(crate) identities: Vec<Identity>,
    pub(crate) sessions: Vec<SessionRow>,
    /// In the order of their collections, also of those that are not declared any more.
    pub(crate) entries: Vec<CollectionEntry>,
    /// The newest 1000 entries of the audit trail about the guest.
    pub(crate) audit: Vec<AuditEntry>,
}
