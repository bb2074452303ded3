//! The program `guestpass` in a process.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Output, Stdio};
use std::time::Duration;

use reqwest::Client;

pub(crate) fn guestpass() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_guestpass"));
    // The variables of the developer's shell must not change the test.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("GUESTPASS_") {
            command.env_remove(name);
        }
    }
    // All clients of a test have the same address. A flag of the test overrides these.
    command.env("GUESTPASS_LOGIN_RATE", "off").env("GUESTPASS_REFRESH_RATE", "off");
    command
}

/// `guestpass serve`, started by the program `launcher`, which changes the permissions or limits of the process.
pub(crate) fn guestpass_under(launcher: &[&str]) -> Command {
    let guestpass = guestpass();
    let mut command = Command::new(launcher[0]);
    command.args(&launcher[1..]).arg(guestpass.get_program()).arg("serve");
    for (name, value) in guestpass.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command
}

/// A running server; killed when dropped.
pub(crate) struct Process {
    child: Child,
    pub(crate) url: String,
    pub(crate) http: Client,
}

impl Process {
    /// Starts a server on a free port and waits for its ready line.
    pub(crate) fn start(database: &Path) -> Self {
        Self::spawn_serve(guestpass().arg("serve").stderr(Stdio::null()), database)
    }

    /// As [`Process::start`], with the log of all levels in `log`.
    pub(crate) fn start_logging(database: &Path, log: File) -> Self {
        Self::spawn_serve(guestpass().arg("serve").env("GUESTPASS_LOG", "trace").stderr(log), database)
    }

    /// Starts a server with this `--store`.
    pub(crate) fn start_on(store: &str) -> Self {
        Self::spawn_on(guestpass().arg("serve").stderr(Stdio::null()), store)
    }

    /// Starts a server, and kills it with `kill -9` after this time, whether or not it is ready.
    pub(crate) fn kill_while_starting(store: &str, after: Duration) {
        let mut child = with_store(store, guestpass().arg("serve").stderr(Stdio::null())).spawn().unwrap();
        std::thread::sleep(after);
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Starts `command`, a `guestpass serve` with flags, on a SQLite database.
    pub(crate) fn spawn_serve(command: &mut Command, database: &Path) -> Self {
        Self::spawn_on(command, &format!("sqlite:{}", database.display()))
    }

    /// Starts `command`, a `guestpass serve` with flags, with this `--store`.
    pub(crate) fn spawn_on(command: &mut Command, store: &str) -> Self {
        let mut child = with_store(store, command).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let url =
            line.strip_prefix("listening on ").unwrap_or_else(|| panic!("no ready line: {line}")).trim().to_owned();
        Self { child, url, http: Client::new() }
    }

    /// The standard error, which is the log. Only for a server that was started with a pipe for it.
    pub(crate) fn stderr(&mut self) -> ChildStderr {
        self.child.stderr.take().unwrap()
    }

    pub(crate) fn address(&self) -> &str {
        self.url.strip_prefix("http://").unwrap()
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// `kill -9`: the process cannot write anything more.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// `kill -TERM`: the graceful shutdown.
    pub(crate) fn terminate(&self) {
        self.signal("-TERM");
    }

    /// `kill -HUP`: the catalogue is read again.
    pub(crate) fn hang_up(&self) {
        self.signal("-HUP");
    }

    fn signal(&self, signal: &str) {
        let status = Command::new("kill").args([signal, &self.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    /// Waits until the process ends. Returns the exit code, and standard output after the ready line.
    pub(crate) fn wait(mut self) -> (Option<i32>, String) {
        let mut rest = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut rest).unwrap();
        (self.child.wait().unwrap().code(), rest)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // In most tests the process has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn with_store<'a>(store: &str, serve: &'a mut Command) -> &'a mut Command {
    serve.args(["--listen", "127.0.0.1:0", "--store", store]).stdout(Stdio::piped())
}

/// Runs the program to its end. If it prints the ready line of a server, it is killed, so that the test fails and does not
/// hang.
pub(crate) fn run(command: &mut Command) -> Output {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdout = String::new();
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        if line.starts_with("listening on") {
            child.kill().unwrap();
        }
        stdout += &(line + "\n");
    }
    Output { stdout: stdout.into_bytes(), ..child.wait_with_output().unwrap() }
}
