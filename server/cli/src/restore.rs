//! `guestpass restore`: puts a backup in the place of a store's database.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use clap::{Args, ValueEnum};
use guestpass_server::{
    KeyAdmin, KeyEncryptionKey, ReplacedDatabase, Restore, RestoreOptions, RestoreSummary, SinceBackup, StoreLocation,
    Timestamp,
};
use uuid::Uuid;

use crate::CommandError;
use crate::backup::{describe, failed, runtime, show};
use crate::config::{KeyEncryptionArgs, StoreArgs};
use crate::keys::Leaked;

/// Puts the backup FILE in the place of the store's SQLite database. No server may be running on it.
///
/// The backup is copied, checked, and brought to the schema of this version. The replaced database is kept beside the new one;
/// the command prints its name.
///
/// A backup does not know what has happened after it. If the replaced database can be read, the command takes over from it:
/// the state of the sessions (a revoked session stays revoked, a used refresh token stays used), erasures, and keys (newer keys
/// are kept; keys that were dropped as leaked stay dropped). --undo says what is not taken over. If the database is lost, give
/// it again with --end-sessions-before, --erase and --leaked. All other data is as in the backup: also accounts, passwords and
/// passkeys. Guests who came after the backup are lost.
///
/// The command asks before it replaces the database. Without a terminal, it needs --yes.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, after_help = EXAMPLES)]
pub(crate) struct RestoreArgs {
    /// The file that `guestpass backup` has written.
    file: PathBuf,

    #[command(flatten)]
    store: StoreArgs,

    #[command(flatten)]
    key_encryption: KeyEncryptionArgs,

    /// What is not taken over from the replaced database. Repeat the flag for more; separate them by commas in the environment.
    #[arg(long, value_name = "WHAT", value_delimiter = ',')]
    undo: Vec<Undo>,

    /// Ends all sessions that were opened before this time, for example because tokens may have been stolen before it. The
    /// guests of these sessions cannot get back to their data, unless they are members. Off by default.
    #[arg(long, value_name = "TIME", value_parser = time)]
    end_sessions_before: Option<Timestamp>,

    /// Ends all sessions; instead of --end-sessions-before.
    #[arg(long)]
    end_all_sessions: bool,

    /// Erases this guest or member, who was erased after the backup: the `sub` of a token (`anonymous_…` or `user_…`), or the
    /// id in it. Repeat the flag for more; separate them by commas in the environment.
    #[arg(long, value_name = "SUBJECT", value_delimiter = ',', value_parser = user)]
    erase: Vec<Uuid>,

    /// Replaces keys that may be known to an attacker, as `guestpass keys rotate --leaked` does. Off by default.
    #[arg(long, value_name = "WHICH")]
    leaked: Option<Leaked>,

    /// Replaces the database without a question.
    #[arg(long)]
    yes: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Undo {
    /// The state of the sessions: revocations and refreshes after the backup are undone.
    Sessions,
    /// Guests and members who were erased after the backup exist again.
    Erasures,
    /// Keys that were made after the backup are removed; tokens that they have signed are refused. Leaked keys are back.
    Keys,
}

const EXAMPLES: &str = "\
Examples:
  guestpass restore --store sqlite:/var/lib/guestpass/guests.db /backup/guests-2026-11-26.db
  guestpass restore --yes --end-sessions-before 2026-11-25T18:00:00Z --leaked access /backup/guests.db
  guestpass restore --erase anonymous_0197f2f0-0000-7000-8000-00000000000a /backup/guests.db";

pub(crate) fn run(args: RestoreArgs) -> Result<(), CommandError> {
    runtime()?.block_on(restore(args))
}

async fn restore(args: RestoreArgs) -> Result<(), CommandError> {
    // Not a conflict of clap, for which a variable with the value false gives the flag, too.
    if args.end_all_sessions && args.end_sessions_before.is_some() {
        let line = "--end-sessions-before and --end-all-sessions are both given; remove one of them";
        return Err(CommandError::Configuration(line.to_owned()));
    }
    let every_session = Timestamp::from_millis(i64::MAX);
    let options = RestoreOptions {
        undo_sessions: args.undo.contains(&Undo::Sessions),
        undo_erasures: args.undo.contains(&Undo::Erasures),
        undo_keys: args.undo.contains(&Undo::Keys),
        end_sessions_before: if args.end_all_sessions { Some(every_session) } else { args.end_sessions_before },
        erase: args.erase,
    };
    let store = args.store.store;
    let prepared = Restore::prepare(&store, &args.file, options, show).await.map_err(failed)?;
    if let Some(leaked) = args.leaked {
        replace_keys(&prepared.prepared_store(), &args.key_encryption.key_encryption_keys, leaked).await?;
    }
    // A closed standard output does not change the exit code.
    let _ = std::io::stdout().write_all(report(prepared.summary(), &args.file, args.leaked).as_bytes());
    if !args.yes {
        confirm(&store)?;
    }
    let kept = prepared.commit().await.map_err(|error| CommandError::Running(error.to_string()))?;
    let _ = match kept {
        Some(kept) => writeln!(std::io::stdout(), "restored; the replaced database is {}", kept.display()),
        None => writeln!(std::io::stdout(), "restored"),
    };
    Ok(())
}

async fn replace_keys(
    store: &StoreLocation,
    key_encryption: &[KeyEncryptionKey],
    leaked: Leaked,
) -> Result<(), CommandError> {
    let failed = |error: String| CommandError::Running(format!("the keys could not be replaced: {error}"));
    let admin = KeyAdmin::open(store).await.map_err(|error| failed(error.to_string()))?;
    let admin = admin.with_key_encryption(key_encryption);
    let replaced = admin.replace(leaked.scope()).await;
    admin.close().await;
    replaced.map(drop).map_err(|error| failed(error.to_string()))
}

/// Asks the operator at the terminal.
fn confirm(store: &StoreLocation) -> Result<(), CommandError> {
    if !std::io::stdin().is_terminal() {
        return Err(CommandError::Configuration(
            "nothing has been changed: pass --yes to replace the database as described above".to_owned(),
        ));
    }
    eprint!("Replace the database of {store}? [y/N] ");
    let mut answer = String::new();
    let read = std::io::stdin().read_line(&mut answer);
    if read.is_ok() && ["y", "yes"].contains(&answer.trim().to_ascii_lowercase().as_str()) {
        Ok(())
    } else {
        Err(CommandError::Running("nothing has been changed".to_owned()))
    }
}

/// What the restore does, in lines for the operator.
fn report(summary: &RestoreSummary, file: &Path, leaked: Option<Leaked>) -> String {
    let mut lines = vec![format!("{}: {}", file.display(), describe(&summary.backup))];
    match &summary.replaced {
        ReplacedDatabase::Absent => lines.push(format!("there is no database to replace. {UNKNOWN}")),
        ReplacedDatabase::Unreadable(reason) => {
            lines.push(format!("the database to replace cannot be read ({reason}). {UNKNOWN}"));
        }
        ReplacedDatabase::Unrelated(contents) => lines.push(format!(
            "the database to replace has no key and no guest of the backup: {}. {UNKNOWN}",
            describe(contents)
        )),
        ReplacedDatabase::Later(contents, since) => {
            lines.push(format!("the database to replace: {}", describe(contents)));
            lines.push(taken_over(since));
            if since.absent > 0 {
                lines.push(format!(
                    "{} guests of the backup are not in the database to replace, and their erasure is not recorded there: they \
                     had been removed for inactivity, or erased more than a year ago. They are restored; --erase removes one",
                    since.absent
                ));
            }
        }
    }
    if summary.ended > 0 {
        lines.push(format!("ends {} sessions", summary.ended));
    }
    if summary.erased > 0 {
        lines.push(format!("erases {} guests or members", summary.erased));
    }
    if let Some(leaked) = leaked {
        lines.push(match leaked {
            Leaked::Access => "replaces the keys of access tokens".to_owned(),
            Leaked::All => "replaces all keys; all sessions end".to_owned(),
        });
    }
    lines.join("\n") + "\n"
}

const UNKNOWN: &str = "What happened after the last activity in the backup is not known: revoked sessions are open again, \
                       erased guests exist again, and keys that were dropped as leaked are valid again. \
                       --end-sessions-before, --end-all-sessions, --erase and --leaked give it again";

fn taken_over(since: &SinceBackup) -> String {
    format!(
        "taken over from it: {} sessions revoked and {} opened since the backup, {} guests or members erased, {} keys made and \
         {} dropped",
        since.revoked, since.opened, since.erased, since.keys_added, since.keys_dropped
    )
}

/// Reads a time of RFC 3339.
fn time(text: &str) -> Result<Timestamp, String> {
    let expected = || "expected a time in UTC such as 2026-11-25T18:00:00Z".to_owned();
    let time = humantime::parse_rfc3339(text).map_err(|_| expected())?;
    let since_epoch = time.duration_since(UNIX_EPOCH).map_err(|_| expected())?;
    i64::try_from(since_epoch.as_millis()).map(Timestamp::from_millis).map_err(|_| expected())
}

/// Reads the `sub` of a token, or the id in it.
fn user(text: &str) -> Result<Uuid, String> {
    let id = text.split_once('_').map_or(text, |(_, id)| id);
    Uuid::try_parse(id).map_err(|_| "expected the sub of a token, anonymous_… or user_…, or the id in it".to_owned())
}
