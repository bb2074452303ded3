//! The log about a connection to the database that the URL of the store leaves unprotected

use std::fs::{File, read_to_string};

use crate::support::postgres;
use crate::support::process::{Process, guestpass};

/// The warnings of a server with this location.
fn warnings(store: &str) -> Vec<String> {
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("log");
    let server = Process::spawn_on(guestpass().arg("serve").stderr(File::create(&log).unwrap()), store);
    server.kill();
    read_to_string(&log).unwrap().lines().filter(|line| line.contains("WARN")).map(str::to_owned).collect()
}

#[test]
fn a_server_says_that_its_url_turns_the_protection_of_the_connection_off() {
    let local = postgres::database().url;
    let elsewhere = format!("{}?hostaddr=127.0.0.1&sslmode=", local.replace("@127.0.0.1:", "@db.example:"));

    for mode in ["disable", "prefer"] {
        let warnings = warnings(&format!("{elsewhere}{mode}"));
        assert!(warnings.len() == 1 && warnings[0].contains(&format!("sslmode={mode}: ")), "{warnings:?}");
    }
    assert_eq!(warnings(&local), [""; 0]);
}
