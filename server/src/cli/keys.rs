//! `guestpass keys`: looks at the keys of a store, and rotates them.

use std::io::Write;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use guestpass_server::{KeyAdmin, KeyInfo, Leak, OpenError, RotationError, StoreError, StoreLocation};

use super::Failure;
use super::settings::Sources;

/// Lists and rotates the keys that sign tokens.
///
/// The keys are in the store, and so is what these commands write: they need the store and no server. Servers may be
/// running on it, one or many. Each asks the store every two seconds, and takes a new key over without a restart.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(super) struct KeysArgs {
    #[command(subcommand)]
    command: KeysCommand,
}

#[derive(Debug, Subcommand)]
enum KeysCommand {
    List(StoreArgs),
    Rotate(RotateArgs),
}

/// Lists all keys: what each signs, and until when it verifies. Shows nothing secret.
///
/// next: published, so that others know it in time. signing: signs every new token. verifying: signs no more, and is
/// dropped when its last token has expired.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
struct StoreArgs {
    /// Where everything is kept: the same as for `guestpass serve`.
    #[arg(long, value_name = "sqlite:PATH|postgres://…", default_value = "sqlite:guestpass.db")]
    store: StoreLocation,
}

/// Makes new keys for access tokens and for refresh tokens.
///
/// They are published at /.well-known/jwks.json within seconds, and sign once --notice has passed: whoever verifies
/// tokens keeps the published keys for a while. The keys before go on verifying until their last token has expired; then
/// they are dropped. No guest notices. Rotating again while new keys wait makes no more of them; it can only let them
/// sign earlier.
///
/// The algorithm stays. To change it, start the server with another --algorithm.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, after_help = EXAMPLES)]
struct RotateArgs {
    #[command(flatten)]
    store: StoreArgs,

    /// For how long the new keys are published before they sign; at least 5s. Servers allow the published keys to be kept
    /// for 5 minutes, and libraries keep them for up to 10.
    #[arg(long, value_name = "DURATION", default_value = "15m", value_parser = humantime::parse_duration)]
    notice: Duration,

    /// Somebody else may know these keys: the new ones sign at once, and the others are dropped at once. Every access token
    /// that is out is then refused. With `access`, clients refresh and go on; with `all`, every session ends, and with it
    /// every guest's way back.
    #[arg(long, value_name = "WHICH", conflicts_with = "notice")]
    leaked: Option<Leaked>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Leaked {
    /// The keys of access tokens.
    Access,
    /// All keys: a copy of the store has been seen.
    All,
}

const EXAMPLES: &str = "\
Examples:
  guestpass keys rotate --store sqlite:/var/lib/guestpass/guests.db
  guestpass keys rotate --leaked access";

/// Runs the command.
pub(super) fn run(args: KeysArgs, sources: &Sources) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::Running(format!("the runtime could not be started: {error}")))?;
    runtime.block_on(async {
        match args.command {
            KeysCommand::List(store) => with(&store, sources, async |keys| Ok(keys.list().await?)).await,
            KeysCommand::Rotate(RotateArgs { store, notice, leaked }) => {
                with(&store, sources, async |keys| match leaked {
                    None => keys.rotate(notice).await,
                    Some(Leaked::Access) => keys.replace(Leak::AccessKeys).await,
                    Some(Leaked::All) => keys.replace(Leak::AllKeys).await,
                })
                .await
            }
        }
    })
}

async fn with(
    StoreArgs { store }: &StoreArgs,
    sources: &Sources,
    command: impl AsyncFnOnce(&KeyAdmin) -> Result<Vec<KeyInfo>, RotationError>,
) -> Result<(), Failure> {
    let admin = KeyAdmin::open(store).await.map_err(|error| Failure::opening(&error, sources))?;
    let done = command(&admin).await;
    admin.close().await;
    match done {
        Ok(keys) => {
            // A closed pipe is no reason to fail.
            let _ = std::io::stdout().write_all(table(&keys).as_bytes());
            Ok(())
        }
        Err(RotationError::ShortNotice) => {
            Err(Failure::Configuration(format!("--notice: {}", RotationError::ShortNotice)))
        }
        Err(RotationError::Store(error)) => Err(Failure::opening(&cannot_use(store, error), sources)),
        Err(error) => Err(Failure::Running(error.to_string())),
    }
}

fn cannot_use(location: &StoreLocation, error: StoreError) -> OpenError {
    OpenError::Store { location: location.clone(), error }
}

/// One key a line, in columns.
fn table(keys: &[KeyInfo]) -> String {
    let heading = ["KEY", "SIGNS", "STATE", "SIGNS FROM", "VERIFIES UNTIL"].map(str::to_owned);
    let rows = keys.iter().map(|key| {
        [
            key.name.clone(),
            key.kind.to_string(),
            key.stage.to_string(),
            key.signs_from.rfc3339(),
            key.verifies_until.map_or_else(|| "-".to_owned(), |until| until.rfc3339()),
        ]
    });
    let rows: Vec<_> = std::iter::once(heading).chain(rows).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let widths: Vec<_> = (0..5).map(width).collect();
    let line = |row: &[String; 5]| {
        let cells: Vec<_> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        format!("{}\n", cells.join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}
