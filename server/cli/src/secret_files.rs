//! Secrets in files of their own, as container platforms provide them: each setting that can contain a secret, such as `--store`,
//! has a second flag for the path of a file with its value, `--store-file`.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use clap::builder::ValueParser;
use clap::{Arg, ArgAction, Command};

/// Settings whose value can contain a secret, also if it is written wrongly: a URL with a password is not a URL if a slash is
/// missing. Their values are never in an error message, because more people can read the log than may know the secret.
pub(crate) const SECRET: [&str; 5] =
    ["store", "introspection-secret", "key-encryption-key", "captcha-secret", "otlp-endpoint"];

/// Settings that are refused on the command line, because other users of the machine can read the flags of a process.
pub(crate) const NOT_A_FLAG: [&str; 1] = ["key-encryption-key"];

/// The flag for the file of a secret: `store-file` of `store`.
pub(crate) fn file_flag(secret: &str) -> String {
    format!("{secret}-file")
}

/// The other flag of the same secret: `store-file` of `store`, and `store` of `store-file`. `None` if `flag` is no secret.
pub(crate) fn other_flag(flag: &str) -> Option<String> {
    if SECRET.contains(&flag) {
        return Some(file_flag(flag));
    }
    flag.strip_suffix("-file").filter(|secret| SECRET.contains(secret)).map(str::to_owned)
}

/// Adds the flag for the file of each secret of this command.
pub(crate) fn add_file_flags(command: Command) -> Command {
    let flags: Vec<_> = command.get_arguments().filter_map(file_flag_of).collect();
    command.args(flags)
}

fn file_flag_of(flag: &Arg) -> Option<Arg> {
    let secret = flag.get_long().filter(|name| SECRET.contains(name))?;
    let content = if is_list(flag) { "values, one a line" } else { "value; a line break at its end is dropped" };
    let name = file_flag(secret);
    let help = format!("File with the {content}. Instead of --{secret}; only this user should be able to read it");
    let file = Arg::new(name.clone()).long(name).value_name("FILE").help(help).value_parser(ValueParser::path_buf());
    Some(match flag.get_help_heading() {
        Some(heading) => file.help_heading(heading.to_owned()),
        None => file,
    })
}

/// Whether the flag can be repeated.
pub(crate) fn is_list(flag: &Arg) -> bool {
    matches!(flag.get_action(), ArgAction::Append)
}

/// The content of a file with a secret.
pub(crate) struct SecretFile {
    pub(crate) values: Vec<String>,
    /// Set if other users can read the file.
    pub(crate) warning: Option<String>,
}

/// Reads the value of `secret`, or its values, from the file at `path`.
///
/// # Errors
/// One line, without the content of the file.
pub(crate) fn read(secret: &str, path: &PathBuf, is_list: bool) -> Result<SecretFile, String> {
    let error = |reason: &str| format!("--{} {}: {reason}", file_flag(secret), path.display());
    let bytes = std::fs::read(path).map_err(|cause| error(&cause.to_string()))?;
    let text = String::from_utf8(bytes).map_err(|_| error("the file is not text"))?;
    let values: Vec<String> = if is_list {
        text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
    } else {
        let value = text.strip_suffix('\n').unwrap_or(&text);
        let value = value.strip_suffix('\r').unwrap_or(value);
        Some(value.to_owned()).filter(|value| !value.is_empty()).into_iter().collect()
    };
    if values.is_empty() {
        return Err(error("the file is empty"));
    }
    Ok(SecretFile { values, warning: readable_by_others(path) })
}

fn readable_by_others(path: &Path) -> Option<String> {
    let mode = std::fs::metadata(path).ok()?.permissions().mode() & 0o777;
    (mode & 0o007 != 0).then(|| {
        let path = path.display();
        format!(
            "other users of this machine can read the secret in {path} (mode {mode:o}); `chmod 600 {path}` prevents it"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_break_at_the_end_is_dropped() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret");
        let values = |content: &str, is_list| {
            std::fs::write(&path, content).unwrap();
            read("store", &path, is_list).map(|file| file.values)
        };

        assert_eq!(values("a b", false).unwrap(), ["a b"]);
        assert_eq!(values("a\n", false).unwrap(), ["a"]);
        assert_eq!(values("a\r\n", false).unwrap(), ["a"]);
        assert_eq!(values("a\n\n", false).unwrap(), ["a\n"]);
        assert_eq!(values("a\nb\r\n\nc", true).unwrap(), ["a", "b", "c"]);
        for (content, is_list) in [("", false), ("\n", false), ("", true), ("\n\n", true)] {
            assert!(values(content, is_list).unwrap_err().contains("is empty"), "{content:?}");
        }
    }
}
