//! Entries of collections as the stores return them: pages of one collection, and what other modules read of entries.

use uuid::Uuid;

use crate::clock::Timestamp;
use crate::collections::Entry;
use crate::etag::EntityTag;

/// The number of entries in a page if a client does not ask for fewer, and the greatest one.
pub(crate) const MAX_PAGE: u32 = 100;

/// One page of a collection, which has the entry that was changed last first. Of two that were changed at the same time, the one
/// with the greater key is first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Page {
    pub(crate) limit: u32,
    pub(crate) after: Option<Position>,
}

impl Page {
    /// The page that a request without a query gets.
    pub(crate) const FIRST: Self = Self { limit: MAX_PAGE, after: None };
}

/// The position of an entry in a collection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) updated_at: Timestamp,
    pub(crate) key: String,
}

impl Position {
    /// Before every entry.
    pub(crate) const START: Self = Self { updated_at: Timestamp::from_millis(i64::MAX), key: String::new() };
}

/// The entries of one page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EntryList {
    pub(crate) entries: Vec<Entry>,
    /// Whether another page follows.
    pub(crate) has_more: bool,
}

impl EntryList {
    /// The page of the entries that the store has found, of which it looked for one more than the page has.
    pub(crate) fn of(mut found: Vec<Entry>, limit: u32) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let has_more = found.len() > limit;
        found.truncate(limit);
        Self { entries: found, has_more }
    }

    /// The position after which the next page begins.
    pub(crate) fn next(&self) -> Option<Position> {
        let last = self.entries.last().filter(|_| self.has_more)?;
        Some(Position { updated_at: last.updated_at, key: last.key.clone() })
    }

    pub(crate) fn tag(&self) -> EntityTag {
        let entries: Vec<_> = self
            .entries
            .iter()
            .map(|entry| (&entry.key, &entry.value, entry.created_at.as_millis(), entry.updated_at.as_millis()))
            .collect();
        EntityTag::of(&(entries, self.has_more))
    }
}

/// An entry that a change has written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) entry: Entry,
    /// Whether there was no entry with its key before.
    pub(crate) is_new: bool,
}

/// An entry without its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) collection: String,
    pub(crate) key: String,
    pub(crate) updated_at: Timestamp,
}

/// An entry with its collection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CollectionEntry {
    pub(crate) collection: String,
    pub(crate) entry: Entry,
}

/// An entry of any user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UserEntry {
    pub(crate) user: Uuid,
    pub(crate) collection: String,
    pub(crate) entry: Entry,
}

/// The place of an entry in the order of [`GuestDataStore::user_entries`](super::GuestDataStore::user_entries).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UserEntryPosition {
    pub(crate) user: Uuid,
    pub(crate) collection: String,
    pub(crate) key: String,
}

impl UserEntryPosition {
    /// Before every entry.
    pub(crate) const START: Self = Self { user: Uuid::nil(), collection: String::new(), key: String::new() };
}

impl From<UserEntry> for UserEntryPosition {
    fn from(UserEntry { user, collection, entry }: UserEntry) -> Self {
        Self { user, collection, key: entry.key }
    }
}
