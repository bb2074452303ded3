//! The program `guestpass`: the server of [`guestpass_server`] as a process.
//!
//! ```sh
//! guestpass serve --store sqlite:guests.db &                     # prints: listening on http://127.0.0.1:8000
//! curl -X POST http://127.0.0.1:8000/anonymous-login             # a guest, and an access token
//! guestpass keys list --store sqlite:guests.db
//! ```
//!
//! | command | what it does |
//! | --- | --- |
//! | `guestpass serve` | serves the API until SIGTERM or SIGINT |
//! | `guestpass sweep` | removes ended sessions and inactive guests |
//! | `guestpass backup` | copies the database of a store into a file |
//! | `guestpass restore` | puts a backup in the place of a store's database |
//! | `guestpass keys` | lists, rotates and encrypts the keys that sign tokens |
//! | `guestpass users` | shows, revokes, erases and unlocks a guest or member |
//! | `guestpass audit` | prints the audit trail |
//! | `guestpass collections` | prints the declared collections, and checks the stored entries against them |
//! | `guestpass openapi` | prints the OpenAPI document of the API |
//!
//! Each command has a file. `settings` reads the flags, the environment and the TOML file with one precedence; `config`
//! has the flags of the library's settings; `secret_files` reads secrets from files of their own. `connections` accepts
//! connections, `slots` and `open_files` limit their number, and `drain` delays the shutdown of `serve`; `telemetry` and `otlp`
//! write the log and the spans.

mod audit;
mod backup;
mod collections;
mod config;
mod connections;
mod drain;
mod file;
mod keys;
mod open_files;
mod openapi;
#[cfg(feature = "otlp")]
mod otlp;
mod restore;
mod secret_files;
mod serve;
mod settings;
mod slots;
mod sweep;
mod table;
mod telemetry;
mod users;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Parser, Subcommand};
use guestpass_server::OpenError;

use self::settings::{SettingsError, Sources};

/// Gives every visitor of a web app an identity before they sign up.
#[derive(Debug, Parser)]
#[command(name = "guestpass", version, after_help = SETTINGS)]
struct Cli {
    #[command(subcommand)]
    command: Command,

    /// A TOML file with settings. Its keys are the names of the flags: `access-ttl = "15m"`.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::ServeArgs),
    Sweep(sweep::SweepArgs),
    Keys(keys::KeysArgs),
    Users(users::UsersArgs),
    Audit(audit::AuditArgs),
    Collections(collections::CollectionsArgs),
    Backup(backup::BackupArgs),
    Restore(restore::RestoreArgs),
    Openapi(openapi::OpenapiArgs),
}

const SETTINGS: &str = "\
Settings:
  Every setting is a flag (--access-ttl 15m), a variable of the environment (GUESTPASS_ACCESS_TTL=15m) and a key of the
  TOML file that --config names (access-ttl = \"15m\"). A flag without a value is true or false there (no-docs = true).
  A flag overrides the environment; the environment overrides the file. A setting that can be a secret can also be read
  from a file of its own: --store-file FILE, --introspection-secret-file FILE.";

fn main() -> ExitCode {
    let (cli, sources) = match settings::parse(std::env::args_os().collect()) {
        Ok(parsed) => parsed,
        Err(SettingsError::Arguments(error)) => return report(&error),
        Err(SettingsError::Setting(line)) => return fail(2, &line),
    };
    // `serve` writes the warnings into its log.
    let has_log = matches!(cli.command, Command::Serve(_));
    let result = match cli.command {
        Command::Serve(args) => serve::run(args, &sources),
        Command::Sweep(args) => sweep::run(args, &sources),
        Command::Keys(args) => keys::run(args, &sources),
        Command::Users(args) => users::run(args, &sources),
        Command::Audit(args) => audit::run(args, &sources),
        Command::Collections(args) => collections::run(args, &sources),
        Command::Backup(args) => backup::run(args),
        Command::Restore(args) => restore::run(args),
        Command::Openapi(openapi::OpenapiArgs {}) => openapi::run(&sources),
    };
    match result {
        Ok(()) => {
            if !has_log {
                sources.warnings.iter().for_each(|line| eprintln!("guestpass: warning: {line}"));
            }
            ExitCode::SUCCESS
        }
        Err(CommandError::Configuration(line)) => fail(2, &line),
        Err(CommandError::Running(line)) => fail(1, &line),
    }
}

/// The error of a command, in one line for standard error.
enum CommandError {
    /// A setting cannot work: exit code 2.
    Configuration(String),
    /// The command failed while it ran: exit code 1.
    Running(String),
}

impl CommandError {
    /// A server could not be opened. The line names the source of the setting at fault.
    fn opening(error: &OpenError, sources: &Sources) -> Self {
        let flag = match error {
            OpenError::Config(error) => error.flag(),
            OpenError::Store { .. } => "--store",
            OpenError::Keys(_) => return Self::Configuration(error.to_string()),
        };
        Self::Configuration(format!("{error}{}", sources.of(flag)))
    }
}

/// Prints help and version on standard output, and an error as one line on standard error.
fn report(error: &clap::Error) -> ExitCode {
    let requested = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    if requested || error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        // A closed standard output does not change the exit code.
        let _ = error.print();
        return ExitCode::from(if requested { 0 } else { 2 });
    }
    fail(2, &settings::one_line(error))
}

/// Prints an error as plain text, so that it appears also when --log is off.
fn fail(code: u8, line: &str) -> ExitCode {
    eprintln!("guestpass: {line}");
    ExitCode::from(code)
}
