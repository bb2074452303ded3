//! History and favourites: lists of items, each with a time. Names of tables and columns come from [`ItemList`] alone.

use rusqlite::{Connection, params};
use uuid::Uuid;

use super::catalogue::{item_row, require_item};
use super::guests::{Owner, owner};
use super::{TransactionError, time_column};
use crate::clock::Timestamp;
use crate::store::{DataError, ItemList, ListedItem, MAX_FAVORITES, MAX_HISTORY, Page, Position};

pub(super) fn list(
    db: &Connection,
    list: ItemList,
    guest: Uuid,
    page: Page,
) -> Result<Vec<ListedItem>, TransactionError> {
    Ok(listed(db, list, &owner(db, guest)?, page)?)
}

pub(super) fn listed(db: &Connection, list: ItemList, owner: &Owner, page: Page) -> rusqlite::Result<Vec<ListedItem>> {
    let after = page.after.unwrap_or(Position::START);
    let (table, time) = (list.table(), list.time());
    db.prepare_cached(&format!(
        "SELECT item.*, {time} AS at FROM {table} JOIN item ON item.id = item_id
         WHERE user_id = ?1 AND ({time}, item_id) < (?2, ?3) ORDER BY {time} DESC, item_id DESC LIMIT ?4"
    ))?
    .query_map(params![owner.id, after.at.as_millis(), after.item, page.limit], |row| {
        Ok(ListedItem { item: item_row(row)?, at: time_column(row, "at")? })
    })?
    .collect()
}

pub(super) fn add_item(
    db: &Connection,
    list: ItemList,
    guest: Uuid,
    item: i64,
    now: Timestamp,
) -> Result<(), TransactionError> {
    let owner = owner(db, guest)?;
    require_item(db, item)?;
    match list {
        ItemList::History => see(db, &owner, item, now)?,
        ItemList::Favorites => favor(db, &owner, item, now)?,
    }
    Ok(())
}

pub(super) fn remove_item(
    db: &Connection,
    list: ItemList,
    guest: Uuid,
    item: Option<i64>,
) -> Result<(), TransactionError> {
    let owner = owner(db, guest)?;
    db.prepare_cached(&format!("DELETE FROM {} WHERE user_id = ?1 AND item_id = coalesce(?2, item_id)", list.table()))?
        .execute(params![owner.id, item])?;
    Ok(())
}

fn see(db: &Connection, owner: &Owner, item: i64, now: Timestamp) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT INTO history_item (user_id, item_id, viewed_at) VALUES (?1, ?2, ?3)
         ON CONFLICT (user_id, item_id) DO UPDATE SET viewed_at = max(viewed_at, excluded.viewed_at)",
    )?
    .execute(params![owner.id, item, now.as_millis()])?;
    db.prepare_cached(
        "DELETE FROM history_item WHERE user_id = ?1 AND item_id IN (
             SELECT item_id FROM history_item WHERE user_id = ?1
             ORDER BY viewed_at DESC, item_id DESC LIMIT -1 OFFSET ?2
         )",
    )?
    .execute(params![owner.id, MAX_HISTORY])?;
    Ok(())
}

fn favor(db: &Connection, owner: &Owner, item: i64, now: Timestamp) -> Result<(), TransactionError> {
    let added = db
        .prepare_cached(
            "INSERT INTO favorite_item (user_id, item_id, added_at)
             SELECT ?1, ?2, ?3 WHERE (SELECT count(*) FROM favorite_item WHERE user_id = ?1 AND item_id <> ?2) < ?4
             ON CONFLICT (user_id, item_id) DO NOTHING",
        )?
        .execute(params![owner.id, item, now.as_millis(), MAX_FAVORITES])?;
    let is_there = added == 1
        || db
            .prepare_cached("SELECT 1 FROM favorite_item WHERE user_id = ?1 AND item_id = ?2")?
            .exists(params![owner.id, item])?;
    if is_there { Ok(()) } else { Err(DataError::FavoritesFull.into()) }
}
