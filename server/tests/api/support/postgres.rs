//! A PostgreSQL server for the tests of one process. The first test that needs it starts it; it ends with the process.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio_postgres::types::FromSqlOwned;
use tokio_postgres::{Client, Config, NoTls};

/// A PostgreSQL server with its own port and files. `scripts/private-postgres` stops it and removes the files when the standard
/// input of the script ends, which also happens when this process crashes.
pub(crate) struct Postgres {
    script: Child,
    output: BufReader<ChildStdout>,
    url: String,
}

impl Postgres {
    /// Starts a server with these settings of postgresql.conf, each as `NAME=VALUE`.
    pub(crate) fn start(settings: &[&str]) -> Self {
        let mut script =
            Command::new(script()).args(settings).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut output = BufReader::new(script.stdout.take().unwrap());
        let url = read_line(&mut output);
        assert!(url.starts_with("postgres://"), "no PostgreSQL: run scripts/setup postgresql");
        Self { script, output, url }
    }

    /// Stops the server without a checkpoint, as a power failure does.
    pub(crate) fn crash(&mut self) {
        self.send_command("crash");
    }

    /// Starts the server again on the same port.
    pub(crate) fn start_again(&mut self) {
        self.send_command("start");
    }

    /// Sends a command to the script and waits until it is done.
    fn send_command(&mut self, command: &str) {
        writeln!(self.script.stdin.as_mut().unwrap(), "{command}").unwrap();
        assert_eq!(read_line(&mut self.output), "done");
    }

    /// Starts a replica of the server. It ends with the server.
    pub(crate) fn start_standby(&mut self) -> Standby {
        writeln!(self.script.stdin.as_mut().unwrap(), "standby").unwrap();
        let url = read_line(&mut self.output);
        assert!(url.starts_with("postgres://"), "the standby did not start");
        Standby { url }
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

/// A replica of a PostgreSQL server.
pub(crate) struct Standby {
    url: String,
}

impl Standby {
    /// The database of the replica with the name of one on its primary.
    pub(crate) fn database(&self, of: &Database) -> Database {
        let (server, _) = self.url.rsplit_once('/').unwrap();
        let (_, name) = of.url.rsplit_once('/').unwrap();
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

fn read_line(output: &mut impl BufRead) -> String {
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    line.trim().to_owned()
}

/// A new database on the server that all tests of this process share.
pub(crate) fn database() -> Database {
    static SHARED: OnceLock<Postgres> = OnceLock::new();
    SHARED.get_or_init(|| Postgres::start(&["max_connections=400"])).database()
}

/// A database of a PostgreSQL server.
#[derive(Debug, Clone)]
pub(crate) struct Database {
    pub(crate) url: String,
}

impl Database {
    /// The value that a query returns.
    pub(crate) fn value<T: FromSqlOwned + Send>(&self, query: &str) -> T {
        self.with_client(async |client| client.query_one(query, &[]).await.unwrap().get(0))
    }

    pub(crate) fn execute(&self, statement: &str) {
        self.with_client(async |client| client.batch_execute(statement).await.unwrap());
    }

    /// Connects from another thread, because a test calls this inside its own runtime, which must not block.
    fn with_client<T: Send>(&self, work: impl AsyncFnOnce(&Client) -> T + Send) -> T {
        let config: Config = self.url.parse().unwrap();
        std::thread::scope(|scope| {
            let thread = scope.spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(async {
                    let (client, connection) = config.connect(NoTls).await.unwrap();
                    let connection = tokio::spawn(connection);
                    let result = work(&client).await;
                    drop(client);
                    connection.await.unwrap().unwrap();
                    result
                })
            });
            thread.join().unwrap()
        })
    }
}
