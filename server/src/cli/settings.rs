//! Where settings come from: a flag wins over the environment, the environment over the file, the file over the default.
//!
//! A setting is declared once, as a flag. The name of its variable is made from the flag's (`--access-ttl`,
//! `GUESTPASS_ACCESS_TTL`), and its key in the file is the flag's name. What the file says is put on the command line
//! where neither a flag nor the environment has set it, so that every value is read, checked and explained in one way.

use std::collections::BTreeMap;
use std::error::Error;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::error::{ContextKind, ContextValue};
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command, CommandFactory, FromArgMatches};

use super::Cli;
use super::file::{self, Entry};

/// Why there are no settings.
#[derive(Debug)]
pub(super) enum Invalid {
    /// The command line itself, or that help was asked for.
    Arguments(clap::Error),
    /// One line about a setting that does not come from the command line.
    Setting(String),
}

/// Reads the command line, the environment and the file.
pub(super) fn parse(argv: Vec<OsString>) -> Result<(Cli, Sources), Invalid> {
    let mut command = with_environment(Cli::command());
    let matches = command.try_get_matches_from_mut(&argv).map_err(blame_the_environment)?;
    let config = matches.get_one::<PathBuf>("config").cloned();

    let entries = match &config {
        Some(path) => file::read(path).map_err(Invalid::Setting)?,
        None => Vec::new(),
    };
    let (chosen, chosen_matches) = innermost(&command, &matches);
    let mut sources = Sources::of_environment(chosen, chosen_matches);
    let mut argv = argv;
    for Entry { key, line, values } in entries {
        let path = config.as_deref().unwrap_or(Path::new(""));
        let place = format!("{}, line {line}", path.display());
        if !is_known(&command, &key) {
            let line = format!("{place}: there is no setting {key:?}; `guestpass serve --help` lists them");
            return Err(Invalid::Setting(line));
        }
        let Some(arg) = setting(chosen, &key) else { continue };
        if let Some(ValueSource::CommandLine | ValueSource::EnvVariable) =
            chosen_matches.value_source(arg.get_id().as_str())
        {
            continue;
        }
        sources.0.insert(key.clone(), place);
        argv.extend(values.into_iter().map(|value| format!("--{key}={value}").into()));
    }
    argv.extend(demo_defaults(chosen_matches, &sources));

    let matches = with_environment(Cli::command())
        .try_get_matches_from(argv)
        .map_err(|error| Invalid::Setting(format!("{}{}", one_line(&error), sources.of(&flag_of(&error)))))?;
    let cli = Cli::from_arg_matches(&matches).map_err(Invalid::Arguments)?;
    Ok((cli, sources))
}

/// What `serve --demo` sets where nobody else has.
#[cfg(feature = "demo")]
fn demo_defaults(chosen: &ArgMatches, sources: &Sources) -> Vec<OsString> {
    if !matches!(chosen.try_get_one(DEMO), Ok(Some(true))) {
        return Vec::new();
    }
    let is_open = |key: &str| {
        let id = key.replace('-', "_");
        chosen.value_source(&id) == Some(ValueSource::DefaultValue) && !sources.0.contains_key(key)
    };
    let open = guestpass_server::demo::DEFAULTS.into_iter().filter(|(key, _)| is_open(key));
    open.map(|(key, value)| format!("--{key}={value}").into()).collect()
}

#[cfg(not(feature = "demo"))]
fn demo_defaults(_: &ArgMatches, _: &Sources) -> Vec<OsString> {
    Vec::new()
}

/// A flag that nothing but the command line sets: neither a variable nor a line of a file makes a server a demo.
const DEMO: &str = "demo";

/// Where the settings that do not come from a flag come from, by the flag's name without its dashes.
#[derive(Debug, Default)]
pub(super) struct Sources(BTreeMap<String, String>);

impl Sources {
    fn of_environment(command: &Command, matches: &ArgMatches) -> Self {
        let from_environment =
            |arg: &&Arg| matches.value_source(arg.get_id().as_str()) == Some(ValueSource::EnvVariable);
        let names = command.get_arguments().filter(|arg| matches.try_contains_id(arg.get_id().as_str()).is_ok());
        Self(
            names
                .filter(from_environment)
                .filter_map(|arg| Some((arg.get_long()?.to_owned(), variable(arg)?)))
                .collect(),
        )
    }

    /// ` (from …)` for `--flag`, or nothing if it was given as a flag or not at all.
    pub(super) fn of(&self, flag: &str) -> String {
        self.0.get(flag.trim_start_matches('-')).map(|place| format!(" (from {place})")).unwrap_or_default()
    }
}

/// Settings that may hold a secret, or something that was meant to be one: a URL with a password is no URL any more once a
/// slash is missing. Whoever reads why the program did not start is not always whom it may be told.
const SECRET: [&str; 3] = ["store", "introspection-secret", "otlp-endpoint"];

/// The first line of what clap says, without its headings and without secrets.
pub(super) fn one_line(error: &clap::Error) -> String {
    if let Some(ContextValue::String(usage)) = error.get(ContextKind::InvalidArg)
        && error.get(ContextKind::InvalidValue).is_some()
        && SECRET.contains(&flag_of(error).as_str())
    {
        // What the setting's own parser says; none of them repeats what it was given.
        let expected = error.source().map(|why| format!(": {why}")).unwrap_or_default();
        return format!("invalid value for '{usage}'{expected}");
    }
    let rendered = error.render().to_string();
    rendered.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned()
}

/// Gives each flag of each command its variable.
fn with_environment(command: Command) -> Command {
    let command = command.mut_args(|arg| match variable(&arg) {
        // Values stay out of the help: some are secret.
        Some(name) => arg.env(name).hide_env_values(true),
        None => arg,
    });
    command.mut_subcommands(with_environment)
}

fn variable(arg: &Arg) -> Option<String> {
    let name = arg.get_long().filter(|name| *name != DEMO)?;
    Some(format!("GUESTPASS_{}", name.to_ascii_uppercase().replace('-', "_")))
}

/// clap names the flag, wherever a bad value comes from. If the command line alone is fine, it was the environment.
fn blame_the_environment(error: clap::Error) -> Invalid {
    let flag = flag_of(&error);
    let name = format!("GUESTPASS_{}", flag.to_ascii_uppercase().replace('-', "_"));
    let given = |argument: OsString| argument.to_str().is_some_and(|text| is_flag(text, &flag));
    if flag.is_empty() || std::env::var_os(&name).is_none() || std::env::args_os().any(given) {
        return Invalid::Arguments(error);
    }
    Invalid::Setting(format!("{} (from {name})", one_line(&error)))
}

fn is_flag(argument: &str, flag: &str) -> bool {
    argument.split('=').next().and_then(|name| name.strip_prefix("--")) == Some(flag)
}

/// The name of the flag that an error is about: `access-ttl` of `--access-ttl <DURATION>`.
fn flag_of(error: &clap::Error) -> String {
    match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(usage)) => {
            usage.trim_start_matches('-').split([' ', '=']).next().unwrap_or_default().to_owned()
        }
        _ => String::new(),
    }
}

/// The command that was chosen: `list` of `guestpass keys list`.
fn innermost<'a>(command: &'a Command, matches: &'a ArgMatches) -> (&'a Command, &'a ArgMatches) {
    match matches.subcommand() {
        Some((name, matches)) => match command.find_subcommand(name) {
            Some(command) => innermost(command, matches),
            None => (command, matches),
        },
        None => (command, matches),
    }
}

/// Whether any command has this setting: one file serves them all.
fn is_known(command: &Command, key: &str) -> bool {
    setting(command, key).is_some() || command.get_subcommands().any(|command| is_known(command, key))
}

fn setting<'a>(command: &'a Command, key: &str) -> Option<&'a Arg> {
    let is_setting = |arg: &&Arg| arg.get_long() == Some(key) && !["config", "help", "version", DEMO].contains(&key);
    command.get_arguments().find(is_setting)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        with_environment(Cli::command()).debug_assert();
    }

    #[test]
    fn no_variable_makes_a_server_a_demo() {
        assert_eq!(variable(&Arg::new(DEMO).long(DEMO)), None);
    }
}
