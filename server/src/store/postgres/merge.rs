//! Moves the data of a guest to an account, with the rule of each collection (S8). Both are locked, so no other transaction
//! changes their data.

use deadpool_postgres::Transaction;
use uuid::Uuid;

use super::entries::{entry_of, entry_row};
use super::{Error, addition_keys, time_column};
use crate::collections::{Collection, Collections, Entry, Full, MAX_ADDITION_KEYS};

/// How many entries are merged at a time, which limits the memory of a merge.
const BATCH: i64 = 200;

/// Moves all rows and sessions. Part of the transaction that makes the guest a tombstone.
pub(super) async fn move_rows(
    transaction: &Transaction<'_>,
    collections: &Collections,
    guest: Uuid,
    account: Uuid,
) -> Result<(), Error> {
    merge_entries(transaction, collections, guest, account).await?;
    let moved = transaction.prepare_cached("SELECT DISTINCT collection FROM entry WHERE user_id = $1").await?;
    let moved = transaction.query(&moved, &[&guest]).await?;
    // An entry that both had is in the account already.
    let entries = transaction
        .prepare_cached(
            "INSERT INTO entry (user_id, collection, key, created_at, updated_at, value)
             SELECT $2, collection, key, created_at, updated_at, value FROM entry WHERE user_id = $1
             ON CONFLICT DO NOTHING",
        )
        .await?;
    transaction.execute(&entries, &[&guest, &account]).await?;
    for row in moved {
        if let Some(collection) = collections.get(row.try_get(0)?)
            && collection.full == Full::DropOldest
        {
            keep_newest(transaction, account, collection).await?;
        }
    }
    // Keeps the keys, so that an addition that is retried after the merge adds nothing.
    let keys = transaction
        .prepare_cached(
            "INSERT INTO addition_key (user_id, hash, request, created_at)
             SELECT $2, hash, request, created_at FROM addition_key WHERE user_id = $1 ON CONFLICT DO NOTHING",
        )
        .await?;
    transaction.execute(&keys, &[&guest, &account]).await?;
    addition_keys::keep_newest(transaction, account, MAX_ADDITION_KEYS).await?;
    for table in ["addition_key", "entry", "ceremony"] {
        let delete = transaction.prepare_cached(&format!("DELETE FROM {table} WHERE user_id = $1")).await?;
        transaction.execute(&delete, &[&guest]).await?;
    }
    let sessions = transaction.prepare_cached("UPDATE session SET user_id = $2 WHERE user_id = $1").await?;
    transaction.execute(&sessions, &[&guest, &account]).await?;
    let activity = transaction
        .prepare_cached(
            "UPDATE anonymous_user SET last_active_at = greatest(
                 last_active_at, (SELECT last_active_at FROM anonymous_user WHERE id = $1)
             ) WHERE id = $2",
        )
        .await?;
    transaction.execute(&activity, &[&guest, &account]).await?;
    Ok(())
}

/// Merges each entry that both have into that of the account.
async fn merge_entries(
    transaction: &Transaction<'_>,
    collections: &Collections,
    guest: Uuid,
    account: Uuid,
) -> Result<(), Error> {
    let mut last = (String::new(), String::new());
    loop {
        let pairs = pairs(transaction, guest, account, &last).await?;
        let Some((collection, entry, _)) = pairs.last() else { return Ok(()) };
        last = (collection.clone(), entry.key.clone());
        let merged = pairs.into_iter().map(|(collection, of_account, of_guest)| {
            let declared = collections.get(&collection).cloned();
            let rules = declared.unwrap_or_else(|| Collection::undeclared(&collection).into());
            (collection, rules.merge(&of_account, &of_guest))
        });
        update(transaction, account, merged).await?;
    }
}

/// The next entries that both have: the collection, the entry of the account, and that of the guest.
async fn pairs(
    transaction: &Transaction<'_>,
    guest: Uuid,
    account: Uuid,
    (collection, key): &(String, String),
) -> Result<Vec<(String, Entry, Entry)>, Error> {
    let query = transaction
        .prepare_cached(
            "SELECT own.*, theirs.created_at AS their_creation, theirs.updated_at AS their_update,
                    theirs.value AS their_value
             FROM entry AS theirs JOIN entry AS own
               ON own.user_id = $2 AND own.collection = theirs.collection AND own.key = theirs.key
             WHERE theirs.user_id = $1 AND (theirs.collection, theirs.key) > ($3, $4)
             ORDER BY theirs.collection, theirs.key LIMIT $5",
        )
        .await?;
    let rows = transaction.query(&query, &[&guest, &account, collection, key, &BATCH]).await?;
    let pairs = rows.iter().map(|row| {
        let own = entry_row(row)?;
        let (created_at, updated_at) = (time_column(row, "their_creation")?, time_column(row, "their_update")?);
        let theirs = entry_of(own.key.clone(), row.try_get("their_value")?, created_at, updated_at)?;
        Ok((row.try_get("collection")?, own, theirs))
    });
    pairs.collect()
}

/// Writes entries of a user that exist, in one statement.
async fn update(
    transaction: &Transaction<'_>,
    user: Uuid,
    entries: impl Iterator<Item = (String, Entry)>,
) -> Result<(), Error> {
    let update = transaction
        .prepare_cached(
            "UPDATE entry
             SET created_at = merged.created_at, updated_at = merged.updated_at, value = merged.value
             FROM unnest($2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::text[])
                 AS merged (collection, key, created_at, updated_at, value)
             WHERE entry.user_id = $1 AND entry.collection = merged.collection AND entry.key = merged.key",
        )
        .await?;
    let (mut names, mut keys, mut values) = (Vec::new(), Vec::new(), Vec::new());
    let (mut creations, mut updates) = (Vec::new(), Vec::new());
    for (collection, entry) in entries {
        names.push(collection);
        keys.push(entry.key);
        creations.push(entry.created_at.as_millis());
        updates.push(entry.updated_at.as_millis());
        values.push(entry.value.to_string());
    }
    transaction.execute(&update, &[&user, &names, &keys, &creations, &updates, &values]).await?;
    Ok(())
}

/// Deletes the entries of a collection that are more than its declaration allows, those that were changed longest ago.
async fn keep_newest(transaction: &Transaction<'_>, user: Uuid, collection: &Collection) -> Result<(), Error> {
    let delete = transaction
        .prepare_cached(
            "DELETE FROM entry WHERE user_id = $1 AND collection = $2 AND key IN (
                 SELECT key FROM entry WHERE user_id = $1 AND collection = $2
                 ORDER BY updated_at DESC, key DESC OFFSET $3
             )",
        )
        .await?;
    transaction.execute(&delete, &[&user, &collection.name, &i64::from(collection.entries)]).await?;
    Ok(())
}
