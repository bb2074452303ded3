//! Entries of collections.

use deadpool_postgres::{Client, GenericClient, Transaction};
use tokio::try_join;
use tokio_postgres::Row;
use uuid::Uuid;

use super::guests::{Owner, lock_owner, owner};
use super::{Error, TransactionError, addition_keys, time_column, unreadable};
use crate::clock::Timestamp;
use crate::collections::{ChangeError, Decision, Entry, EntryChange};
use crate::etag::Conditions;
use crate::store::{
    CollectionEntry, DataError, EntryList, Mark, Page, Position, UserEntry, UserEntryPosition, Written,
};

pub(super) async fn entries(
    db: &Client,
    guest: Uuid,
    collection: &str,
    page: Page,
) -> Result<EntryList, TransactionError> {
    let owner = owner(db, guest).await?;
    Ok(page_of(db, &owner, collection, page).await?)
}

async fn page_of(db: &impl GenericClient, owner: &Owner, collection: &str, page: Page) -> Result<EntryList, Error> {
    let after = page.after.unwrap_or(Position::START);
    let query = db
        .prepare_cached(
            "SELECT * FROM entry
             WHERE user_id = $1 AND collection = $2 AND (updated_at, key) < ($3, $4)
             ORDER BY updated_at DESC, key DESC LIMIT $5",
        )
        .await?;
    let limit = i64::from(page.limit) + 1;
    let rows = db.query(&query, &[&owner.id, &collection, &after.updated_at.as_millis(), &after.key, &limit]).await?;
    let found = rows.iter().map(entry_row).collect::<Result<_, _>>()?;
    Ok(EntryList::of(found, page.limit))
}

pub(super) async fn entry(db: &Client, guest: Uuid, collection: &str, key: &str) -> Result<Entry, TransactionError> {
    let owner = owner(db, guest).await?;
    stored(db, &owner, collection, key).await?.ok_or_else(|| DataError::NoEntry.into())
}

/// The row of the guest is locked, so the rows that are read here do not change before the writes.
pub(super) async fn change(
    db: &mut Client,
    guest: Uuid,
    change: EntryChange,
) -> Result<Option<Written>, TransactionError> {
    let transaction = db.transaction().await?;
    let owner = lock_owner(&transaction, guest).await?;
    let (collection, key) = (change.collection.name.as_str(), change.key.as_str());
    // Sent together, which takes one round trip to the database; so are the writes below.
    let (used, current, others) = try_join!(
        addition_keys::used(&transaction, &owner, change.addition_key.as_ref()),
        stored(&transaction, &owner, collection, key),
        count_others(&transaction, &owner, collection, key),
    )?;
    if let (Some(key), Some((request, made_at))) = (&change.addition_key, used)
        && key.repeats(&request, made_at, change.now)?
    {
        let entry = current.ok_or(DataError::NoEntry)?;
        return Ok(Some(Written { entry, is_new: false }));
    }
    let decision = change.decide(current.as_ref(), others)?;
    try_join!(
        carry_out(&transaction, &owner, collection, key, &decision),
        addition_keys::remember(&transaction, &owner, change.addition_key.as_ref(), change.now),
    )?;
    transaction.commit().await?;
    Ok(match decision {
        Decision::Write { entry, is_new, .. } => Some(Written { entry, is_new }),
        Decision::Remove | Decision::Nothing => None,
    })
}

async fn carry_out(
    transaction: &Transaction<'_>,
    owner: &Owner,
    collection: &str,
    key: &str,
    decision: &Decision,
) -> Result<(), Error> {
    match decision {
        Decision::Write { entry, dropped, .. } => {
            if *dropped > 0 {
                drop_oldest(transaction, owner, collection, key, *dropped).await?;
            }
            write(transaction, owner, collection, entry).await
        }
        Decision::Remove => {
            let delete = transaction
                .prepare_cached("DELETE FROM entry WHERE user_id = $1 AND collection = $2 AND key = $3")
                .await?;
            transaction.execute(&delete, &[&owner.id, &collection, &key]).await?;
            Ok(())
        }
        Decision::Nothing => Ok(()),
    }
}

/// The row of the guest is locked, so the page that is compared is still the first one when it is deleted.
pub(super) async fn clear(
    db: &mut Client,
    guest: Uuid,
    collection: &str,
    conditions: &Conditions,
) -> Result<(), TransactionError> {
    let transaction = db.transaction().await?;
    let owner = lock_owner(&transaction, guest).await?;
    if !conditions.are_empty()
        && !conditions.allow_change(&page_of(&transaction, &owner, collection, Page::FIRST).await?.tag())
    {
        return Err(ChangeError::PreconditionFailed.into());
    }
    let delete = transaction.prepare_cached("DELETE FROM entry WHERE user_id = $1 AND collection = $2").await?;
    transaction.execute(&delete, &[&owner.id, &collection]).await?;
    transaction.commit().await?;
    Ok(())
}

pub(super) async fn marks(db: &Client, guest: Uuid, collections: &[String]) -> Result<Vec<Mark>, TransactionError> {
    let owner = owner(db, guest).await?;
    let query = db
        .prepare_cached(
            "SELECT collection, key, updated_at FROM entry WHERE user_id = $1 AND collection = ANY ($2)
             ORDER BY collection, key",
        )
        .await?;
    let rows = db.query(&query, &[&owner.id, &collections]).await?;
    let marks = rows.iter().map(|row| {
        Ok::<_, Error>(Mark {
            collection: row.try_get("collection")?,
            key: row.try_get("key")?,
            updated_at: time_column(row, "updated_at")?,
        })
    });
    Ok(marks.collect::<Result<_, _>>()?)
}

/// All entries of a user, in the order of collections and, in each, of pages.
pub(super) async fn all_of_user(db: &impl GenericClient, owner: &Owner) -> Result<Vec<CollectionEntry>, Error> {
    let query = db
        .prepare_cached("SELECT * FROM entry WHERE user_id = $1 ORDER BY collection, updated_at DESC, key DESC")
        .await?;
    let rows = db.query(&query, &[&owner.id]).await?;
    let entries =
        rows.iter().map(|row| Ok(CollectionEntry { collection: row.try_get("collection")?, entry: entry_row(row)? }));
    entries.collect()
}

pub(super) async fn user_entries(db: &Client, after: UserEntryPosition, limit: u32) -> Result<Vec<UserEntry>, Error> {
    let query = db
        .prepare_cached(
            "SELECT * FROM entry WHERE (user_id, collection, key) > ($1, $2, $3)
             ORDER BY user_id, collection, key LIMIT $4",
        )
        .await?;
    let rows = db.query(&query, &[&after.user, &after.collection, &after.key, &i64::from(limit)]).await?;
    let entries = rows.iter().map(|row| {
        let (user, collection) = (row.try_get("user_id")?, row.try_get("collection")?);
        Ok(UserEntry { user, collection, entry: entry_row(row)? })
    });
    entries.collect()
}

async fn write(db: &Transaction<'_>, owner: &Owner, collection: &str, entry: &Entry) -> Result<(), Error> {
    let insert = db
        .prepare_cached(
            "INSERT INTO entry (user_id, collection, key, created_at, updated_at, value) VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (user_id, collection, key)
             DO UPDATE SET updated_at = excluded.updated_at, value = excluded.value",
        )
        .await?;
    let Entry { key, value, created_at, updated_at } = entry;
    let (created_at, updated_at) = (created_at.as_millis(), updated_at.as_millis());
    db.execute(&insert, &[&owner.id, &collection, key, &created_at, &updated_at, &value.to_string()]).await?;
    Ok(())
}

async fn stored(db: &impl GenericClient, owner: &Owner, collection: &str, key: &str) -> Result<Option<Entry>, Error> {
    let query = db.prepare_cached("SELECT * FROM entry WHERE user_id = $1 AND collection = $2 AND key = $3").await?;
    db.query_opt(&query, &[&owner.id, &collection, &key]).await?.as_ref().map(entry_row).transpose()
}

/// The number of entries of the collection with other keys.
async fn count_others(db: &Transaction<'_>, owner: &Owner, collection: &str, key: &str) -> Result<u32, Error> {
    let query =
        db.prepare_cached("SELECT count(*) FROM entry WHERE user_id = $1 AND collection = $2 AND key <> $3").await?;
    let count: i64 = db.query_one(&query, &[&owner.id, &collection, &key]).await?.try_get(0)?;
    u32::try_from(count).map_err(unreadable)
}

/// Removes the entries that were changed longest ago, and never the one with the key `kept`.
async fn drop_oldest(
    db: &Transaction<'_>,
    owner: &Owner,
    collection: &str,
    kept: &str,
    number: u32,
) -> Result<(), Error> {
    let delete = db
        .prepare_cached(
            "DELETE FROM entry WHERE user_id = $1 AND collection = $2 AND key IN (
                 SELECT key FROM entry WHERE user_id = $1 AND collection = $2 AND key <> $3
                 ORDER BY updated_at, key LIMIT $4
             )",
        )
        .await?;
    db.execute(&delete, &[&owner.id, &collection, &kept, &i64::from(number)]).await?;
    Ok(())
}

pub(super) fn entry_row(row: &Row) -> Result<Entry, Error> {
    let (created_at, updated_at) = (time_column(row, "created_at")?, time_column(row, "updated_at")?);
    entry_of(row.try_get("key")?, row.try_get("value")?, created_at, updated_at)
}

/// An entry whose value is the text of JSON.
pub(super) fn entry_of(key: String, value: &str, created_at: Timestamp, updated_at: Timestamp) -> Result<Entry, Error> {
    Ok(Entry { key, value: serde_json::from_str(value).map_err(unreadable)?, created_at, updated_at })
}
