//! `guestpass restore`: what holds after a restore that was acknowledged after the backup.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use rusqlite::Connection;
use tempfile::TempDir;

use crate::backup::{assert_refused, back_up, command};
use crate::support::guest::Guest;
use crate::support::process::{Process, guestpass, run};

/// A store, and its backup.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn start(&self) -> Process {
        Process::start(&self.path("guests.db"))
    }

    fn back_up(&self) {
        back_up(self.0.path());
    }

    fn restore(&self, flags: &[&str]) -> Output {
        run(command("restore", self.0.path()).arg(self.path("backup.db")).args(flags))
    }

    /// Restores the backup and returns what the command prints.
    fn restored(&self, flags: &[&str]) -> String {
        let output = self.restore(&[&["--yes"], flags].concat());
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn lose_database(&self) {
        for file in ["guests.db", "guests.db-wal", "guests.db-shm"] {
            std::fs::remove_file(self.path(file)).unwrap();
        }
    }

    fn rotate_leaked(&self, which: &str) {
        let keys = &mut guestpass();
        keys.args(["keys", "rotate", "--leaked", which, "--store"])
            .arg(format!("sqlite:{}", self.path("guests.db").display()));
        assert!(run(keys).status.success());
    }
}

fn number(database: &Path, query: &str) -> i64 {
    Connection::open(database).unwrap().query_row(query, [], |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn s15_revocations_erasures_reuse_and_leaked_keys_hold_after_a_restore() {
    let place = Place::new();
    let server = place.start();
    let guest = Guest::log_in(&server).await;
    let (revoked, erased) = (Guest::log_in(&server).await, Guest::log_in(&server).await);
    let rotated = Guest::log_in(&server).await;
    place.back_up();
    revoked.revoke(&server).await;
    erased.erase(&server).await;
    let current = rotated.refresh(&server).await.unwrap().refresh(&server).await.unwrap();
    place.rotate_leaked("access");
    server.kill();

    let printed = place.restored(&[]);

    assert!(printed.contains("1 sessions revoked") && printed.contains("1 guests or members erased"), "{printed}");
    let server = place.start();
    assert!(!guest.is_accepted(&server).await, "the access token of a leaked key is accepted");
    let guest = guest.refresh(&server).await.expect("a guest is lost");
    assert!(guest.is_accepted(&server).await);
    for ended in [&revoked, &erased] {
        assert!(ended.refresh(&server).await.is_none() && !ended.is_accepted(&server).await, "{ended:?}");
    }
    let current = current.refresh(&server).await.expect("the newest refresh token is refused");
    // A used refresh token is not usable again: its use is noticed, and ends the session.
    assert!(rotated.refresh(&server).await.is_none());
    assert!(current.refresh(&server).await.is_none());
    drop(server);
    assert_eq!(number(&place.path("guests.db"), "SELECT count(*) FROM anonymous_user"), 3);
}

#[tokio::test]
async fn s15_without_the_replaced_database_the_operator_gives_again_what_happened() {
    let place = Place::new();
    let server = place.start();
    let (guest, erased) = (Guest::log_in(&server).await, Guest::log_in(&server).await);
    place.back_up();
    server.kill();
    place.lose_database();

    let printed = place.restored(&["--leaked", "access", "--erase", &erased.id]);

    assert!(printed.contains("is not known") && printed.contains("erases 1 guests"), "{printed}");
    let server = place.start();
    assert!(erased.refresh(&server).await.is_none());
    assert!(!guest.is_accepted(&server).await, "the access token of a leaked key is accepted");
    let guest = guest.refresh(&server).await.expect("a guest is lost");
    server.kill();

    let printed = place.restored(&["--end-all-sessions"]);

    assert!(printed.contains("ends "), "{printed}");
    let server = place.start();
    assert!(!guest.is_accepted(&server).await && guest.refresh(&server).await.is_none());
}

/// The token was issued after the backup; the restored database has its parent, or an older ancestor.
#[tokio::test]
async fn s15_a_refresh_token_that_is_ahead_of_a_restored_backup_continues_its_session() {
    let place = Place::new();
    let server = place.start();
    let (once, often) = (Guest::log_in(&server).await, Guest::log_in(&server).await);
    place.back_up();
    let once = once.refresh(&server).await.unwrap();
    let mut often = often.refresh(&server).await.unwrap();
    for _ in 0..3 {
        often = often.refresh(&server).await.unwrap();
    }
    server.kill();
    place.lose_database();
    place.restored(&[]);

    let server = place.start();

    for guest in [once, often] {
        let guest = guest.refresh(&server).await.expect("a guest is lost");
        assert!(guest.is_accepted(&server).await);
        assert!(guest.refresh(&server).await.is_some());
    }
}

#[tokio::test]
async fn a_restore_needs_a_stopped_server_and_a_decision_of_the_operator() {
    let place = Place::new();
    let server = place.start();
    place.back_up();
    let guest = Guest::log_in(&server).await;

    assert_refused(&place.restore(&["--yes"]), 2, "another server is using this file");
    assert!(guest.is_accepted(&server).await);
    server.kill();
    let shell = Connection::open(place.path("guests.db")).unwrap();
    shell.execute_batch("BEGIN; SELECT count(*) FROM session").unwrap();
    assert_refused(&place.restore(&["--yes"]), 2, "another program has");
    drop(shell);
    // The standard input of a test is not a terminal.
    assert_refused(&place.restore(&[]), 2, "--yes");

    let server = place.start();
    assert!(guest.is_accepted(&server).await, "a refused restore has changed the database");
    assert!(guest.refresh(&server).await.is_some());
}

/// `script` gives the command a terminal.
#[tokio::test]
async fn on_a_terminal_the_command_asks() {
    let place = Place::new();
    let server = place.start();
    place.back_up();
    let guest = Guest::log_in(&server).await;
    server.kill();
    let answer = |answer: &str| {
        let restore = command("restore", place.0.path());
        let line = format!("{} restore {}", restore.get_program().display(), place.path("backup.db").display());
        let mut script = Command::new("script");
        script.args(["--quiet", "--return", "--command", &line, "/dev/null"]).stdin(Stdio::piped());
        script.envs(restore.get_envs().filter_map(|(name, value)| Some((name, value?)))).stdout(Stdio::piped());
        let mut child = script.spawn().unwrap();
        child.stdin.as_mut().unwrap().write_all(format!("{answer}\n").as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };

    let (code, printed) = answer("n");
    assert_eq!(code, Some(1), "{printed}");
    assert!(printed.contains("Replace the database") && printed.contains("nothing has been changed"), "{printed}");
    let server = place.start();
    assert!(guest.is_accepted(&server).await);
    server.kill();

    let (code, printed) = answer("y");
    assert_eq!(code, Some(0), "{printed}");
    assert!(printed.contains("restored; the replaced database is "), "{printed}");
    assert!(guest.refresh(&place.start()).await.is_none(), "the backup does not have this guest");
}

/// The keys of the backup are encrypted, and so are those that replace them.
#[tokio::test]
async fn s15_encrypted_keys_are_restored_and_replaced() {
    const VARIABLE: &str = "GUESTPASS_KEY_ENCRYPTION_KEY";
    let place = Place::new();
    let made = run(guestpass().args(["keys", "new-encryption-key"]));
    let key = String::from_utf8(made.stdout).unwrap().trim().to_owned();
    let start = || {
        let mut serve = guestpass();
        serve.arg("serve").env(VARIABLE, &key).stderr(Stdio::null());
        Process::spawn_serve(&mut serve, &place.path("guests.db"))
    };
    let server = start();
    let guest = Guest::log_in(&server).await;
    place.back_up();
    server.kill();
    place.lose_database();
    let restore = |key: Option<&str>| {
        let mut restore = command("restore", place.0.path());
        restore.arg(place.path("backup.db")).args(["--yes", "--leaked", "access"]);
        run(restore.envs(key.map(|key| (VARIABLE, key))))
    };

    assert_refused(&restore(None), 1, "the keys could not be replaced");
    assert!(!place.path("guests.db").exists());
    let output = restore(Some(&key));
    assert!(output.status.success(), "{output:?}");

    let store = format!("sqlite:{}", place.path("guests.db").display());
    let listed = String::from_utf8(run(guestpass().args(["keys", "list", "--store", &store])).stdout).unwrap();
    let encrypted = listed.lines().filter(|line| line.contains("encrypted")).count();
    assert_eq!(encrypted, 2, "{listed}");
    let server = start();
    assert!(!guest.is_accepted(&server).await && guest.refresh(&server).await.is_some());
}

/// Only the file is lost, and the log of its server remains: it must not be applied to the restored database.
#[tokio::test]
async fn s15_a_log_that_remains_of_a_lost_database_is_moved_away() {
    let place = Place::new();
    let server = place.start();
    let guest = Guest::log_in(&server).await;
    place.back_up();
    let later = Guest::log_in(&server).await;
    server.kill();
    std::fs::remove_file(place.path("guests.db")).unwrap();

    let printed = place.restored(&[]);

    assert!(printed.contains("there is no database to replace"), "{printed}");
    assert!(!place.path("guests.db-wal").exists());
    let server = place.start();
    assert!(guest.refresh(&server).await.is_some() && later.refresh(&server).await.is_none());
}

#[tokio::test]
async fn s15_a_damaged_database_is_replaced_and_kept() {
    let place = Place::new();
    let server = place.start();
    let guest = Guest::log_in(&server).await;
    place.back_up();
    // Stopped, so that the file has the data, and not the log, from which SQLite could repair the file.
    server.terminate();
    assert_eq!(server.wait().0, Some(0));
    std::fs::write(place.path("guests.db"), "damaged ".repeat(1000)).unwrap();
    std::fs::write(place.path("guests.db-wal"), "damaged ".repeat(1000)).unwrap();

    let printed = place.restored(&[]);

    assert!(printed.contains("cannot be read"), "{printed}");
    let kept = PathBuf::from(printed.trim().rsplit(' ').next().unwrap());
    assert!(std::fs::read_to_string(&kept).unwrap().starts_with("damaged"), "{kept:?}");
    assert_eq!(place.path("guests.db").metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let server = place.start();
    assert!(guest.is_accepted(&server).await && guest.refresh(&server).await.is_some());
}

#[tokio::test]
async fn a_file_that_is_not_a_usable_backup_changes_nothing() {
    let place = Place::new();
    let server = place.start();
    let guest = Guest::log_in(&server).await;
    place.back_up();
    server.kill();
    let backup = std::fs::read(place.path("backup.db")).unwrap();
    let newer = || {
        let database = Connection::open(place.path("backup.db")).unwrap();
        let row = "INSERT INTO refinery_schema_history SELECT 9999, 'later', applied_on, checksum
                   FROM refinery_schema_history LIMIT 1";
        database.execute_batch(row).unwrap();
    };
    let damaged = || {
        let mut bytes = backup.clone();
        // Every page but the first, which contains the schema.
        bytes[4096 * 2..].chunks_mut(4096).for_each(|page| page[..64].fill(0xff));
        std::fs::write(place.path("backup.db"), bytes).unwrap();
    };
    let write = |content: &str| std::fs::write(place.path("backup.db"), content).unwrap();
    let cases: [(&str, &dyn Fn()); 6] = [
        ("written by a newer version", &newer),
        ("is damaged", &damaged),
        ("is empty", &|| write("")),
        ("is damaged", &|| write(&"Dear reader, ".repeat(1000))),
        ("not a database of Guestpass", &|| {
            std::fs::remove_file(place.path("backup.db")).unwrap();
            Connection::open(place.path("backup.db")).unwrap().execute_batch("CREATE TABLE other (x)").unwrap();
        }),
        ("does not exist", &|| std::fs::remove_file(place.path("backup.db")).unwrap()),
    ];

    for (expected, spoil) in cases {
        std::fs::write(place.path("backup.db"), &backup).unwrap();
        spoil();
        assert_refused(&place.restore(&["--yes"]), 2, expected);
    }
    let itself = run(command("restore", place.0.path()).arg(place.path("guests.db")).arg("--yes"));
    assert_refused(&itself, 2, "the store itself");
    let postgres =
        run(guestpass().args(["restore", "--yes", "--store", "postgres://user:secret@db/guests", "file.db"]));
    assert_refused(&postgres, 2, "pg_restore");

    assert!(guest.refresh(&place.start()).await.is_some());
}

#[test]
fn a_choice_that_cannot_be_read_is_an_error() {
    for (flag, value, expected) in [
        ("--end-sessions-before", "yesterday", "2026-11-25T18:00:00Z"),
        ("--erase", "guest", "sub of a token"),
        ("--undo", "everything", "everything"),
        ("--leaked", "some", "some"),
    ] {
        let output = run(guestpass().args(["restore", "backup.db", flag, value]));
        assert_eq!(output.status.code(), Some(2), "{flag}");
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(stderr.contains(flag) && stderr.contains(expected), "{stderr}");
    }
}
