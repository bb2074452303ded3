//! The catalogue and the carts.

use deadpool_postgres::{Client, GenericClient};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::guests::owner;
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

pub(super) async fn cart(db: &impl GenericClient, guest: Uuid) -> Result<Vec<CartLine>, Error> {
    let query = db
        .prepare_cached(
            "SELECT item.id, item.name, item.price_cents, item.currency, item.emoji, cart_item.quantity
             FROM cart_item JOIN item ON item.id = cart_item.item_id
             WHERE cart_item.user_id = (SELECT coalesce(merged_into, id) FROM anonymous_user WHERE id = $1)
             ORDER BY cart_item.added_at, item.id",
        )
        .await?;
    db.query(&query, &[&guest]).await?.iter().map(cart_line).collect()
}

/// `None` if the catalogue has no such item; taking out one that is not there is no error.
pub(super) async fn change(
    db: &mut Client,
    guest: Uuid,
    item: i64,
    change: CartChange,
    now: Timestamp,
) -> Result<Option<Vec<CartLine>>, Error> {
    let transaction = db.transaction().await?;
    let owner = owner(&transaction, guest).await?;
    match change {
        CartChange::Remove => {
            let delete =
                transaction.prepare_cached("DELETE FROM cart_item WHERE user_id = $1 AND item_id = $2").await?;
            transaction.execute(&delete, &[&owner, &item]).await?;
        }
        CartChange::Add(quantity) | CartChange::Set(quantity) => {
            let adds = matches!(change, CartChange::Add(_));
            let insert = transaction
                .prepare_cached(
                    "INSERT INTO cart_item (user_id, item_id, quantity, added_at)
                     SELECT $1, item.id, $3, $4 FROM item WHERE item.id = $2
                     ON CONFLICT (user_id, item_id) DO UPDATE SET quantity =
                         least($5::bigint, excluded.quantity + CASE WHEN $6::boolean THEN cart_item.quantity ELSE 0 END)",
                )
                .await?;
            let quantity = quantity.min(MAX_QUANTITY);
            let parameters: [&(dyn ToSql + Sync); 6] =
                [&owner, &item, &quantity, &now.as_millis(), &MAX_QUANTITY, &adds];
            let changed = transaction.execute(&insert, &parameters).await?;
            if changed == 0 {
                return Ok(None);
            }
        }
    }
    let lines = cart(&transaction, owner).await?;
    transaction.commit().await?;
    Ok(Some(lines))
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
