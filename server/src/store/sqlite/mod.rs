//! SQLite: one writer that commits in groups, separate readers, and durable acknowledged writes.
//!
//! A lock ensures that a file has one server. Commands may change the file meanwhile: `changes` follows their changes.
//! `checkpointer` copies the write-ahead log.

mod accounts;
mod addition_keys;
mod audit;
pub(crate) mod backup;
mod ceremonies;
mod changes;
mod checkpointer;
pub(crate) mod connection;
mod entries;
mod export;
mod file_modes;
mod guest_data;
mod guests;
mod keys;
mod known_networks;
mod maintenance;
mod merge;
mod readers;
pub(crate) mod restore;
mod sessions;
mod upgrades;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use rusqlite::Connection;
use uuid::Uuid;

use self::changes::Changes;
use self::checkpointer::Checkpointer;
use self::connection::{FileLock, OpenFiles};
use self::readers::Readers;
use self::writer::Writer;
use super::StoreError;
use crate::clock::Timestamp;

/// The number of read connections. Reads are short and mostly served from the page cache, so a few connections are enough.
pub(super) const READERS: usize = 4;

#[derive(Debug)]
pub(crate) struct SqliteStore {
    path: PathBuf,
    writer: Writer,
    readers: Readers,
    checkpointer: Checkpointer,
    changes: Changes,
    lock: Mutex<Option<FileLock>>,
}

impl SqliteStore {
    /// Opens the database at `path`, makes it if it does not exist, and brings its schema up to date. Blocks.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        connection::check_is_no_directory(path)?;
        // No lock file is made beside a file of another program. If there is one, a server of this process may have the database
        // open, and reading the file here would release the locks of SQLite.
        if !FileLock::path(path).exists() {
            connection::check_is_database(path)?;
        }
        let lock = FileLock::of(path)?;
        Self::on(path, connection::open_writer(path)?, Some(lock))
    }

    /// Opens the existing database at `path` to read and change its keys, while a server may use it. Does not change the
    /// schema. Blocks.
    pub(crate) fn open_for_admin(path: &Path) -> Result<Self, StoreError> {
        Self::on(path, connection::open_for_admin(path)?, None)
    }

    fn on(path: &Path, connection: Connection, lock: Option<FileLock>) -> Result<Self, StoreError> {
        let readers = Readers::open(path, READERS).map_err(|error| StoreError::from(&error))?;
        let files = OpenFiles::of(path)?;
        let seen = changes::data_version(&connection).map_err(|error| StoreError::from(&error))?;
        let thread_error = |error: std::io::Error| StoreError::Database(error.to_string());
        let writer = Writer::start(connection, move || files.are_in_place()).map_err(thread_error)?;
        let checkpointer = connection::open_checkpointer(path).map_err(|error| StoreError::from(&error))?;
        let checkpointer = Checkpointer::start(checkpointer, writer.clone()).map_err(thread_error)?;
        let (path, changes) = (path.to_owned(), Changes::since(seen));
        Ok(Self { path, writer, readers, checkpointer, changes, lock: Mutex::new(lock) })
    }
}

/// An error inside a transaction on a guest's data.
type TransactionError = super::TransactionError<rusqlite::Error>;

impl From<rusqlite::Error> for TransactionError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error)
    }
}

impl From<&rusqlite::Error> for StoreError {
    fn from(error: &rusqlite::Error) -> Self {
        // The text of SQLite is short ("disk I/O error"); its extended code names the operation.
        Self::Database(error.sqlite_error().map_or_else(|| error.to_string(), |code| format!("{error} ({code})")))
    }
}

/// Ids are stored as text, so that operators can use them in the `sqlite3` shell.
fn id_text(id: Uuid) -> String {
    id.hyphenated().to_string()
}

fn id_column(row: &rusqlite::Row<'_>, index: &str) -> rusqlite::Result<Uuid> {
    let text: String = row.get(index)?;
    Uuid::try_parse(&text).map_err(|_| rusqlite::Error::InvalidColumnName(index.to_owned()))
}

fn time_column(row: &rusqlite::Row<'_>, index: &str) -> rusqlite::Result<Timestamp> {
    row.get(index).map(Timestamp::from_millis)
}
