//! Real processes behind other people's: several nodes on one PostgreSQL, next to each other and behind nginx with the
//! configuration in `examples/nginx`; one behind Caddy with that in `examples/caddy`.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "clippy knows tests by their attribute, and not what they share"
)]

#[path = "../api/support/postgres.rs"]
mod postgres;

mod client;
mod nginx;
mod nodes;

mod caddy;
mod database_gone;
mod faults;
mod start;
mod together;
