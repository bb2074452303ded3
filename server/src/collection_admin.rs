//! The check of stored entries against declarations, for `guestpass collections check` and for programs that embed the server.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use uuid::Uuid;

use crate::collections::{Collection, Collections, Key, ValueError};
use crate::config::StoreLocation;
use crate::open::{OpenError, open_store_for_admin};
use crate::store::{Store, StoreError, UserEntry, UserEntryPosition};

/// How many entries are read at a time.
const BATCH: u32 = 1000;

/// How many problems of a collection a report describes. All of them are counted.
const MAX_PROBLEMS: usize = 5;

/// Reads the collections of a store while servers use it. Changes nothing.
#[derive(Debug)]
pub struct CollectionAdmin {
    store: Arc<dyn Store>,
}

/// Which entries of one collection its declaration would not allow.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CollectionReport {
    /// The name of the collection.
    pub collection: String,
    /// Whether it is declared. The entries of other collections are kept, exported and merged, and no request reaches them.
    pub is_declared: bool,
    /// The number of all entries.
    pub entries: u64,
    /// The number of guests and members with entries.
    pub guests: u64,
    /// The number of guests and members with more entries than declared.
    pub guests_over_limit: u64,
    /// The number of entries that they have beyond the limit, together.
    pub entries_over_limit: u64,
    /// The number of values that are longer than declared.
    pub too_long: u64,
    /// The number of values that break the schema or the bounds.
    pub invalid: u64,
    /// The number of entries whose key no request can have.
    pub bad_keys: u64,
    /// The first problems.
    pub problems: Vec<CollectionProblem>,
}

/// An entry, or a guest's entries, that the declaration would not allow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CollectionProblem {
    /// The id of the guest or member.
    pub user: Uuid,
    /// The key of the entry. `None`: the problem is the number of entries.
    pub key: Option<String>,
    /// The place in the value, as a JSON Pointer (RFC 6901).
    pub pointer: Option<String>,
    /// What is wrong.
    pub detail: String,
}

impl CollectionReport {
    /// Whether the declaration allows every entry.
    pub const fn fits(&self) -> bool {
        (self.is_declared || self.entries == 0)
            && self.guests_over_limit == 0
            && self.too_long == 0
            && self.invalid == 0
            && self.bad_keys == 0
    }

    fn add_problem(&mut self, user: Uuid, key: Option<&str>, pointer: Option<String>, detail: String) {
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(CollectionProblem { user, key: key.map(str::to_owned), pointer, detail });
        }
    }

    /// Adds one entry.
    fn add(&mut self, declared: Option<&Collection>, UserEntry { user, entry, .. }: &UserEntry) {
        self.entries += 1;
        let Some(declared) = declared else { return };
        if let Err(error) = Key::try_from(entry.key.clone()) {
            self.bad_keys += 1;
            self.add_problem(*user, Some(&entry.key), None, error.to_string());
        }
        match declared.check(&entry.value) {
            Ok(()) => {}
            Err(ValueError::TooLong { limit }) => {
                self.too_long += 1;
                let detail = format!("the value has {} bytes, and at most {limit}", entry.value.to_string().len());
                self.add_problem(*user, Some(&entry.key), None, detail);
            }
            Err(ValueError::Invalid(places)) => {
                self.invalid += 1;
                if let Some(place) = places.into_iter().next() {
                    self.add_problem(*user, Some(&entry.key), Some(place.pointer), place.detail);
                }
            }
        }
    }

    /// Adds the number of entries that one user has.
    fn add_user(&mut self, declared: Option<&Collection>, user: Uuid, entries: u64) {
        self.guests += 1;
        let Some(limit) = declared.map(|declared| u64::from(declared.entries)) else { return };
        if entries > limit {
            self.guests_over_limit += 1;
            self.entries_over_limit += entries - limit;
            self.add_problem(user, None, None, format!("{entries} entries, and at most {limit}"));
        }
    }
}

impl CollectionAdmin {
    /// Opens an existing store. Servers of this version may be using it.
    ///
    /// # Errors
    /// The store does not exist, or its schema is that of another version.
    pub async fn open(location: &StoreLocation) -> Result<Self, OpenError> {
        let opened = open_store_for_admin(location).await;
        let store = opened.map_err(|error| OpenError::Store { location: location.clone(), error })?;
        Ok(Self { store })
    }

    /// Compares every stored entry with the declarations: one report for each collection that is declared or has entries, in the
    /// order of their names. Calls `progress` with the number of entries that have been read, from time to time.
    ///
    /// # Errors
    /// The store failed.
    pub async fn check(
        &self,
        collections: &Collections,
        mut progress: impl FnMut(u64),
    ) -> Result<Vec<CollectionReport>, StoreError> {
        let report = |name: &str| CollectionReport {
            collection: name.to_owned(),
            is_declared: collections.get(name).is_some(),
            ..CollectionReport::default()
        };
        let mut reports: BTreeMap<_, _> =
            collections.iter().map(|collection| (collection.name.clone(), report(&collection.name))).collect();
        let mut position = UserEntryPosition::START;
        // The entries of one user in one collection follow each other.
        let mut last: Option<(Uuid, String, u64)> = None;
        let mut read = 0;
        loop {
            let entries = self.store.user_entries(position.clone(), BATCH).await?;
            let has_more = u32::try_from(entries.len()).is_ok_and(|found| found == BATCH);
            for entry in entries {
                let name = entry.collection.as_str();
                match &mut last {
                    Some((user, collection, count)) if *user == entry.user && collection == name => *count += 1,
                    other => {
                        if let Some((user, collection, count)) = other.replace((entry.user, name.to_owned(), 1)) {
                            let declared = collections.get(&collection).map(|declared| &**declared);
                            let reported = reports.entry(collection);
                            reported.or_default().add_user(declared, user, count);
                        }
                    }
                }
                let declared = collections.get(name).map(|declared| &**declared);
                reports.entry(name.to_owned()).or_insert_with(|| report(name)).add(declared, &entry);
                read += 1;
                position = entry.into();
            }
            progress(read);
            if !has_more {
                break;
            }
        }
        if let Some((user, collection, count)) = last {
            let declared = collections.get(&collection).map(|declared| &**declared);
            reports.entry(collection).or_default().add_user(declared, user, count);
        }
        Ok(reports.into_values().collect())
    }

    /// Closes the store.
    pub async fn close(&self) {
        self.store.close().await;
    }
}
