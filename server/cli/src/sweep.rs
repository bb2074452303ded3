//! `guestpass sweep`: removes ended sessions and inactive guests, all at once.

use std::io::Write;

use clap::Args;
use guestpass_server::{Config, Guestpass, SweepError};

use crate::CommandError;
use crate::config::ConfigArgs;
use crate::settings::Sources;

/// Removes ended sessions, and guests who have been inactive for longer than --guest-retention.
///
/// A server does this by itself, in small parts every minute. This command does all of it at once. On a PostgreSQL store it
/// can run while servers use the store. A guest with a session that can still be used is never removed.
///
/// It removes nothing, and fails, if the clock of this machine differs from that of the database by more than 5 minutes, or is
/// more than a day ahead of the last time at which a server used the store: a wrong clock makes every guest look inactive. It
/// also fails when it stops at --sweep-limit; --sweep-limit 100 removes all guests that are due.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct SweepArgs {
    #[command(flatten)]
    config: ConfigArgs,

    /// Says that the clock of this machine is right. Give it after all servers have been stopped for more than a day, or after
    /// an old backup was restored. Servers that refuse to remove guests because of their clock then remove them again, if they
    /// have the same time.
    #[arg(long)]
    clock_is_right: bool,
}

pub(crate) fn run(args: SweepArgs, sources: &Sources) -> Result<(), CommandError> {
    // A sweep serves no items, and a wrong catalogue is no reason to keep old guests.
    let config = Config { collections: sources.collections()?, catalogue: None, ..args.config.into() };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| CommandError::Running(format!("tokio could not be started: {error}")))?;
    runtime.block_on(sweep(config, args.clock_is_right, sources))
}

async fn sweep(config: Config, clock_is_right: bool, sources: &Sources) -> Result<(), CommandError> {
    let guestpass = Guestpass::open_existing(config).await.map_err(|error| CommandError::opening(&error, sources))?;
    let limit = guestpass.config().sweep_limit;
    let confirmed = if clock_is_right { guestpass.confirm_clock().await } else { Ok(()) };
    let swept = match confirmed {
        Ok(()) => guestpass.sweep().await,
        Err(error) => Err(error.into()),
    };
    let closed = guestpass.close().await;
    let swept = swept.map_err(|error| {
        CommandError::Running(match error {
            SweepError::Clock(doubt) => {
                format!("nothing was removed: {doubt}; correct the clock, or give --clock-is-right")
            }
            SweepError::Store(error) => format!("the sweep stopped before its end: {error}"),
        })
    })?;
    closed.map_err(|error| CommandError::Running(format!("the store could not be closed: {error}")))?;
    // A closed standard output does not change the exit code.
    let _ = writeln!(std::io::stdout(), "removed {} guests and {} sessions", swept.guests, swept.sessions);
    if swept.limited {
        return Err(CommandError::Running(format!(
            "more guests are due, but --sweep-limit allows to remove {limit} percent of the guests within 24 hours; if so many \
             guests have really been inactive for --guest-retention, give --sweep-limit 100"
        )));
    }
    Ok(())
}
