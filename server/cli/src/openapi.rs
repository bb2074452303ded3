//! `guestpass openapi`: prints the OpenAPI document without a server.

use std::io::{ErrorKind, Write};

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
    let document = guestpass_server::openapi(&sources.collections()?);
    match writeln!(std::io::stdout(), "{document:#}") {
        // The reader has what it wants, as in `guestpass openapi | head -1`.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => {
            written.map_err(|error| CommandError::Running(format!("the document could not be written: {error}")))
        }
    }
}
