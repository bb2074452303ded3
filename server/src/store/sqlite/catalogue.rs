//! The catalogue.

use rusqlite::{Connection, OptionalExtension, Row};
use uuid::Uuid;

use super::TransactionError;
use super::guests::owner;
use crate::clock::Timestamp;
use crate::store::{DataError, ItemRow, PersonalItem};

pub(super) fn item_count(db: &Connection) -> rusqlite::Result<u64> {
    db.prepare_cached("SELECT count(*) FROM item")?.query_row([], |row| row.get(0))
}

pub(super) fn items(db: &Connection, guest: Uuid) -> Result<Vec<PersonalItem>, TransactionError> {
    let owner = owner(db, guest)?;
    let items = db
        .prepare_cached(
            "SELECT item.*, history_item.viewed_at, favorite_item.added_at AS favorite_since,
                    cart_item.item_id IS NOT NULL AS in_cart
             FROM item
             LEFT JOIN history_item ON history_item.user_id = ?1 AND history_item.item_id = item.id
             LEFT JOIN favorite_item ON favorite_item.user_id = ?1 AND favorite_item.item_id = item.id
             LEFT JOIN cart_item ON cart_item.user_id = ?1 AND cart_item.item_id = item.id
             ORDER BY item.id",
        )?
        .query_map([&owner.id], |row| {
            Ok(PersonalItem {
                item: item_row(row)?,
                viewed_at: row.get::<_, Option<i64>>("viewed_at")?.map(Timestamp::from_millis),
                favorite_since: row.get::<_, Option<i64>>("favorite_since")?.map(Timestamp::from_millis),
                in_cart: row.get("in_cart")?,
            })
        })?
        .collect::<Result<_, _>>()?;
    Ok(items)
}

/// An error if the catalogue does not have the item.
pub(super) fn require_item(db: &Connection, item: i64) -> Result<(), TransactionError> {
    let known = db.prepare_cached("SELECT 1 FROM item WHERE id = ?1")?.query_row([item], |_| Ok(())).optional()?;
    known.ok_or_else(|| DataError::NoItem.into())
}

pub(super) fn item_row(row: &Row<'_>) -> rusqlite::Result<ItemRow> {
    Ok(ItemRow {
        id: row.get("id")?,
        name: row.get("name")?,
        description: row.get("description")?,
        price_cents: row.get("price_cents")?,
        currency: row.get("currency")?,
        emoji: row.get("emoji")?,
        category: row.get("category")?,
    })
}
