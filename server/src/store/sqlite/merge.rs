//! Moves the data of a guest to an account, with the rule of each collection (S8).

use rusqlite::{Connection, params};

use super::entries::{entry_of, entry_row, write};
use super::{addition_keys, time_column};
use crate::collections::{Collection, Collections, Entry, Full, MAX_ADDITION_KEYS};

/// How many entries are merged at a time, which limits the memory of a merge.
const BATCH: u32 = 200;

/// Moves all rows and sessions. Part of the transaction that makes the guest a tombstone.
pub(super) fn move_rows(
    db: &Connection,
    collections: &Collections,
    guest: &str,
    account: &str,
) -> rusqlite::Result<()> {
    let both = params![guest, account];
    merge_entries(db, collections, guest, account)?;
    let moved: Vec<String> = db
        .prepare_cached("SELECT DISTINCT collection FROM entry WHERE user_id = ?1")?
        .query_map([guest], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    // An entry that both had is in the account already.
    db.prepare_cached(
        "INSERT INTO entry (user_id, collection, key, created_at, updated_at, value)
         SELECT ?2, collection, key, created_at, updated_at, value FROM entry WHERE user_id = ?1 ON CONFLICT DO NOTHING",
    )?
    .execute(both)?;
    for collection in moved.iter().filter_map(|name| collections.get(name)) {
        if collection.full == Full::DropOldest {
            keep_newest(db, account, collection)?;
        }
    }
    // Keeps the keys, so that an addition that is retried after the merge adds nothing.
    db.prepare_cached(
        "INSERT INTO addition_key (user_id, hash, request, created_at)
         SELECT ?2, hash, request, created_at FROM addition_key WHERE user_id = ?1 ON CONFLICT DO NOTHING",
    )?
    .execute(both)?;
    addition_keys::keep_newest(db, account, MAX_ADDITION_KEYS)?;
    for table in ["addition_key", "entry", "ceremony"] {
        db.prepare_cached(&format!("DELETE FROM {table} WHERE user_id = ?1"))?.execute([guest])?;
    }
    db.prepare_cached("UPDATE session SET user_id = ?2 WHERE user_id = ?1")?.execute(both)?;
    db.prepare_cached(
        "UPDATE anonymous_user
         SET last_active_at = max(last_active_at, (SELECT last_active_at FROM anonymous_user WHERE id = ?1)) WHERE id = ?2",
    )?
    .execute(both)?;
    Ok(())
}

/// Merges each entry that both have into that of the account.
fn merge_entries(db: &Connection, collections: &Collections, guest: &str, account: &str) -> rusqlite::Result<()> {
    let mut last = (String::new(), String::new());
    loop {
        let pairs = pairs(db, guest, account, &last)?;
        for (collection, of_account, of_guest) in &pairs {
            let declared = collections.get(collection).cloned();
            let rules = declared.unwrap_or_else(|| Collection::undeclared(collection).into());
            write(db, account, collection, &rules.merge(of_account, of_guest))?;
        }
        match pairs.into_iter().next_back() {
            Some((collection, entry, _)) => last = (collection, entry.key),
            None => return Ok(()),
        }
    }
}

/// The next entries that both have: the collection, the entry of the account, and that of the guest.
fn pairs(
    db: &Connection,
    guest: &str,
    account: &str,
    (collection, key): &(String, String),
) -> rusqlite::Result<Vec<(String, Entry, Entry)>> {
    db.prepare_cached(
        "SELECT own.*, theirs.created_at AS their_creation, theirs.updated_at AS their_update, theirs.value AS their_value
         FROM entry AS theirs JOIN entry AS own
           ON own.user_id = ?2 AND own.collection = theirs.collection AND own.key = theirs.key
         WHERE theirs.user_id = ?1 AND (theirs.collection, theirs.key) > (?3, ?4)
         ORDER BY theirs.collection, theirs.key LIMIT ?5",
    )?
    .query_map(params![guest, account, collection, key, BATCH], |row| {
        let own = entry_row(row)?;
        let (created_at, updated_at) = (time_column(row, "their_creation")?, time_column(row, "their_update")?);
        let theirs = entry_of(own.key.clone(), &row.get::<_, String>("their_value")?, created_at, updated_at)?;
        Ok((row.get("collection")?, own, theirs))
    })?
    .collect()
}

/// Deletes the entries of a collection that are more than its declaration allows, those that were changed longest ago.
fn keep_newest(db: &Connection, user: &str, collection: &Collection) -> rusqlite::Result<()> {
    db.prepare_cached(
        "DELETE FROM entry WHERE user_id = ?1 AND collection = ?2 AND key IN (
             SELECT key FROM entry WHERE user_id = ?1 AND collection = ?2
             ORDER BY updated_at DESC, key DESC LIMIT -1 OFFSET ?3
         )",
    )?
    .execute(params![user, collection.name, collection.entries])?;
    Ok(())
}
