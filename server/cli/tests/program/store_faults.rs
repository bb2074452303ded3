//! S5 and S16 when the store fails: requests get 503 with `Retry-After`, the log names the cause, acknowledged changes stay, and the
//! server works again without a restart after the cause has ended. Meanwhile `/readyz` says that the server is not ready.

mod disk;
mod files;
mod guest;
mod start;

use std::fs::{File, read_to_string};
use std::path::{Path, PathBuf};
use std::process::Command;

use rusqlite::Connection;

use crate::support::process::Process;
use crate::support::wait::until;

/// A server with a log.
struct Server {
    process: Process,
    log: PathBuf,
}

impl Server {
    /// `command` starts `guestpass serve`.
    fn start(command: &mut Command, database: &Path, log: PathBuf) -> Self {
        let process = Process::spawn_serve(command.stderr(File::create(&log).unwrap()), database);
        Self { process, log }
    }

    fn assert_logged(&self, cause: &str) {
        let log = read_to_string(&self.log).unwrap();
        assert!(log.contains(cause), "{cause:?} is not in the log: {log}");
    }

    /// Waits until `/readyz` says that the server is ready, or is not.
    async fn until_ready(&self, ready: bool) {
        let url = format!("{}/readyz", self.process.url);
        let is_ready = async || self.process.http.get(&url).send().await.unwrap().status() == 200;
        until(&format!("ready is {ready}"), async || is_ready().await == ready).await;
    }

    /// Stops the server with SIGTERM, and checks that the database is intact and has this number of guests, each with one
    /// session.
    fn stop(self, database: &Path, guests: usize) {
        self.process.terminate();
        assert_eq!(self.process.wait().0, Some(0));
        assert_intact(database, guests);
    }
}

fn assert_intact(database: &Path, guests: usize) {
    let database = Connection::open(database).unwrap();
    let integrity: String = database.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(integrity, "ok");
    for table in ["anonymous_user", "session"] {
        let rows: usize = database.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap();
        assert_eq!(rows, guests, "{table}");
    }
}
