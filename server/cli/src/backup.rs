//! `guestpass backup`: copies the database of a store into a file, while a server uses it.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;

use clap::Args;
use guestpass_server::{BackupError, BackupProgress, DatabaseContents, StoreError, back_up};

use crate::CommandError;
use crate::config::StoreArgs;

/// Copies the SQLite database of the store into FILE. Servers can be running.
///
/// FILE is the state of the database at one moment, in one file that only its owner can read. It appears under its name when it
/// is complete, checked and on the disk. It contains the keys that sign tokens: keep it as secret as the database itself.
///
/// Do not copy the database file instead: the newest data is in the file beside it that ends in -wal. For a PostgreSQL store
/// use pg_dump.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, after_help = EXAMPLES)]
pub(crate) struct BackupArgs {
    /// The file to write.
    file: PathBuf,

    #[command(flatten)]
    store: StoreArgs,

    /// Replaces FILE if it exists, when the new backup is complete.
    #[arg(long)]
    overwrite: bool,
}

const EXAMPLES: &str = "\
Examples:
  guestpass backup --store sqlite:/var/lib/guestpass/guests.db /backup/guests-$(date +%F).db
  GUESTPASS_STORE=sqlite:/var/lib/guestpass/guests.db guestpass backup --overwrite /backup/guests.db";

pub(crate) fn run(BackupArgs { file, store, overwrite }: BackupArgs) -> Result<(), CommandError> {
    let runtime = runtime()?;
    let contents = runtime.block_on(back_up(&store.store, &file, overwrite, show)).map_err(failed)?;
    // A closed standard output does not change the exit code.
    let _ = writeln!(std::io::stdout(), "wrote {}: {}", file.display(), describe(&contents));
    Ok(())
}

pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, CommandError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| CommandError::Running(format!("tokio could not be started: {error}")))
}

/// The error of a command that has changed nothing.
pub(crate) fn failed(error: BackupError) -> CommandError {
    match error {
        BackupError::Store(StoreError::InUse) => CommandError::Configuration(format!("--store: {error}")),
        BackupError::File { .. } | BackupError::Store(_) => CommandError::Running(error.to_string()),
        error => CommandError::Configuration(error.to_string()),
    }
}

/// Shows the progress on one line of a terminal.
pub(crate) fn show(progress: BackupProgress) {
    let mut terminal = std::io::stderr();
    if !terminal.is_terminal() {
        return;
    }
    let line = match progress {
        BackupProgress::Copying { copied, total } => format!("copied {} of {}", megabytes(copied), megabytes(total)),
        BackupProgress::Checking => "checking the copy".to_owned(),
    };
    // Replaces the line before. The next line of output begins after it.
    let end = if progress == BackupProgress::Checking { "\n" } else { "" };
    let _ = write!(terminal, "\r{line:40}{end}").and_then(|()| terminal.flush());
}

/// The content of a database, in one line.
pub(crate) fn describe(contents: &DatabaseContents) -> String {
    let DatabaseContents { guests, members, sessions, bytes, newest } = contents;
    let newest = newest.map_or_else(|| "never".to_owned(), guestpass_server::Timestamp::rfc3339);
    format!("{guests} guests, {members} members, {sessions} sessions, {}; last activity: {newest}", megabytes(*bytes))
}

#[expect(clippy::cast_precision_loss, reason = "the size is rounded anyway")]
fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}
