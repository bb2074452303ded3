//! Opening connections, and the schema.

use std::ffi::OsString;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::file_modes;
use crate::store::{StoreError, log_migration};

mod migrations {
    refinery::embed_migrations!("src/store/sqlite/migrations");
}

/// How long a statement waits for a lock that another process holds, such as the `sqlite3` shell.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How often the truncation of the log is tried while another checkpoint runs, and the pause between two attempts.
const TRUNCATIONS: u32 = 100;
const TRUNCATION_PAUSE: Duration = Duration::from_millis(50);
/// The number of cached prepared statements per connection: more than the server has.
const STATEMENTS: usize = 128;
/// The first bytes of every SQLite database (<https://www.sqlite.org/fileformat2.html>, section 1.3).
const HEADER: &[u8] = b"SQLite format 3\0";
/// How many symbolic links are followed, as on Linux.
const LINKS: usize = 40;

/// Opens the database for writing, makes it if it does not exist, and brings its schema up to date.
pub(super) fn open_writer(path: &Path) -> Result<Connection, StoreError> {
    let existed = path.exists();
    check_is_database(path)?;
    drop(open_private(path)?);
    // Checked here, because the error of SQLite does not name the file that cannot be written.
    for suffix in ["-wal", "-shm"] {
        let log = with_suffix(path, suffix);
        if log.exists() {
            drop(open_private(&log)?);
            file_modes::limit(&log, path);
        }
    }
    let mut connection = Connection::open(path).map_err(|error| StoreError::from(&error))?;
    configure(&connection)?;
    report_new(&connection, path, existed).map_err(|error| StoreError::from(&error))?;
    migrate(&mut connection)?;
    // At the end: the advice to change the mode would be wrong for a file of another program.
    file_modes::warn(path);
    Ok(connection)
}

/// An error if the file exists and has other content than a SQLite database. An empty file is a database without tables.
pub(super) fn check_is_database(path: &Path) -> Result<(), StoreError> {
    // The begin of the file may be incomplete until SQLite has applied a journal.
    if !path.is_file() || with_suffix(path, "-journal").exists() {
        return Ok(());
    }
    let mut header = Vec::new();
    let read = File::open(path).and_then(|file| file.take(HEADER.len() as u64).read_to_end(&mut header));
    match read {
        Ok(1..) if header != HEADER => Err(StoreError::NotADatabase(path.to_owned())),
        // A file that cannot be read is an error of what follows.
        _ => Ok(()),
    }
}

/// An error if the path is that of a directory.
pub(super) fn check_is_no_directory(path: &Path) -> Result<(), StoreError> {
    if path.is_dir() { Err(StoreError::Directory(path.to_owned())) } else { Ok(()) }
}

/// An error if there is no such file. For commands that must not make a database.
pub(crate) fn check_exists(path: &Path) -> Result<(), StoreError> {
    if path.exists() { Ok(()) } else { Err(StoreError::Missing(path.to_owned())) }
}

/// Logs that a database has no tables yet. If the file existed, it may be the copy of the file of a running server without its
/// log.
fn report_new(connection: &Connection, path: &Path, existed: bool) -> rusqlite::Result<()> {
    let tables: u64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let file = path.display();
    match (tables, existed) {
        (0, true) => tracing::warn!(
            "{file} was empty: all guests and keys are new. A copy of the file of a running server can be empty; make backups \
             with `guestpass backup`, and restore them with `guestpass restore`"
        ),
        (0, false) => tracing::debug!("{file} did not exist: it is created, with new keys"),
        _ => {}
    }
    Ok(())
}

/// Opens an existing database, for an administration command that runs while a server may use the database. The schema must be
/// that of this version, because it is not changed under a running server.
pub(super) fn open_for_admin(path: &Path) -> Result<Connection, StoreError> {
    check_exists(path)?;
    check_is_no_directory(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(|error| StoreError::from(&error))?;
    configure(&connection)?;
    let runner = migrations::migrations::runner();
    let known = runner.get_migrations().iter().map(refinery::Migration::version).max();
    let applied = runner.get_last_applied_migration(&mut connection);
    match applied.map_err(|error| StoreError::Migration(error.to_string()))?.map(|last| last.version()) {
        applied if applied == known => Ok(connection),
        _ => Err(StoreError::Migration(
            "the store has the schema of another version: start a server of this version with the store once"
                .to_owned(),
        )),
    }
}

/// Brings the schema of a database up to date.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    if let Ok((applied, known)) = schema_versions(connection) {
        log_migration(Some(applied), Some(known));
    }
    let migrated = migrations::migrations::runner().run(connection);
    migrated.map(drop).map_err(|error| StoreError::Migration(error.to_string()))
}

/// Makes a database with the schema of an older version.
#[cfg(test)]
pub(super) fn open_version(path: &Path, version: i32) -> Connection {
    let mut connection = Connection::open(path).unwrap();
    let runner = migrations::migrations::runner().set_target(refinery::Target::Version(version));
    runner.run(&mut connection).unwrap();
    connection
}

/// The steps of a statement, as `EXPLAIN QUERY PLAN` names them.
#[cfg(test)]
pub(super) fn query_plan(connection: &Connection, statement: &str) -> Vec<String> {
    let mut plan = connection.prepare(&format!("EXPLAIN QUERY PLAN {statement}")).unwrap();
    let values = vec![rusqlite::types::Null; plan.parameter_count()];
    let steps = plan.query_map(rusqlite::params_from_iter(values), |row| row.get("detail")).unwrap();
    steps.map(Result::unwrap).collect()
}

/// The version of the schema of a database, and the newest version that this program knows.
pub(super) fn schema_versions(connection: &Connection) -> rusqlite::Result<(i32, i32)> {
    let known = migrations::migrations::runner().get_migrations().iter().map(refinery::Migration::version).max();
    let applied = connection.query_row("SELECT max(version) FROM refinery_schema_history", [], |row| row.get(0));
    Ok((applied?, known.unwrap_or(0)))
}

pub(super) fn open_reader(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(connection)
}

/// Opens a connection that only copies the write-ahead log to the database. It waits for no lock.
pub(super) fn open_checkpointer(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(Duration::ZERO)?;
    // As the writer: the database must be flushed before the log is overwritten.
    connection.pragma_update(None, "synchronous", "FULL")?;
    Ok(connection)
}

/// Copies the write-ahead log into the database and truncates it. Overwritten rows can be read in the log until then. Waits for
/// readers and for other checkpoints. Blocks.
pub(super) fn truncate_log(path: &Path) -> Result<(), StoreError> {
    let connection = open_for_admin(path)?;
    for _ in 0..TRUNCATIONS {
        let busy: bool = connection
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
            .map_err(|error| StoreError::from(&error))?;
        if !busy {
            return Ok(());
        }
        // The timeout of SQLite holds for readers, and not for another checkpoint.
        std::thread::sleep(TRUNCATION_PAUSE);
    }
    Err(StoreError::Database(
        "the change is stored, but the write-ahead log is in use; the previous rows can be read in it for up to ten minutes"
            .to_owned(),
    ))
}

fn configure(connection: &Connection) -> Result<(), StoreError> {
    let pragmas = || {
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        connection.pragma_update(None, "journal_mode", "WAL")?;
        // FULL flushes the log at each commit, so that acknowledged writes survive a power failure.
        connection.pragma_update(None, "synchronous", "FULL")?;
        // The checkpointer does it, so that a commit never copies a large log.
        connection.pragma_update(None, "wal_autocheckpoint", 0)?;
        // Overwrites deleted rows in the file.
        connection.pragma_update(None, "secure_delete", true)?;
        connection.pragma_update(None, "foreign_keys", true)
    };
    pragmas().map_err(|error: rusqlite::Error| StoreError::from(&error))
}

/// A lock on a database. While it is held, no other process can serve the same database, under any name: the lock is beside the
/// target of a symbolic link.
#[derive(Debug)]
pub(super) struct FileLock(File);

impl FileLock {
    pub(super) fn of(database: &Path) -> Result<Self, StoreError> {
        // On a separate file: SQLite has its own locks on the database file, and closing another handle of that file would
        // release them.
        let file = open_private(&Self::path(database))?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => Err(StoreError::InUse),
            Err(TryLockError::Error(error)) => Err(StoreError::Database(error.to_string())),
        }
    }

    /// The file that is locked.
    pub(super) fn path(database: &Path) -> PathBuf {
        with_suffix(&resolve(database), "-lock")
    }
}

impl Drop for FileLock {
    fn drop(&mut self) {
        // Closing is not enough: a child process that is being started has a copy of the handle until it executes its program,
        // and holds the lock until then. After an error the lock is released in that way.
        let _ = self.0.unlock();
    }
}

/// The open files of a database, with their identity in the file system. A file that has been moved or removed still accepts
/// writes through an open handle, and those writes are lost after a restart.
#[derive(Debug)]
pub(super) struct OpenFiles([(PathBuf, FileId); 2]);

/// Device and inode.
pub(super) type FileId = (u64, u64);

impl OpenFiles {
    /// The files of a database that has just been opened: the database and its log.
    pub(super) fn of(database: &Path) -> Result<Self, StoreError> {
        let file = |path: PathBuf| match file_id(&path) {
            Ok(id) => Ok((path, id)),
            Err(error) => Err(StoreError::Database(format!("{}: {error}", path.display()))),
        };
        // The log is beside the target of a symbolic link.
        let database = database.canonicalize().unwrap_or_else(|_| database.to_owned());
        Ok(Self([file(database.clone())?, file(with_suffix(&database, "-wal"))?]))
    }

    /// An error if a file is not in its place. When the file has been moved back, this succeeds again.
    pub(super) fn are_in_place(&self) -> Result<(), StoreError> {
        match self.0.iter().find(|(path, id)| file_id(path).ok() != Some(*id)) {
            Some((path, _)) => Err(StoreError::Moved(path.clone())),
            None => Ok(()),
        }
    }
}

pub(super) fn file_id(path: &Path) -> std::io::Result<FileId> {
    let metadata = std::fs::metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}

/// The path of a file without symbolic links, also if the file does not exist yet.
pub(super) fn resolve(file: &Path) -> PathBuf {
    let mut file = file.to_owned();
    for _ in 0..LINKS {
        if let Ok(path) = file.canonicalize() {
            return path;
        }
        match std::fs::read_link(&file) {
            // A link to a file that does not exist. SQLite makes that file.
            Ok(target) => file = folder(&file).join(target),
            Err(_) => break,
        }
    }
    in_resolved_folder(&file)
}

/// The path of a file whose folder is without symbolic links. The file itself can be a link.
pub(super) fn in_resolved_folder(file: &Path) -> PathBuf {
    match (folder(file).canonicalize(), file.file_name()) {
        (Ok(folder), Some(name)) => folder.join(name),
        _ => file.to_owned(),
    }
}

/// The folder of a file.
pub(super) fn folder(file: &Path) -> &Path {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

pub(super) fn with_suffix(database: &Path, suffix: &str) -> PathBuf {
    let mut path = OsString::from(database);
    path.push(suffix);
    path.into()
}

/// Opens a file that only its owner may read, because the database contains signing keys. SQLite gives the log the same mode.
pub(super) fn open_private(path: &Path) -> Result<File, StoreError> {
    let mut options = OpenOptions::new();
    options.create(true).append(true).mode(0o600);
    options.open(path).map_err(|error| StoreError::Database(format!("{}: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s05_a_commit_is_flushed_to_the_disk() {
        let directory = tempfile::tempdir().unwrap();

        let connection = open_writer(&directory.path().join("test.db")).unwrap();

        let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).unwrap();
        let full = 2;
        assert_eq!(pragma("synchronous"), full);
        assert_eq!(pragma("foreign_keys"), 1);
        let mode: String = connection.pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap();
        assert_eq!(mode, "wal");
    }

    #[test]
    fn a_lock_is_released_although_its_handle_has_a_copy() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("test.db");
        let lock = FileLock::of(&path).unwrap();
        let _copy = lock.0.try_clone().unwrap();
        assert!(matches!(FileLock::of(&path), Err(StoreError::InUse)));

        drop(lock);

        FileLock::of(&path).unwrap();
    }

    #[test]
    fn all_names_of_a_database_have_one_lock() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        std::os::unix::fs::symlink("test.db", path("link.db")).unwrap();
        std::os::unix::fs::symlink(path("link.db"), path("second.db")).unwrap();
        std::os::unix::fs::symlink(directory.path(), path("folder")).unwrap();
        for exists in [false, true] {
            if exists {
                std::fs::write(path("test.db"), "").unwrap();
            }
            let _lock = FileLock::of(&path("test.db")).unwrap();
            for name in ["link.db", "second.db", "folder/test.db", "folder/folder/link.db", "folder/./test.db"] {
                assert!(matches!(FileLock::of(&path(name)), Err(StoreError::InUse)), "{name}, {exists}");
            }
        }
        let _other = FileLock::of(&path("other.db")).unwrap();
    }

    #[test]
    fn a_reader_cannot_write() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("test.db");
        let _writer = open_writer(&path).unwrap();

        let reader = open_reader(&path).unwrap();

        assert!(reader.execute("DELETE FROM entry", []).is_err());
    }

    #[test]
    fn a_file_that_is_not_a_database_is_unchanged() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("letter.txt");
        std::fs::write(&path, "Dear reader, ".repeat(100)).unwrap();

        assert!(matches!(open_writer(&path), Err(StoreError::NotADatabase(_))));

        assert!(std::fs::read_to_string(&path).unwrap().starts_with("Dear reader"));
    }
}
