//! Reads the JSON file of a catalogue and checks it.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::{Catalogue, Item, MarkCollections, Members};
use crate::collections::{Collections, Key};

/// The greatest number of items.
const MAX_ITEMS: usize = 10_000;
/// The greatest size of the file in bytes.
const MAX_BYTES: usize = 4 * 1024 * 1024;
/// The greatest whole number that every JSON parser reads exactly: 2^53 - 1 (RFC 8259 §6).
const MAX_SAFE_INTEGER: u64 = (1 << 53) - 1;

/// The catalogue of a server without the setting.
const SAMPLE: &str = include_str!("sample.json");

/// A catalogue that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CatalogueError {
    /// The file cannot be read.
    #[error("the file cannot be read: {0}")]
    Unreadable(String),
    /// The file is too large.
    #[error(
        "the file is larger than 4 MiB, which is the limit; move large members to another place, and keep their URL here"
    )]
    TooLarge,
    /// The file is not JSON, or its members do not have the types of a catalogue. The message has line and column.
    #[error("{0}")]
    Json(String),
    /// There are too many items.
    #[error("items: there are {0} items, and the limit is 10000; serve a larger catalogue from a service of your own")]
    TooManyItems(usize),
    /// An item is wrong.
    #[error("items[{index}]{}, member {member:?}: {error}", of_id(id.as_deref()))]
    Item {
        /// The index in the list, from 0.
        index: usize,
        /// The id as it is in the file, cut to 64 characters. `None` if the item has none.
        id: Option<String>,
        /// The name of the member.
        member: String,
        /// The rule that the member breaks.
        error: ItemError,
    },
    /// `collections` names a collection that is not declared.
    #[error("collections.{member}: the collection {name:?} is not declared; declared are: {}", declared.join(", "))]
    UndeclaredCollection {
        /// `favorites`, `viewed` or `owned`.
        member: &'static str,
        /// The name in the file.
        name: String,
        /// The names of the declared collections.
        declared: Vec<String>,
    },
}

/// The rule that a member of an item breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ItemError {
    /// The item needs the member, and does not have it or has an empty text.
    #[error("is missing or empty; each item has an id (a text or a whole number) and a name (a text)")]
    Missing,
    /// The value is not a text.
    #[error("must be a text")]
    NotText,
    /// The id is neither a text nor a whole number.
    #[error(
        "must be a text, or a whole number from -9007199254740991 to 9007199254740991 without fraction and exponent"
    )]
    NotAnId,
    /// The id cannot be the key of an entry in a collection.
    #[error("{0}")]
    NotAKey(String),
    /// An item before this one has the same id.
    #[error("is also the id of items[{first}]; the number 1 and the text \"1\" are the same id")]
    Duplicate {
        /// The index of the first item with the id.
        first: usize,
    },
    /// The server adds a member of this name.
    #[error("is added by the server; give the member another name")]
    Reserved,
}

fn of_id(id: Option<&str>) -> String {
    id.map(|id| format!(" (id {id})")).unwrap_or_default()
}

impl Catalogue {
    /// Reads the catalogue from a file, or the sample if there is no file, and checks it.
    ///
    /// # Errors
    /// The first reason why the catalogue cannot be used.
    pub(crate) async fn read(file: Option<PathBuf>, collections: &Collections) -> Result<Self, CatalogueError> {
        let Some(file) = file else { return Self::parse(SAMPLE.as_bytes(), collections) };
        let content = tokio::task::spawn_blocking(move || content(&file));
        let content = content.await.map_err(|error| CatalogueError::Unreadable(error.to_string()))??;
        Self::parse(&content, collections)
    }

    /// # Errors
    /// The first reason why the catalogue cannot be used.
    pub(crate) fn parse(json: &[u8], collections: &Collections) -> Result<Self, CatalogueError> {
        // The message can contain the name of an unknown member.
        let wrong = |error: serde_json::Error| CatalogueError::Json(error.to_string().replace(char::is_control, " "));
        // The members of items are kept as text, for which serde_json checks neither depth, ranges of numbers nor surrogates. A
        // response with such a text could be unreadable for clients.
        serde_json::from_slice::<Value>(json).map_err(wrong)?;
        let CatalogueFile { name, collections: named, items } = serde_json::from_slice(json).map_err(wrong)?;
        if items.len() > MAX_ITEMS {
            return Err(CatalogueError::TooManyItems(items.len()));
        }
        let collections = named.check(collections)?;
        let mut positions = HashMap::new();
        let items = items.into_iter().enumerate().map(|(index, members)| {
            let item = item(index, members)?;
            match positions.entry(item.key.clone()) {
                Entry::Vacant(entry) => entry.insert(index),
                Entry::Occupied(first) => {
                    let error = ItemError::Duplicate { first: *first.get() };
                    return Err(item_error(index, &item.members, "id", error));
                }
            };
            Ok(item)
        });
        let items = items.collect::<Result<_, _>>()?;
        Ok(Self { name, collections, items, positions })
    }
}

fn content(file: &Path) -> Result<Vec<u8>, CatalogueError> {
    let unreadable = |error: std::io::Error| CatalogueError::Unreadable(error.to_string());
    // To open a named pipe would wait for a writer.
    if !std::fs::metadata(file).map_err(unreadable)?.is_file() {
        return Err(CatalogueError::Unreadable("it is not a regular file".to_owned()));
    }
    let mut content = Vec::new();
    let opened = File::open(file).map_err(unreadable)?;
    opened.take(MAX_BYTES as u64 + 1).read_to_end(&mut content).map_err(unreadable)?;
    if content.len() > MAX_BYTES { Err(CatalogueError::TooLarge) } else { Ok(content) }
}

/// The whole file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CatalogueFile {
    name: String,
    #[serde(default)]
    collections: NamedCollections,
    items: Vec<Members>,
}

/// The collections that the file names. Without a name, a default applies if it is declared.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct NamedCollections {
    favorites: Option<String>,
    viewed: Option<String>,
    owned: Option<Vec<String>>,
}

impl NamedCollections {
    fn check(self, collections: &Collections) -> Result<MarkCollections, CatalogueError> {
        let is_declared = |name: &String| collections.get(name).is_some();
        let named = |member, name: Option<String>| match name {
            Some(name) if !is_declared(&name) => {
                let declared = collections.iter().map(|collection| collection.name.clone()).collect();
                Err(CatalogueError::UndeclaredCollection { member, name, declared })
            }
            name => Ok(name),
        };
        let default = |name: &str| Some(name.to_owned()).filter(is_declared);
        let owned = match self.owned {
            Some(names) => names.into_iter().map(|name| named("owned", Some(name))).collect::<Result<Vec<_>, _>>()?,
            None => vec![default("cart")],
        };
        Ok(MarkCollections {
            favorites: named("favorites", self.favorites)?.or_else(|| default("favorites")),
            viewed: named("viewed", self.viewed)?.or_else(|| default("history")),
            owned: owned.into_iter().flatten().collect(),
        })
    }
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor;

        impl<'de> Visitor<'de> for MembersVisitor {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an item: an object with id and name")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let (mut members, mut names) = (Vec::new(), HashSet::new());
                while let Some((name, value)) = map.next_entry::<String, Box<RawValue>>()? {
                    if !names.insert(name.clone()) {
                        return Err(A::Error::custom(format_args!("an item has the member {name:?} twice")));
                    }
                    members.push((name, value));
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(MembersVisitor)
    }
}

impl Members {
    fn get(&self, name: &str) -> Option<&RawValue> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| &**value)
    }

    /// A member that must be a text. `None`: it is missing or empty.
    fn text(&self, name: &str) -> Result<Option<String>, ItemError> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let text: String = serde_json::from_str(value.get()).map_err(|_| ItemError::NotText)?;
        Ok(Some(text).filter(|text| !text.is_empty()))
    }
}

/// Checks an item of the file.
fn item(index: usize, members: Members) -> Result<Item, CatalogueError> {
    let wrong = |member: &str, error| item_error(index, &members, member, error);
    let id = members.get("id").ok_or_else(|| wrong("id", ItemError::Missing))?.to_owned();
    let key = key(&id).map_err(|error| wrong("id", error))?;
    let name = members.text("name").and_then(|name| name.ok_or(ItemError::Missing));
    let name = name.map_err(|error| wrong("name", error))?;
    let category = members.text("category").map_err(|error| wrong("category", error))?;
    for reserved in ["favorite", "viewed_at"] {
        if members.get(reserved).is_some() {
            return Err(wrong(reserved, ItemError::Reserved));
        }
    }
    Ok(Item { key, id, name, category, members })
}

/// The id as text.
fn key(id: &RawValue) -> Result<String, ItemError> {
    let key = match serde_json::from_str(id.get()) {
        Ok(Value::String(text)) => text,
        // Also if the number is written as 1.0 or 1e3: then it is not an `i64`.
        Ok(Value::Number(number)) => {
            let number = number.as_i64().filter(|number| number.unsigned_abs() <= MAX_SAFE_INTEGER);
            number.ok_or(ItemError::NotAnId)?.to_string()
        }
        _ => return Err(ItemError::NotAnId),
    };
    let key = Key::try_from(key).map_err(|error| ItemError::NotAKey(error.to_string()))?;
    Ok(key.as_str().to_owned())
}

fn item_error(index: usize, members: &Members, member: &str, error: ItemError) -> CatalogueError {
    const SHOWN: usize = 64;
    let id = members.get("id").map(|id| {
        let shown: String = id.get().chars().take(SHOWN).collect();
        let cut = if shown.len() < id.get().len() { "…" } else { "" };
        shown.replace(char::is_control, " ") + cut
    });
    CatalogueError::Item { index, id, member: member.to_owned(), error }
}

#[cfg(test)]
mod tests;
