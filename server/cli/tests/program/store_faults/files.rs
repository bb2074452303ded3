//! Another program that moves, replaces or locks the files of the store.

use std::fs::rename;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior};

use super::Server;
use super::guest::Guest;
use crate::support::process::guestpass;

fn start(directory: &Path) -> Server {
    Server::start(guestpass().arg("serve"), &directory.join("guestpass.db"), directory.join("log"))
}

/// The server still has the moved file open. Changes in it would not be in the database after a restart: the server must not
/// acknowledge them.
#[tokio::test]
async fn s05_nothing_is_acknowledged_while_a_file_is_moved_away() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let server = start(directory.path());
    let mut guest = Guest::log_in(&server.process).await.unwrap();
    guest.assert_served(&server.process).await;

    for file in ["guestpass.db", "guestpass.db-wal"] {
        rename(path(file), path("elsewhere")).unwrap();
        guest.assert_refused(&server.process).await;
        guest.check_cart(&server.process).await;
        server.assert_logged(&format!("{file} has been moved, removed or replaced"));

        rename(path("elsewhere"), path(file)).unwrap();
        guest.assert_served(&server.process).await;
    }

    // `guest`, and one guest for each `assert_served`.
    server.stop(&path("guestpass.db"), 1 + 3);
}

#[tokio::test]
async fn s05_nothing_is_acknowledged_after_a_file_was_replaced() {
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("guestpass.db");
    let server = start(directory.path());
    let mut guest = Guest::log_in(&server.process).await.unwrap();

    std::fs::copy(&database, directory.path().join("backup")).unwrap();
    rename(directory.path().join("backup"), &database).unwrap();

    guest.assert_refused(&server.process).await;
    guest.check_cart(&server.process).await;
}

/// The lock of a backup, or of an open transaction in the `sqlite3` shell. The server waits, then refuses, and works again
/// after the lock is released.
#[tokio::test]
async fn s05_a_database_that_another_program_has_locked_works_after_it_is_unlocked() {
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("guestpass.db");
    let server = start(directory.path());
    let mut guest = Guest::log_in(&server.process).await.unwrap();
    let mut shell = Connection::open(&database).unwrap();
    shell.busy_timeout(Duration::from_secs(30)).unwrap();

    let lock = shell.transaction_with_behavior(TransactionBehavior::Immediate).unwrap();
    let (one, two) = (Guest::log_in(&server.process), Guest::log_in(&server.process));
    let (one, two, ()) = tokio::join!(one, two, guest.check_cart(&server.process));
    assert!(one.is_err() && two.is_err(), "a login was acknowledged");
    server.assert_logged("database is locked");
    drop(lock);

    guest.assert_served(&server.process).await;
    drop(shell);
    server.stop(&database, 2);
}

/// Reads succeed all the time.
#[tokio::test]
async fn s16_a_server_is_not_ready_while_its_database_is_locked_or_moved_away() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let server = start(directory.path());
    let mut guest = Guest::log_in(&server.process).await.unwrap();
    let shell = Connection::open(path("guestpass.db")).unwrap();
    server.until_ready(true).await;

    shell.execute_batch("BEGIN IMMEDIATE").unwrap();
    server.until_ready(false).await;
    guest.check_cart(&server.process).await;
    shell.execute_batch("ROLLBACK").unwrap();
    server.until_ready(true).await;

    rename(path("guestpass.db"), path("elsewhere")).unwrap();
    server.until_ready(false).await;
    guest.check_cart(&server.process).await;
    rename(path("elsewhere"), path("guestpass.db")).unwrap();
    server.until_ready(true).await;

    guest.assert_served(&server.process).await;
    let log = std::fs::read_to_string(path("log")).unwrap();
    let count = |said| log.matches(said).count();
    let (refused, again) = (count("not ready: the store accepts no writes"), count("the store accepts writes again"));
    assert!(refused >= 2 && refused == again, "each is said once when it begins: {log}");
}
