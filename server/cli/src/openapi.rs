//! `guestpass openapi`: prints the OpenAPI document without a server.

use std::io::Write;

use clap::Args;

use crate::CommandError;
use crate::settings::Sources;

/// Prints the contract of the HTTP API as OpenAPI 3.1, for client generators and for comparing versions.
///
/// It has the paths and schemas of the collections that the file of --config declares, or of the default ones. A running server
/// has the same document at /openapi.json, and a page to read it at /docs.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct OpenapiArgs {}

pub(crate) fn run(sources: &Sources) -> Result<(), CommandError> {
    writeln!(std::io::stdout(), "{:#}", guestpass_server::openapi(&sources.collections()?))
        .map_err(|error| CommandError::Running(format!("the document could not be written: {error}")))
}
