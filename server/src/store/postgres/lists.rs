//! History and favourites: lists of items, each with a time. Names of tables and columns come from [`ItemList`] alone.

use deadpool_postgres::{Client, GenericClient, Transaction};
use uuid::Uuid;

use super::catalogue::{item_row, require_item};
use super::guests::{Owner, lock_owner, owner};
use super::{Error, TransactionError, time_column};
use crate::clock::Timestamp;
use crate::store::{DataError, ItemList, ListedItem, MAX_FAVORITES, MAX_HISTORY, Page, Position};

pub(super) async fn list(
    db: &Client,
    list: ItemList,
    guest: Uuid,
    page: Page,
) -> Result<Vec<ListedItem>, TransactionError> {
    let owner = owner(db, guest).await?;
    Ok(listed(db, list, &owner, page).await?)
}

pub(super) async fn listed(
    db: &impl GenericClient,
    list: ItemList,
    owner: &Owner,
    page: Page,
) -> Result<Vec<ListedItem>, Error> {
    let after = page.after.unwrap_or(Position::START);
    let (table, time) = (list.table(), list.time());
    let query = format!(
        "SELECT item.*, {time} AS at FROM {table} JOIN item ON item.id = item_id
         WHERE user_id = $1 AND ({time}, item_id) < ($2, $3) ORDER BY {time} DESC, item_id DESC LIMIT $4"
    );
    let query = db.prepare_cached(&query).await?;
    let rows = db.query(&query, &[&owner.id, &after.at.as_millis(), &after.item, &i64::from(page.limit)]).await?;
    rows.iter().map(|row| Ok(ListedItem { item: item_row(row)?, at: time_column(row, "at")? })).collect()
}

pub(super) async fn add_item(
    db: &mut Client,
    list: ItemList,
    guest: Uuid,
    item: i64,
    now: Timestamp,
) -> Result<(), TransactionError> {
    let transaction = db.transaction().await?;
    let owner = lock_owner(&transaction, guest).await?;
    require_item(&transaction, item).await?;
    match list {
        ItemList::History => see(&transaction, &owner, item, now).await?,
        ItemList::Favorites => favor(&transaction, &owner, item, now).await?,
    }
    transaction.commit().await?;
    Ok(())
}

pub(super) async fn remove_item(
    db: &mut Client,
    list: ItemList,
    guest: Uuid,
    item: Option<i64>,
) -> Result<(), TransactionError> {
    let transaction = db.transaction().await?;
    let owner = lock_owner(&transaction, guest).await?;
    let delete = format!("DELETE FROM {} WHERE user_id = $1 AND item_id = coalesce($2::bigint, item_id)", list.table());
    let delete = transaction.prepare_cached(&delete).await?;
    transaction.execute(&delete, &[&owner.id, &item]).await?;
    transaction.commit().await?;
    Ok(())
}

async fn see(db: &Transaction<'_>, owner: &Owner, item: i64, now: Timestamp) -> Result<(), Error> {
    let insert = db
        .prepare_cached(
            "INSERT INTO history_item (user_id, item_id, viewed_at) VALUES ($1, $2, $3)
             ON CONFLICT (user_id, item_id)
             DO UPDATE SET viewed_at = greatest(history_item.viewed_at, excluded.viewed_at)",
        )
        .await?;
    db.execute(&insert, &[&owner.id, &item, &now.as_millis()]).await?;
    let make_room = db
        .prepare_cached(
            "DELETE FROM history_item WHERE user_id = $1 AND item_id IN (
                 SELECT item_id FROM history_item WHERE user_id = $1
                 ORDER BY viewed_at DESC, item_id DESC OFFSET $2
             )",
        )
        .await?;
    db.execute(&make_room, &[&owner.id, &i64::from(MAX_HISTORY)]).await?;
    Ok(())
}

async fn favor(db: &Transaction<'_>, owner: &Owner, item: i64, now: Timestamp) -> Result<(), TransactionError> {
    let count = db
        .prepare_cached("SELECT count(*), count(*) FILTER (WHERE item_id = $2) FROM favorite_item WHERE user_id = $1")
        .await?;
    let counted = db.query_one(&count, &[&owner.id, &item]).await?;
    let (all, of_item): (i64, i64) = (counted.try_get(0)?, counted.try_get(1)?);
    if of_item > 0 {
        return Ok(());
    }
    if all >= i64::from(MAX_FAVORITES) {
        return Err(DataError::FavoritesFull.into());
    }
    let insert =
        db.prepare_cached("INSERT INTO favorite_item (user_id, item_id, added_at) VALUES ($1, $2, $3)").await?;
    db.execute(&insert, &[&owner.id, &item, &now.as_millis()]).await?;
    Ok(())
}
