//! `guestpass openapi`: prints the OpenAPI document without a server.

use std::io::Write;

use clap::Args;

use crate::CommandError;

/// Prints the contract of the HTTP API as OpenAPI 3.1, for client generators and for comparing versions.
///
/// A running server has the same document at /openapi.json, and a page to read it at /docs.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct OpenapiArgs {}

pub(crate) fn run() -> Result<(), CommandError> {
    writeln!(std::io::stdout(), "{:#}", guestpass_server::openapi())
        .map_err(|error| CommandError::Running(format!("the document could not be written: {error}")))
}
