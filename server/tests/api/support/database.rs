//! The database of one test, of the kind that the test program selects with `STORE`.

use guestpass_server::StoreLocation;
use rusqlite::Connection;
use tempfile::TempDir;

use super::postgres;
use crate::STORE;

/// The kind of database of a test program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(dead_code, reason = "each test program uses one of the variants")]
pub(crate) enum Kind {
    Sqlite,
    Postgres,
}

/// A new, empty database, which is deleted at the end of the test.
pub(crate) enum Database {
    Sqlite(TempDir),
    Postgres(postgres::Database),
}

impl Database {
    pub(crate) fn new() -> Self {
        match STORE {
            Kind::Sqlite => Self::Sqlite(tempfile::tempdir().unwrap()),
            Kind::Postgres => Self::Postgres(postgres::database()),
        }
    }

    pub(crate) fn location(&self) -> StoreLocation {
        self.store().parse().unwrap()
    }

    /// The value of `--store`.
    pub(crate) fn store(&self) -> String {
        match self {
            Self::Sqlite(directory) => format!("sqlite:{}", directory.path().join("guestpass.db").display()),
            Self::Postgres(database) => database.url.clone(),
        }
    }

    /// A direct connection to the SQLite file.
    pub(crate) fn file(&self) -> Connection {
        match self {
            Self::Sqlite(directory) => Connection::open(directory.path().join("guestpass.db")).unwrap(),
            Self::Postgres(_) => panic!("this test is for SQLite only"),
        }
    }

    /// The integer that a query returns.
    pub(crate) fn number(&self, query: &str) -> i64 {
        match self {
            Self::Sqlite(_) => self.file().query_row(query, [], |row| row.get(0)).unwrap(),
            Self::Postgres(database) => database.value(query),
        }
    }

    /// The text that a query returns.
    pub(crate) fn text(&self, query: &str) -> String {
        match self {
            Self::Sqlite(_) => self.file().query_row(query, [], |row| row.get(0)).unwrap(),
            Self::Postgres(database) => database.value(query),
        }
    }

    /// The bytes that a query returns.
    pub(crate) fn bytes(&self, query: &str) -> Vec<u8> {
        match self {
            Self::Sqlite(_) => self.file().query_row(query, [], |row| row.get(0)).unwrap(),
            Self::Postgres(database) => database.value(query),
        }
    }

    /// The names of the tables that have this column, in alphabetical order.
    pub(crate) fn tables_with(&self, column: &str) -> Vec<String> {
        let tables = match self {
            Self::Sqlite(_) => self.text(&format!(
                "SELECT group_concat(name) FROM (
                     SELECT name FROM sqlite_schema
                     WHERE type = 'table' AND EXISTS (SELECT 1 FROM pragma_table_info(sqlite_schema.name) WHERE name = '{column}')
                     ORDER BY name
                 )"
            )),
            Self::Postgres(_) => self.text(&format!(
                "SELECT string_agg(table_name, ',' ORDER BY table_name COLLATE \"C\") FROM information_schema.columns
                 WHERE table_schema = current_schema() AND column_name = '{column}'"
            )),
        };
        tables.split(',').map(str::to_owned).collect()
    }

    /// Executes a dump of a database, whose tables are not in the order of their references.
    pub(crate) fn load(&self, dump: &str) {
        match self {
            Self::Sqlite(_) => self.file().execute_batch(dump).unwrap(),
            Self::Postgres(database) => database.execute(dump),
        }
    }

    pub(crate) fn execute(&self, statement: &str) {
        match self {
            Self::Sqlite(_) => {
                self.file().execute_batch(&format!("PRAGMA foreign_keys = ON; {statement}")).unwrap();
            }
            Self::Postgres(database) => database.execute(statement),
        }
    }
}
