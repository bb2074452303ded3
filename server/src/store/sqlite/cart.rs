//! The catalogue and the carts.

use rusqlite::{Connection, Row, named_params, params};
use uuid::Uuid;

use super::guests::owner;
use super::id_text;
use crate::clock::Timestamp;
use crate::store::{CartChange, CartLine, ItemRow, MAX_QUANTITY};

pub(super) fn items(db: &Connection) -> rusqlite::Result<Vec<ItemRow>> {
    db.prepare_cached("SELECT id, name, description, price_cents, currency, emoji FROM item ORDER BY id")?
        .query_map([], |row| {
            Ok(ItemRow {
                id: row.get("id")?,
                name: row.get("name")?,
                description: row.get("description")?,
                price_cents: row.get("price_cents")?,
                currency: row.get("currency")?,
                emoji: row.get("emoji")?,
            })
        })?
        .collect()
}

pub(super) fn item_count(db: &Connection) -> rusqlite::Result<u64> {
    db.prepare_cached("SELECT count(*) FROM item")?.query_row([], |row| row.get(0))
}

pub(super) fn cart(db: &Connection, guest: Uuid) -> rusqlite::Result<Vec<CartLine>> {
    let owner = owner(db, guest)?;
    db.prepare_cached(
        "SELECT item.id, item.name, item.price_cents, item.currency, item.emoji, cart_item.quantity
         FROM cart_item JOIN item ON item.id = cart_item.item_id
         WHERE cart_item.user_id = ?1 ORDER BY cart_item.added_at, item.id",
    )?
    .query_map([id_text(owner)], cart_line)?
    .collect()
}

/// `None` if the catalogue has no such item; taking out one that is not there is no error.
pub(super) fn change(
    db: &Connection,
    guest: Uuid,
    item: i64,
    change: CartChange,
    now: Timestamp,
) -> rusqlite::Result<Option<Vec<CartLine>>> {
    let owner = owner(db, guest)?;
    match change {
        CartChange::Remove => {
            db.prepare_cached("DELETE FROM cart_item WHERE user_id = ?1 AND item_id = ?2")?
                .execute(params![id_text(owner), item])?;
        }
        CartChange::Add(quantity) | CartChange::Set(quantity) => {
            let known = db.prepare_cached("SELECT 1 FROM item WHERE id = ?1")?.exists([item])?;
            if !known {
                return Ok(None);
            }
            let adds = matches!(change, CartChange::Add(_));
            db.prepare_cached(
                "INSERT INTO cart_item (user_id, item_id, quantity, added_at) VALUES (:user, :item, :quantity, :now)
                 ON CONFLICT (user_id, item_id)
                 DO UPDATE SET quantity = min(:most, excluded.quantity + iif(:adds, quantity, 0))",
            )?
            .execute(named_params! {
                ":user": id_text(owner),
                ":item": item,
                ":quantity": quantity.min(MAX_QUANTITY),
                ":now": now.as_millis(),
                ":most": MAX_QUANTITY,
                ":adds": adds,
            })?;
        }
    }
    cart(db, owner).map(Some)
}

fn cart_line(row: &Row<'_>) -> rusqlite::Result<CartLine> {
    Ok(CartLine {
        item_id: row.get("id")?,
        name: row.get("name")?,
        price_cents: row.get("price_cents")?,
        currency: row.get("currency")?,
        emoji: row.get("emoji")?,
        quantity: row.get("quantity")?,
    })
}
