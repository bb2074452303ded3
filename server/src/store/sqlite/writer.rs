//! The single writer of a SQLite database: commits all waiting jobs together (S6), and acknowledges them after the commit (S5).
//!
//! A commit costs a flush to the disk, which takes much longer than the statements of a transaction. So the writer takes all jobs
//! that were queued during the last flush, runs each in its own savepoint inside one transaction, commits, and then responds to
//! the callers. A job that fails rolls back its own savepoint only.

use std::thread;
use std::time::{Duration, Instant};

use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};

use super::changes::{DataVersion, data_version};
use super::connection::BUSY_TIMEOUT;
use crate::actor::Actor;
use crate::metrics::SECONDS;
use crate::store::StoreError;

/// The number of jobs in the queue. When it is full, callers wait.
const QUEUE: usize = 4096;
/// The greatest number of jobs in one transaction, which limits how long the first of them waits.
const BATCH: usize = 1024;

/// How long the writer waits for readers when it begins the write-ahead log again: about as long as a commit takes. Readers of
/// this server are faster.
const LOG_RESET_TIMEOUT: Duration = Duration::from_millis(10);

#[derive(Debug, Clone)]
pub(super) struct Writer {
    queue: mpsc::Sender<Message>,
    commits: Commits,
}

/// The metrics of the writer.
#[derive(Debug, Clone)]
struct Commits {
    jobs: Histogram,
    seconds: Histogram,
    queued: Gauge,
}

impl Commits {
    fn new() -> Self {
        Self {
            jobs: Histogram::new((0..=10).map(|power| f64::from(1 << power))),
            seconds: Histogram::new(SECONDS),
            queued: Gauge::default(),
        }
    }
}

impl Writer {
    /// `in_place` checks that the files of the database are where they were opened.
    pub(super) fn start(connection: Connection, in_place: impl InPlace) -> std::io::Result<Self> {
        let (queue, messages) = mpsc::channel(QUEUE);
        let commits = Commits::new();
        let counted = commits.clone();
        let work = move || run(connection, messages, &in_place, &counted);
        thread::Builder::new().name("sqlite-writer".into()).spawn(work)?;
        Ok(Self { queue, commits })
    }

    /// Runs `work` in a transaction and returns when it is on disk. `work` is run even if the caller stops waiting.
    #[tracing::instrument(level = "debug", name = "sqlite write", skip_all, fields(otel.kind = "client", db.system.name = "sqlite"))]
    pub(super) async fn write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let (reply, result) = oneshot::channel();
        let actor = Actor::current();
        let work = move |db: &Connection| actor.sync_scope(|| work(db));
        let write = Write { work: Some(work), result: None, reply };
        self.queue.send(Message::Job(Box::new(write))).await.map_err(|_| StoreError::Closed)?;
        result.await.map_err(|_| StoreError::Closed)?
    }

    /// The version of the database as the writer sees it; see [`data_version`].
    pub(super) async fn data_version(&self) -> Result<DataVersion, StoreError> {
        let (reply, version) = oneshot::channel();
        self.queue.send(Message::DataVersion(reply)).await.map_err(|_| StoreError::Closed)?;
        version.await.map_err(|_| StoreError::Closed)?
    }

    /// Copies the rest of the write-ahead log to the database and begins the log again. Returns whether that was possible. Blocks.
    pub(super) fn reset_log(&self, how: LogReset) -> bool {
        let (reply, reset) = oneshot::channel();
        self.queue.blocking_send(Message::ResetLog(how, reply)).is_ok() && reset.blocking_recv().unwrap_or(false)
    }

    pub(super) fn measure(&self, registry: &mut Registry) {
        let Commits { jobs, seconds, queued } = self.commits.clone();
        registry.register("commit_jobs", "Writes that shared one commit", jobs);
        registry.register("commit_duration_seconds", "Seconds of a commit with all its writes", seconds);
        registry.register("queued_writes", "Writes that waited in the queue when the last commit began", queued);
    }

    /// Completes the queued jobs, then closes the connection.
    pub(super) async fn close(&self) {
        let (reply, closed) = oneshot::channel();
        if self.queue.send(Message::Close(reply)).await.is_ok() {
            // An error means that the thread has ended and closed its connection.
            let _ = closed.await;
        }
    }
}

/// An error if the files of the database are not where they were opened.
pub(super) trait InPlace: Fn() -> Result<(), StoreError> + Send + 'static {}

impl<F: Fn() -> Result<(), StoreError> + Send + 'static> InPlace for F {}

enum Message {
    Job(Box<dyn Job>),
    DataVersion(oneshot::Sender<Result<DataVersion, StoreError>>),
    ResetLog(LogReset, oneshot::Sender<bool>),
    Close(oneshot::Sender<()>),
}

/// How the write-ahead log begins again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LogReset {
    /// The next commit writes at its start.
    Restart,
    /// Its file becomes empty.
    Truncate,
}

fn run(mut connection: Connection, mut messages: mpsc::Receiver<Message>, in_place: &impl InPlace, commits: &Commits) {
    let mut batch = Vec::with_capacity(BATCH);
    let mut closing = None;
    let mut failure = None;
    while closing.is_none() {
        let Some(first) = messages.blocking_recv() else { break };
        let mut next = Some(first);
        while let Some(message) = next {
            match message {
                Message::Job(job) => batch.push(job),
                // The caller of these may have stopped waiting.
                Message::DataVersion(reply) => {
                    let version = data_version(&connection).map_err(|error| StoreError::from(&error));
                    let _ = reply.send(version);
                }
                Message::ResetLog(how, reply) => {
                    let _ = reply.send(reset_log(&connection, how).unwrap_or(false));
                }
                Message::Close(reply) => {
                    closing = Some(reply);
                    break;
                }
            }
            next = if batch.len() < BATCH { messages.try_recv().ok() } else { None };
        }
        if !batch.is_empty() {
            commits.queued.set(i64::try_from(messages.len()).unwrap_or(i64::MAX));
            commit_and_respond(&mut connection, &mut batch, in_place, commits, &mut failure);
        }
    }
    drop(connection);
    if let Some(reply) = closing {
        // The caller may have stopped waiting.
        let _ = reply.send(());
    }
}

fn commit_and_respond(
    connection: &mut Connection,
    batch: &mut Vec<Box<dyn Job>>,
    in_place: &impl InPlace,
    commits: &Commits,
    failure: &mut Option<String>,
) {
    let started = Instant::now();
    // Checked before the commit, because a client repeats a request that gets an error, and its job must not run twice; and
    // after the commit, because only then is it certain that the files were in place.
    let committed = in_place()
        .and_then(|()| commit_together(connection, batch).map_err(|error| StoreError::from(&error)))
        .and_then(|()| in_place());
    commits.jobs.observe(f64::from(u32::try_from(batch.len()).unwrap_or(u32::MAX)));
    commits.seconds.observe(started.elapsed().as_secs_f64());
    // The requests and the background jobs of the transaction log the error; this is logged once for each cause.
    match (committed.as_ref().err().map(ToString::to_string), &failure) {
        (Some(error), last) if last.as_ref() != Some(&error) => {
            tracing::debug!(jobs = batch.len(), error, "a transaction failed");
            *failure = Some(error);
        }
        (None, Some(_)) => {
            tracing::info!("transactions are committed again");
            *failure = None;
        }
        _ => {}
    }
    for job in batch.drain(..) {
        job.respond(committed.as_ref().err());
    }
}

/// Returns false if a reader or another checkpoint uses the log.
fn reset_log(connection: &Connection, how: LogReset) -> rusqlite::Result<bool> {
    let mode = match how {
        LogReset::Restart => "RESTART",
        LogReset::Truncate => "TRUNCATE",
    };
    connection.busy_timeout(LOG_RESET_TIMEOUT)?;
    let busy = connection.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |row| row.get::<_, bool>(0));
    connection.busy_timeout(BUSY_TIMEOUT)?;
    Ok(!busy?)
}

fn commit_together(connection: &mut Connection, batch: &mut [Box<dyn Job>]) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Cached statements, because the savepoints of rusqlite are parsed again for each job.
    let run = |sql| transaction.prepare_cached(sql)?.execute([]);
    for job in batch {
        run("SAVEPOINT job")?;
        if let Err(error) = job.perform(&transaction) {
            // On a full disk or an I/O error, SQLite rolls back the whole transaction by itself. Later jobs would then run
            // outside a transaction, and earlier ones would be acknowledged although they were rolled back.
            if transaction.is_autocommit() {
                return Err(error);
            }
            run("ROLLBACK TO job")?;
        }
        run("RELEASE job")?;
    }
    transaction.commit()
}

/// A job in the queue, with the type of its result erased.
trait Job: Send {
    /// Does the work and keeps its result. After `Err`, the writer rolls it back.
    fn perform(&mut self, connection: &Connection) -> rusqlite::Result<()>;
    /// Responds to the caller, after the commit.
    fn respond(self: Box<Self>, not_committed: Option<&StoreError>);
}

struct Write<T, F> {
    work: Option<F>,
    result: Option<Result<T, StoreError>>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Job for Write<T, F>
where
    T: Send,
    F: FnOnce(&Connection) -> rusqlite::Result<T> + Send,
{
    fn perform(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let Some(work) = self.work.take() else { return Ok(()) };
        match work(connection) {
            Ok(value) => {
                self.result = Some(Ok(value));
                Ok(())
            }
            Err(error) => {
                self.result = Some(Err(StoreError::from(&error)));
                Err(error)
            }
        }
    }

    fn respond(self: Box<Self>, not_committed: Option<&StoreError>) {
        let result = match (not_committed, self.result) {
            (Some(error), _) => Err(error.clone()),
            (None, Some(result)) => result,
            (None, None) => Err(StoreError::Closed),
        };
        // The caller may have stopped waiting; the work stays done.
        let _ = self.reply.send(result);
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::mpsc;

    use super::*;

    fn database(directory: &Path) -> Connection {
        let connection = Connection::open(directory.join("test.db")).unwrap();
        connection.pragma_update(None, "journal_mode", "WAL").unwrap();
        connection.execute_batch("CREATE TABLE IF NOT EXISTS note (text TEXT UNIQUE)").unwrap();
        connection
    }

    #[test]
    fn a_truncated_log_is_empty() {
        let directory = tempfile::tempdir().unwrap();
        let connection = database(directory.path());
        let length = || std::fs::metadata(directory.path().join("test.db-wal")).unwrap().len();
        assert!(length() > 0);

        assert!(reset_log(&connection, LogReset::Truncate).unwrap());

        assert_eq!(length(), 0);
        assert_eq!(notes(&connection), 0);
    }

    fn notes(connection: &Connection) -> i64 {
        connection.query_row("SELECT count(*) FROM note", [], |row| row.get(0)).unwrap()
    }

    fn insert(text: String) -> impl FnOnce(&Connection) -> rusqlite::Result<usize> + Send {
        move |db| db.execute("INSERT INTO note VALUES (?1)", [text])
    }

    /// Queues `jobs` behind a job that blocks the writer, so that they all wait together, and then unblocks the writer.
    async fn queue_together<T, F>(writer: &Writer, jobs: Vec<F>) -> Vec<Result<T, StoreError>>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let (release, released) = mpsc::channel::<()>();
        let (started, blocking) = oneshot::channel();
        let blocked = writer.clone();
        let blocked = tokio::spawn(async move {
            let block = move |_: &Connection| {
                started.send(()).unwrap();
                released.recv().unwrap();
                Ok(())
            };
            blocked.write(block).await
        });
        blocking.await.unwrap();
        let waiting: Vec<_> = jobs
            .into_iter()
            .map(|job| {
                let writer = writer.clone();
                tokio::spawn(async move { writer.write(job).await })
            })
            .collect();
        while writer.queue.max_capacity() - writer.queue.capacity() < waiting.len() {
            tokio::task::yield_now().await;
        }
        release.send(()).unwrap();
        blocked.await.unwrap().unwrap();
        let mut results = Vec::new();
        for result in waiting {
            results.push(result.await.unwrap());
        }
        results
    }

    #[tokio::test]
    async fn s06_jobs_that_wait_together_are_committed_together() {
        let directory = tempfile::tempdir().unwrap();
        let writer = Writer::start(database(directory.path()), || Ok(())).unwrap();

        let jobs = (0..100).map(|number| {
            let path = directory.path().to_owned();
            move |db: &Connection| {
                db.execute("INSERT INTO note VALUES (?1)", [number.to_string()])?;
                // Another connection sees only committed rows.
                Ok(notes(&database(&path)))
            }
        });
        let results = queue_together(&writer, jobs.collect()).await;

        for committed_before in results {
            assert_eq!(committed_before.unwrap(), 0);
        }
        assert_eq!(notes(&database(directory.path())), 100);
    }

    #[tokio::test]
    async fn s06_a_job_that_fails_rolls_back_only_itself() {
        let directory = tempfile::tempdir().unwrap();
        let writer = Writer::start(database(directory.path()), || Ok(())).unwrap();

        let jobs = (0..3).map(|number| {
            move |db: &Connection| {
                db.execute("INSERT INTO note VALUES (?1)", [number.to_string()])?;
                if number == 1 { Err(rusqlite::Error::InvalidQuery) } else { Ok(()) }
            }
        });
        let results = queue_together(&writer, jobs.collect()).await;

        assert!(results[0].is_ok() && results[1].is_err() && results[2].is_ok(), "{results:?}");
        assert_eq!(notes(&database(directory.path())), 2);
    }

    #[tokio::test]
    async fn s05_a_job_that_sqlite_rolled_back_is_not_acknowledged() {
        let directory = tempfile::tempdir().unwrap();
        let writer = Writer::start(database(directory.path()), || Ok(())).unwrap();

        let jobs = (0..3).map(|number| {
            move |db: &Connection| {
                db.execute("INSERT INTO note VALUES (?1)", [number.to_string()])?;
                if number == 1 {
                    // As SQLite does on a full disk.
                    db.execute_batch("ROLLBACK")?;
                    return Err(rusqlite::Error::InvalidQuery);
                }
                Ok(())
            }
        });
        let results = queue_together(&writer, jobs.collect()).await;

        assert!(results.iter().all(Result::is_err), "{results:?}");
        assert_eq!(notes(&database(directory.path())), 0);
        writer.write(insert("after".to_owned())).await.unwrap();
        assert_eq!(notes(&database(directory.path())), 1);
    }

    #[tokio::test]
    async fn s05_no_job_is_acknowledged_if_the_file_was_moved_before_or_during_the_commit() {
        for moved_after in [0, 1] {
            let directory = tempfile::tempdir().unwrap();
            let checks = std::sync::atomic::AtomicUsize::new(0);
            let in_place = move || match checks.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
                before if before == moved_after => Err(StoreError::Moved("test.db".into())),
                _ => Ok(()),
            };
            let writer = Writer::start(database(directory.path()), in_place).unwrap();

            let result = writer.write(insert("moved".to_owned())).await;

            assert!(matches!(result, Err(StoreError::Moved(_))), "{result:?}");
            assert_eq!(notes(&database(directory.path())), i64::from(moved_after == 1));
        }
    }

    #[tokio::test]
    async fn closing_completes_queued_jobs_and_refuses_later_ones() {
        let directory = tempfile::tempdir().unwrap();
        let writer = Writer::start(database(directory.path()), || Ok(())).unwrap();

        let (queued, ()) = tokio::join!(writer.write(insert("queued".to_owned())), writer.close());

        queued.unwrap();
        assert!(matches!(writer.write(insert("late".to_owned())).await, Err(StoreError::Closed)));
        assert_eq!(notes(&database(directory.path())), 1);
    }
}
