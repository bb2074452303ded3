//! The catalogue.

use deadpool_postgres::{Client, GenericClient};
use tokio_postgres::Row;
use uuid::Uuid;

use super::guests::owner;
use super::{Error, TransactionError, unreadable};
use crate::clock::Timestamp;
use crate::store::{DataError, ItemRow, PersonalItem};

pub(super) async fn item_count(db: &Client) -> Result<u64, Error> {
    let query = db.prepare_cached("SELECT count(*) FROM item").await?;
    let count: i64 = db.query_one(&query, &[]).await?.try_get(0)?;
    u64::try_from(count).map_err(unreadable)
}

pub(super) async fn items(db: &Client, guest: Uuid) -> Result<Vec<PersonalItem>, TransactionError> {
    let owner = owner(db, guest).await?;
    let query = db
        .prepare_cached(
            "SELECT item.*, history_item.viewed_at, favorite_item.added_at AS favorite_since,
                    cart_item.item_id IS NOT NULL AS in_cart
             FROM item
             LEFT JOIN history_item ON history_item.user_id = $1 AND history_item.item_id = item.id
             LEFT JOIN favorite_item ON favorite_item.user_id = $1 AND favorite_item.item_id = item.id
             LEFT JOIN cart_item ON cart_item.user_id = $1 AND cart_item.item_id = item.id
             ORDER BY item.id",
        )
        .await?;
    let rows = db.query(&query, &[&owner.id]).await?;
    let items = rows.iter().map(|row| {
        Ok::<_, Error>(PersonalItem {
            item: item_row(row)?,
            viewed_at: row.try_get::<_, Option<i64>>("viewed_at")?.map(Timestamp::from_millis),
            favorite_since: row.try_get::<_, Option<i64>>("favorite_since")?.map(Timestamp::from_millis),
            in_cart: row.try_get("in_cart")?,
        })
    });
    Ok(items.collect::<Result<_, _>>()?)
}

/// An error if the catalogue does not have the item.
pub(super) async fn require_item(db: &impl GenericClient, item: i64) -> Result<(), TransactionError> {
    if has_item(db, item).await? { Ok(()) } else { Err(DataError::NoItem.into()) }
}

pub(super) async fn has_item(db: &impl GenericClient, item: i64) -> Result<bool, Error> {
    let query = db.prepare_cached("SELECT 1 FROM item WHERE id = $1").await?;
    Ok(db.query_opt(&query, &[&item]).await?.is_some())
}

pub(super) fn item_row(row: &Row) -> Result<ItemRow, Error> {
    Ok(ItemRow {
        id: row.try_get("id")?,
        name: row.try_get("name")?,
        description: row.try_get("description")?,
        price_cents: row.try_get("price_cents")?,
        currency: row.try_get("currency")?,
        emoji: row.try_get("emoji")?,
        category: row.try_get("category")?,
    })
}
