//! Carts.

use rusqlite::{Connection, OptionalExtension, Row, named_params, params};
use uuid::Uuid;

use super::catalogue::require_item;
use super::guests::{Owner, owner};
use super::{TransactionError, time_column};
use crate::clock::Timestamp;
use crate::store::{CartChange, CartKey, CartLine, MAX_CART_KEYS, Quantity};

pub(super) fn cart(db: &Connection, guest: Uuid) -> Result<Vec<CartLine>, TransactionError> {
    Ok(lines(db, &owner(db, guest)?)?)
}

/// The writer runs one job at a time, so the rows that are read here do not change before the writes.
pub(super) fn change(db: &Connection, guest: Uuid, change: &CartChange) -> Result<Vec<CartLine>, TransactionError> {
    let owner = owner(db, guest)?;
    if let Some(key) = &change.key
        && was_used(db, &owner, key, change.now)?
    {
        return Ok(lines(db, &owner)?);
    }
    if !matches!(change.quantity, Quantity::Remove) {
        require_item(db, change.item)?;
    }
    let quantity = change.decide(&lines(db, &owner)?)?;
    set(db, &owner, change, quantity)?;
    if let Some(key) = &change.key {
        remember(db, &owner, key, change.now)?;
    }
    Ok(lines(db, &owner)?)
}

pub(super) fn lines(db: &Connection, owner: &Owner) -> rusqlite::Result<Vec<CartLine>> {
    db.prepare_cached(
        "SELECT item.id, item.name, item.price_cents, item.currency, item.emoji, cart_item.quantity, cart_item.added_at
         FROM cart_item JOIN item ON item.id = cart_item.item_id
         WHERE cart_item.user_id = ?1 ORDER BY cart_item.added_at, item.id",
    )?
    .query_map([&owner.id], cart_line)?
    .collect()
}

fn set(db: &Connection, owner: &Owner, change: &CartChange, quantity: i64) -> rusqlite::Result<()> {
    if quantity == 0 {
        db.prepare_cached("DELETE FROM cart_item WHERE user_id = ?1 AND item_id = ?2")?
            .execute(params![owner.id, change.item])?;
    } else {
        db.prepare_cached(
            "INSERT INTO cart_item (user_id, item_id, quantity, added_at) VALUES (:user, :item, :quantity, :now)
             ON CONFLICT (user_id, item_id) DO UPDATE SET quantity = excluded.quantity",
        )?
        .execute(named_params! {
            ":user": owner.id,
            ":item": change.item,
            ":quantity": quantity,
            ":now": change.now.as_millis(),
        })?;
    }
    Ok(())
}

fn was_used(db: &Connection, owner: &Owner, key: &CartKey, now: Timestamp) -> Result<bool, TransactionError> {
    let used = db
        .prepare_cached("SELECT request, created_at FROM cart_key WHERE user_id = ?1 AND hash = ?2")?
        .query_row(params![owner.id, key.hash], |row| {
            Ok((row.get::<_, Vec<u8>>("request")?, time_column(row, "created_at")?))
        })
        .optional()?;
    match used {
        Some((request, made_at)) => Ok(key.repeats(&request, made_at, now)?),
        None => Ok(false),
    }
}

fn remember(db: &Connection, owner: &Owner, key: &CartKey, now: Timestamp) -> rusqlite::Result<()> {
    // Before the new key is inserted, so that it is kept whatever its time.
    keep_newest_keys(db, &owner.id, MAX_CART_KEYS - 1)?;
    db.prepare_cached("INSERT OR REPLACE INTO cart_key (user_id, hash, request, created_at) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![owner.id, key.hash, key.request, now.as_millis()])?;
    Ok(())
}

/// Deletes the keys of a user, except the newest `kept` ones.
pub(super) fn keep_newest_keys(db: &Connection, user: &str, kept: u32) -> rusqlite::Result<()> {
    db.prepare_cached(
        "DELETE FROM cart_key WHERE user_id = ?1 AND hash IN (
             SELECT hash FROM cart_key WHERE user_id = ?1 ORDER BY created_at DESC, hash DESC LIMIT -1 OFFSET ?2
         )",
    )?
    .execute(params![user, kept])?;
    Ok(())
}

fn cart_line(row: &Row<'_>) -> rusqlite::Result<CartLine> {
    Ok(CartLine {
        item_id: row.get("id")?,
        name: row.get("name")?,
        price_cents: row.get("price_cents")?,
        currency: row.get("currency")?,
        emoji: row.get("emoji")?,
        quantity: row.get("quantity")?,
        added_at: time_column(row, "added_at")?,
    })
}
