//! Declarations of collections as TOML: reading, and every error with its line.

mod members;
mod place;
mod print;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;

use toml::de::{DeTable, DeValue};

use self::place::{Document, Place, did_you_mean, in_order, list, shown};
use super::{Collection, Collections, Full, MAX_ENTRIES, MAX_VALUE_BYTES};

/// The key of a TOML document whose table has the declarations.
const TABLE: &str = "collections";

/// The members of a declaration.
const MEMBERS: [&str; 6] = ["entries", "full", "value_bytes", "merge", "bounds", "schema"];

/// Names that other paths below `/me` have, or that later versions may give to such paths.
pub(super) const RESERVED: [&str; 12] = [
    "export",
    "sessions",
    "credentials",
    "passkeys",
    "identities",
    "password",
    "email",
    "metadata",
    "label",
    "audit",
    "devices",
    "collections",
];

/// The default collections.
static DEFAULT: LazyLock<Collections> = LazyLock::new(|| {
    // A test reads the file.
    declare(BTreeMap::new(), include_str!("default.toml"), Path::new("")).unwrap_or_else(|_| Collections::of([]))
});

/// A declaration that cannot work, with its line in the TOML document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct DeclarationError {
    line: usize,
    reason: String,
}

impl DeclarationError {
    /// The line, counted from 1.
    pub const fn line(&self) -> usize {
        self.line
    }
}

impl Default for Collections {
    /// `cart`, `favorites`, `history` and `preferences`, as `default.toml` declares them.
    fn default() -> Self {
        DEFAULT.clone()
    }
}

impl Collections {
    /// Reads the table `collections` of a TOML document; its other keys are ignored. The default collections are there too,
    /// unless the table declares a collection of the same name, or removes one: `history = false`. `directory` is where the file
    /// of a schema is looked up: the directory of the document.
    ///
    /// # Errors
    /// The first declaration that cannot work, in the order of the document.
    pub fn from_toml(text: &str, directory: &Path) -> Result<Self, DeclarationError> {
        let defaults = Self::default();
        declare(
            defaults.iter().map(|default| (default.name.clone(), Collection::clone(default))).collect(),
            text,
            directory,
        )
    }
}

/// Adds the declarations of a document to `collections`, and removes those that it removes.
fn declare(
    mut collections: BTreeMap<String, Collection>,
    text: &str,
    directory: &Path,
) -> Result<Collections, DeclarationError> {
    let document = Document { text, directory };
    let table = DeTable::parse(text).map_err(|error| {
        document.error(error.span().map_or(0, |span| span.start), error.message().replace('\n', ", "))
    })?;
    if let Some((key, declarations)) = table.get_ref().get_key_value(TABLE) {
        let place = Place::new(document, key);
        let DeValue::Table(declarations) = declarations.get_ref() else {
            return Err(place.error("expected a table with one declaration for each collection"));
        };
        for (key, value) in in_order(declarations) {
            let (name, place) = (key.get_ref().to_string(), place.member(key));
            match value.get_ref() {
                DeValue::Boolean(false) => {
                    if collections.remove(&name).is_none() {
                        return Err(no_default(&name, &place));
                    }
                }
                DeValue::Table(members) => {
                    collections.insert(name.clone(), collection(&name, &place, members)?);
                }
                other => {
                    return Err(place.error(format!(
                        "expected a table such as {{ entries = 100 }}, or false, which removes a default collection; found {}",
                        shown(other),
                    )));
                }
            }
        }
    }
    Ok(Collections::of(collections.into_values()))
}

fn no_default(name: &str, place: &Place<'_>) -> DeclarationError {
    let defaults = Collections::default();
    let names: Vec<_> = defaults.iter().map(|default| default.name.as_str()).collect();
    place.error(format!(
        "false removes a default collection, and there is none of this name{}; the default collections are {}",
        did_you_mean(name, &names),
        list(&names, "and"),
    ))
}

fn collection(name: &str, place: &Place<'_>, members: &DeTable<'_>) -> Result<Collection, DeclarationError> {
    check_name(name, place)?;
    let mut collection = Collection::named(name);
    for (key, value) in in_order(members) {
        let (place, value) = (place.member(key), value.get_ref());
        match key.get_ref().as_ref() {
            "entries" => collection.entries = place.integer(value, MAX_ENTRIES)?,
            "full" => {
                collection.full = place.word(value, &[("refuse", Full::Refuse), ("drop-oldest", Full::DropOldest)])?;
            }
            "value_bytes" => collection.value_bytes = place.integer(value, MAX_VALUE_BYTES)?,
            "merge" => collection.merge = members::merge(&place, value)?,
            "bounds" => collection.bounds = members::bounds(&place, value)?,
            "schema" => collection.schema = Some(members::schema(&place, value)?),
            other => {
                return Err(place.error(format!(
                    "there is no such member{}; a declaration has {}",
                    did_you_mean(other, &MEMBERS),
                    list(&MEMBERS, "and"),
                )));
            }
        }
    }
    members::check(place, members, &collection)?;
    Ok(collection)
}

fn check_name(name: &str, place: &Place<'_>) -> Result<(), DeclarationError> {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte);
    let is_name =
        name.starts_with(|first: char| first.is_ascii_lowercase()) && name.len() <= 32 && name.bytes().all(allowed);
    if !is_name {
        return Err(place.error(
            "the name of a collection has 1 to 32 characters of a to z, 0 to 9, _ and -, and begins with a letter",
        ));
    }
    if RESERVED.contains(&name) {
        let reason = format!("this name is reserved, as are {}; choose another one", list(&RESERVED, "and"));
        return Err(place.error(reason));
    }
    Ok(())
}
