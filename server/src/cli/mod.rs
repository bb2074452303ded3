//! The command line: one file per command, one precedence for every setting (`settings`), and the life of the process.

mod connections;
mod drain;
mod file;
mod keys;
mod openapi;
#[cfg(feature = "otlp")]
mod otlp;
mod serve;
mod settings;
mod sweep;
mod telemetry;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Parser, Subcommand};
use guestpass_server::OpenError;

use self::settings::{Invalid, Sources};

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
    Openapi(openapi::OpenapiArgs),
}

const SETTINGS: &str = "\
Settings:
  Every setting is a flag (--access-ttl 15m), a variable of the environment (GUESTPASS_ACCESS_TTL=15m) and a key of the
  TOML file that --config names (access-ttl = \"15m\"). A flag wins over the environment, the environment over the file.";

/// Runs the program.
pub(crate) fn run() -> ExitCode {
    let (cli, sources) = match settings::parse(std::env::args_os().collect()) {
        Ok(parsed) => parsed,
        Err(Invalid::Arguments(error)) => return explain(&error),
        Err(Invalid::Setting(line)) => return fail(2, &line),
    };
    let done = match cli.command {
        Command::Serve(args) => serve::run(args, &sources),
        Command::Sweep(args) => sweep::run(args, &sources),
        Command::Keys(args) => keys::run(args, &sources),
        Command::Openapi(openapi::OpenapiArgs {}) => openapi::run(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Configuration(line)) => fail(2, &line),
        Err(Failure::Running(line)) => fail(1, &line),
    }
}

/// Why the process ends with an error; each is one line.
enum Failure {
    /// A setting cannot work.
    Configuration(String),
    /// Something broke while running.
    Running(String),
}

impl Failure {
    /// A server could not be opened. Says where the setting at fault comes from.
    fn opening(error: &OpenError, sources: &Sources) -> Self {
        let flag = match error {
            OpenError::Config(error) => error.flag(),
            OpenError::Store { .. } => "--store",
            OpenError::Keys(_) => return Self::Configuration(error.to_string()),
        };
        Self::Configuration(format!("{error}{}", sources.of(flag)))
    }
}

/// Help and version go to standard output; an error becomes one line.
fn explain(error: &clap::Error) -> ExitCode {
    let asked_for = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    if asked_for || error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        // A closed pipe is no reason to fail in another way.
        let _ = error.print();
        return ExitCode::from(if asked_for { 0 } else { 2 });
    }
    fail(2, &settings::one_line(error))
}

/// Plain text, also when the log is off.
fn fail(code: u8, line: &str) -> ExitCode {
    eprintln!("guestpass: {line}");
    ExitCode::from(code)
}
