//! What the server remembers, behind one trait.
//!
//! Each method of [`Store`] is one transaction of the domain (log in, rotate, add to the cart), not a query: what must
//! be atomic is stated here, and how a database does it stays inside its implementation.

mod account;
mod data;
mod keys;
pub(crate) mod postgres;
mod preferences;
mod session;
pub(crate) mod sqlite;

use std::fmt;
use std::path::PathBuf;

use async_trait::async_trait;
use prometheus_client::registry::Registry;
use uuid::Uuid;

use crate::auth::Subject;
use crate::clock::Timestamp;

pub use keys::KeyState;

pub(crate) use account::{
    AccountKey, AccountRow, CEREMONIES_PER_USER, Caller, Ceremony, MergeRequest, MergeOutcome, Identity, NewCredential, SingleUse,
    PasskeyRow, Upgrade, RegisterOutcome, Registration, Membership, merge_preferences,
};
pub(crate) use data::{
    CART_KEY_WINDOW, CartChange, CartKey, CartLine, Export, ItemList, ItemRow, ListedItem, MAX_CART_KEYS,
    MAX_FAVORITES, MAX_HISTORY, MAX_LINES, MAX_QUANTITY, DataResult, Page, PersonalItem, Position, Quantity, DataError,
};
pub(crate) use keys::{
    KeyChange, KeyLife, KeySet, NewSigningKey, RefreshKeyRow, SigningKeyRow, signing_index, stage, verifies_until,
};
pub(crate) use preferences::{
    MAX_PREFERENCE_KEYS, MAX_PREFERENCE_TEXT, MergePatch, Preferences, PreferencesChange, PreferencesEdit,
    PreferencesError,
};
pub(crate) use session::{
    ERASED_SESSION_MARGIN, LOGIN_KEY_RETENTION, LOGIN_KEY_WINDOW, Login, LoginOutcome, OpenSession, Reuse, Revocation,
    Rotation, RotationOutcome, SESSIONS_LISTED, SessionRow,
};

/// Everything the server keeps. What a method has answered with `Ok` is durable (S5).
#[async_trait]
pub(crate) trait Store: fmt::Debug + Send + Sync + 'static {
    /// All keys. Asked every few seconds: another process may have rotated them.
    async fn keys(&self) -> Result<KeySet, StoreError>;

    /// Applies `change` to the keys and returns them. No two changes overlap, of whatever process or node.
    async fn change_keys(&self, change: KeyChange) -> Result<KeySet, StoreError>;

    /// Makes a guest and a session, or finds those that the same idempotency key has made.
    async fn login(&self, login: Login) -> Result<LoginOutcome, StoreError>;

    /// Rotates the refresh token of one session: one atomic conditional update decides (S1). Reuse revokes the session,
    /// and that revocation is committed (S3).
    async fn rotate(&self, rotation: Rotation) -> Result<RotationOutcome, StoreError>;

    /// Revokes a session. `None` if there is no such session.
    async fn revoke(&self, session: Uuid, now: Timestamp) -> Result<Option<Revocation>, StoreError>;

    /// One session, whatever its state, and `None` if there is no such one.
    async fn session(&self, id: Uuid) -> Result<Option<SessionRow>, StoreError>;

    /// The live sessions of one user, the newest first, and at most [`SESSIONS_LISTED`].
    async fn sessions_of(&self, user: Uuid, now: Timestamp) -> Result<Vec<SessionRow>, StoreError>;

    /// Revokes a session if it is live and of that user; else `None`.
    async fn end_session(&self, user: Uuid, session: Uuid, now: Timestamp) -> Result<Option<Revocation>, StoreError>;

    /// The revoked sessions that still have unexpired access tokens.
    async fn revocations(&self, now: Timestamp) -> Result<Vec<Revocation>, StoreError>;

    /// Forgets up to `limit` rows of such a kind from before `before`; says how many.
    async fn forget(&self, what: ShortLived, before: Timestamp, limit: u32) -> Result<usize, StoreError>;

    /// Removes the guests of one batch who were last active before `before`, and have no session that could still be used
    /// or whose revocation must still be remembered; and the tombstones that no access token can name any more. Never a
    /// member.
    async fn sweep_guests(&self, batch: SweepBatch) -> Result<Batch, StoreError>;

    /// Removes the sessions of one batch that were over before `before`, with their last access tokens.
    async fn sweep_sessions(&self, batch: SweepBatch) -> Result<Batch, StoreError>;

    /// One user, if there is such a one; instead of a guest who has been merged, the account.
    async fn guest(&self, id: Uuid) -> Result<Option<GuestRow>, StoreError>;

    /// Makes a guest a member where they are: the id and every row stay (S8).
    async fn register(&self, registration: Registration) -> Result<RegisterOutcome, StoreError>;

    /// Takes a caller into an account: if it is another one's, what the guest has is merged into it, the sessions go with
    /// it, and the guest becomes a tombstone; all of it or nothing, and once (S8).
    async fn merge_into_account(&self, request: MergeRequest) -> Result<MergeOutcome, StoreError>;

    /// One account, if there is such a one.
    async fn account(&self, key: AccountKey) -> Result<Option<AccountRow>, StoreError>;

    /// A passkey of anybody's, by its id.
    async fn passkey(&self, credential_id: Vec<u8>) -> Result<Option<PasskeyRow>, StoreError>;

    /// Keeps a challenge, if there is such a user. The caller's oldest ones make room.
    async fn begin_ceremony(&self, ceremony: Ceremony) -> Result<bool, StoreError>;

    /// What that caller's challenge is checked against, unless it has expired or been used.
    async fn ceremony(&self, id: Uuid, user: Uuid, now: Timestamp) -> Result<Option<String>, StoreError>;

    /// Forgets a challenge that was answered wrongly.
    async fn end_ceremony(&self, id: Uuid) -> Result<(), StoreError>;

    /// Those who have become members and may still have access tokens that call them guests.
    async fn upgrades(&self, now: Timestamp) -> Result<Vec<Upgrade>, StoreError>;

    /// Notes when guests were last active. Never moves one back.
    async fn touch(&self, seen: Vec<(Uuid, Timestamp)>) -> Result<(), StoreError>;

    /// How many items the catalogue has.
    async fn item_count(&self) -> Result<u64, StoreError>;

    /// The catalogue in its order, and what each item is to the guest.
    async fn items(&self, guest: Uuid) -> Result<DataResult<Vec<PersonalItem>>, StoreError>;

    /// A guest's cart, oldest line first.
    async fn cart(&self, guest: Uuid) -> Result<DataResult<Vec<CartLine>>, StoreError>;

    /// Changes one line of a cart and returns the cart. The conditions and the idempotency key are looked at in the same
    /// transaction; what the key has added before is not added again, whatever the conditions.
    async fn change_cart(&self, guest: Uuid, change: CartChange) -> Result<DataResult<Vec<CartLine>>, StoreError>;

    /// A part of a list, newest first.
    async fn list(&self, list: ItemList, guest: Uuid, page: Page) -> Result<DataResult<Vec<ListedItem>>, StoreError>;

    /// Puts an item on a list. In a history it becomes the latest, and the oldest beyond [`MAX_HISTORY`] go; a favourite
    /// that is one already stays where it is.
    async fn add_item(&self, list: ItemList, guest: Uuid, item: i64, now: Timestamp) -> Result<DataResult<()>, StoreError>;

    /// Takes an item off a list, or all of them. What is not there is gone already.
    async fn remove_item(&self, list: ItemList, guest: Uuid, item: Option<i64>) -> Result<DataResult<()>, StoreError>;

    /// A guest's preferences.
    async fn preferences(&self, guest: Uuid) -> Result<DataResult<Preferences>, StoreError>;

    /// Changes preferences and returns them. The conditions are looked at in the same transaction.
    async fn change_preferences(
        &self,
        guest: Uuid,
        change: PreferencesChange,
    ) -> Result<DataResult<Preferences>, StoreError>;

    /// Everything about a guest, as of one moment.
    async fn export(&self, guest: Uuid) -> Result<DataResult<Export>, StoreError>;

    /// Erases a guest: every row goes, and of the sessions remains what it takes to refuse their access tokens. Takes its
    /// turn with whatever else changes one of the sessions (S4), and with every other change of the guest's data.
    async fn erase(&self, guest: Uuid) -> Result<DataResult<Vec<Revocation>>, StoreError>;

    /// Waits for what another node, or an operator, changes in the same database, and may tell it twice. Here that never
    /// happens: the only other process that writes to it is the command for keys, and those are asked for anyway.
    async fn next_change(&self) -> Change {
        std::future::pending().await
    }

    /// Registers what the store counts about itself.
    fn measure(&self, _registry: &mut Registry) {}

    /// Finishes what is queued and lets go of the database.
    async fn close(&self);
}

/// What this node keeps in memory as well, and has changed in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// A session was revoked.
    Revoked(Revocation),
    /// A guest became a member.
    Upgraded(Upgrade),
}

/// What is kept for a while only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ShortLived {
    /// Idempotency keys of logins, from when they came.
    LoginKeys,
    /// Idempotency keys of additions to carts, from when they came.
    CartKeys,
    /// Sessions of erased guests, from when their last access token has expired.
    ErasedSessions,
    /// Challenges of passkeys, from when they have expired.
    Ceremonies,
    /// ID tokens that have been used, from when they have expired.
    IdTokens,
}

impl ShortLived {
    /// The table, its primary key, and the column of the time.
    pub(crate) const fn columns(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::LoginKeys => ("login_key", "hash", "created_at"),
            Self::CartKeys => ("cart_key", "user_id, hash", "created_at"),
            Self::ErasedSessions => ("erased_session", "id", "access_expires_at"),
            Self::Ceremonies => ("ceremony", "id", "expires_at"),
            Self::IdTokens => ("used_id_token", "hash", "expires_at"),
        }
    }
}

impl GuestRow {
    pub(crate) const fn subject(&self) -> Subject {
        Subject::new(self.id, self.registered_at.is_some())
    }
}

/// Why the store did not answer. The cause is for the log; a client only learns that the store is unavailable.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The database refused or failed.
    #[error("the database failed: {0}")]
    Database(String),
    /// A file of the database is no longer the one that was opened: what is written to it now would be lost.
    #[error("{} has been moved, removed or replaced: put it back, or restart the server", .0.display())]
    Moved(PathBuf),
    /// The schema could not be brought up to date.
    #[error("the schema could not be brought up to date: {0}")]
    Migration(String),
    /// Another process serves this file.
    #[error("another server is using this file")]
    InUse,
    /// The store has been closed.
    #[error("the store is closed")]
    Closed,
}

/// The rows that a sweep looks at: the next `limit` after `after`, in the order of their ids.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SweepBatch {
    pub(crate) after: Uuid,
    pub(crate) now: Timestamp,
    pub(crate) before: Timestamp,
    pub(crate) limit: u32,
}

/// What became of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Batch {
    pub(crate) removed: usize,
    /// After which row the next batch begins. `None`: there are no more rows.
    pub(crate) next: Option<Uuid>,
}

impl Batch {
    pub(crate) const EMPTY: Self = Self { removed: 0, next: None };
}

/// A user: a guest or a member.
#[derive(Debug, Clone)]
pub(crate) struct GuestRow {
    pub(crate) id: Uuid,
    pub(crate) created_at: Timestamp,
    pub(crate) last_active_at: Timestamp,
    /// Since when they are a member.
    pub(crate) registered_at: Option<Timestamp>,
    pub(crate) email: Option<String>,
    pub(crate) passkeys: u64,
}
