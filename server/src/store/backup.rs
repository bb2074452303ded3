//! Backups: what a database contains, what has happened since a backup, and the errors.

use std::io;
use std::path::PathBuf;

use uuid::Uuid;

use super::StoreError;
use crate::clock::Timestamp;

/// An error of a backup or a restore. The database of the store is unchanged.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The store is a PostgreSQL database.
    #[error("{0}")]
    Postgres(&'static str),
    /// The file of the backup exists.
    #[error("{} exists: choose another name, or pass --overwrite", .0.display())]
    Exists(PathBuf),
    /// A file does not exist.
    #[error("{} does not exist", .0.display())]
    Missing(PathBuf),
    /// Both names lead to the database of the store.
    #[error("{} is the database of the store itself: name another file", .0.display())]
    SameFile(PathBuf),
    /// The name of a backup is that of a file which SQLite or a server has beside the database of the store.
    #[error("{} is a file of the store, beside its database: name another file", .0.display())]
    SideFile(PathBuf),
    /// A database has no tables.
    #[error(
        "{} is empty: it has no tables. A copy of the file of a running server can be empty, because the newest data is in the \
         file that ends in -wal; make backups with `guestpass backup`", .0.display()
    )]
    Empty(PathBuf),
    /// A database is not one of this program.
    #[error("{} is not a database of Guestpass: it has no table {table}", .file.display())]
    Foreign {
        /// The file.
        file: PathBuf,
        /// A table that every database of this program has.
        table: &'static str,
    },
    /// A database was written by a newer version of this program.
    #[error("{} was written by a newer version of this program: use that version", .0.display())]
    Newer(PathBuf),
    /// A database is damaged, or not a database.
    #[error("{} is damaged: {reason}", .file.display())]
    Damaged {
        /// The file.
        file: PathBuf,
        /// What is wrong in it.
        reason: String,
    },
    /// Another program has the database open.
    #[error("another program has {} open: close it first", .0.display())]
    Open(PathBuf),
    /// A file could not be read or written.
    #[error("{}: {error}", .file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// The error of the operating system.
        error: io::Error,
    },
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The progress of a backup or a restore.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BackupProgress {
    /// Copying: bytes that have been copied, and all bytes.
    Copying {
        /// Bytes that have been copied.
        copied: u64,
        /// The size of the database in bytes.
        total: u64,
    },
    /// All bytes are copied; SQLite checks the structure of the copy.
    Checking,
}

/// The content of a database, in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DatabaseContents {
    /// Guests, without those who have become members or were merged into an account.
    pub guests: u64,
    /// Guests who have become members.
    pub members: u64,
    /// Sessions that have not been revoked.
    pub sessions: u64,
    /// The size of the file, in bytes.
    pub bytes: u64,
    /// The newest login, refresh or activity. `None`: the database has no guests.
    pub newest: Option<Timestamp>,
}

/// What to do with what has happened since a backup.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RestoreOptions {
    /// Sessions are as in the backup: revocations and refreshes since then are undone.
    pub undo_sessions: bool,
    /// Guests who were erased since the backup exist again.
    pub undo_erasures: bool,
    /// Keys are as in the backup: rotations since then are undone, also of leaked keys.
    pub undo_keys: bool,
    /// Ends the sessions that were opened before this time.
    pub end_sessions_before: Option<Timestamp>,
    /// Users to erase, by the id in their subject.
    pub erase: Vec<Uuid>,
}

/// What a restore does, before it is committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoreSummary {
    /// The content of the backup.
    pub backup: DatabaseContents,
    /// The database that the backup replaces.
    pub replaced: ReplacedDatabase,
    /// Sessions that [`RestoreOptions::end_sessions_before`] ends.
    pub ended: u64,
    /// Users of [`RestoreOptions::erase`] who are in the backup, and are erased.
    pub erased: u64,
}

/// The database that a backup replaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReplacedDatabase {
    /// There is none.
    Absent,
    /// It cannot be read, for this reason.
    Unreadable(String),
    /// It has no key and no guest of the backup: it is not a later state of the same store.
    Unrelated(DatabaseContents),
    /// A later state of the same store, and what is taken over from it.
    Later(DatabaseContents, SinceBackup),
}

/// What is taken over from the replaced database, in numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SinceBackup {
    /// Sessions of the backup that were revoked since.
    pub revoked: u64,
    /// Sessions that guests of the backup have opened since.
    pub opened: u64,
    /// Users of the backup who were erased since.
    pub erased: u64,
    /// Keys that were made since.
    pub keys_added: u64,
    /// Keys of the backup that were dropped since.
    pub keys_dropped: u64,
    /// Guests and members of the backup who are not in the replaced database, although their erasure is not recorded there.
    /// They are kept.
    pub absent: u64,
}
