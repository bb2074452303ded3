//! A private PostgreSQL: the first test that needs it starts it, and it ends with the process of the tests.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio_postgres::types::FromSqlOwned;
use tokio_postgres::{Client, Config, NoTls};

/// A PostgreSQL server with its own port and files. The script stops it and removes the files when its standard input ends:
/// at the end of this process, also after a crash.
pub(crate) struct Postgres {
    script: Child,
    output: BufReader<ChildStdout>,
    url: String,
}

impl Postgres {
    pub(crate) fn start(settings: &[&str]) -> Self {
        let mut script =
            Command::new(script()).args(settings).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut output = BufReader::new(script.stdout.take().unwrap());
        let url = line(&mut output);
        assert!(url.starts_with("postgres://"), "no PostgreSQL: run scripts/setup postgresql");
        Self { script, output, url }
    }

    /// Kills the server as a power failure does.
    pub(crate) fn crash(&mut self) {
        self.tell("crash");
    }

    /// Starts the server again on the same port.
    pub(crate) fn start_again(&mut self) {
        self.tell("start");
    }

    fn tell(&mut self, command: &str) {
        writeln!(self.script.stdin.as_mut().unwrap(), "{command}").unwrap();
        assert_eq!(line(&mut self.output), "done");
    }

    /// A new, empty database for one test.
    pub(crate) fn database(&self) -> Database {
        static NUMBER: AtomicUsize = AtomicUsize::new(1);
        let name = format!("test_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        Database { url: self.url.clone() }.execute(&format!("CREATE DATABASE {name}"));
        let (server, _) = self.url.rsplit_once('/').unwrap();
        Database { url: format!("{server}/{name}") }
    }
}

/// `scripts/private-postgres`, from the folder of any crate of the workspace.
fn script() -> PathBuf {
    let folders = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    folders.map(|folder| folder.join("scripts/private-postgres")).find(|script| script.exists()).unwrap()
}

impl Drop for Postgres {
    fn drop(&mut self) {
        drop(self.script.stdin.take());
        // The script removes its files before it ends.
        let _ = self.script.wait();
    }
}

fn line(output: &mut impl BufRead) -> String {
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    line.trim().to_owned()
}

/// A new database on the server that all tests of this process share.
pub(crate) fn database() -> Database {
    static SHARED: OnceLock<Postgres> = OnceLock::new();
    SHARED.get_or_init(|| Postgres::start(&["max_connections=400"])).database()
}

/// One database, as in psql.
#[derive(Debug, Clone)]
pub(crate) struct Database {
    pub(crate) url: String,
}

impl Database {
    pub(crate) fn value<T: FromSqlOwned + Send>(&self, query: &str) -> T {
        self.with(async |client| client.query_one(query, &[]).await.unwrap().get(0))
    }

    pub(crate) fn execute(&self, statement: &str) {
        self.with(async |client| client.batch_execute(statement).await.unwrap());
    }

    /// Connects on another thread, because tests call this inside of their runtime.
    fn with<T: Send>(&self, work: impl AsyncFnOnce(&Client) -> T + Send) -> T {
        let config: Config = self.url.parse().unwrap();
        std::thread::scope(|scope| {
            let thread = scope.spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(async {
                    let (client, connection) = config.connect(NoTls).await.unwrap();
                    let connection = tokio::spawn(connection);
                    let done = work(&client).await;
                    drop(client);
                    connection.await.unwrap().unwrap();
                    done
                })
            });
            thread.join().unwrap()
        })
    }
}
