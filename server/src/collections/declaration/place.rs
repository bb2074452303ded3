//! Places in a TOML document, and the errors about them.

use std::borrow::Cow;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::DeclarationError;

/// A key of a TOML document.
pub(super) type Key<'t> = Spanned<Cow<'t, str>>;

/// A TOML document.
#[derive(Clone, Copy)]
pub(super) struct Document<'t> {
    pub(super) text: &'t str,
    /// Where the files are that it names.
    pub(super) directory: &'t Path,
}

impl Document<'_> {
    pub(super) fn error(self, byte: usize, reason: String) -> DeclarationError {
        let line = 1 + self.text.bytes().take(byte).filter(|byte| *byte == b'\n').count();
        DeclarationError { line, reason }
    }
}

/// A place in a TOML document.
#[derive(Clone)]
pub(super) struct Place<'t> {
    pub(super) document: Document<'t>,
    /// The keys on the way to it, such as `collections.cart.bounds`.
    path: String,
    byte: usize,
}

impl<'t> Place<'t> {
    /// The place of a key of the document itself.
    pub(super) fn new(document: Document<'t>, key: &Key<'_>) -> Self {
        Self { document, path: key.get_ref().to_string(), byte: key.span().start }
    }

    /// The place of a member of the table that is here.
    pub(super) fn member(&self, key: &Key<'_>) -> Self {
        let path = format!("{}.{}", self.path, key.get_ref());
        Self { document: self.document, path, byte: key.span().start }
    }

    /// As this place, but with the line at `byte`.
    pub(super) fn at(&self, byte: usize) -> Self {
        Self { byte, ..self.clone() }
    }

    pub(super) fn error(&self, reason: impl AsRef<str>) -> DeclarationError {
        self.document.error(self.byte, format!("{}: {}", self.path, reason.as_ref()))
    }

    /// A whole number from 1 to `most`.
    pub(super) fn integer<T>(&self, value: &DeValue<'_>, most: T) -> Result<T, DeclarationError>
    where
        T: TryFrom<u64> + PartialOrd + std::fmt::Display,
    {
        let number = match value {
            DeValue::Integer(number) => u64::from_str_radix(number.as_str(), number.radix()).ok(),
            _ => None,
        };
        let number = number.filter(|number| *number > 0).and_then(|number| T::try_from(number).ok());
        number
            .filter(|number| *number <= most)
            .ok_or_else(|| self.error(format!("expected a whole number from 1 to {most}, found {}", shown(value))))
    }

    /// The meaning of one of some words.
    pub(super) fn word<T: Copy>(&self, value: &DeValue<'_>, words: &[(&str, T)]) -> Result<T, DeclarationError> {
        let text = match value {
            DeValue::String(text) => Some(text.as_ref()),
            _ => None,
        };
        words.iter().find(|(word, _)| Some(*word) == text).map(|(_, meaning)| *meaning).ok_or_else(|| {
            let names: Vec<_> = words.iter().map(|(word, _)| *word).collect();
            let quoted: Vec<_> = names.iter().map(|word| format!("{word:?}")).collect();
            let meant = text.map(|text| did_you_mean(text, &names)).unwrap_or_default();
            self.error(format!("expected {}, found {}{meant}", list(&quoted, "or"), shown(value)))
        })
    }
}

/// The members of a table in the order of the document.
pub(super) fn in_order<'a, 'i>(table: &'a DeTable<'i>) -> Vec<(&'a Key<'i>, &'a Spanned<DeValue<'i>>)> {
    let mut members: Vec<_> = table.iter().collect();
    members.sort_by_key(|(key, _)| key.span().start);
    members
}

/// A value in an error.
pub(super) fn shown(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) if text.len() <= 40 => format!("{text:?}"),
        DeValue::String(_) => "a text".to_owned(),
        DeValue::Integer(number) => number.to_string(),
        DeValue::Float(number) => number.to_string(),
        DeValue::Boolean(value) => value.to_string(),
        DeValue::Datetime(_) => "a date".to_owned(),
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    }
}

/// `a, b and c`.
pub(super) fn list(words: &[impl AsRef<str>], conjunction: &str) -> String {
    let words: Vec<_> = words.iter().map(AsRef::as_ref).collect();
    match words.split_last() {
        Some((last, others)) if !others.is_empty() => format!("{} {conjunction} {last}", others.join(", ")),
        _ => words.concat(),
    }
}

/// `; did you mean NAME?` for the most similar of the names, if there is one.
pub(super) fn did_you_mean(text: &str, names: &[impl AsRef<str>]) -> String {
    let text = text.to_lowercase();
    let distance = |name: &&str| strsim::osa_distance(&text, name);
    let nearest = names.iter().map(AsRef::as_ref).min_by_key(distance);
    match nearest.filter(|name| distance(name) <= (name.len() / 3).max(1)) {
        Some(name) => format!("; did you mean {name}?"),
        None => String::new(),
    }
}
