//! Checkpoints: copying the write-ahead log into the database, so that the log does not grow without end.
//!
//! Copying a large log takes long, for example after another program has held a snapshot. So a thread with a connection of its
//! own copies it (a *passive* checkpoint, which delays neither the writer nor readers). Only when nearly everything is copied
//! does the writer itself copy the rest and begin the log again, which takes about as long as a commit.

use std::sync::{Mutex, PoisonError, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::writer::{LogReset, Writer};

/// How often the log is examined.
const INTERVAL: Duration = Duration::from_millis(250);
/// The number of pages in the log from which they are copied, and the number that the writer copies itself. 4 MB.
const PAGES: i64 = 1000;
/// The number of pages in the log from which the writer begins it again. 16 MB.
const RESET_PAGES: i64 = 4 * PAGES;
/// The number of pages that a reader keeps in the log from which the log of the server warns. 256 MB.
const WARNING_PAGES: i64 = 256 * PAGES / 4;
/// How often the log is truncated. Until then, erased data can be read in it, because SQLite leaves the pages there that it has
/// copied to the database.
const TRUNCATION_INTERVAL: Duration = Duration::from_mins(10);

/// The thread that copies the log.
#[derive(Debug)]
pub(super) struct Checkpointer {
    running: Mutex<Option<(mpsc::Sender<()>, JoinHandle<()>)>>,
}

impl Checkpointer {
    /// `connection` is only for checkpoints.
    pub(super) fn start(connection: Connection, writer: Writer) -> std::io::Result<Self> {
        let (stop, stopped) = mpsc::channel();
        let work = move || {
            let mut checkpoints = Checkpoints::new(connection, writer);
            while stopped.recv_timeout(INTERVAL) == Err(mpsc::RecvTimeoutError::Timeout) {
                checkpoints.run();
            }
        };
        let thread = thread::Builder::new().name("sqlite-checkpoint".into()).spawn(work)?;
        Ok(Self { running: Mutex::new(Some((stop, thread))) })
    }

    /// Waits for the running checkpoint, then closes the connection.
    pub(super) async fn close(&self) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some((stop, thread)) = running {
            drop(stop);
            // An error means that the thread has panicked, so it has ended.
            let _ = tokio::task::spawn_blocking(move || thread.join()).await;
        }
    }
}

struct Checkpoints {
    connection: Connection,
    writer: Writer,
    truncated_at: Instant,
    /// The log that begins again with the next commit.
    reset: Option<Log>,
    warning_pages: i64,
    state: State,
}

/// What the log of the server said last: each state is said once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Ok,
    HeldByReader,
    Failing,
}

/// The write-ahead log, in pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Log {
    pages: i64,
    /// The pages that are also in the database.
    copied: i64,
}

impl Log {
    const fn left(self) -> i64 {
        self.pages - self.copied
    }
}

impl Checkpoints {
    fn new(connection: Connection, writer: Writer) -> Self {
        Self {
            connection,
            writer,
            truncated_at: Instant::now(),
            reset: None,
            warning_pages: WARNING_PAGES,
            state: State::Ok,
        }
    }

    fn run(&mut self) {
        match self.checkpoint() {
            Ok(log) if log.left() >= self.warning_pages => self.say(State::HeldByReader, || {
                tracing::warn!(
                    megabytes = log.pages * 4096 / 1_000_000,
                    "the write-ahead log grows, because another program reads the database in a transaction that it does not \
                     end; end that program (a sqlite3 shell, a backup), or the disk fills"
                );
            }),
            Ok(log) if log.left() < PAGES => {
                if self.state == State::HeldByReader {
                    tracing::info!("the write-ahead log is copied to the database again");
                }
                self.state = State::Ok;
            }
            Ok(_) => {}
            Err(error) => self.say(State::Failing, || {
                tracing::warn!(%error, "the write-ahead log cannot be copied to the database; trying again");
            }),
        }
    }

    fn say(&mut self, state: State, log: impl FnOnce()) {
        if std::mem::replace(&mut self.state, state) != state {
            log();
        }
    }

    /// Returns the log as it is afterwards.
    fn checkpoint(&mut self) -> rusqlite::Result<Log> {
        let mut log = checkpoint(&self.connection, "NOOP")?;
        // The writer appends meanwhile, so that one pass leaves less and not nothing.
        while log.left() >= PAGES {
            let before = log.left();
            log = checkpoint(&self.connection, "PASSIVE")?;
            if log.left() >= before {
                // A reader needs the pages that are left.
                return Ok(log);
            }
        }
        if self.truncated_at.elapsed() >= TRUNCATION_INTERVAL {
            // If a reader uses the log, the next run tries again.
            if log.pages == 0 || self.writer.reset_log(LogReset::Truncate) {
                self.truncated_at = Instant::now();
            }
        } else if log.pages >= RESET_PAGES && self.reset != Some(log) && self.writer.reset_log(LogReset::Restart) {
            // The size of the log changes with the next commit.
            self.reset = Some(checkpoint(&self.connection, "NOOP")?);
        }
        Ok(log)
    }
}

fn checkpoint(connection: &Connection, mode: &str) -> rusqlite::Result<Log> {
    connection.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |row| {
        Ok(Log { pages: row.get(1)?, copied: row.get(2)? })
    })
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::super::connection::{open_checkpointer, open_reader, open_writer};
    use super::*;

    /// A database with a writer, and its checkpoints, which the test runs.
    struct Database {
        directory: tempfile::TempDir,
        writer: Writer,
        checkpoints: Checkpoints,
    }

    impl Database {
        fn new() -> Self {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("test.db");
            let writer = Writer::start(open_writer(&path).unwrap(), || Ok(())).unwrap();
            let checkpoints = Checkpoints::new(open_checkpointer(&path).unwrap(), writer.clone());
            let database = Self { directory, writer, checkpoints };
            database.write(|db| db.execute_batch("CREATE TABLE note (page BLOB)"));
            database
        }

        fn path(&self) -> PathBuf {
            self.directory.path().join("test.db")
        }

        fn write(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<()> + Send + 'static) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(self.writer.write(work)).unwrap();
        }

        /// Commits more than so many pages.
        fn write_pages(&self, count: i64) {
            self.write(move |db| {
                for _ in 0..count {
                    db.execute("INSERT INTO note VALUES (zeroblob(4096))", [])?;
                }
                Ok(())
            });
        }

        fn log(&self) -> Log {
            checkpoint(&self.checkpoints.connection, "NOOP").unwrap()
        }
    }

    /// A reader with an open transaction.
    fn snapshot(path: &Path) -> Connection {
        let reader = open_reader(path).unwrap();
        reader.execute_batch("BEGIN; SELECT count(*) FROM note").unwrap();
        reader
    }

    #[test]
    fn s15_a_commit_copies_no_log() {
        let mut database = Database::new();

        database.write_pages(2 * PAGES);

        assert_eq!(database.log().copied, 0);
        database.checkpoints.run();
        assert_eq!(database.log().left(), 0);
    }

    #[test]
    fn s15_a_reader_that_holds_a_snapshot_neither_stops_the_writer_nor_is_passed_over_in_silence() {
        let mut database = Database::new();
        database.checkpoints.warning_pages = 2 * PAGES;
        let reader = snapshot(&database.path());
        database.write_pages(2 * PAGES);

        database.checkpoints.run();
        assert_eq!(database.checkpoints.state, State::HeldByReader);
        let held = database.log();
        assert!(held.left() >= 2 * PAGES, "{held:?}");
        database.write_pages(1);
        assert_eq!(database.log().copied, held.copied, "the commit copied the log");

        drop(reader);
        database.checkpoints.run();
        assert_eq!(database.checkpoints.state, State::Ok);
        assert_eq!(database.log().left(), 0);
    }

    #[test]
    fn s15_the_log_begins_again_when_it_is_copied_and_is_truncated_in_time() {
        let mut database = Database::new();
        database.write_pages(RESET_PAGES);
        database.checkpoints.run();

        database.write_pages(1);
        assert!(database.log().pages < PAGES, "{:?}", database.log());

        database.checkpoints.truncated_at = Instant::now().checked_sub(TRUNCATION_INTERVAL).unwrap();
        let reader = snapshot(&database.path());
        database.checkpoints.run();
        let length = || std::fs::metadata(database.directory.path().join("test.db-wal")).unwrap().len();
        assert!(length() > 0, "a reader uses the log");
        drop(reader);
        database.checkpoints.run();
        assert_eq!(length(), 0);
    }
}
