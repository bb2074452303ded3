//! What a restore takes over from the replaced database, and what it does not.

use std::path::PathBuf;

use rusqlite::Connection;
use tempfile::TempDir;
use uuid::Uuid;

use super::super::backup::back_up;
use super::super::connection::{open_version, open_writer};
use super::super::{guests, id_text};
use super::PreparedRestore;
use crate::clock::Timestamp;
use crate::store::{BackupError, ReplacedDatabase, RestoreOptions, SinceBackup};

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
/// The oldest version of the schema of which users can have a backup.
const OLDEST: i32 = 6;

/// A store with its backup.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        place.open().execute_batch(KEYS).unwrap();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn open(&self) -> Connection {
        open_writer(&self.path("guests.db")).unwrap()
    }

    fn back_up(&self) {
        back_up(&self.path("guests.db"), &self.path("backup.db"), true, &mut |_| {}).unwrap();
    }

    fn prepare(&self, options: &RestoreOptions) -> Result<PreparedRestore, BackupError> {
        PreparedRestore::new(&self.path("guests.db"), &self.path("backup.db"), options, NOW, &mut |_| {})
    }

    /// Restores the backup, and returns what was taken over. `None`: nothing.
    fn restore(&self, options: &RestoreOptions) -> Option<SinceBackup> {
        let prepared = self.prepare(options).unwrap();
        let replaced = prepared.summary().replaced.clone();
        prepared.commit().unwrap();
        match replaced {
            ReplacedDatabase::Later(_, since) => Some(since),
            _ => None,
        }
    }
}

const KEYS: &str = "
    INSERT INTO signing_key (kid, algorithm, material, created_at, signs_from, token_ttl) VALUES ('a', 'EdDSA', x'01', 1, 1, 900000);
    INSERT INTO refresh_key (version, material, created_at, signs_from, token_ttl) VALUES (1, x'01', 1, 1, 900000);";

fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

/// Adds a guest with a session of the same number.
fn add_guest(db: &Connection, number: u128) {
    let id = id_text(id(number));
    db.execute("INSERT INTO anonymous_user (id, created_at, last_active_at) VALUES (?1, 1, 1)", [&id]).unwrap();
    add_session(db, number, number);
}

fn add_session(db: &Connection, number: u128, user: u128) {
    db.execute(
        "INSERT INTO session (id, user_id, refreshable, created_at, expires_at, access_expires_at)
         VALUES (?1, ?2, 1, 1, 4000000000000, 1800000900000)",
        [id_text(id(number)), id_text(id(user))],
    )
    .unwrap();
}

fn erase(db: &Connection, number: u128) {
    guests::erase(db, id(number), None, NOW).unwrap();
}

fn numbers(db: &Connection, query: &str) -> Vec<u128> {
    let ids = db.prepare(query).unwrap().query_map([], |row| row.get::<_, String>(0)).unwrap().collect::<Vec<_>>();
    ids.into_iter().map(|id| id.unwrap().parse::<Uuid>().unwrap().as_u128()).collect()
}

fn users(db: &Connection) -> Vec<u128> {
    numbers(db, "SELECT id FROM anonymous_user ORDER BY id")
}

fn kids(db: &Connection) -> String {
    db.query_row("SELECT group_concat(kid ORDER BY kid) FROM signing_key", [], |row| row.get(0)).unwrap()
}

fn revoked(db: &Connection) -> Vec<u128> {
    numbers(db, "SELECT id FROM session WHERE revoked_at IS NOT NULL ORDER BY id")
}

#[test]
fn s15_sessions_erasures_and_keys_are_taken_over_and_other_data_is_that_of_the_backup() {
    let place = Place::new();
    let db = place.open();
    (1..=4).for_each(|number| add_guest(&db, number));
    let entry = "INSERT INTO audit_entry (id, at, event, actor, subject) SELECT 1, 1, 'login', 'client', id
                 FROM anonymous_user WHERE id LIKE '%3'";
    db.execute_batch(entry).unwrap();
    place.back_up();
    // The entry is removed after its time.
    db.execute_batch(
        "DELETE FROM audit_entry;
         INSERT INTO audit_entry (id, at, event, actor) VALUES (2, 5, 'login', 'client');
         UPDATE session SET revoked_at = 5, access_expires_at = 1800000950000 WHERE id LIKE '%1';
         UPDATE session SET counter = 7, rotated_at = 6, expires_at = 4000000000001 WHERE id LIKE '%2';
         INSERT INTO entry SELECT id, 'cart', 'mug', 1, 1, '{}' FROM anonymous_user WHERE id LIKE '%2';
         INSERT INTO used_id_token (hash, expires_at) VALUES (x'01', 1800000900000);
         INSERT INTO signing_key SELECT 'b', algorithm, x'02', 2, 2, token_ttl FROM signing_key;
         INSERT INTO refresh_key VALUES (2, x'02', 2, 2, 900000);",
    )
    .unwrap();
    erase(&db, 3);
    // A second session of a guest of the backup, and a guest who came later.
    add_session(&db, 40, 4);
    add_guest(&db, 5);
    drop(db);

    let since = place.restore(&RestoreOptions::default()).unwrap();

    let expected = SinceBackup { revoked: 1, opened: 1, erased: 1, keys_added: 2, keys_dropped: 0, absent: 0 };
    assert_eq!(since, expected);
    let db = place.open();
    assert_eq!(users(&db), [1, 2, 4]);
    assert_eq!(revoked(&db), [1]);
    assert_eq!(numbers(&db, "SELECT id FROM session ORDER BY id"), [1, 2, 4, 40]);
    let rotated: (u64, i64, i64) = db
        .query_row("SELECT counter, rotated_at, expires_at FROM session WHERE id LIKE '%2'", [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .unwrap();
    assert_eq!(rotated, (7, 6, 4_000_000_000_001));
    // The access tokens of the erased guest, and of the guest who came later, are refused.
    assert_eq!(numbers(&db, "SELECT id FROM erased_session ORDER BY id"), [3, 5]);
    assert_eq!(kids(&db), "a,b");
    let number = |query: &str| db.query_row(query, [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(number("SELECT count(*) FROM refresh_key"), 2);
    assert_eq!(number("SELECT count(*) FROM used_id_token"), 1);
    // The entries of both databases, and that about the erasure. None of them names the erased guest.
    assert_eq!(number("SELECT count(*) FROM audit_entry"), 3);
    assert_eq!(numbers(&db, "SELECT subject FROM audit_entry WHERE subject LIKE '00000000-%'"), [0; 0]);
    assert_eq!(number("SELECT count(*) FROM entry"), 0);
    assert_eq!(number("SELECT access_expires_at FROM session WHERE id LIKE '%1'"), 1_800_000_950_000);
}

#[test]
fn s07_a_restore_keeps_the_last_activity_of_each_guest() {
    let place = Place::new();
    let db = place.open();
    (1..=4).for_each(|number| add_guest(&db, number));
    db.execute_batch("UPDATE session SET counter = 1, rotated_at = 500").unwrap();
    place.back_up();
    // Since then: a request of the first guest, a refresh of the second, and a merge of the third into the fourth.
    db.execute_batch(
        "UPDATE anonymous_user SET last_active_at = 600 WHERE id LIKE '%1';
         UPDATE session SET counter = 2, rotated_at = 600 WHERE id LIKE '%2';
         UPDATE session SET user_id = (SELECT id FROM anonymous_user WHERE id LIKE '%4') WHERE id LIKE '%3'",
    )
    .unwrap();
    drop(db);

    place.restore(&RestoreOptions::default()).unwrap();

    let db = place.open();
    let active_at = |number| guests::guest(&db, id(number)).unwrap().unwrap().last_active_at.as_millis();
    assert_eq!([1, 2, 3, 4].map(active_at), [600, 600, 500, 500]);
}

#[test]
fn s15_what_the_operator_undoes_is_as_in_the_backup() {
    let place = Place::new();
    let db = place.open();
    (1..=2).for_each(|number| add_guest(&db, number));
    place.back_up();
    db.execute_batch(
        "UPDATE session SET revoked_at = 5, counter = 7 WHERE id LIKE '%1';
         INSERT INTO signing_key SELECT 'b', algorithm, x'02', 2, 2, token_ttl FROM signing_key;
         DELETE FROM signing_key WHERE kid = 'a'",
    )
    .unwrap();
    erase(&db, 2);
    drop(db);

    let options =
        RestoreOptions { undo_sessions: true, undo_erasures: true, undo_keys: true, ..RestoreOptions::default() };
    let since = place.restore(&options).unwrap();

    assert_eq!(since, SinceBackup { absent: 1, ..SinceBackup::default() });
    let db = place.open();
    assert_eq!((users(&db), revoked(&db), kids(&db).as_str()), (vec![1, 2], vec![], "a"));
}

/// The reason for the restore may be that a sweep removed guests by mistake.
#[test]
fn s15_guests_whom_the_sweep_has_removed_are_restored() {
    let place = Place::new();
    let db = place.open();
    (1..=3).for_each(|number| add_guest(&db, number));
    place.back_up();
    db.execute_batch("PRAGMA foreign_keys = ON; DELETE FROM anonymous_user WHERE id LIKE '%2'").unwrap();
    erase(&db, 3);
    drop(db);

    let since = place.restore(&RestoreOptions::default()).unwrap();

    assert_eq!((since.erased, since.absent), (1, 1));
    let db = place.open();
    assert_eq!(users(&db), [1, 2]);
    assert_eq!(numbers(&db, "SELECT id FROM session ORDER BY id"), [1, 2]);
}

#[test]
fn s15_keys_that_were_dropped_as_leaked_stay_dropped_and_other_keys_are_kept() {
    for (change, expected, dropped) in [
        // A leak: only a newer key remains.
        ("UPDATE signing_key SET kid = 'c', created_at = 9", "c", 1),
        // The replaced database has an older key than the backup: it comes from before a rotation that the backup contains.
        ("UPDATE signing_key SET kid = 'c', created_at = 0", "a,c", 0),
    ] {
        let place = Place::new();
        let db = place.open();
        add_guest(&db, 1);
        place.back_up();
        db.execute_batch(change).unwrap();
        drop(db);

        let since = place.restore(&RestoreOptions::default()).unwrap();

        assert_eq!(since.keys_dropped, dropped, "{change}");
        assert_eq!(kids(&place.open()), expected, "{change}");
    }
}

/// A server that starts without a database makes a new one, with new keys.
#[test]
fn s15_nothing_is_taken_over_from_a_database_of_another_store() {
    let place = Place::new();
    let db = place.open();
    add_guest(&db, 1);
    place.back_up();
    db.execute_batch(
        "PRAGMA foreign_keys = ON; DELETE FROM anonymous_user; UPDATE signing_key SET kid = 'other', created_at = 9",
    )
    .unwrap();
    add_guest(&db, 2);
    drop(db);

    assert_eq!(place.restore(&RestoreOptions::default()), None);

    let db = place.open();
    assert_eq!((users(&db), kids(&db).as_str()), (vec![1], "a"));
}

#[test]
fn s15_what_is_given_by_hand_ends_sessions_and_erases_users() {
    let place = Place::new();
    let db = place.open();
    (1..=3).for_each(|number| add_guest(&db, number));
    db.execute_batch("UPDATE session SET created_at = 100, access_expires_at = 200 WHERE id LIKE '%2'").unwrap();
    place.back_up();
    drop(db);
    std::fs::remove_file(place.path("guests.db")).unwrap();

    let options = RestoreOptions {
        end_sessions_before: Some(Timestamp::from_millis(101)),
        erase: vec![id(3), id(99)],
        ..RestoreOptions::default()
    };
    let prepared = place.prepare(&options).unwrap();

    assert_eq!(prepared.summary().replaced, ReplacedDatabase::Absent);
    assert_eq!((prepared.summary().ended, prepared.summary().erased), (3, 1));
    assert_eq!(prepared.commit().unwrap(), None);
    let db = place.open();
    assert_eq!((users(&db), revoked(&db)), (vec![1, 2], vec![1, 2]));
    // Until the last access token has expired that can have been issued after the backup.
    let refused = "SELECT min(access_expires_at) FROM (SELECT * FROM erased_session
                   UNION ALL SELECT id, access_expires_at FROM session)";
    let refused_until: i64 = db.query_row(refused, [], |row| row.get(0)).unwrap();
    assert_eq!(refused_until, NOW.as_millis() + 900_000);
}

/// A guest may have refreshed the session since the backup.
#[test]
fn s15_without_the_replaced_database_the_idle_time_of_usable_sessions_begins_again() {
    let place = Place::new();
    let db = place.open();
    (1..=4).for_each(|number| add_guest(&db, number));
    db.execute_batch(
        "UPDATE anonymous_user SET last_active_at = 1000;
         UPDATE session SET created_at = 100, rotated_at = 900, expires_at = 1500 WHERE id LIKE '%1';
         UPDATE session SET created_at = 100, rotated_at = 300, expires_at = 900 WHERE id LIKE '%2';
         UPDATE session SET created_at = 100, expires_at = 1500, revoked_at = 200 WHERE id LIKE '%3';
         UPDATE session SET created_at = 100, expires_at = 1500, refreshable = 0 WHERE id LIKE '%4'",
    )
    .unwrap();
    place.back_up();
    drop(db);
    let expiries = || {
        let db = place.open();
        let mut query = db.prepare("SELECT expires_at FROM session ORDER BY id").unwrap();
        query.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect::<Vec<i64>>()
    };

    place.restore(&RestoreOptions::default()).unwrap();
    assert_eq!(expiries(), [1500, 900, 1500, 1500], "the replaced database knows the refreshes");
    std::fs::remove_file(place.path("guests.db")).unwrap();
    assert_eq!(place.restore(&RestoreOptions::default()), None);

    assert_eq!(expiries(), [NOW.as_millis() + 600, 900, 1500, 1500]);
}

#[test]
fn a_backup_with_an_older_schema_is_brought_up_to_date() {
    let place = Place(tempfile::tempdir().unwrap());
    let old = open_version(&place.path("old.db"), OLDEST);
    old.execute_batch(KEYS).unwrap();
    (1..=2).for_each(|number| add_guest(&old, number));
    drop(old);
    back_up(&place.path("old.db"), &place.path("backup.db"), false, &mut |_| {}).unwrap();
    // The replaced database has the older schema, too: without records of erasures, its erased sessions tell who was erased.
    let old = Connection::open(place.path("old.db")).unwrap();
    old.execute_batch(
        "PRAGMA foreign_keys = ON;
         INSERT INTO erased_session SELECT id, access_expires_at FROM session WHERE id LIKE '%2';
         DELETE FROM anonymous_user WHERE id LIKE '%2'",
    )
    .unwrap();
    drop(old);
    std::fs::rename(place.path("old.db"), place.path("guests.db")).unwrap();

    let since = place.restore(&RestoreOptions::default()).unwrap();

    assert_eq!((since.erased, since.absent), (1, 0));
    assert_eq!(users(&place.open()), [1]);
}

#[test]
fn the_database_behind_a_symbolic_link_is_replaced_and_the_link_stays() {
    let place = Place::new();
    add_guest(&place.open(), 1);
    place.back_up();
    std::fs::rename(place.path("guests.db"), place.path("real.db")).unwrap();
    std::os::unix::fs::symlink(place.path("real.db"), place.path("guests.db")).unwrap();

    let kept = place.prepare(&RestoreOptions::default()).unwrap().commit().unwrap().unwrap();

    assert!(kept.file_name().unwrap().to_str().unwrap().starts_with("real.db.replaced-"), "{kept:?}");
    assert!(place.path("guests.db").is_symlink());
    assert_eq!(users(&Connection::open(place.path("real.db")).unwrap()), [1]);
}

#[test]
fn two_restores_in_one_second_keep_both_replaced_databases() {
    let place = Place::new();
    place.back_up();
    let restore = || place.prepare(&RestoreOptions::default()).unwrap().commit().unwrap().unwrap();
    let kept: Vec<_> = (1..=3)
        .map(|number| {
            add_guest(&place.open(), number);
            restore()
        })
        .collect();

    for (kept, number) in kept.iter().zip(1..) {
        assert_eq!(users(&Connection::open(kept).unwrap()), [number], "{kept:?}");
    }
}

#[test]
fn a_restore_that_is_not_committed_changes_nothing() {
    let place = Place::new();
    add_guest(&place.open(), 1);
    place.back_up();
    let before = std::fs::read(place.path("guests.db")).unwrap();

    let prepared = place.prepare(&RestoreOptions::default()).unwrap();
    assert!(matches!(place.prepare(&RestoreOptions::default()), Err(BackupError::Store(_))), "the lock is not held");
    drop(prepared);

    // SQLite counts the changes of the journal mode in the header.
    let after = std::fs::read(place.path("guests.db")).unwrap();
    assert_eq!(before[100..], after[100..]);
    let names: Vec<_> = std::fs::read_dir(place.0.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(names.len(), 3, "{names:?}");
}
