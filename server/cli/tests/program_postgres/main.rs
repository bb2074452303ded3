//! The tests of `program` that depend on the store, again on PostgreSQL.

#![expect(clippy::unwrap_used, reason = "clippy recognises tests by their attribute, and not the code that they share")]

#[path = "../program/support/mod.rs"]
#[expect(dead_code, reason = "used by the tests on SQLite only")]
mod support;

const STORE: support::database::Kind = support::database::Kind::Postgres;

#[path = "../program/audit_command.rs"]
mod audit_command;
#[path = "../program/collections_command.rs"]
mod collections_command;
#[path = "../program/durability.rs"]
mod durability;
#[path = "../program/migration.rs"]
mod migration;
#[path = "../program/typed_text.rs"]
mod typed_text;
#[path = "../program/users_command.rs"]
mod users_command;

mod unprotected;
