//! `guestpass sweep`: removes what nobody will come back to, all at once.

use std::io::Write;

use clap::Args;
use guestpass_server::{Config, Guestpass};

use super::Failure;
use super::settings::Sources;

/// Removes sessions that are over, and guests who have been away for longer than --guest-retention.
///
/// A server does this by itself, a little every minute. This does all of it now; for a PostgreSQL store also while
/// servers use it. A guest with a session that can still be used is never removed.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(super) struct SweepArgs {
    #[command(flatten)]
    config: Config,
}

pub(super) fn run(args: SweepArgs, sources: &Sources) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::Running(format!("the runtime could not be started: {error}")))?;
    runtime.block_on(sweep(args.config, sources))
}

async fn sweep(config: Config, sources: &Sources) -> Result<(), Failure> {
    let guestpass = Guestpass::open(config).await.map_err(|error| Failure::opening(&error, sources))?;
    let swept = guestpass.sweep().await;
    let closed = guestpass.close().await;
    let swept = swept.map_err(|error| Failure::Running(format!("the sweep stopped half-way: {error}")))?;
    closed.map_err(|error| Failure::Running(format!("the store was not closed: {error}")))?;
    // Nobody may be reading.
    let _ = writeln!(std::io::stdout(), "removed {} guests and {} sessions", swept.guests, swept.sessions);
    Ok(())
}
