//! PgBouncer between a node and the database.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use crate::nodes::Node;
use crate::postgres::{self, Database};

/// A pooler in front of a database. It ends with the test.
struct PgBouncer {
    process: Child,
    url: String,
    _directory: tempfile::TempDir,
}

impl PgBouncer {
    /// `sessions` is the number of connections to the database.
    fn start(database: &Database, mode: &str, sessions: usize) -> Self {
        let config: tokio_postgres::Config = database.url.parse().unwrap();
        let password = std::str::from_utf8(config.get_password().unwrap()).unwrap();
        let (user, name) = (config.get_user().unwrap(), config.get_dbname().unwrap());
        // Another process may take the port before PgBouncer does; then the test fails at the start.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let directory = tempfile::tempdir().unwrap();
        let (settings, users) = (directory.path().join("pgbouncer.ini"), directory.path().join("users.txt"));
        std::fs::write(&users, format!("\"{user}\" \"{password}\"\n")).unwrap();
        std::fs::write(
            &settings,
            format!(
                "[databases]\n{name} = host=127.0.0.1 port={} user={user} password={password}\n\
                 [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = plain\n\
                 auth_file = {}\npool_mode = {mode}\ndefault_pool_size = {sessions}\n",
                config.get_ports()[0],
                users.display()
            ),
        )
        .unwrap();
        let mut process = command(directory.path(), &settings).stderr(Stdio::piped()).spawn().unwrap();
        let mut log = BufReader::new(process.stderr.take().unwrap()).lines();
        assert!(log.any(|line| line.unwrap().contains("process up")), "PgBouncer did not start");
        // The pipe must be read until its end.
        std::thread::spawn(move || log.for_each(drop));
        let url = format!("postgres://{user}:{password}@127.0.0.1:{port}/{name}");
        Self { process, url, _directory: directory }
    }
}

/// PgBouncer refuses to run as root.
fn command(directory: &Path, settings: &Path) -> Command {
    let program = ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer"].into_iter().find(|path| Path::new(path).exists());
    let program = program.expect("no PgBouncer: run scripts/setup postgresql");
    let mut command = Command::new("setpriv");
    if Command::new("id").arg("-u").output().unwrap().stdout == b"0\n" {
        std::fs::set_permissions(directory, std::fs::Permissions::from_mode(0o755)).unwrap();
        command.args(["--reuid=nobody", "--regid=nogroup", "--clear-groups"]);
    }
    command.arg(program).arg(settings).stdin(Stdio::null()).stdout(Stdio::null());
    command
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Runs a command to its end. A server that starts is stopped, so that the test fails and does not hang.
fn run(command: &str, store: &str) -> Output {
    let mut process = Command::new(env!("CARGO_BIN_EXE_guestpass"));
    process.env("GUESTPASS_STORE", store).args(command.split(' ')).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut process = process.spawn().unwrap();
    let mut stdout = BufReader::new(process.stdout.take().unwrap()).lines();
    if stdout.any(|line| line.unwrap().contains("listening on")) {
        process.kill().unwrap();
    }
    process.wait_with_output().unwrap()
}

#[tokio::test]
async fn s15_a_pooler_in_transaction_mode_is_refused_at_the_start() {
    let database = postgres::database();
    Node::start(&database.url).stop();
    for sessions in [1, 20] {
        let pooler = PgBouncer::start(&database, "transaction", sessions);
        for command in ["serve --listen 127.0.0.1:0", "keys list"] {
            let output = run(command, &pooler.url);
            let error = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(2), "{command}: {error}");
            assert!(error.contains("a connection pooler in transaction mode"), "{command}: {error}");
        }
    }
}

#[tokio::test]
async fn s15_a_pooler_in_session_mode_is_used() {
    let database = postgres::database();
    let pooler = PgBouncer::start(&database, "session", 20);
    let (node, other) = (Node::start(&pooler.url), Node::start(&database.url));

    let tokens = node.client().login().await;
    assert_eq!(other.client().revoke(&tokens.refresh).await.status, 200);

    node.client().until_refused(&tokens.access).await;
}
