//! The HTTP API: the real router with a real SQLite file, and a clock that the tests control. One file per resource. `sNN_` in
//! the name of a test is the number of an invariant
//! (docs/invariants.md). The tests of the program are in `server/cli/tests`.

#![expect(clippy::unwrap_used, reason = "clippy recognises tests by their attribute, and not the code that they share")]

mod support;

/// The store that these tests run on; `api_postgres` runs many of them again.
const STORE: support::database::Kind = support::database::Kind::Sqlite;

mod access_token;
mod bearer;
mod cart;
mod cart_conditions;
mod cors;
mod docs;
mod erase;
mod erased_file;
mod examples;
mod export;
mod favorites;
mod history;
mod introspect;
mod issuer;
mod items;
mod jwks;
mod keys;
mod layers;
mod limits;
mod link;
mod login;
mod me;
mod member_login;
mod membership;
mod merge;
mod metadata;
mod metrics;
mod openapi;
mod passkeys;
mod preferences;
mod proof;
mod register;
mod resource_server;
mod revoke;
mod sessions;
mod static_files;
mod sweep;
mod token;
