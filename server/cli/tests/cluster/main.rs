//! Processes of `guestpass`: several nodes on one PostgreSQL, without a proxy and behind nginx with the configuration of
//! `server/examples/nginx`; a switch-over to a replica; PgBouncer; one node behind Caddy with the configuration of `server/examples/caddy`.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "clippy recognises tests by their attribute, and not the code that they share"
)]

#[path = "../../../tests/api/support/postgres.rs"]
mod postgres;

mod client;
mod nginx;
mod nodes;

mod caddy;
mod database_gone;
mod faults;
mod pooler;
mod restored;
mod start;
mod switch_over;
mod together;
