//! Nodes: real processes that share a database.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use crate::client::{Client, INTROSPECTION_SECRET};

/// One node; it keeps its address when it is started again.
pub(crate) struct Node {
    process: Child,
    store: String,
    flags: Vec<String>,
    address: String,
}

impl Node {
    pub(crate) fn start(store: &str) -> Self {
        Self::start_with(store, &[])
    }

    pub(crate) fn start_with(store: &str, flags: &[&str]) -> Self {
        let flags = flags.iter().map(|flag| (*flag).to_owned()).collect();
        Self::spawn(store, flags, "127.0.0.1:0").ready()
    }

    /// Starts several nodes at the same moment.
    pub(crate) fn start_together(store: &str, count: usize) -> Vec<Self> {
        Self::start_together_with(store, count, &[])
    }

    pub(crate) fn start_together_with(store: &str, count: usize, flags: &[&str]) -> Vec<Self> {
        let flags: Vec<_> = flags.iter().map(|flag| (*flag).to_owned()).collect();
        let starting: Vec<_> = (0..count).map(|_| Self::spawn(store, flags.clone(), "127.0.0.1:0")).collect();
        starting.into_iter().map(Self::ready).collect()
    }

    fn spawn(store: &str, flags: Vec<String>, listen: &str) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_guestpass"));
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("GUESTPASS_") {
                command.env_remove(name);
            }
        }
        // In the environment, because the URL has a password.
        let command = command.env("GUESTPASS_STORE", store).env("GUESTPASS_INTROSPECTION_SECRET", INTROSPECTION_SECRET);
        let command = command.args(["serve", "--listen", listen]).args(&flags);
        let process = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        Self { process, store: store.to_owned(), flags, address: String::new() }
    }

    fn ready(mut self) -> Self {
        let mut line = String::new();
        BufReader::new(self.process.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        self.address = line.trim().strip_prefix("listening on http://").expect("a ready line").to_owned();
        self
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(&self.address)
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Sends SIGTERM, and waits until the process ends.
    pub(crate) fn stop(&mut self) {
        let status = Command::new("kill").args(["-TERM", &self.process.id().to_string()]).status().unwrap();
        assert!(status.success());
        assert_eq!(self.process.wait().unwrap().code(), Some(0));
    }

    /// Starts the node again at the same address.
    pub(crate) fn start_again(&mut self) {
        *self = Self::spawn(&self.store, self.flags.clone(), &self.address).ready();
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // In some tests the process has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
