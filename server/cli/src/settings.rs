//! Where settings come from: a flag overrides the environment, the environment the file, the file the default.
//!
//! A setting is declared once, as a flag. The name of its variable follows from the flag (`--access-ttl`,
//! `GUESTPASS_ACCESS_TTL`), and its key in the file is the name of the flag. Settings of the file are added to the command
//! line where neither a flag nor the environment sets them, so that clap parses and checks values of every source in the same
//! way. A secret that a file of its own contains (`--store-file`) is added in the same way. [`Sources`] remembers the source of each
//! value, for error messages.
//!
//! No settings library does this: the errors of the crates `figment` and `config` name the file of a value, but not its line,
//! and repeat the value, which can be a secret.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::error::{ContextKind, ContextValue};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command, CommandFactory, FromArgMatches};
use guestpass_server::Collections;

use crate::file::{self, Entry};
use crate::secret_files::{self, NOT_A_FLAG, SECRET, add_file_flags, file_flag, is_list, other_flag};
use crate::{Cli, CommandError};

/// An error of the settings, or the text that was requested instead of a command.
#[derive(Debug)]
pub(crate) enum SettingsError {
    /// clap's error about the command line, or its help or version.
    Arguments(clap::Error),
    /// One line about a setting of the environment or the file.
    Setting(String),
}

/// Reads the command line, the environment and the file.
pub(crate) fn parse(mut argv: Vec<OsString>) -> Result<(Cli, Sources), SettingsError> {
    let mut command = with_environment(Cli::command());
    let matches = command.try_get_matches_from_mut(&argv).map_err(|error| name_the_variable(error, &argv))?;
    let (chosen, chosen_matches) = innermost(&command, &matches);
    let mut sources = Sources::of_environment(chosen, chosen_matches);
    sources.warnings.extend(misspelt_variables(&command));

    if let Some(flag) = NOT_A_FLAG.iter().find(|flag| level(chosen, chosen_matches, flag) == Level::CommandLine) {
        return Err(SettingsError::Setting(format!(
            "--{flag}: other users of the machine can read the flags of a process; use --{flag}-file or {}",
            variable(flag)
        )));
    }

    let mut from_file = BTreeSet::new();
    if let Some(path) = matches.get_one::<PathBuf>("config") {
        let (text, entries) = file::read(path).map_err(SettingsError::Setting)?;
        sources.file = Some((path.clone(), text));
        if entries.iter().any(has_secret) {
            sources.warnings.extend(file::warning(path));
        }
        for Entry { key, line, values } in entries {
            let source = format!("{}, line {line}", path.display());
            if !is_known(&command, &key) {
                let line = format!("{source}: there is no setting {key:?}; `guestpass serve --help` lists them");
                return Err(SettingsError::Setting(line));
            }
            let Some(flag) = setting(chosen, &key) else { continue };
            // The value of a secret and the file of a secret are one setting.
            let given = [Some(key.clone()), other_flag(&key)].into_iter().flatten();
            if given.map(|flag| level(chosen, chosen_matches, &flag)).all(|given| given == Level::Default) {
                from_file.extend(flag.get_long());
                if is_switch(flag) {
                    let is_given = match values.as_slice() {
                        [value] if value == "true" => true,
                        [value] if value == "false" => false,
                        _ => return Err(SettingsError::Setting(format!("{source}: {key}: expected true or false"))),
                    };
                    argv.extend(is_given.then(|| format!("--{key}").into()));
                } else {
                    argv.extend(values.into_iter().map(|value| format!("--{key}={value}").into()));
                }
                sources.names.insert(key, source);
            }
        }
    }

    let level_of = |flag: &str| match from_file.contains(flag) {
        true => Level::File,
        false => level(chosen, chosen_matches, flag),
    };
    let matches = parse_again(&argv, &sources)?;
    let (_, merged) = innermost(&command, &matches);
    for secret in SECRET {
        let file = file_flag(secret);
        let (Some(flag), Some(_)) = (setting(chosen, secret), setting(chosen, &file)) else { continue };
        let Some(path) = merged.get_one::<PathBuf>(&file) else { continue };
        match level_of(secret).cmp(&level_of(&file)) {
            Ordering::Greater => continue,
            Ordering::Equal => {
                let (value, file) = (sources.of(secret), sources.of(&file));
                let line = format!("--{secret}{value} and --{secret}-file{file} are both given; remove one of them");
                return Err(SettingsError::Setting(line));
            }
            Ordering::Less => {}
        }
        let read = secret_files::read(secret, path, is_list(flag));
        let read = read.map_err(|error| SettingsError::Setting(format!("{error}{}", sources.of(&file))))?;
        sources.warnings.extend(read.warning);
        sources.names.insert(secret.to_owned(), path.display().to_string());
        argv.extend(read.values.into_iter().map(|value| format!("--{secret}={value}").into()));
    }

    let cli = Cli::from_arg_matches(&parse_again(&argv, &sources)?).map_err(SettingsError::Arguments)?;
    Ok((cli, sources))
}

/// Parses the command line after values of files have been added to it.
fn parse_again(argv: &[OsString], sources: &Sources) -> Result<ArgMatches, SettingsError> {
    let matches = with_environment(Cli::command()).try_get_matches_from(argv);
    matches.map_err(|error| SettingsError::Setting(format!("{}{}", one_line(&error), sources.of(&flag_of(&error)))))
}

/// Where a setting comes from. A greater one overrides a smaller one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Default,
    File,
    Environment,
    CommandLine,
}

/// Whether the command line or the environment sets this setting of the command.
fn level(command: &Command, matches: &ArgMatches, flag: &str) -> Level {
    let source = setting(command, flag).and_then(|flag| matches.value_source(flag.get_id().as_str()));
    match source {
        Some(ValueSource::CommandLine) => Level::CommandLine,
        Some(ValueSource::EnvVariable) => Level::Environment,
        _ => Level::Default,
    }
}

/// The sources of the settings that the environment or a file sets.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    /// By the name of the flag without its dashes.
    names: BTreeMap<String, String>,
    /// One line for each file with a secret that other users can read, and for each variable that is misspelt.
    pub(crate) warnings: Vec<String>,
    /// The path and the text of the TOML file.
    file: Option<(PathBuf, String)>,
}

impl Sources {
    fn of_environment(command: &Command, matches: &ArgMatches) -> Self {
        let from_environment = |flag: &&Arg| {
            let id = flag.get_id().as_str();
            matches.try_contains_id(id).is_ok() && matches.value_source(id) == Some(ValueSource::EnvVariable)
        };
        let name_and_variable = |flag: &Arg| Some((flag.get_long()?.to_owned(), variable(flag.get_long()?)));
        let names = command.get_arguments().filter(from_environment).filter_map(name_and_variable).collect();
        Self { names, warnings: Vec::new(), file: None }
    }

    /// The collections that the TOML file declares, beside the default ones. Only the commands that need them call this, so that
    /// a wrong declaration does not stop the others.
    pub(crate) fn collections(&self) -> Result<Collections, CommandError> {
        let Some((path, text)) = &self.file else { return Ok(Collections::default()) };
        let directory = path.parent().unwrap_or_else(|| Path::new(""));
        Collections::from_toml(text, directory)
            .map_err(|error| CommandError::Configuration(format!("{}, {error}", path.display())))
    }

    /// ` (from SOURCE)` for the value of `--flag`; empty for a value of the command line and for a default.
    pub(crate) fn of(&self, flag: &str) -> String {
        self.names.get(flag.trim_start_matches('-')).map(|source| format!(" (from {source})")).unwrap_or_default()
    }
}

/// Whether a setting of the file contains a secret. The URL of a database or a collector does if it has a password.
fn has_secret(entry: &Entry) -> bool {
    let is_secret = |value: &String| match value.split_once("://") {
        Some((_, rest)) => rest.contains(['@', '?']),
        None => !value.starts_with("sqlite:"),
    };
    SECRET.contains(&entry.key.as_str()) && entry.values.iter().any(is_secret)
}

/// The first paragraph of clap's message in one line, without the heading `error:` and without secrets. It names the arguments
/// that are missing, and the values that are valid; the usage and tips follow after it.
pub(crate) fn one_line(error: &clap::Error) -> String {
    if let Some(ContextValue::String(usage)) = error.get(ContextKind::InvalidArg)
        && error.get(ContextKind::InvalidValue).is_some()
        && SECRET.contains(&flag_of(error).as_str())
    {
        // The message of the setting's own parser, which does not repeat the value.
        let expected = error.source().map(|reason| format!(": {reason}")).unwrap_or_default();
        return format!("invalid value for '{usage}'{expected}");
    }
    let rendered = error.render().to_string();
    let paragraph = rendered.lines().map(str::trim).take_while(|line| !line.is_empty()).collect::<Vec<_>>().join(" ");
    paragraph.trim_start_matches("error: ").to_owned()
}

/// Gives each flag of each command its variable.
fn with_environment(command: Command) -> Command {
    let command = add_file_flags(command).mut_args(|flag| match flag.get_long().map(variable) {
        // `--help` does not show the values: some are secret.
        Some(name) => {
            let flag = if is_switch(&flag) { flag.value_parser(boolean) } else { flag };
            flag.env(name).hide_env_values(true)
        }
        None => flag,
    });
    command.mut_subcommands(with_environment)
}

/// Whether the flag has no value: it is given, or it is not.
fn is_switch(flag: &Arg) -> bool {
    matches!(flag.get_action(), ArgAction::SetTrue)
}

/// Reads the variable of a flag without a value.
fn boolean(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" => Ok(true),
        "false" | "0" | "no" | "" => Ok(false),
        _ => Err("expected true, 1 or yes, or false, 0, no or nothing".to_owned()),
    }
}

/// The variable of a flag: `GUESTPASS_ACCESS_TTL` of `access-ttl`.
fn variable(flag: &str) -> String {
    format!("GUESTPASS_{}", flag.to_ascii_uppercase().replace('-', "_"))
}

/// A warning for each variable of the environment that is no setting, and nearly the name of one. Others are not meant for this
/// program: Kubernetes sets `GUESTPASS_PORT` for a service of this name.
fn misspelt_variables(command: &Command) -> Vec<String> {
    let known = variables(command);
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    let mut unknown: Vec<_> = names.filter(|name| name.starts_with("GUESTPASS_") && !known.contains(name)).collect();
    unknown.sort_unstable();
    let meant = |name: &String| known.iter().find(|known| strsim::damerau_levenshtein(known, name) <= 2);
    let warning =
        |name: String| meant(&name).map(|known| format!("{name} is no setting and is ignored: is it {known}?"));
    unknown.into_iter().filter_map(warning).collect()
}

/// The variables of a command and of the commands below it.
fn variables(command: &Command) -> BTreeSet<String> {
    let own = command.get_arguments().filter_map(Arg::get_long).map(variable);
    own.chain(command.get_subcommands().flat_map(variables)).collect()
}

/// clap's message names the flag for a bad value of a variable, too. If the flag is not on the command line, the value comes
/// from the variable.
fn name_the_variable(error: clap::Error, argv: &[OsString]) -> SettingsError {
    let flag = flag_of(&error);
    let variable = variable(&flag);
    let is_flag = |argument: &OsString| argument.to_str().is_some_and(|text| names(text, &flag));
    if flag.is_empty() || std::env::var_os(&variable).is_none() || argv.iter().any(is_flag) {
        return SettingsError::Arguments(error);
    }
    if std::env::var_os(&variable).is_some_and(|value| value.is_empty()) {
        return SettingsError::Setting(format!("{variable} is empty: give it a value, or remove it"));
    }
    SettingsError::Setting(format!("{} (from {variable})", one_line(&error)))
}

/// Whether an argument is `--flag` or `--flag=VALUE`.
fn names(argument: &str, flag: &str) -> bool {
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

/// The chosen command: `list` of `guestpass keys list`.
fn innermost<'a>(command: &'a Command, matches: &'a ArgMatches) -> (&'a Command, &'a ArgMatches) {
    match matches.subcommand() {
        Some((name, matches)) => match command.find_subcommand(name) {
            Some(command) => innermost(command, matches),
            None => (command, matches),
        },
        None => (command, matches),
    }
}

/// Whether any command has this setting: all commands can share one file.
fn is_known(command: &Command, key: &str) -> bool {
    setting(command, key).is_some() || command.get_subcommands().any(|command| is_known(command, key))
}

fn setting<'a>(command: &'a Command, key: &str) -> Option<&'a Arg> {
    let is_setting = |flag: &&Arg| flag.get_long() == Some(key) && !["config", "help", "version"].contains(&key);
    command.get_arguments().find(is_setting)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        with_environment(Cli::command()).debug_assert();
    }
}
