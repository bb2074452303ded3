//! A server on a store of an older version.

use std::fs::{File, read_to_string};

use crate::STORE;
use crate::support::database::{Database, Kind};
use crate::support::process::{Process, guestpass};

/// A change of the schema can take minutes, in which the server does not listen.
#[test]
fn a_change_of_the_schema_is_logged_before_it_begins() {
    let database = Database::new();
    let directory = tempfile::tempdir().unwrap();
    let log_of_start = |number: u32| {
        let log = directory.path().join(number.to_string());
        let server = Process::spawn_on(guestpass().arg("serve").stderr(File::create(&log).unwrap()), &database.store());
        server.terminate();
        server.wait();
        read_to_string(&log).unwrap()
    };
    database.load(match STORE {
        Kind::Sqlite => include_str!("../../../tests/api/migration/sqlite.sql"),
        Kind::Postgres => include_str!("../../../tests/api/migration/postgres.sql"),
    });

    assert!(log_of_start(1).contains("the store changes from version 12 to "));
    assert!(!log_of_start(2).contains("the store changes"));
}
