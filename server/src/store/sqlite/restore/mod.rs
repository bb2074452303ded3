//! Restore: puts a backup in the place of a database that no server uses, together with what has happened since the backup.
//!
//! Everything is prepared in a new file beside the database. The database itself is changed by two renames at the end, so that
//! a restore that is interrupted changes nothing.

mod choices;
mod take_over;
#[cfg(test)]
mod tests;

use std::fs::{OpenOptions, hard_link, rename};
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::backup::{
    PartialFile, check_is_guestpass, check_is_not_newer, check_is_other_file, check_structure, close, contents, failed,
    leave_wal_mode, open_existing, sync_directory,
};
use super::connection::{FileLock, migrate, resolve, with_suffix};
use crate::clock::Timestamp;
use crate::store::{BackupError, BackupProgress, DatabaseContents, ReplacedDatabase, RestoreOptions, RestoreSummary};

const LOGS: [&str; 3] = ["-wal", "-shm", "-journal"];

/// A restore that is ready: the new database is in a file beside the old one. Dropped without [`PreparedRestore::commit`], it
/// changes nothing.
#[derive(Debug)]
pub(crate) struct PreparedRestore {
    /// Without symbolic links.
    database: PathBuf,
    restored: PartialFile,
    summary: RestoreSummary,
    now: Timestamp,
    /// While it is held, no server starts on the database.
    _lock: FileLock,
}

impl PreparedRestore {
    /// Copies the backup `file`, checks the copy, and makes the changes of `options` in it.
    pub(crate) fn new(
        database: &Path,
        file: &Path,
        options: &RestoreOptions,
        now: Timestamp,
        progress: &mut dyn FnMut(BackupProgress),
    ) -> Result<Self, BackupError> {
        let source = open_existing(file)?;
        check_is_guestpass(&source, file)?;
        check_is_not_newer(&source, file)?;
        check_is_other_file(database, file)?;
        let lock = FileLock::of(database)?;
        // The logs are beside the target of a symbolic link.
        let database = resolve(database);
        let replaced = Replaced::open(&database)?;

        let restored = PartialFile::create(&database, ".restoring")?;
        let mut copy = restored.copy(&source, progress)?;
        check_structure(&copy, file)?;
        let backup = contents(&copy, file)?;
        drop(source);
        migrate(&mut copy)?;
        let failed = |error| failed(restored.path(), &error);
        copy.pragma_update(None, "foreign_keys", true).map_err(failed)?;
        copy.pragma_update(None, "secure_delete", true).map_err(failed)?;
        let replaced = match replaced {
            Replaced::Absent => ReplacedDatabase::Absent,
            Replaced::Unreadable(reason) => ReplacedDatabase::Unreadable(reason),
            Replaced::Readable(contents) => match take_over::run(&mut copy, &database, options, now).map_err(failed)? {
                Some(since) => ReplacedDatabase::Later(contents, since),
                None => ReplacedDatabase::Unrelated(contents),
            },
        };
        let transaction = copy.transaction().map_err(failed)?;
        let are_sessions_of_backup = options.undo_sessions || !matches!(replaced, ReplacedDatabase::Later(..));
        if let (true, Some(newest)) = (are_sessions_of_backup, backup.newest) {
            choices::restart_idle_time(&transaction, newest, now).map_err(failed)?;
        }
        let ended = match options.end_sessions_before {
            Some(before) => choices::end_sessions(&transaction, before, now).map_err(failed)?,
            None => 0,
        };
        let erased = choices::erase(&transaction, &options.erase, now).map_err(failed)?;
        transaction.commit().map_err(failed)?;
        close(copy)?;
        let summary = RestoreSummary { backup, replaced, ended, erased };
        Ok(Self { database, restored, summary, now, _lock: lock })
    }

    pub(crate) fn summary(&self) -> &RestoreSummary {
        &self.summary
    }

    /// The file with the new database, for further changes.
    pub(crate) fn path(&self) -> &Path {
        self.restored.path()
    }

    /// Puts the new database into its place. Returns the name under which the replaced database is kept.
    pub(crate) fn commit(self) -> Result<Option<PathBuf>, BackupError> {
        let Self { database, restored, now, _lock: lock, .. } = self;
        let copy = Connection::open(restored.path()).map_err(|error| failed(restored.path(), &error))?;
        leave_wal_mode(&copy).map_err(|error| failed(restored.path(), &error))?;
        close(copy)?;
        let kept = keep_aside(&database, now)?;
        restored.publish(&database)?;
        drop(lock);
        Ok(kept)
    }
}

/// The database that will be replaced.
enum Replaced {
    Absent,
    Unreadable(String),
    Readable(DatabaseContents),
}

impl Replaced {
    /// Opens the database, folds its log into it, and closes it.
    fn open(database: &Path) -> Result<Self, BackupError> {
        if !database.exists() || std::fs::metadata(database).is_ok_and(|file| file.len() == 0) {
            return Ok(Self::Absent);
        }
        match Self::read(database) {
            Ok(contents) => Ok(Self::Readable(contents)),
            Err(error @ BackupError::Open(_)) => Err(error),
            Err(error) => Ok(Self::Unreadable(error.to_string())),
        }
    }

    fn read(database: &Path) -> Result<DatabaseContents, BackupError> {
        let connection = open_existing(database)?;
        check_is_guestpass(&connection, database)?;
        check_is_not_newer(&connection, database)?;
        check_structure(&connection, database)?;
        let contents = contents(&connection, database)?;
        leave_wal_mode(&connection).map_err(|error| match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked) => {
                BackupError::Open(database.to_owned())
            }
            _ => failed(database, &error),
        })?;
        close(connection)?;
        Ok(contents)
    }
}

/// Gives the replaced database, with its logs, another name. The database itself keeps its name until the new one takes it, so
/// that a server that starts after an interruption finds a database.
fn keep_aside(database: &Path, now: Timestamp) -> Result<Option<PathBuf>, BackupError> {
    let error = |error| BackupError::File { file: database.to_owned(), error };
    let time: String = now.rfc3339().chars().filter(char::is_ascii_digit).take(14).collect();
    let kept = free_name(database, &time);
    // A log of the replaced database must not be applied to the new one.
    for suffix in LOGS {
        let log = with_suffix(database, suffix);
        if log.exists() {
            rename(&log, with_suffix(&kept, suffix)).map_err(error)?;
        }
    }
    if !database.exists() {
        return Ok(None);
    }
    let linked = match hard_link(database, &kept) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            // Not every file system has hard links. The name is taken first, so that the rename replaces no other file.
            let taken = OpenOptions::new().write(true).create_new(true).open(&kept);
            taken.and_then(|_| rename(database, &kept))
        }
        linked => linked,
    };
    linked.map_err(error)?;
    sync_directory(database)?;
    Ok(Some(kept))
}

/// A name for the replaced database that neither a file nor a log of such a file has. There may have been a restore in the same
/// second.
fn free_name(database: &Path, time: &str) -> PathBuf {
    let is_taken = |file: &Path| file.symlink_metadata().is_ok();
    let mut kept = with_suffix(database, &format!(".replaced-{time}"));
    let mut number = 1;
    while is_taken(&kept) || LOGS.iter().any(|suffix| is_taken(&with_suffix(&kept, suffix))) {
        number += 1;
        kept = with_suffix(database, &format!(".replaced-{time}-{number}"));
    }
    kept
}
