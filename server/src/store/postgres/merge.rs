//! Moves the data of a guest to an account, with a rule for each collection (S8). Both are locked, so no other transaction
//! changes their data.

use deadpool_postgres::Transaction;
use uuid::Uuid;

use super::Error;
use super::cart::keep_newest_keys;
use crate::store::{MAX_CART_KEYS, MAX_HISTORY, MAX_QUANTITY, merge_preferences};

/// Moves all rows and sessions. Part of the transaction that makes the guest a tombstone.
pub(super) async fn move_rows(transaction: &Transaction<'_>, guest: Uuid, account: Uuid) -> Result<(), Error> {
    let cart = transaction
        .prepare_cached(
            "INSERT INTO cart_item (user_id, item_id, quantity, added_at)
             SELECT $2, item_id, quantity, added_at FROM cart_item WHERE user_id = $1 ORDER BY item_id
             ON CONFLICT (user_id, item_id) DO UPDATE SET
                 quantity = least($3::bigint, cart_item.quantity + excluded.quantity),
                 added_at = least(cart_item.added_at, excluded.added_at)",
        )
        .await?;
    transaction.execute(&cart, &[&guest, &account, &MAX_QUANTITY]).await?;
    let favorites = transaction
        .prepare_cached(
            "INSERT INTO favorite_item (user_id, item_id, added_at)
             SELECT $2, item_id, added_at FROM favorite_item WHERE user_id = $1 ORDER BY item_id
             ON CONFLICT (user_id, item_id) DO UPDATE SET
                 added_at = least(favorite_item.added_at, excluded.added_at)",
        )
        .await?;
    transaction.execute(&favorites, &[&guest, &account]).await?;
    let history = transaction
        .prepare_cached(
            "INSERT INTO history_item (user_id, item_id, viewed_at)
             SELECT $2, item_id, viewed_at FROM history_item WHERE user_id = $1 ORDER BY item_id
             ON CONFLICT (user_id, item_id) DO UPDATE SET
                 viewed_at = greatest(history_item.viewed_at, excluded.viewed_at)",
        )
        .await?;
    transaction.execute(&history, &[&guest, &account]).await?;
    let trim = transaction
        .prepare_cached(
            "DELETE FROM history_item WHERE user_id = $1 AND item_id IN (
                 SELECT item_id FROM history_item WHERE user_id = $1 ORDER BY viewed_at DESC, item_id DESC OFFSET $2
             )",
        )
        .await?;
    transaction.execute(&trim, &[&account, &i64::from(MAX_HISTORY)]).await?;
    move_preferences(transaction, guest, account).await?;
    // Keeps the keys, so that an addition to the cart that is retried after the merge adds nothing.
    let keys = transaction
        .prepare_cached(
            "INSERT INTO cart_key (user_id, hash, request, created_at)
             SELECT $2, hash, request, created_at FROM cart_key WHERE user_id = $1 ON CONFLICT DO NOTHING",
        )
        .await?;
    transaction.execute(&keys, &[&guest, &account]).await?;
    keep_newest_keys(transaction, account, MAX_CART_KEYS).await?;
    for table in ["cart_key", "cart_item", "favorite_item", "history_item", "preferences", "ceremony"] {
        let delete = transaction.prepare_cached(&format!("DELETE FROM {table} WHERE user_id = $1")).await?;
        transaction.execute(&delete, &[&guest]).await?;
    }
    let sessions = transaction.prepare_cached("UPDATE session SET user_id = $2 WHERE user_id = $1").await?;
    transaction.execute(&sessions, &[&guest, &account]).await?;
    let activity = transaction
        .prepare_cached(
            "UPDATE anonymous_user SET last_active_at = greatest(
                 last_active_at, (SELECT last_active_at FROM anonymous_user WHERE id = $1)
             ) WHERE id = $2",
        )
        .await?;
    transaction.execute(&activity, &[&guest, &account]).await?;
    Ok(())
}

async fn move_preferences(transaction: &Transaction<'_>, guest: Uuid, account: Uuid) -> Result<(), Error> {
    let query = transaction.prepare_cached("SELECT data FROM preferences WHERE user_id = $1").await?;
    let preferences = async |user: Uuid| -> Result<Option<String>, Error> {
        Ok(transaction.query_opt(&query, &[&user]).await?.map(|row| row.try_get(0)).transpose()?)
    };
    let Some(theirs) = preferences(guest).await? else { return Ok(()) };
    let merged = merge_preferences(preferences(account).await?.as_deref(), Some(&theirs));
    let insert = transaction
        .prepare_cached(
            "INSERT INTO preferences (user_id, data) VALUES ($1, $2)
             ON CONFLICT (user_id) DO UPDATE SET data = excluded.data",
        )
        .await?;
    transaction.execute(&insert, &[&account, &merged]).await?;
    Ok(())
}
