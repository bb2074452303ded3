//! Files of the store that another program moves, replaces or locks, and files that other users can read.

use std::fs::{Permissions, read_dir, rename, set_permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior};

use super::Server;
use super::guest::Guest;
use crate::support::process::{guestpass, guestpass_under, run};

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

fn permit(path: &Path, mode: u32) {
    set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// Checks that only the owner can read each file of the directory whose name begins so.
fn assert_private(directory: &Path, prefix: &str, count: usize) {
    let files = read_dir(directory).unwrap().map(Result::unwrap);
    let files: Vec<_> = files.filter(|file| file.file_name().to_str().unwrap().starts_with(prefix)).collect();
    assert_eq!(files.len(), count, "{files:?}");
    for file in files {
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{file:?}");
    }
}

#[tokio::test]
async fn files_are_private_whatever_the_umask_is() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let store = format!("sqlite:{}", path("guestpass.db").display());
    let open_umask = &["sh", "-c", "umask 000; exec \"$@\"", "sh"];
    let server = Server::start(&mut guestpass_under(open_umask), &path("guestpass.db"), path("log"));
    Guest::log_in(&server.process).await.unwrap();
    let with_umask = |arguments: &[&str]| {
        let mut command = std::process::Command::new("sh");
        command.args(&open_umask[1..]).arg(guestpass().get_program()).args(arguments);
        let output = run(command.arg(path("backup.db")).args(["--store", &store]));
        assert!(output.status.success(), "{output:?}");
    };

    with_umask(&["backup"]);
    // The database, its log, the index of the log, and the lock.
    assert_private(directory.path(), "guestpass.db", 4);
    server.process.kill();
    with_umask(&["restore", "--yes"]);

    assert_private(directory.path(), "backup.db", 1);
    // The database, the lock, and the replaced database.
    assert_private(directory.path(), "guestpass.db", 3);
}

/// A database is in the mode of the file that an operator copied into its place.
#[tokio::test]
async fn a_database_that_other_users_can_read_is_a_warning() {
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("guestpass.db");
    start(directory.path()).process.kill();

    for (mode, expected) in [(0o644, "every user of this machine"), (0o640, "the group of")] {
        permit(&database, mode);
        let server = start(directory.path());

        server.assert_logged(expected);
        server.assert_logged(&format!("(mode {mode:o})"));
        server.assert_logged(&format!("run: chmod 600 {}", database.display()));
        server.process.kill();
    }
    permit(&database, 0o600);
    let log = std::fs::read_to_string(start(directory.path()).log).unwrap();
    assert!(!log.contains("chmod"), "{log}");
}

/// An operator may have mistyped the name of the database.
#[test]
fn a_file_of_another_program_is_an_error_without_advice_on_its_mode() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("letter.txt");
    std::fs::write(&file, "Dear reader").unwrap();
    permit(&file, 0o644);

    let store = format!("sqlite:{}", file.display());
    let output = run(guestpass().args(["serve", "--listen", "127.0.0.1:0", "--store", &store]));

    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert!(error.contains("letter.txt is not a SQLite database") && !error.contains("chmod"), "{error}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "Dear reader");
    assert_eq!(read_dir(directory.path()).unwrap().count(), 1);
}

/// Two servers on one database under two names would not see each other's revocations.
#[test]
fn a_database_has_one_server_under_all_its_names() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let _server = start(directory.path());
    std::os::unix::fs::symlink("guestpass.db", path("other.db")).unwrap();

    let store = format!("sqlite:{}", path("other.db").display());
    let output = run(guestpass().args(["serve", "--listen", "127.0.0.1:0", "--store", &store]));

    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert!(error.contains("another server is using this file"), "{error}");
}

/// The log contains the same data as the database.
#[tokio::test]
async fn the_log_is_not_more_readable_than_the_database() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let server = start(directory.path());
    let guest = Guest::log_in(&server.process).await.unwrap();
    server.process.kill();
    for log in ["guestpass.db-wal", "guestpass.db-shm"] {
        permit(&path(log), 0o666);
    }

    let server = start(directory.path());

    guest.check_cart(&server.process).await;
    assert_private(directory.path(), "guestpass.db", 4);
}

/// A copy of the file of a running server without its log can be empty.
#[tokio::test]
async fn a_database_without_tables_is_a_warning() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("guestpass.db"), "").unwrap();

    let server = start(directory.path());

    server.assert_logged("was empty: all guests and keys are new");
    server.assert_logged("guestpass backup");
    server.process.kill();
    let server = start(directory.path());
    let log = std::fs::read_to_string(&server.log).unwrap();
    assert!(!log.contains("was empty"), "{log}");
}
