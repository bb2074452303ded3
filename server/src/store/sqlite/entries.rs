//! Entries of collections.

use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, named_params, params};
use uuid::Uuid;

use super::guests::{Owner, owner};
use super::{TransactionError, addition_keys, id_column, id_text, time_column};
use crate::clock::Timestamp;
use crate::collections::{ChangeError, Decision, Edit, Entry, EntryChange};
use crate::etag::Conditions;
use crate::store::{
    CollectionEntry, DataError, EntryList, Mark, Page, Position, UserEntry, UserEntryPosition, Written,
};

pub(super) fn entries(
    db: &Connection,
    guest: Uuid,
    collection: &str,
    page: Page,
) -> Result<EntryList, TransactionError> {
    Ok(page_of(db, &owner(db, guest)?, collection, page)?)
}

/// Finds the page by keys and times first, so that no other values are read.
fn page_of(db: &Connection, owner: &Owner, collection: &str, page: Page) -> rusqlite::Result<EntryList> {
    let after = page.after.unwrap_or(Position::START);
    let found = db
        .prepare_cached(
            "SELECT entry.* FROM (
                 SELECT key FROM entry
                 WHERE user_id = :user AND collection = :collection AND (updated_at, key) < (:after, :after_key)
                 ORDER BY updated_at DESC, key DESC LIMIT :limit
             ) AS found
             JOIN entry ON entry.user_id = :user AND entry.collection = :collection AND entry.key = found.key
             ORDER BY entry.updated_at DESC, entry.key DESC",
        )?
        .query_map(
            named_params! {
                ":user": owner.id,
                ":collection": collection,
                ":after": after.updated_at.as_millis(),
                ":after_key": after.key,
                ":limit": page.limit.saturating_add(1),
            },
            entry_row,
        )?
        .collect::<Result<_, _>>()?;
    Ok(EntryList::of(found, page.limit))
}

pub(super) fn entry(db: &Connection, guest: Uuid, collection: &str, key: &str) -> Result<Entry, TransactionError> {
    let owner = owner(db, guest)?;
    stored(db, &owner, collection, key)?.ok_or_else(|| DataError::NoEntry.into())
}

/// The writer runs one job at a time, so the rows that are read here do not change before the writes.
pub(super) fn change(db: &Connection, guest: Uuid, change: &EntryChange) -> Result<Option<Written>, TransactionError> {
    let owner = owner(db, guest)?;
    let collection = &change.collection.name;
    let current = stored(db, &owner, collection, change.key.as_str())?;
    if let Some(key) = &change.addition_key
        && addition_keys::was_used(db, &owner, key, change.now)?
    {
        let entry = current.ok_or(DataError::NoEntry)?;
        return Ok(Some(Written { entry, is_new: false }));
    }
    // Only a new entry needs room.
    let others = match (&current, &change.edit) {
        (Some(_), _) | (None, Edit::Remove) => 0,
        (None, _) => count(db, &owner, collection)?,
    };
    let written = match change.decide(current.as_ref(), others)? {
        Decision::Write { entry, is_new, dropped } => {
            write(db, &owner.id, collection, &entry)?;
            if dropped > 0 {
                drop_oldest(db, &owner, collection, &entry.key, dropped)?;
            }
            Some(Written { entry, is_new })
        }
        Decision::Remove => {
            db.prepare_cached("DELETE FROM entry WHERE user_id = ?1 AND collection = ?2 AND key = ?3")?
                .execute(params![owner.id, collection, change.key.as_str()])?;
            None
        }
        Decision::Nothing => None,
    };
    if let Some(key) = &change.addition_key {
        addition_keys::remember(db, &owner, key, change.now)?;
    }
    Ok(written)
}

pub(super) fn clear(
    db: &Connection,
    guest: Uuid,
    collection: &str,
    conditions: &Conditions,
) -> Result<(), TransactionError> {
    let owner = owner(db, guest)?;
    if !conditions.are_empty() && !conditions.allow_change(&page_of(db, &owner, collection, Page::FIRST)?.tag()) {
        return Err(ChangeError::PreconditionFailed.into());
    }
    db.prepare_cached("DELETE FROM entry WHERE user_id = ?1 AND collection = ?2")?
        .execute(params![owner.id, collection])?;
    Ok(())
}

pub(super) fn marks(db: &Connection, guest: Uuid, collections: &[String]) -> Result<Vec<Mark>, TransactionError> {
    let owner = owner(db, guest)?;
    let mut query =
        db.prepare_cached("SELECT key, updated_at FROM entry WHERE user_id = ?1 AND collection = ?2 ORDER BY key")?;
    let mut marks = Vec::new();
    for collection in collections {
        let mark = |row: &Row<'_>| {
            let (key, updated_at) = (row.get("key")?, time_column(row, "updated_at")?);
            Ok(Mark { collection: collection.clone(), key, updated_at })
        };
        for mark in query.query_map(params![owner.id, collection], mark)? {
            marks.push(mark?);
        }
    }
    Ok(marks)
}

/// All entries of a user, in the order of collections and, in each, of pages.
pub(super) fn all_of_user(db: &Connection, owner: &Owner) -> rusqlite::Result<Vec<CollectionEntry>> {
    db.prepare_cached("SELECT * FROM entry WHERE user_id = ?1 ORDER BY collection, updated_at DESC, key DESC")?
        .query_map([&owner.id], |row| {
            Ok(CollectionEntry { collection: row.get("collection")?, entry: entry_row(row)? })
        })?
        .collect()
}

pub(super) fn user_entries(db: &Connection, after: &UserEntryPosition, limit: u32) -> rusqlite::Result<Vec<UserEntry>> {
    let UserEntryPosition { user, collection, key } = after;
    db.prepare_cached(
        "SELECT * FROM entry WHERE (user_id, collection, key) > (?1, ?2, ?3) ORDER BY user_id, collection, key LIMIT ?4",
    )?
    .query_map(params![id_text(*user), collection, key, limit], |row| {
        Ok(UserEntry { user: id_column(row, "user_id")?, collection: row.get("collection")?, entry: entry_row(row)? })
    })?
    .collect()
}

/// Writes an entry of a user, whether it exists or not.
pub(super) fn write(db: &Connection, user: &str, collection: &str, entry: &Entry) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT INTO entry (user_id, collection, key, created_at, updated_at, value)
         VALUES (:user, :collection, :key, :created_at, :updated_at, :value)
         ON CONFLICT (user_id, collection, key) DO UPDATE SET
             created_at = excluded.created_at, updated_at = excluded.updated_at, value = excluded.value",
    )?
    .execute(named_params! {
        ":user": user,
        ":collection": collection,
        ":key": entry.key,
        ":created_at": entry.created_at.as_millis(),
        ":updated_at": entry.updated_at.as_millis(),
        ":value": entry.value.to_string(),
    })?;
    Ok(())
}

fn stored(db: &Connection, owner: &Owner, collection: &str, key: &str) -> rusqlite::Result<Option<Entry>> {
    db.prepare_cached("SELECT * FROM entry WHERE user_id = ?1 AND collection = ?2 AND key = ?3")?
        .query_row(params![owner.id, collection, key], entry_row)
        .optional()
}

fn count(db: &Connection, owner: &Owner, collection: &str) -> rusqlite::Result<u32> {
    db.prepare_cached("SELECT count(*) FROM entry WHERE user_id = ?1 AND collection = ?2")?
        .query_row(params![owner.id, collection], |row| row.get(0))
}

/// Removes the entries that were changed longest ago, and never the one with the key `kept`.
fn drop_oldest(db: &Connection, owner: &Owner, collection: &str, kept: &str, number: u32) -> rusqlite::Result<()> {
    db.prepare_cached(
        "DELETE FROM entry WHERE user_id = ?1 AND collection = ?2 AND key IN (
             SELECT key FROM entry WHERE user_id = ?1 AND collection = ?2 AND key <> ?3
             ORDER BY updated_at, key LIMIT ?4
         )",
    )?
    .execute(params![owner.id, collection, kept, number])?;
    Ok(())
}

pub(super) fn entry_row(row: &Row<'_>) -> rusqlite::Result<Entry> {
    let (created_at, updated_at) = (time_column(row, "created_at")?, time_column(row, "updated_at")?);
    entry_of(row.get("key")?, &row.get::<_, String>("value")?, created_at, updated_at)
}

/// An entry whose value is the text of JSON.
pub(super) fn entry_of(
    key: String,
    value: &str,
    created_at: Timestamp,
    updated_at: Timestamp,
) -> rusqlite::Result<Entry> {
    let value = serde_json::from_str(value)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(0, Type::Text, Box::new(error)))?;
    Ok(Entry { key, value, created_at, updated_at })
}
