//! `guestpass keys`: lists the keys of a store, and rotates them.

use std::io::Write;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use guestpass_server::{KeyAdmin, KeyInfo, KeyScope, OpenError, RotationError, StoreError, StoreLocation};

use crate::CommandError;
use crate::config::{StoreArgs, duration};
use crate::settings::Sources;

/// Lists and rotates the keys that sign tokens.
///
/// These commands read and write the keys in the store. They need no running server, and any number of servers can be running
/// on the store: each reads the keys every two seconds, and uses a new key without a restart.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct KeysArgs {
    #[command(subcommand)]
    command: KeysCommand,
}

#[derive(Debug, Subcommand)]
enum KeysCommand {
    List(ListArgs),
    Rotate(RotateArgs),
}

/// Lists all keys: what each key signs, and until when it verifies. Shows no secret.
///
/// next: published, and does not sign yet. signing: signs every new token. verifying: does not sign; it is dropped when the
/// last token that it has signed expires.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
struct ListArgs {
    #[command(flatten)]
    store: StoreArgs,
}

/// Creates new keys for access tokens and for refresh tokens.
///
/// The new keys are published at /.well-known/jwks.json within seconds, and sign after --notice: services that verify tokens
/// cache the published keys. The older keys verify until their last token has expired; then they are dropped. Sessions
/// continue. If new keys are waiting already, another rotation creates no more keys; it can only make the waiting keys sign
/// earlier.
///
/// The algorithm stays the same. To change it, start the server with another --algorithm.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, after_help = EXAMPLES)]
struct RotateArgs {
    #[command(flatten)]
    store: StoreArgs,

    /// How long the new keys are published before they sign; at least 5s. Services may cache the published keys for 5 minutes,
    /// and some libraries cache them for 10.
    #[arg(long, value_name = "DURATION", default_value = "15m", value_parser = duration)]
    notice: Duration,

    /// For keys that may be known to an attacker: the new keys sign immediately, and the old keys are dropped immediately.
    /// Every access token that was issued before is then refused. With `access`, clients refresh and continue; with `all`,
    /// every session ends, and guests cannot get back to their data.
    #[arg(long, value_name = "WHICH", conflicts_with = "notice")]
    leaked: Option<Leaked>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Leaked {
    /// The keys of access tokens.
    Access,
    /// All keys, for example if a copy of the store was stolen.
    All,
}

const EXAMPLES: &str = "\
Examples:
  guestpass keys rotate --store sqlite:/var/lib/guestpass/guests.db
  guestpass keys rotate --leaked access";

pub(crate) fn run(args: KeysArgs, sources: &Sources) -> Result<(), CommandError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| CommandError::Running(format!("tokio could not be started: {error}")))?;
    runtime.block_on(async {
        match args.command {
            KeysCommand::List(ListArgs { store }) => {
                with_key_admin(&store, sources, async |keys| Ok(keys.list().await?)).await
            }
            KeysCommand::Rotate(RotateArgs { store, notice, leaked }) => {
                with_key_admin(&store, sources, async |keys| match leaked {
                    None => keys.rotate(notice).await,
                    Some(Leaked::Access) => keys.replace(KeyScope::AccessTokens).await,
                    Some(Leaked::All) => keys.replace(KeyScope::AllTokens).await,
                })
                .await
            }
        }
    })
}

/// Runs `command` on the keys of the store, and prints the keys that it returns.
async fn with_key_admin(
    StoreArgs { store }: &StoreArgs,
    sources: &Sources,
    command: impl AsyncFnOnce(&KeyAdmin) -> Result<Vec<KeyInfo>, RotationError>,
) -> Result<(), CommandError> {
    let admin = KeyAdmin::open(store).await.map_err(|error| CommandError::opening(&error, sources))?;
    let result = command(&admin).await;
    admin.close().await;
    match result {
        Ok(keys) => {
            // A closed standard output does not change the exit code.
            let _ = std::io::stdout().write_all(table(&keys).as_bytes());
            Ok(())
        }
        Err(RotationError::ShortNotice) => {
            Err(CommandError::Configuration(format!("--notice: {}", RotationError::ShortNotice)))
        }
        Err(RotationError::Store(error)) => Err(CommandError::opening(&store_error(store, error), sources)),
        Err(error) => Err(CommandError::Running(error.to_string())),
    }
}

fn store_error(location: &StoreLocation, error: StoreError) -> OpenError {
    OpenError::Store { location: location.clone(), error }
}

/// One key a line, in columns.
fn table(keys: &[KeyInfo]) -> String {
    let heading = ["KEY", "SIGNS", "STATE", "SIGNS FROM", "VERIFIES UNTIL"].map(str::to_owned);
    let rows = keys.iter().map(|key| {
        [
            key.name.clone(),
            key.kind.to_string(),
            key.state.to_string(),
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
