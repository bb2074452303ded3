//! `guestpass collections`: prints the declared collections, and compares the stored entries with them.

use std::io::{IsTerminal, Write};

use clap::{Args, Subcommand};
use guestpass_server::{CollectionAdmin, CollectionReport, Collections};

use crate::CommandError;
use crate::config::StoreArgs;
use crate::settings::Sources;
use crate::table::table;

/// Prints the collections of a guest's data: those that the file of --config declares, and the default ones.
///
/// The output is TOML, in the form in which the file declares them. A wrong declaration is one line with its place, and exit
/// code 2.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, after_help = EXAMPLES)]
pub(crate) struct CollectionsArgs {
    #[command(subcommand)]
    command: Option<CollectionsCommand>,
}

#[derive(Debug, Subcommand)]
enum CollectionsCommand {
    Check(CheckArgs),
}

/// Compares the stored entries with the declarations, before a server uses them. Changes nothing.
///
/// It shows the entries that a server with these declarations would not accept: entries beyond the greatest number, values that
/// are too long or that break bounds or schema, keys that no request can have, and entries of collections that are not
/// declared. A server keeps them all, exports and merges them; full = "drop-oldest" is the exception: the next new entry of a
/// guest removes the oldest ones beyond the limit.
///
/// Exit code 0: everything fits. 1: something does not, or the store failed. 2: a wrong declaration or setting. Servers can be
/// running on the store.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
struct CheckArgs {
    #[command(flatten)]
    store: StoreArgs,

    /// Prints the report of each collection as one line with a JSON object.
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  guestpass collections
  guestpass collections --config guestpass.toml
  guestpass collections check --config guestpass.toml --store sqlite:/var/lib/guestpass/guests.db";

pub(crate) fn run(args: CollectionsArgs, sources: &Sources) -> Result<(), CommandError> {
    let collections = sources.collections()?;
    let Some(CollectionsCommand::Check(args)) = args.command else {
        // A closed standard output does not change the exit code.
        let _ = std::io::stdout().write_all(declarations(&collections).as_bytes());
        return Ok(());
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| CommandError::Running(format!("tokio could not be started: {error}")))?;
    runtime.block_on(check(&args, &collections, sources))
}

/// The declarations, after a comment that names the default ones.
fn declarations(collections: &Collections) -> String {
    let defaults = collections.unchanged_defaults();
    let defaults = if defaults.is_empty() { "none".to_owned() } else { defaults.join(", ") };
    format!("# Default collections, which are not declared otherwise: {defaults}\n\n{}", collections.to_toml())
}

async fn check(args: &CheckArgs, collections: &Collections, sources: &Sources) -> Result<(), CommandError> {
    let admin = CollectionAdmin::open(&args.store.store).await;
    let admin = admin.map_err(|error| CommandError::opening(&error, sources))?;
    let reports = admin.check(collections, show).await;
    admin.close().await;
    end_of_progress();
    let reports = reports.map_err(|error| CommandError::Running(format!("the store could not be read: {error}")))?;
    let text = if args.json { lines(&reports)? } else { for_people(&reports) };
    // A closed standard output does not change the exit code.
    let _ = std::io::stdout().write_all(text.as_bytes());
    let misfits: Vec<_> =
        reports.iter().filter(|report| !report.fits()).map(|report| report.collection.as_str()).collect();
    if misfits.is_empty() {
        return Ok(());
    }
    Err(CommandError::Running(format!("not everything fits the declarations: {}", misfits.join(", "))))
}

/// Shows the progress on one line of a terminal.
fn show(read: u64) {
    let mut terminal = std::io::stderr();
    if terminal.is_terminal() {
        let _ = write!(terminal, "\rread {read} entries").and_then(|()| terminal.flush());
    }
}

/// Removes the line of the progress.
fn end_of_progress() {
    let mut terminal = std::io::stderr();
    if terminal.is_terminal() {
        let _ = write!(terminal, "\r{:40}\r", "").and_then(|()| terminal.flush());
    }
}

fn lines(reports: &[CollectionReport]) -> Result<String, CommandError> {
    let mut text = String::new();
    for report in reports {
        let line = serde_json::to_string(report);
        text += &line.map_err(|error| CommandError::Running(format!("a report is no JSON: {error}")))?;
        text.push('\n');
    }
    Ok(text)
}

/// A table with one collection a line, and the first problems of each.
fn for_people(reports: &[CollectionReport]) -> String {
    let rows = reports.iter().map(|report| {
        let over = match report.guests_over_limit {
            0 => "0".to_owned(),
            guests => format!("{} of {guests} guests", report.entries_over_limit),
        };
        let declared = if report.is_declared { "yes" } else { "no" };
        [
            report.collection.clone(),
            declared.to_owned(),
            report.entries.to_string(),
            report.guests.to_string(),
            over,
            report.too_long.to_string(),
            report.invalid.to_string(),
            report.bad_keys.to_string(),
        ]
    });
    let mut text =
        table(["COLLECTION", "DECLARED", "ENTRIES", "GUESTS", "OVER LIMIT", "TOO LONG", "INVALID", "BAD KEYS"], rows);
    for report in reports.iter().filter(|report| !report.problems.is_empty()) {
        text += &format!("\n{}, the first problems:\n", report.collection);
        for problem in &report.problems {
            let key = problem.key.as_ref().map(|key| format!(", key {key:?}")).unwrap_or_default();
            let pointer = problem.pointer.as_ref().filter(|pointer| !pointer.is_empty());
            let pointer = pointer.map(|pointer| format!(", at {pointer}")).unwrap_or_default();
            text += &format!("  user {}{key}{pointer}: {}\n", problem.user, problem.detail);
        }
    }
    text
}
