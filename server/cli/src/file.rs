//! The TOML file of settings: one key for each flag, and the table `collections`, which the library reads.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use toml::de::{DeTable, DeValue};

/// One setting of the file, with its values in the form in which they follow a flag.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) key: String,
    /// Counted from 1.
    pub(crate) line: usize,
    /// More than one for a flag that can be repeated.
    pub(crate) values: Vec<String>,
}

/// The table of the file that is no setting of the program: the declarations of collections.
const COLLECTIONS: &str = "collections";

/// Reads the file: its text, and the settings in it.
///
/// # Errors
/// One line: the file, the line in it, and what is wrong there.
pub(crate) fn read(path: &Path) -> Result<(String, Vec<Entry>), String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("--config {}: {error}", path.display()))?;
    let entries = entries(&text).map_err(|(line, reason)| format!("{}, line {line}: {reason}", path.display()))?;
    Ok((text, entries))
}

/// A warning if every user of the machine can read or change the file. The group is not meant: a file of root that the group of
/// the server can read is usual.
pub(crate) fn warning(path: &Path) -> Option<String> {
    let mode = std::fs::metadata(path).ok()?.permissions().mode() & 0o777;
    let file = path.display();
    (mode & 0o007 != 0).then(|| {
        format!("every user of this machine can read the secrets in {file} (mode {mode:o}); run: chmod o-rwx {file}")
    })
}

fn entries(text: &str) -> Result<Vec<Entry>, (usize, String)> {
    let line_of = |byte: usize| 1 + text.bytes().take(byte).filter(|byte| *byte == b'\n').count();
    let table = DeTable::parse(text).map_err(|error| {
        let line = line_of(error.span().map_or(0, |span| span.start));
        (line, error.message().replace('\n', ", "))
    })?;
    let entry = |(key, value): (&toml::Spanned<_>, &toml::Spanned<DeValue<'_>>)| {
        let key_text: &std::borrow::Cow<'_, str> = key.get_ref();
        let line = line_of(key.span().start);
        match values(value.get_ref()) {
            Ok(values) => Ok(Entry { key: key_text.to_string(), line, values }),
            Err(found) => {
                Err((line, format!("{key_text}: expected text, a number, true, false or a list, found {found}")))
            }
        }
    };
    let settings = table.get_ref().iter().filter(|(key, _)| key.get_ref() != COLLECTIONS);
    let mut entries = settings.map(entry).collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(|entry| entry.line);
    Ok(entries)
}

fn values(value: &DeValue<'_>) -> Result<Vec<String>, &'static str> {
    match value {
        DeValue::Array(list) => list.iter().map(|value| single(value.get_ref())).collect(),
        value => single(value).map(|value| vec![value]),
    }
}

fn single(value: &DeValue<'_>) -> Result<String, &'static str> {
    match value {
        DeValue::String(text) => Ok(text.to_string()),
        // In decimal, also if it is written in another base.
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map(|number| number.to_string())
            .map_err(|_| "a number that is too large"),
        DeValue::Boolean(value) => Ok(value.to_string()),
        DeValue::Float(_) | DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => Err(value.type_str()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(key: &str, line: usize, values: &[&str]) -> Entry {
        Entry { key: key.to_owned(), line, values: values.iter().map(|value| (*value).to_owned()).collect() }
    }

    #[test]
    fn text_numbers_booleans_and_lists_are_values() {
        let text = "# comment\nissuer = \"https://a.example\"\n\nnumber = 0x10\nswitch = true\nlist = [\"a\", 2]\n";

        assert_eq!(
            entries(text).unwrap(),
            [
                entry("issuer", 2, &["https://a.example"]),
                entry("number", 4, &["16"]),
                entry("switch", 5, &["true"]),
                entry("list", 6, &["a", "2"]),
            ]
        );
    }

    #[test]
    fn the_declarations_of_collections_are_no_settings() {
        let text =
            "issuer = \"https://a.example\"\n[collections]\nhistory = false\n[collections.wishes]\nentries = 5\n";

        assert_eq!(entries(text).unwrap(), [entry("issuer", 1, &["https://a.example"])]);
    }

    #[test]
    fn other_values_are_errors_with_their_line() {
        for (text, line, says) in [
            ("a = 1\nb = 1.5\n", 2, "float"),
            ("a = 1\n[tokens]\naccess-ttl = \"1m\"\n", 2, "table"),
            ("a = 2020-01-01\n", 1, "datetime"),
            ("a = [[1]]\n", 1, "array"),
            ("a = 1\n\na 2\n", 3, ""),
            ("a = 1\na = 2\n", 2, "duplicate"),
        ] {
            let (found, reason) = entries(text).unwrap_err();
            assert_eq!(found, line, "{text}: {reason}");
            assert!(reason.contains(says) && !reason.contains('\n'), "{text}: {reason}");
        }
    }
}
