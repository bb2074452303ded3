//! The program `guestpass`, in a process of its own: its command line, settings and log, and its life from the start to the
//! shutdown, also when it is killed or its store fails. `sNN_` in the name of a test is the number of an invariant.

#![expect(clippy::unwrap_used, reason = "clippy recognises tests by their attribute, and not the code that they share")]

mod support;

/// The store of these tests; `program_postgres` runs some of them again.
const STORE: support::database::Kind = support::database::Kind::Sqlite;

mod audit_command;
mod backup;
mod catalogue;
mod collections_command;
mod command_line;
mod connections;
mod cors;
mod durability;
mod idle_connections;
mod keys_command;
mod log;
mod metrics;
mod migration;
mod oidc_issuers;
mod restore;
mod secret_files;
mod settings;
mod shutdown;
mod store_faults;
mod tracing;
mod typed_text;
mod users_command;
