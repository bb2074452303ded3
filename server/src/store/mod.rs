//! The data of the server, behind one trait per domain.
//!
//! Each method of these traits is one transaction of its domain (log in, rotate a token, change an entry), not one query: it
//! is atomic, and each database implements it in its own way. When a method has returned `Ok`, the change is
//! durable (invariant S5). Modules depend on the narrowest trait that serves them; [`Store`] is all of them.

mod accounts;
mod audit;
mod backup;
mod entries;
mod guest_data;
mod guests;
mod keys;
mod known_networks;
mod maintenance;
pub(crate) mod postgres;
mod sessions;
pub(crate) mod sqlite;

use std::path::PathBuf;

pub use self::audit::{AuditEntry, AuditEvent, AuditFilter};
pub use self::backup::{
    BackupError, BackupProgress, DatabaseContents, ReplacedDatabase, RestoreOptions, RestoreSummary, SinceBackup,
};
pub use self::keys::{KeyEncryptionError, KeyState};

pub(crate) use self::accounts::{
    AccountKey, AccountRow, AccountStore, CEREMONIES_PER_USER, Caller, Ceremony, Identity, MergeOutcome, MergeRequest,
    NewCredential, NewSession, PasskeyRow, PasskeyUse, RegisterOutcome, Registration, RetryOutcome, SingleUse, Upgrade,
    UpgradeKey, UpgradeKeyError, UpgradeKeyRow, UpgradeRetry, needs_merge,
};
pub(crate) use self::audit::{AuditStore, EndedBy, FailedAttempts, NewAuditEntry, pseudonym};
pub(crate) use self::entries::{
    CollectionEntry, EntryList, MAX_PAGE, Mark, Page, Position, UserEntry, UserEntryPosition, Written,
};
pub(crate) use self::guest_data::{DataError, DataResult, GuestDataStore, TransactionError, separate};
pub(crate) use self::guests::{ERASED_USER_RETENTION, Export, GuestRow, GuestStore, erased_user_hash};
pub(crate) use self::keys::{
    KeyChange, KeyEncryption, KeyLifetime, KeySet, KeyStore, NewSigningKey, RefreshKeyRow, SigningKeyRow, encrypted_by,
    key_state, signing_index, verifies_until,
};
pub(crate) use self::known_networks::{KNOWN_NETWORKS_PER_USER, KnownNetwork, KnownNetworkStore};
pub(crate) use self::maintenance::{
    CHANGES_READY, CHANGES_TRUSTED, ExpiringRows, MaintenanceStore, SWEEP_DAY, StoreChange, StoreClocks, SweepBatch,
    SweepDay, SweptBatch, Unlock,
};
pub(crate) use self::sessions::{
    ERASED_SESSION_MARGIN, LOGIN_KEY_RETENTION, LOGIN_KEY_WINDOW, Login, LoginOutcome, MAX_COUNTER, OpenSession, Reuse,
    Revocation, Rotation, RotationOutcome, SESSIONS_LISTED, SessionRow, SessionStore, StaleToken, last_expiry,
};

/// Logs that the schema of a store is about to change, which can take minutes: the server does not serve meanwhile. A new store
/// has no `applied` version.
fn log_migration(applied: Option<i32>, known: Option<i32>) {
    if let Some((applied, known)) = applied.zip(known).filter(|(applied, known)| applied < known) {
        tracing::info!(
            "the store changes from version {applied} to {known}, which takes up to a minute for each ten million entries"
        );
    }
}

/// A whole store. A reference to it converts to a reference to any of its traits.
pub(crate) trait Store:
    KeyStore
    + SessionStore
    + AccountStore
    + KnownNetworkStore
    + AuditStore
    + GuestStore
    + GuestDataStore
    + MaintenanceStore
    + 'static
{
}

impl<S> Store for S where
    S: KeyStore
        + SessionStore
        + AccountStore
        + KnownNetworkStore
        + AuditStore
        + GuestStore
        + GuestDataStore
        + MaintenanceStore
        + 'static
{
}

/// A failure of the store. The cause is for the log; a client only gets a 503 response.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The database refused a statement or failed.
    #[error("the database failed: {0}")]
    Database(String),
    /// A file of the database has been moved, removed or replaced since it was opened: what is written to it would be lost.
    #[error("{} has been moved, removed or replaced: put it back, or restart the server", .0.display())]
    Moved(PathBuf),
    /// The file does not exist, and this command makes no database.
    #[error("{} does not exist", .0.display())]
    Missing(PathBuf),
    /// The path is that of a directory.
    #[error("{} is a directory: name a file in it, such as {}", .0.display(), .0.join("guestpass.db").display())]
    Directory(PathBuf),
    /// The file has other content.
    #[error("{} is not a SQLite database: choose another file", .0.display())]
    NotADatabase(PathBuf),
    /// The schema could not be brought up to date.
    #[error("the schema could not be brought up to date: {0}")]
    Migration(String),
    /// The keys are encrypted, and this process cannot decrypt them.
    #[error("the keys in the store: {0}")]
    Keys(#[from] KeyEncryptionError),
    /// Another process serves this file.
    #[error("another server is using this file: stop that server, or choose another file with --store")]
    InUse,
    /// The database is behind a connection pooler in transaction mode.
    #[error(
        "a connection pooler in transaction mode is in front of the database: set it to session mode, or connect to the database \
         itself"
    )]
    Pooler,
    /// The store has been closed.
    #[error("the store is closed")]
    Closed,
}
