//! Collections: the data that an app keeps about its guests. A collection is a named set of entries (key → JSON value) of each
//! guest, with limits, a schema and a rule for merges, which the operator declares.
//!
//! Everything here is pure: the stores call it inside of their transactions. `declaration` reads the declarations; `value`,
//! `schema`, `subschemas` and `number` check values; `change` decides what a change of an entry does; `merge` merges the entry of a guest into
//! that of an account.

mod change;
mod declaration;
mod entry;
mod merge;
mod number;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod random;
mod schema;
mod subschemas;
mod value;

use std::collections::BTreeMap;
use std::sync::Arc;

pub(crate) use self::change::{
    ADDITION_KEY_WINDOW, Addition, AdditionKey, ChangeError, Decision, Edit, EntryChange, MAX_ADDITION_KEYS,
};
pub use self::declaration::DeclarationError;
pub(crate) use self::entry::{Entry, Key, MAX_KEY_BYTES};
pub(crate) use self::merge::{Merge, MergeRule};
pub(crate) use self::number::Bounds;
pub(crate) use self::schema::{Schema, SchemaError};
pub(crate) use self::subschemas::each_subschema;
pub(crate) use self::value::{InvalidPlace, ValueError};

/// The greatest number of entries that a declaration can allow.
pub(crate) const MAX_ENTRIES: u32 = 10_000;

/// The greatest length of a value that a declaration can allow, in bytes of compact JSON: as long as the body of a request.
pub(crate) const MAX_VALUE_BYTES: usize = 16 * 1024;

/// All collections of a server. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collections(Arc<BTreeMap<String, Arc<Collection>>>);

impl Collections {
    pub(crate) fn of(collections: impl IntoIterator<Item = Collection>) -> Self {
        let by_name = collections.into_iter().map(|collection| (collection.name.clone(), Arc::new(collection)));
        Self(Arc::new(by_name.collect()))
    }

    /// The collection with this name, if it is declared.
    pub(crate) fn get(&self, name: &str) -> Option<&Arc<Collection>> {
        self.0.get(name)
    }

    /// The collections in the order of their names.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Collection>> {
        self.0.values()
    }
}

/// The declaration of a collection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Collection {
    pub(crate) name: String,
    /// The greatest number of entries of one guest.
    pub(crate) entries: u32,
    pub(crate) full: Full,
    /// The greatest length of a value, in bytes of compact JSON.
    pub(crate) value_bytes: usize,
    pub(crate) merge: Merge,
    /// The bounds of members of values, by the name of the member. The values are objects if there are any.
    pub(crate) bounds: BTreeMap<String, Bounds>,
    pub(crate) schema: Option<Schema>,
}

impl Collection {
    /// A collection with the defaults of a declaration.
    pub(crate) fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            entries: 100,
            full: Full::Refuse,
            value_bytes: 4096,
            merge: Merge::Whole(MergeRule::Newest),
            bounds: BTreeMap::new(),
            schema: None,
        }
    }

    /// The rules for entries whose collection is not declared any more: they are kept as they are.
    pub(crate) fn undeclared(name: &str) -> Self {
        Self { entries: u32::MAX, value_bytes: usize::MAX, ..Self::named(name) }
    }
}

/// What a full collection does with a new entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Full {
    /// Refuses it.
    Refuse,
    /// Removes the entry that was changed longest ago.
    DropOldest,
}
