//! Backups of a store and their restore, for `guestpass backup` and `guestpass restore`, and for programs that embed the server.

use std::path::{Path, PathBuf};

use tokio::task::spawn_blocking;

use crate::clock::{Clock, SystemClock};
use crate::config::StoreLocation;
#[cfg(doc)]
use crate::key_admin::KeyAdmin;
use crate::store::sqlite::backup::back_up as back_up_sqlite;
use crate::store::sqlite::restore::PreparedRestore;
use crate::store::{BackupError, BackupProgress, DatabaseContents, RestoreOptions, RestoreSummary, StoreError};

const PG_DUMP: &str = "a PostgreSQL database is backed up with the tools of PostgreSQL: \
                       pg_dump --format=custom --file=FILE DATABASE_URL";
const PG_RESTORE: &str = "a PostgreSQL database is restored with the tools of PostgreSQL: stop all servers, run pg_restore, and \
                          take over what has happened since the backup, as docs/guides/operating.md says";

/// Copies the SQLite database of a store into the file `target`, which only its owner can read. Servers can be using the store:
/// the copy is the state at one moment. The file appears under its name when it is complete, checked and on the disk.
///
/// # Errors
/// See [`BackupError`]. An existing file is replaced only if `overwrite` is true.
pub async fn back_up(
    store: &StoreLocation,
    target: &Path,
    overwrite: bool,
    mut progress: impl FnMut(BackupProgress) + Send + 'static,
) -> Result<DatabaseContents, BackupError> {
    let StoreLocation::Sqlite(database) = store.clone() else { return Err(BackupError::Postgres(PG_DUMP)) };
    let target = target.to_owned();
    let task = spawn_blocking(move || back_up_sqlite(&database, &target, overwrite, &mut progress));
    task.await.map_err(|_| StoreError::Closed)?
}

/// A restore of a SQLite database that is prepared in a file beside the database. Until [`Restore::commit`], the database of
/// the store is unchanged; no server can start on it meanwhile.
#[derive(Debug)]
pub struct Restore(PreparedRestore);

impl Restore {
    /// Copies and checks the backup `file`, brings its schema up to date, takes over what has happened since from the database
    /// of the store, if that can be read, and applies `options`.
    ///
    /// # Errors
    /// See [`BackupError`].
    pub async fn prepare(
        store: &StoreLocation,
        file: &Path,
        options: RestoreOptions,
        mut progress: impl FnMut(BackupProgress) + Send + 'static,
    ) -> Result<Self, BackupError> {
        let StoreLocation::Sqlite(database) = store.clone() else { return Err(BackupError::Postgres(PG_RESTORE)) };
        let (file, now) = (file.to_owned(), SystemClock.now());
        let task = spawn_blocking(move || PreparedRestore::new(&database, &file, &options, now, &mut progress));
        Ok(Self(task.await.map_err(|_| StoreError::Closed)??))
    }

    /// What the restore does.
    pub fn summary(&self) -> &RestoreSummary {
        self.0.summary()
    }

    /// The file with the new database, for the administration of its keys ([`KeyAdmin`]).
    pub fn prepared_store(&self) -> StoreLocation {
        StoreLocation::Sqlite(self.0.path().to_owned())
    }

    /// Puts the new database into the place of the store's. Returns the name under which the replaced database is kept, if
    /// there was one.
    ///
    /// # Errors
    /// See [`BackupError`].
    pub async fn commit(self) -> Result<Option<PathBuf>, BackupError> {
        spawn_blocking(move || self.0.commit()).await.map_err(|_| StoreError::Closed)?
    }
}
