//! The idempotency keys of additions.

use rusqlite::{Connection, OptionalExtension, params};

use super::guests::Owner;
use super::{TransactionError, time_column};
use crate::clock::Timestamp;
use crate::collections::{AdditionKey, MAX_ADDITION_KEYS};

/// Whether an addition with this key was made before.
pub(super) fn was_used(
    db: &Connection,
    owner: &Owner,
    key: &AdditionKey,
    now: Timestamp,
) -> Result<bool, TransactionError> {
    let used = db
        .prepare_cached("SELECT request, created_at FROM addition_key WHERE user_id = ?1 AND hash = ?2")?
        .query_row(params![owner.id, key.hash], |row| {
            Ok((row.get::<_, Vec<u8>>("request")?, time_column(row, "created_at")?))
        })
        .optional()?;
    match used {
        Some((request, made_at)) => Ok(key.repeats(&request, made_at, now)?),
        None => Ok(false),
    }
}

pub(super) fn remember(db: &Connection, owner: &Owner, key: &AdditionKey, now: Timestamp) -> rusqlite::Result<()> {
    // Before the new key is inserted, so that it is kept whatever its time.
    keep_newest(db, &owner.id, MAX_ADDITION_KEYS - 1)?;
    db.prepare_cached(
        "INSERT OR REPLACE INTO addition_key (user_id, hash, request, created_at) VALUES (?1, ?2, ?3, ?4)",
    )?
    .execute(params![owner.id, key.hash, key.request, now.as_millis()])?;
    Ok(())
}

/// Deletes the keys of a user, except the newest `kept` ones.
pub(super) fn keep_newest(db: &Connection, user: &str, kept: u32) -> rusqlite::Result<()> {
    db.prepare_cached(
        "DELETE FROM addition_key WHERE user_id = ?1 AND hash IN (
             SELECT hash FROM addition_key WHERE user_id = ?1 ORDER BY created_at DESC, hash DESC LIMIT -1 OFFSET ?2
         )",
    )?
    .execute(params![user, kept])?;
    Ok(())
}
