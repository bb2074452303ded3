//! `guestpass backup`: a copy of the database of a running server.

use std::fs::{Permissions, hard_link, read_dir, set_permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};

use rusqlite::Connection;
use tokio::task::{JoinSet, spawn_blocking};

use crate::support::guest::Guest;
use crate::support::process::{Process, guestpass, run};
use crate::support::wait::until;

/// Clients that log in at the same time.
const CLIENTS: usize = 8;
/// Logins before, during and after the backup.
const LOGINS: usize = 100;

/// `guestpass backup` or `guestpass restore` of the database in `directory`.
pub(crate) fn command(name: &str, directory: &Path) -> Command {
    let mut command = guestpass();
    command.arg(name).env("GUESTPASS_STORE", format!("sqlite:{}", directory.join("guests.db").display()));
    command
}

pub(crate) fn back_up(directory: &Path) {
    let output = run(command("backup", directory).arg(directory.join("backup.db")).arg("--overwrite"));
    assert!(output.status.success(), "{output:?}");
}

/// Checks that a command changes nothing, and says why in one line.
pub(crate) fn assert_refused(output: &Output, code: i32, expected: &str) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), stderr.lines().count()), (Some(code), 1), "{stderr}");
    assert!(stderr.contains(expected), "{expected:?} is not in: {stderr}");
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o777
}

/// Every guest whose login was acknowledged before the backup began is in it.
#[tokio::test(flavor = "multi_thread")]
async fn s15_a_backup_of_a_server_under_load_loses_no_guest() {
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("guests.db");
    let server = Process::start(&database);
    let guests = Arc::new(Mutex::new(Vec::new()));
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        let (guests, http, url) = (Arc::clone(&guests), server.http.clone(), server.url.clone());
        clients.spawn(async move {
            while let Some(guest) = Guest::log_in_at(&http, &url).await {
                guests.lock().unwrap().push(guest);
            }
        });
    }
    let logins = || guests.lock().unwrap().len();
    until("there are guests", async || logins() >= LOGINS).await;

    let before: Vec<Guest> = guests.lock().unwrap().clone();
    let mut backup = command("backup", directory.path());
    backup.arg(directory.path().join("backup.db"));
    let output = spawn_blocking(move || run(&mut backup)).await.unwrap();
    let after = logins();
    until("the server creates guests after the backup", async || logins() >= after + LOGINS).await;
    // The responses to these clients are lost.
    server.kill();
    while clients.join_next().await.is_some() {}

    assert!(output.status.success(), "{output:?}");
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(stdout.starts_with("wrote ") && stdout.contains(" guests, 0 members, "), "{stdout}");
    // The database is lost.
    for file in ["guests.db", "guests.db-wal", "guests.db-shm"] {
        std::fs::remove_file(directory.path().join(file)).unwrap();
    }
    let restored = run(command("restore", directory.path()).arg(directory.path().join("backup.db")).arg("--yes"));
    assert!(restored.status.success(), "{restored:?}");
    let server = Process::start(&database);
    for guest in &before {
        assert!(guest.is_accepted(&server).await, "{}", guest.id);
        assert!(guest.refresh(&server).await.is_some(), "{}", guest.id);
    }
}

#[tokio::test]
async fn a_backup_is_one_checked_file_that_only_its_owner_can_read() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let server = Process::start(&path("guests.db"));
    Guest::log_in(&server).await;
    std::fs::create_dir(path("inner")).unwrap();
    symlink("inner", path("folder")).unwrap();

    let output = run(command("backup", directory.path()).arg(path("folder/backup.db")));

    assert!(output.status.success(), "{output:?}");
    assert_eq!(mode(&path("inner/backup.db")), 0o600);
    let backup = Connection::open(path("inner/backup.db")).unwrap();
    let text = |query: &str| backup.query_row(query, [], |row| row.get::<_, String>(0)).unwrap();
    assert_eq!((text("PRAGMA integrity_check"), text("PRAGMA journal_mode")), ("ok".to_owned(), "delete".to_owned()));
    let files: Vec<_> = read_dir(path("inner")).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(files, ["backup.db"]);
}

/// Another user of the machine may be able to make files in the folder of the backup.
#[test]
fn a_backup_writes_into_no_file_that_another_user_has_prepared() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    drop(Process::start(&path("guests.db")));
    let backup = |flags: &[&str]| run(command("backup", directory.path()).arg(path("backup.db")).args(flags));
    std::fs::write(path("elsewhere"), "other data").unwrap();
    set_permissions(path("elsewhere"), Permissions::from_mode(0o666)).unwrap();
    symlink(path("elsewhere"), path("backup.db.partial")).unwrap();
    symlink(path("missing"), path("backup.db")).unwrap();

    assert_refused(&backup(&[]), 2, "--overwrite");
    for target in ["missing", "elsewhere"] {
        std::fs::remove_file(path("backup.db")).unwrap();
        symlink(path(target), path("backup.db")).unwrap();
        let output = backup(&["--overwrite"]);
        assert!(output.status.success(), "{output:?}");

        assert!(path("backup.db").symlink_metadata().unwrap().is_file(), "{target}");
        assert_eq!(mode(&path("backup.db")), 0o600);
        assert!(!path("missing").exists());
        assert_eq!(std::fs::read_to_string(path("elsewhere")).unwrap(), "other data");
    }
}

#[tokio::test]
async fn a_backup_replaces_no_file_of_the_store() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let server = Process::start(&path("guests.db"));
    std::fs::create_dir(path("inner")).unwrap();
    symlink(directory.path(), path("folder")).unwrap();
    let refused = |target: &str, suffix: &str| {
        let expected = if suffix.is_empty() { "the store itself" } else { "a file of the store" };
        for flags in [&[][..], &["--overwrite"]] {
            let output = run(command("backup", directory.path()).arg(path(target)).args(flags));
            assert_refused(&output, 2, expected);
        }
    };

    for suffix in ["", "-wal", "-shm", "-lock", "-journal"] {
        let file = format!("guests.db{suffix}");
        for target in [file.clone(), format!("inner/../{file}"), format!("folder/{file}")] {
            refused(&target, suffix);
        }
        symlink(&file, path(&format!("link{suffix}"))).unwrap();
        refused(&format!("link{suffix}"), suffix);
        if path(&file).exists() {
            hard_link(path(&file), path(&format!("hard{suffix}"))).unwrap();
            refused(&format!("hard{suffix}"), suffix);
        }
    }
    assert!(!path("guests.db-journal").exists());
    Guest::log_in(&server).await;
}

#[tokio::test]
async fn a_backup_replaces_a_file_only_on_demand_and_never_a_database_in_use() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let server = Process::start(&path("guests.db"));
    let backup = |target: &str, flags: &[&str]| run(command("backup", directory.path()).arg(path(target)).args(flags));
    std::fs::write(path("backup.db"), "other data").unwrap();

    assert_refused(&backup("backup.db", &[]), 2, "--overwrite");
    assert_eq!(std::fs::read_to_string(path("backup.db")).unwrap(), "other data");
    assert!(backup("backup.db", &["--overwrite"]).status.success());
    assert_refused(&backup("guests.db", &["--overwrite"]), 2, "the store itself");
    let _other = Process::start(&path("other.db"));
    assert_refused(&backup("other.db", &["--overwrite"]), 2, "another program has");
    assert_refused(&backup("no/such/folder.db", &[]), 1, "No such file");

    Guest::log_in(&server).await;
}

#[test]
fn a_store_that_cannot_be_backed_up_is_a_clear_error() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let backup = || run(command("backup", directory.path()).arg(path("backup.db")));

    assert_refused(&backup(), 2, "guests.db does not exist");
    std::fs::write(path("guests.db"), "").unwrap();
    assert_refused(&backup(), 2, "is empty");
    std::fs::write(path("guests.db"), "Dear reader, ".repeat(1000)).unwrap();
    assert_refused(&backup(), 2, "not a database");
    std::fs::remove_file(path("guests.db")).unwrap();
    Connection::open(path("guests.db")).unwrap().execute_batch("CREATE TABLE other (x)").unwrap();
    assert_refused(&backup(), 2, "not a database of Guestpass");
    let postgres = run(guestpass().args(["backup", "--store", "postgres://user:secret@db/guests", "file.db"]));
    assert_refused(&postgres, 2, "pg_dump");
    assert!(!String::from_utf8_lossy(&postgres.stderr).contains("secret"));
    assert!(!path("backup.db").exists());
}
