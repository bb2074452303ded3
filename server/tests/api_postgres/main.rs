//! The tests of `api` that depend on the store, run again on PostgreSQL from the same files. `clocks`, `locks` and `tls` have
//! tests for PostgreSQL only.

#![expect(clippy::unwrap_used, reason = "clippy recognises test functions and not the code that they share")]

#[path = "../api/support/mod.rs"]
mod support;

const STORE: support::database::Kind = support::database::Kind::Postgres;

#[path = "../api/anonymous_login.rs"]
mod anonymous_login;
#[path = "../api/audit.rs"]
mod audit;
#[path = "../api/captcha.rs"]
mod captcha;
#[path = "../api/health.rs"]
mod health;
#[path = "../api/introspect.rs"]
mod introspect;
#[path = "../api/items.rs"]
mod items;
#[path = "../api/keys.rs"]
mod keys;
#[path = "../api/keys_at_rest.rs"]
mod keys_at_rest;
#[path = "../api/link/mod.rs"]
mod link;
#[path = "../api/login.rs"]
mod login;
#[path = "../api/me/mod.rs"]
mod me;
#[path = "../api/merge.rs"]
mod merge;
#[path = "../api/migration.rs"]
mod migration;
#[path = "../api/other_process.rs"]
mod other_process;
#[path = "../api/passkeys.rs"]
mod passkeys;
#[path = "../api/password_attempts.rs"]
mod password_attempts;
#[path = "../api/public_data.rs"]
mod public_data;
#[path = "../api/random_collections.rs"]
mod random_collections;
#[path = "../api/register.rs"]
mod register;
#[path = "../api/revoke.rs"]
mod revoke;
#[path = "../api/session_age.rs"]
mod session_age;
#[path = "../api/sweep.rs"]
mod sweep;
#[path = "../api/token.rs"]
mod token;
#[path = "../api/upgrade.rs"]
mod upgrade;

mod clocks;
mod locks;
mod tls;
