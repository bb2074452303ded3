//! Backup: copies a database into one file, while a server may be writing to it.

use std::fs::{File, OpenOptions, rename};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension};
use uuid::Uuid;

use super::connection::{BUSY_TIMEOUT, file_id, folder, in_resolved_folder, resolve, schema_versions, with_suffix};
use crate::clock::Timestamp;
use crate::store::{BackupError, BackupProgress, DatabaseContents, StoreError};

/// How many pages are copied between two reports of the progress: 16 MiB.
const PAGES: i32 = 4096;
/// Tables of every version of this program.
const TABLES: [&str; 4] = ["refinery_schema_history", "anonymous_user", "session", "signing_key"];

/// What the names of the files beside a database add to its name.
const SIDE_FILES: [&str; 4] = ["-wal", "-shm", "-journal", "-lock"];

/// Copies `database` into the file `target`, which is complete when it appears. If `target` is a symbolic link, the link is
/// replaced, and not the file to which it leads.
pub(crate) fn back_up(
    database: &Path,
    target: &Path,
    overwrite: bool,
    progress: &mut dyn FnMut(BackupProgress),
) -> Result<DatabaseContents, BackupError> {
    let source = open_existing(database)?;
    check_is_guestpass(&source, database)?;
    check_is_other_file(database, target)?;
    if target.symlink_metadata().is_ok() {
        if !overwrite {
            return Err(BackupError::Exists(target.to_owned()));
        }
        // The log of a database that is in use. SQLite would apply it to the backup.
        for log in ["-wal", "-journal"].map(|suffix| with_suffix(target, suffix)) {
            if log.exists() {
                return Err(BackupError::Open(target.to_owned()));
            }
        }
    }
    let partial = PartialFile::create(target, ".partial")?;
    let copy = partial.copy(&source, progress)?;
    check_structure(&copy, partial.path())?;
    let contents = contents(&copy, partial.path())?;
    close(copy)?;
    partial.publish(target)?;
    Ok(contents)
}

/// Opens a database that exists. It is opened for writing, if that is permitted: the last connection that is closed then
/// removes its log.
pub(super) fn open_existing(path: &Path) -> Result<Connection, BackupError> {
    if !path.exists() {
        return Err(BackupError::Missing(path.to_owned()));
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(|error| failed(path, &error))?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(|error| failed(path, &error))?;
    Ok(connection)
}

/// An error if `other` is the database or a file beside it, also under another name, such as that of a link.
pub(super) fn check_is_other_file(database: &Path, other: &Path) -> Result<(), BackupError> {
    let database = resolve(database);
    let leads_to = |file: &Path| {
        let is_same_file = matches!((file_id(file), file_id(other)), (Ok(file), Ok(other)) if file == other);
        is_same_file || resolve(other) == file || in_resolved_folder(other) == file
    };
    if leads_to(&database) {
        return Err(BackupError::SameFile(other.to_owned()));
    }
    if SIDE_FILES.iter().any(|suffix| leads_to(&with_suffix(&database, suffix))) {
        return Err(BackupError::SideFile(other.to_owned()));
    }
    Ok(())
}

/// An error if the database is not one of this program, or one of a newer version.
pub(super) fn check_is_guestpass(connection: &Connection, path: &Path) -> Result<(), BackupError> {
    let failed = |error| failed(path, &error);
    let tables: u64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(failed)?;
    if tables == 0 {
        return Err(BackupError::Empty(path.to_owned()));
    }
    for table in TABLES {
        if !has_table(connection, "main", table).map_err(failed)? {
            return Err(BackupError::Foreign { file: path.to_owned(), table });
        }
    }
    Ok(())
}

/// An error if the database was written by a newer version of this program.
pub(super) fn check_is_not_newer(connection: &Connection, path: &Path) -> Result<(), BackupError> {
    let (applied, known) = schema_versions(connection).map_err(|error| failed(path, &error))?;
    if applied > known { Err(BackupError::Newer(path.to_owned())) } else { Ok(()) }
}

/// Whether the schema (`main`, or the name of an attached database) has this table.
pub(super) fn has_table(connection: &Connection, schema: &str, table: &str) -> rusqlite::Result<bool> {
    connection
        .query_row(&format!("SELECT 1 FROM {schema}.sqlite_schema WHERE type = 'table' AND name = ?1"), [table], |_| {
            Ok(())
        })
        .optional()
        .map(|found| found.is_some())
}

/// Checks every page, index and reference of a database.
pub(super) fn check_structure(connection: &Connection, path: &Path) -> Result<(), BackupError> {
    let failed = |error| failed(path, &error);
    let result: String = connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0)).map_err(failed)?;
    if result != "ok" {
        return Err(BackupError::Damaged {
            file: path.to_owned(),
            reason: result.lines().collect::<Vec<_>>().join(", "),
        });
    }
    let broken: Option<String> = connection
        .query_row("SELECT \"table\" FROM pragma_foreign_key_check LIMIT 1", [], |row| row.get(0))
        .optional()
        .map_err(failed)?;
    match broken {
        Some(table) => Err(BackupError::Damaged {
            file: path.to_owned(),
            reason: format!("a row of {table} refers to a missing row"),
        }),
        None => Ok(()),
    }
}

/// Counts the content of a database.
pub(super) fn contents(connection: &Connection, path: &Path) -> Result<DatabaseContents, BackupError> {
    let query = "SELECT
             (SELECT count(*) FROM anonymous_user WHERE registered_at IS NULL AND merged_into IS NULL) AS guests,
             (SELECT count(*) FROM anonymous_user WHERE registered_at IS NOT NULL) AS members,
             (SELECT count(*) FROM session WHERE revoked_at IS NULL) AS sessions,
             (SELECT page_count * page_size FROM pragma_page_count, pragma_page_size) AS bytes,
             (SELECT max(newest) FROM (
                  SELECT max(last_active_at) AS newest FROM anonymous_user
                  UNION ALL SELECT max(created_at) FROM session
                  UNION ALL SELECT max(rotated_at) FROM session)) AS newest";
    let counted = connection.query_row(query, [], |row| {
        Ok(DatabaseContents {
            guests: row.get("guests")?,
            members: row.get("members")?,
            sessions: row.get("sessions")?,
            bytes: row.get("bytes")?,
            newest: row.get::<_, Option<i64>>("newest")?.map(Timestamp::from_millis),
        })
    });
    counted.map_err(|error| failed(path, &error))
}

pub(super) fn close(connection: Connection) -> Result<(), BackupError> {
    connection.close().map_err(|(_, error)| StoreError::from(&error).into())
}

/// The error of a statement on the database at `path`.
pub(super) fn failed(path: &Path, error: &rusqlite::Error) -> BackupError {
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
            BackupError::Damaged { file: path.to_owned(), reason: error.to_string() }
        }
        _ => BackupError::Store(StoreError::from(error)),
    }
}

/// A file beside `target` that becomes `target` when it is complete. It is removed if it is dropped before. Its name has a random
/// part: another user who can write in the folder cannot prepare a file or a link of that name.
#[derive(Debug)]
pub(super) struct PartialFile {
    path: PathBuf,
    file: File,
    is_published: bool,
}

impl PartialFile {
    pub(super) fn create(target: &Path, suffix: &str) -> Result<Self, BackupError> {
        // Without symbolic links, for SQLITE_OPEN_NOFOLLOW.
        let path = with_suffix(&in_resolved_folder(target), &format!(".{}{suffix}", Uuid::new_v4().simple()));
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        match file {
            Ok(file) => Ok(Self { path, file, is_published: false }),
            Err(error) => Err(BackupError::File { file: path, error }),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Copies a database, as it is at one moment, into this file.
    pub(super) fn copy(
        &self,
        source: &Connection,
        progress: &mut dyn FnMut(BackupProgress),
    ) -> Result<Connection, BackupError> {
        self.copy_pages(source, progress).map_err(|error| BackupError::Store(StoreError::from(&error)))
    }

    fn copy_pages(
        &self,
        source: &Connection,
        progress: &mut dyn FnMut(BackupProgress),
    ) -> rusqlite::Result<Connection> {
        // The file that was created here, and no other.
        let flags =
            OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NOFOLLOW | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut copy = Connection::open_with_flags(&self.path, flags)?;
        copy.busy_timeout(BUSY_TIMEOUT)?;
        // In one read transaction, so that the copy does not begin again when a server writes.
        source.execute_batch("BEGIN")?;
        let page_size: u64 = source.query_row("SELECT page_size FROM pragma_page_size", [], |row| row.get(0))?;
        source.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
        {
            let backup = Backup::new(source, &mut copy)?;
            loop {
                let step = backup.step(PAGES)?;
                let pages = backup.progress();
                let bytes = |pages: i32| u64::try_from(pages).unwrap_or(0) * page_size;
                progress(BackupProgress::Copying {
                    copied: bytes(pages.pagecount - pages.remaining),
                    total: bytes(pages.pagecount),
                });
                match step {
                    StepResult::Done => break,
                    StepResult::More => {}
                    // The transaction has the lock on the source, and nothing else uses the copy.
                    _ => return Err(rusqlite::Error::SqliteFailure(busy(), None)),
                }
            }
        }
        source.execute_batch("COMMIT")?;
        // One file without a log, which can be read in a folder where nothing may be written.
        leave_wal_mode(&copy)?;
        progress(BackupProgress::Checking);
        Ok(copy)
    }

    /// Flushes the file to the disk and gives it its final name; replaces a file of that name.
    pub(super) fn publish(mut self, target: &Path) -> Result<(), BackupError> {
        self.file.sync_all().map_err(|error| self.error(error))?;
        rename(&self.path, target).map_err(|error| BackupError::File { file: target.to_owned(), error })?;
        self.is_published = true;
        sync_directory(target)
    }

    fn error(&self, error: io::Error) -> BackupError {
        BackupError::File { file: self.path.clone(), error }
    }

    fn remove_logs(&self) {
        for suffix in ["-wal", "-shm", "-journal"] {
            // Usually there is none.
            let _ = std::fs::remove_file(with_suffix(&self.path, suffix));
        }
    }
}

impl Drop for PartialFile {
    fn drop(&mut self) {
        if !self.is_published {
            // If it cannot be removed, the error of the backup is more important.
            let _ = std::fs::remove_file(&self.path);
            self.remove_logs();
        }
    }
}

fn busy() -> rusqlite::ffi::Error {
    rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY)
}

/// Folds the write-ahead log into the file, and removes it. Fails if another connection has the database open.
pub(super) fn leave_wal_mode(connection: &Connection) -> rusqlite::Result<()> {
    let mode: String = connection.query_row("PRAGMA journal_mode = DELETE", [], |row| row.get(0))?;
    if mode == "delete" { Ok(()) } else { Err(rusqlite::Error::SqliteFailure(busy(), None)) }
}

/// Flushes the names of the files in the folder of `file` to the disk.
pub(super) fn sync_directory(file: &Path) -> Result<(), BackupError> {
    let folder = folder(file);
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(|error| BackupError::File { file: folder.to_owned(), error })
}
