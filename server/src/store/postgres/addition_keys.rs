//! The idempotency keys of additions.

use deadpool_postgres::Transaction;
use uuid::Uuid;

use super::guests::Owner;
use super::{Error, time_column};
use crate::clock::Timestamp;
use crate::collections::{AdditionKey, MAX_ADDITION_KEYS};

/// The request that came with the key before, and when.
pub(super) async fn used(
    db: &Transaction<'_>,
    owner: &Owner,
    key: Option<&AdditionKey>,
) -> Result<Option<(Vec<u8>, Timestamp)>, Error> {
    let Some(key) = key else { return Ok(None) };
    let query =
        db.prepare_cached("SELECT request, created_at FROM addition_key WHERE user_id = $1 AND hash = $2").await?;
    let row = db.query_opt(&query, &[&owner.id, &key.hash.as_slice()]).await?;
    row.map(|row| Ok((row.try_get("request")?, time_column(&row, "created_at")?))).transpose()
}

pub(super) async fn remember(
    db: &Transaction<'_>,
    owner: &Owner,
    key: Option<&AdditionKey>,
    now: Timestamp,
) -> Result<(), Error> {
    let Some(key) = key else { return Ok(()) };
    // Before the new key is inserted, so that it is kept whatever its time.
    keep_newest(db, owner.id, MAX_ADDITION_KEYS - 1).await?;
    let insert = db
        .prepare_cached(
            "INSERT INTO addition_key (user_id, hash, request, created_at) VALUES ($1, $2, $3, $4)
             ON CONFLICT (user_id, hash) DO UPDATE SET request = excluded.request, created_at = excluded.created_at",
        )
        .await?;
    db.execute(&insert, &[&owner.id, &key.hash.as_slice(), &key.request.as_slice(), &now.as_millis()]).await?;
    Ok(())
}

/// Deletes the keys of a user, except the newest `kept` ones.
pub(super) async fn keep_newest(db: &Transaction<'_>, user: Uuid, kept: u32) -> Result<(), Error> {
    let delete = db
        .prepare_cached(
            "DELETE FROM addition_key WHERE user_id = $1 AND hash IN (
                 SELECT hash FROM addition_key WHERE user_id = $1 ORDER BY created_at DESC, hash DESC OFFSET $2
             )",
        )
        .await?;
    db.execute(&delete, &[&user, &i64::from(kept)]).await?;
    Ok(())
}
