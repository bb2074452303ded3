//! `guestpass users`: shows a user, ends sessions, erases, and unlocks, while servers run.

use std::io::{BufRead, IsTerminal, Write};

use clap::{Args, Subcommand};
use guestpass_server::{StoreError, UserAdmin, UserInfo, UserKey};
use uuid::Uuid;

use crate::CommandError;
use crate::config::StoreArgs;
use crate::settings::Sources;
use crate::table::table;

/// Shows a guest or member, ends their sessions, erases them, or unlocks their password.
///
/// These commands read and write the store. Every running server on the store notices a change within a second. Each change
/// is in the audit trail, with the name of the user account that runs the command.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct UsersArgs {
    #[command(subcommand)]
    command: UsersCommand,
}

#[derive(Debug, Subcommand)]
enum UsersCommand {
    Show(ShowArgs),
    Revoke(RevokeArgs),
    Erase(EraseArgs),
    Unlock(UnlockArgs),
}

/// Shows a user: since when, with which credentials, and where each session was opened. Shows no secret.
#[derive(Debug, Args)]
struct ShowArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// The id, the subject of a token (anonymous_… or user_…), or the e-mail address.
    #[arg(value_name = "USER", value_parser = UserArg::parse)]
    user: UserArg,
}

/// Ends all sessions of a user: none of their tokens is accepted any more.
///
/// The user can log in again. An attacker who knows the password can do so, too.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
struct RevokeArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// The id, the subject of a token (anonymous_… or user_…), or the e-mail address.
    #[arg(value_name = "USER", value_parser = UserArg::parse)]
    user: UserArg,
    /// Ends only this session.
    #[arg(long, value_name = "ID", value_parser = session_id)]
    session: Option<Uuid>,
}

/// Erases a user with all data and sessions, as DELETE /me does. It cannot be undone.
///
/// The command asks for a confirmation on the terminal. Without a terminal it needs --yes.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
struct EraseArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// The id, the subject of a token (anonymous_… or user_…), or the e-mail address.
    #[arg(value_name = "USER", value_parser = UserArg::parse)]
    user: UserArg,
    /// Erases without asking.
    #[arg(long)]
    yes: bool,
}

/// Makes earlier attempts at the password of an account count no more, so that its owner can log in at once.
///
/// Attempts that come later count again.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
struct UnlockArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// The id, the subject of a token (user_…), or the e-mail address.
    #[arg(value_name = "USER", value_parser = UserArg::parse)]
    user: UserArg,
}

/// A user on the command line.
#[derive(Debug, Clone)]
pub(crate) struct UserArg {
    text: String,
    key: UserKey,
}

impl UserArg {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let key = UserKey::parse(text)
            .ok_or("expected an id, the subject of a token (anonymous_… or user_…), or an e-mail address")?;
        Ok(Self { text: text.to_owned(), key })
    }
}

/// Reads the id of a session.
pub(crate) fn session_id(text: &str) -> Result<Uuid, String> {
    text.parse().map_err(|_| "expected the id of a session, as `guestpass users show` prints it".to_owned())
}

pub(crate) fn run(args: UsersArgs, sources: &Sources) -> Result<(), CommandError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| CommandError::Running(format!("tokio could not be started: {error}")))?;
    let text = runtime.block_on(async {
        match args.command {
            UsersCommand::Show(ShowArgs { store, user }) => {
                with_user(&store, user, sources, async |_, user| Ok(description(&user))).await
            }
            UsersCommand::Revoke(RevokeArgs { store, user, session }) => {
                with_user(&store, user, sources, async |admin, user| revoke(admin, &user, session).await).await
            }
            UsersCommand::Erase(EraseArgs { store, user, yes }) => {
                with_user(&store, user, sources, async |admin, user| erase(admin, &user, yes).await).await
            }
            UsersCommand::Unlock(UnlockArgs { store, user }) => {
                with_user(&store, user, sources, async |admin, user| unlock(admin, &user).await).await
            }
        }
    })?;
    // A closed standard output does not change the exit code.
    let _ = std::io::stdout().write_all(text.as_bytes());
    Ok(())
}

/// The id of a user, also of an id that the store does not have: the user may have been erased.
pub(crate) async fn id_of(store: &StoreArgs, user: UserArg, sources: &Sources) -> Result<Uuid, CommandError> {
    match user.key {
        UserKey::Id(id) => Ok(id),
        UserKey::Email(_) => with_user(store, user, sources, async |_, user| Ok(user.id)).await,
    }
}

/// Runs `command` on a user of the store.
async fn with_user<T>(
    StoreArgs { store }: &StoreArgs,
    UserArg { text, key }: UserArg,
    sources: &Sources,
    command: impl AsyncFnOnce(&UserAdmin, UserInfo) -> Result<T, CommandError>,
) -> Result<T, CommandError> {
    let admin = UserAdmin::open(store).await.map_err(|error| CommandError::opening(&error, sources))?;
    let done = match admin.user(key).await {
        Ok(Some(user)) => command(&admin, user).await,
        Ok(None) => Err(CommandError::Running(format!("the store has no user {text}"))),
        Err(error) => Err(failed(&error)),
    };
    admin.close().await;
    done
}

fn failed(error: &StoreError) -> CommandError {
    CommandError::Running(format!("nothing was changed: {error}"))
}

async fn revoke(admin: &UserAdmin, user: &UserInfo, session: Option<Uuid>) -> Result<String, CommandError> {
    let ended = admin.revoke(user.id, session).await.map_err(|error| failed(&error))?;
    match session {
        Some(session) if ended.is_empty() => {
            Err(CommandError::Running(format!("{} has no live session {session}", subject(user))))
        }
        _ => Ok(format!("ended {} sessions of {}\n", ended.len(), subject(user))),
    }
}

async fn erase(admin: &UserAdmin, user: &UserInfo, yes: bool) -> Result<String, CommandError> {
    if !yes && !is_confirmed(user)? {
        return Err(CommandError::Running("nothing was erased".to_owned()));
    }
    if admin.erase(user.id).await.map_err(|error| failed(&error))? {
        return Ok(format!("erased {}\n", subject(user)));
    }
    Err(CommandError::Running(format!("{} has been erased meanwhile", subject(user))))
}

/// Asks on the terminal.
fn is_confirmed(user: &UserInfo) -> Result<bool, CommandError> {
    let input = std::io::stdin();
    if !input.is_terminal() {
        let line = "standard input is no terminal to ask for a confirmation: repeat the command with --yes";
        return Err(CommandError::Configuration(line.to_owned()));
    }
    eprint!("{}Erase this user with all data? It cannot be undone. Type yes: ", description(user));
    let mut line = String::new();
    let read = input.lock().read_line(&mut line);
    Ok(read.is_ok() && line.trim() == "yes")
}

async fn unlock(admin: &UserAdmin, user: &UserInfo) -> Result<String, CommandError> {
    if admin.unlock(user.id).await.map_err(|error| failed(&error))? {
        return Ok(format!("unlocked {}\n", subject(user)));
    }
    Err(CommandError::Running(format!("{} has no e-mail address, so no attempts are counted for it", subject(user))))
}

fn subject(user: &UserInfo) -> String {
    let prefix = if user.registered_at.is_some() { "user" } else { "anonymous" };
    format!("{prefix}_{}", user.id)
}

/// The user, and one session a line.
fn description(user: &UserInfo) -> String {
    let credentials = [
        user.has_password.then(|| "a password".to_owned()),
        (user.passkeys > 0).then(|| format!("{} passkeys", user.passkeys)),
        (!user.identities.is_empty()).then(|| format!("identities at {}", user.identities.join(", "))),
    ];
    let credentials = credentials.into_iter().flatten().collect::<Vec<_>>().join(", ");
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let mut text = String::new();
    for (name, value) in [
        ("user", Some(subject(user))),
        ("kind", Some(if user.registered_at.is_some() { "member" } else { "guest" }.to_owned())),
        ("created", Some(user.created_at.rfc3339())),
        ("last active", Some(user.last_active_at.rfc3339())),
        ("registered", user.registered_at.map(|at| at.rfc3339())),
        ("e-mail", user.email.clone()),
        ("credentials", Some(credentials).filter(|credentials| !credentials.is_empty())),
        ("failed attempts", Some(format!("{} in the last 24 hours", user.failed_attempts))),
    ] {
        text += &format!("{name:17}{}\n", or_dash(value));
    }
    let rows = user.sessions.iter().map(|session| {
        [
            session.id.to_string(),
            if session.is_live { "live" } else { "ended" }.to_owned(),
            session.created_at.rfc3339(),
            or_dash(session.last_refreshed_at.map(|at| at.rfc3339())),
            session.expires_at.rfc3339(),
            or_dash(session.network.clone()),
            or_dash(session.label.clone()),
        ]
    });
    text.push('\n');
    text += &table(["SESSION", "STATE", "CREATED", "LAST REFRESHED", "EXPIRES", "NETWORK", "LABEL"], rows);
    text
}
