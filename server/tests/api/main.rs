//! Tests of the HTTP API: the router of the library with a SQLite file, and a clock that the tests control. The files have the
//! names of the routes, or of what several routes share; the routes below `/me` are in `me/`. `sNN_` or `cNN_` in the name of a
//! test is the number of an invariant (docs/invariants.md). The tests of the program `guestpass` are in `server/cli/tests`.

#![expect(clippy::unwrap_used, reason = "clippy recognises test functions and not the code that they share")]

mod support;

/// The database of these tests; `api_postgres` runs many of them again on PostgreSQL.
const STORE: support::database::Kind = support::database::Kind::Sqlite;

mod access_token;
mod anonymous_login;
mod audit;
mod bearer;
mod captcha;
mod cors;
mod docs;
mod erased_file;
mod examples;
mod foreign_pages;
mod health;
mod introspect;
mod items;
mod jwks;
mod keys;
mod keys_at_rest;
mod layers;
mod limits;
mod link;
mod login;
mod me;
mod merge;
mod metadata;
mod metrics;
mod migration;
mod openapi;
mod other_process;
mod passkeys;
mod password_attempts;
mod proof_of_work;
mod public_data;
mod random_collections;
mod register;
mod resource_server;
mod revoke;
mod session_age;
mod static_files;
mod sweep;
mod token;
mod upgrade;
