//! `guestpass openapi`: the contract, without a server.

use std::io::Write;

use clap::Args;

use super::Failure;

/// Prints the contract of the HTTP API as OpenAPI 3.1, for generators of clients and for comparing versions.
///
/// A running server gives the same document at /openapi.json, and a page to read it at /docs.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(super) struct OpenapiArgs {}

pub(super) fn run() -> Result<(), Failure> {
    writeln!(std::io::stdout(), "{:#}", guestpass_server::openapi())
        .map_err(|error| Failure::Running(format!("the document could not be written: {error}")))
}
