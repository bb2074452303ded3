//! Carts.

use deadpool_postgres::{Client, GenericClient, Transaction};
use tokio::try_join;
use tokio_postgres::Row;
use uuid::Uuid;

use super::catalogue::has_item;
use super::guests::{Owner, lock_owner, owner};
use super::{Error, TransactionError, time_column};
use crate::clock::Timestamp;
use crate::store::{CartChange, CartKey, CartLine, DataError, MAX_CART_KEYS, Quantity};

pub(super) async fn cart(db: &Client, guest: Uuid) -> Result<Vec<CartLine>, TransactionError> {
    let owner = owner(db, guest).await?;
    Ok(lines(db, &owner).await?)
}

/// The row of the guest is locked, so the rows that are read here do not change before the writes.
pub(super) async fn change(
    db: &mut Client,
    guest: Uuid,
    change: CartChange,
) -> Result<Vec<CartLine>, TransactionError> {
    let transaction = db.transaction().await?;
    let owner = lock_owner(&transaction, guest).await?;
    // Sent together, which takes one round trip to the database; so are the writes below.
    let (used, is_there, before) = try_join!(
        used(&transaction, &owner, change.key.as_ref()),
        has_item(&transaction, change.item),
        lines(&transaction, &owner),
    )?;
    if let (Some(key), Some((request, made_at))) = (&change.key, used)
        && key.repeats(&request, made_at, change.now)?
    {
        return Ok(before);
    }
    if !is_there && !matches!(change.quantity, Quantity::Remove) {
        return Err(DataError::NoItem.into());
    }
    let quantity = change.decide(&before)?;
    try_join!(
        set(&transaction, &owner, &change, quantity),
        remember(&transaction, &owner, change.key.as_ref(), change.now),
    )?;
    let lines = lines(&transaction, &owner).await?;
    transaction.commit().await?;
    Ok(lines)
}

pub(super) async fn lines(db: &impl GenericClient, owner: &Owner) -> Result<Vec<CartLine>, Error> {
    let query = db
        .prepare_cached(
            "SELECT item.id, item.name, item.price_cents, item.currency, item.emoji, cart_item.quantity, cart_item.added_at
             FROM cart_item JOIN item ON item.id = cart_item.item_id
             WHERE cart_item.user_id = $1 ORDER BY cart_item.added_at, item.id",
        )
        .await?;
    db.query(&query, &[&owner.id]).await?.iter().map(cart_line).collect()
}

async fn set(db: &Transaction<'_>, owner: &Owner, change: &CartChange, quantity: i64) -> Result<(), Error> {
    if quantity == 0 {
        let delete = db.prepare_cached("DELETE FROM cart_item WHERE user_id = $1 AND item_id = $2").await?;
        db.execute(&delete, &[&owner.id, &change.item]).await?;
    } else {
        let insert = db
            .prepare_cached(
                "INSERT INTO cart_item (user_id, item_id, quantity, added_at) VALUES ($1, $2, $3, $4)
                 ON CONFLICT (user_id, item_id) DO UPDATE SET quantity = excluded.quantity",
            )
            .await?;
        db.execute(&insert, &[&owner.id, &change.item, &quantity, &change.now.as_millis()]).await?;
    }
    Ok(())
}

/// The request that came with the key before, and when.
async fn used(
    db: &Transaction<'_>,
    owner: &Owner,
    key: Option<&CartKey>,
) -> Result<Option<(Vec<u8>, Timestamp)>, Error> {
    let Some(key) = key else { return Ok(None) };
    let query = db.prepare_cached("SELECT request, created_at FROM cart_key WHERE user_id = $1 AND hash = $2").await?;
    let row = db.query_opt(&query, &[&owner.id, &key.hash.as_slice()]).await?;
    row.map(|row| Ok((row.try_get("request")?, time_column(&row, "created_at")?))).transpose()
}

async fn remember(db: &Transaction<'_>, owner: &Owner, key: Option<&CartKey>, now: Timestamp) -> Result<(), Error> {
    let Some(key) = key else { return Ok(()) };
    // Before the new key is inserted, so that it is kept whatever its time.
    keep_newest_keys(db, owner.id, MAX_CART_KEYS - 1).await?;
    let insert = db
        .prepare_cached(
            "INSERT INTO cart_key (user_id, hash, request, created_at) VALUES ($1, $2, $3, $4)
             ON CONFLICT (user_id, hash) DO UPDATE SET request = excluded.request, created_at = excluded.created_at",
        )
        .await?;
    db.execute(&insert, &[&owner.id, &key.hash.as_slice(), &key.request.as_slice(), &now.as_millis()]).await?;
    Ok(())
}

/// Deletes the keys of a user, except the newest `kept` ones.
pub(super) async fn keep_newest_keys(db: &Transaction<'_>, user: Uuid, kept: u32) -> Result<(), Error> {
    let delete = db
        .prepare_cached(
            "DELETE FROM cart_key WHERE user_id = $1 AND hash IN (
                 SELECT hash FROM cart_key WHERE user_id = $1 ORDER BY created_at DESC, hash DESC OFFSET $2
             )",
        )
        .await?;
    db.execute(&delete, &[&user, &i64::from(kept)]).await?;
    Ok(())
}

fn cart_line(row: &Row) -> Result<CartLine, Error> {
    Ok(CartLine {
        item_id: row.try_get("id")?,
        name: row.try_get("name")?,
        price_cents: row.try_get("price_cents")?,
        currency: row.try_get("currency")?,
        emoji: row.try_get("emoji")?,
        quantity: row.try_get("quantity")?,
        added_at: time_column(row, "added_at")?,
    })
}
