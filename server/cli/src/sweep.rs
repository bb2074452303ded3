//! `guestpass sweep`: removes ended sessions and inactive guests, all at once.

use std::io::Write;

use clap::Args;
use guestpass_server::{Config, Guestpass};

use crate::CommandError;
use crate::config::ConfigArgs;
use crate::settings::Sources;

/// Removes ended sessions, and guests who have been inactive for longer than --guest-retention.
///
/// A server does this by itself, in small parts every minute. This command does all of it at once. On a PostgreSQL store it
/// can run while servers use the store. A guest with a session that can still be used is never removed.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct SweepArgs {
    #[command(flatten)]
    config: ConfigArgs,
}

pub(crate) fn run(args: SweepArgs, sources: &Sources) -> Result<(), CommandError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| CommandError::Running(format!("tokio could not be started: {error}")))?;
    runtime.block_on(sweep(args.config.into(), sources))
}

async fn sweep(config: Config, sources: &Sources) -> Result<(), CommandError> {
    let guestpass = Guestpass::open(config).await.map_err(|error| CommandError::opening(&error, sources))?;
    let swept = guestpass.sweep().await;
    let closed = guestpass.close().await;
    let swept = swept.map_err(|error| CommandError::Running(format!("the sweep stopped before its end: {error}")))?;
    closed.map_err(|error| CommandError::Running(format!("the store could not be closed: {error}")))?;
    // A closed standard output does not change the exit code.
    let _ = writeln!(std::io::stdout(), "removed {} guests and {} sessions", swept.guests, swept.sessions);
    Ok(())
}
