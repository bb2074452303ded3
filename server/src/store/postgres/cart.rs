//! The catalogue and the carts.

use deadpool_postgres::Client;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{Error, unreadable};
use crate::clock::Timestamp;
use crate::store::{CartChange, CartLine, ItemRow, MAX_QUANTITY};

pub(super) async fn items(db: &Client) -> Result<Vec<ItemRow>, Error> {
    let query =
        db.prepare_cached("SELECT id, name, description, price_cents, currency, emoji FROM item ORDER BY id").await?;
    db.query(&query, &[]).await?.iter().map(item_row).collect()
}

pub(super) async fn item_count(db: &Client) -> Result<u64, Error> {
    let query = db.prepare_cached("SELECT count(*) FROM item").await?;
    let count: i64 = db.query_one(&query, &[]).await?.try_get(0)?;
    u64::try_from(count).map_err(unreadable)
}

pub(super) async fn cart(db: &Client, guest: Uuid) -> Result<Vec<CartLine>, Error> {
    let query = db
        .prepare_cached(
            "SELECT item.id, item.name, item.price_cents, item.currency, item.emoji, cart_item.quantity
             FROM cart_item JOIN item ON item.id = cart_item.item_id
             WHERE cart_item.user_id = $1 ORDER BY cart_item.added_at, item.id",
        )
        .await?;
    db.query(&query, &[&guest]).await?.iter().map(cart_line).collect()
}

/// `None` if the catalogue has no such item; taking out one that is not there is no error.
pub(super) async fn change(
    db: &Client,
    guest: Uuid,
    item: i64,
    change: CartChange,
    now: Timestamp,
) -> Result<Option<Vec<CartLine>>, Error> {
    match change {
        CartChange::Remove => {
            let delete = db.prepare_cached("DELETE FROM cart_item WHERE user_id = $1 AND item_id = $2").await?;
            db.execute(&delete, &[&guest, &item]).await?;
        }
        CartChange::Add(quantity) | CartChange::Set(quantity) => {
            let adds = matches!(change, CartChange::Add(_));
            let insert = db
                .prepare_cached(
                    "INSERT INTO cart_item (user_id, item_id, quantity, added_at)
                     SELECT $1, item.id, $3, $4 FROM item WHERE item.id = $2
                     ON CONFLICT (user_id, item_id) DO UPDATE SET quantity =
                         least($5::bigint, excluded.quantity + CASE WHEN $6::boolean THEN cart_item.quantity ELSE 0 END)",
                )
                .await?;
            let quantity = quantity.min(MAX_QUANTITY);
            let changed =
                db.execute(&insert, &[&guest, &item, &quantity, &now.as_millis(), &MAX_QUANTITY, &adds]).await?;
            if changed == 0 {
                return Ok(None);
            }
        }
    }
    cart(db, guest).await.map(Some)
}

fn item_row(row: &Row) -> Result<ItemRow, Error> {
    Ok(ItemRow {
        id: row.try_get("id")?,
        name: row.try_get("name")?,
        description: row.try_get("description")?,
        price_cents: row.try_get("price_cents")?,
        currency: row.try_get("currency")?,
        emoji: row.try_get("emoji")?,
    })
}

fn cart_line(row: &Row) -> Result<CartLine, Error> {
    Ok(CartLine {
        item_id: row.try_get("id")?,
        name: row.try_get("name")?,
        price_cents: row.try_get("price_cents")?,
        currency: row.try_get("currency")?,
        emoji: row.try_get("emoji")?,
        quantity: row.try_get("quantity")?,
    })
}
