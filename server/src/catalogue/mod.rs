//! The catalogue behind `GET /items/`: the operator's items, which a JSON file contains.
//!
//! The server needs of an item its `id`, its `name` and its `category`. All further members are the app's own and pass through
//! unchanged. The marks of a guest (favourites, views, owned items) are entries of collections whose key is the id as text.

mod file;

use std::collections::HashMap;

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use serde_json::value::RawValue;

pub use self::file::{CatalogueError, ItemError};

use crate::clock::Timestamp;
use crate::store::Mark;

/// A valid catalogue.
#[derive(Debug)]
pub(crate) struct Catalogue {
    /// The name of the shop or app.
    pub(crate) name: String,
    pub(crate) collections: MarkCollections,
    /// In the order of the file.
    items: Vec<Item>,
    /// The index of each item, by its key.
    positions: HashMap<String, usize>,
}

/// The collections whose entries mark items. Each of them is declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MarkCollections {
    pub(crate) favorites: Option<String>,
    pub(crate) viewed: Option<String>,
    /// An item with an entry in one of these is not recommended.
    pub(crate) owned: Vec<String>,
}

impl MarkCollections {
    /// The names of all of them, each once.
    pub(crate) fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = self.favorites.iter().chain(&self.viewed).chain(&self.owned).cloned().collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

/// One item of the catalogue.
#[derive(Debug)]
pub(crate) struct Item {
    /// The id as text: the key of the item's entries in collections.
    key: String,
    /// The id as it is in the file: a text or a whole number.
    pub(crate) id: Box<RawValue>,
    pub(crate) name: String,
    /// Recommendations are made by category.
    pub(crate) category: Option<String>,
    pub(crate) members: Members,
}

/// The members of an item in the order of the file, with the values as they are written there: a number keeps its digits.
#[derive(Debug)]
pub(crate) struct Members(Vec<(String, Box<RawValue>)>);

impl Serialize for Members {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// One item of the catalogue, with what a guest has done with it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PersonalItem<'a> {
    pub(crate) item: &'a Item,
    /// When the guest last viewed it.
    pub(crate) viewed_at: Option<Timestamp>,
    /// Since when it has been a favourite.
    pub(crate) favorite_since: Option<Timestamp>,
    /// Whether it is in a collection of owned items, such as the cart.
    pub(crate) owned: bool,
}

impl Catalogue {
    /// The number of items.
    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }

    /// All items in the order of the catalogue, each with what a guest has done with it. Marks of items that the catalogue does
    /// not have are ignored.
    pub(crate) fn personal(&self, marks: &[Mark]) -> Vec<PersonalItem<'_>> {
        let unknown = |item| PersonalItem { item, viewed_at: None, favorite_since: None, owned: false };
        let mut items: Vec<_> = self.items.iter().map(unknown).collect();
        for mark in marks {
            let Some(item) = self.positions.get(&mark.key).and_then(|position| items.get_mut(*position)) else {
                continue;
            };
            let collection = Some(&mark.collection);
            if collection == self.collections.favorites.as_ref() {
                item.favorite_since = Some(mark.updated_at);
            }
            if collection == self.collections.viewed.as_ref() {
                item.viewed_at = Some(mark.updated_at);
            }
            item.owned |= self.collections.owned.contains(&mark.collection);
        }
        items
    }
}
