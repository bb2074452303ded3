//! Moves the data of a guest to an account, with a rule for each collection (S8).

use rusqlite::{Connection, OptionalExtension, params};

use super::cart::keep_newest_keys;
use crate::store::{MAX_CART_KEYS, MAX_HISTORY, MAX_QUANTITY, merge_preferences};

/// Moves all rows and sessions. Part of the transaction that makes the guest a tombstone.
pub(super) fn move_rows(db: &Connection, guest: &str, account: &str) -> rusqlite::Result<()> {
    let both = params![guest, account];
    db.prepare_cached(
        "INSERT INTO cart_item (user_id, item_id, quantity, added_at)
         SELECT ?2, item_id, quantity, added_at FROM cart_item WHERE user_id = ?1
         ON CONFLICT (user_id, item_id) DO UPDATE SET
             quantity = min(?3, quantity + excluded.quantity), added_at = min(added_at, excluded.added_at)",
    )?
    .execute(params![guest, account, MAX_QUANTITY])?;
    db.prepare_cached(
        "INSERT INTO favorite_item (user_id, item_id, added_at)
         SELECT ?2, item_id, added_at FROM favorite_item WHERE user_id = ?1
         ON CONFLICT (user_id, item_id) DO UPDATE SET added_at = min(added_at, excluded.added_at)",
    )?
    .execute(both)?;
    db.prepare_cached(
        "INSERT INTO history_item (user_id, item_id, viewed_at)
         SELECT ?2, item_id, viewed_at FROM history_item WHERE user_id = ?1
         ON CONFLICT (user_id, item_id) DO UPDATE SET viewed_at = max(viewed_at, excluded.viewed_at)",
    )?
    .execute(both)?;
    db.prepare_cached(
        "DELETE FROM history_item WHERE user_id = ?1 AND item_id NOT IN (
             SELECT item_id FROM history_item WHERE user_id = ?1 ORDER BY viewed_at DESC, item_id DESC LIMIT ?2
         )",
    )?
    .execute(params![account, MAX_HISTORY])?;
    let preferences = |user: &str| {
        db.prepare_cached("SELECT data FROM preferences WHERE user_id = ?1")?
            .query_row([user], |row| row.get::<_, String>(0))
            .optional()
    };
    if let Some(theirs) = preferences(guest)? {
        let merged = merge_preferences(preferences(account)?.as_deref(), Some(&theirs));
        db.prepare_cached(
            "INSERT INTO preferences (user_id, data) VALUES (?1, ?2)
             ON CONFLICT (user_id) DO UPDATE SET data = excluded.data",
        )?
        .execute(params![account, merged])?;
    }
    // Keeps the keys, so that an addition to the cart that is retried after the merge adds nothing.
    db.prepare_cached(
        "INSERT INTO cart_key (user_id, hash, request, created_at)
         SELECT ?2, hash, request, created_at FROM cart_key WHERE user_id = ?1 ON CONFLICT DO NOTHING",
    )?
    .execute(both)?;
    keep_newest_keys(db, account, MAX_CART_KEYS)?;
    for table in ["cart_key", "cart_item", "favorite_item", "history_item", "preferences", "ceremony"] {
        db.prepare_cached(&format!("DELETE FROM {table} WHERE user_id = ?1"))?.execute([guest])?;
    }
    db.prepare_cached("UPDATE session SET user_id = ?2 WHERE user_id = ?1")?.execute(both)?;
    db.prepare_cached(
        "UPDATE anonymous_user
         SET last_active_at = max(last_active_at, (SELECT last_active_at FROM anonymous_user WHERE id = ?1)) WHERE id = ?2",
    )?
    .execute(both)?;
    Ok(())
}
