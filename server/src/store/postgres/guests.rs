//! Guests, and members, who are guests with an account.

use deadpool_postgres::{Client, Transaction};
use uuid::Uuid;

use super::{Error, time_column, unreadable};
use crate::clock::Timestamp;
use crate::store::GuestRow;

pub(super) async fn guest(db: &Client, id: Uuid) -> Result<Option<GuestRow>, Error> {
    let query = db
        .prepare_cached(
            "SELECT id, anonymous_user.created_at, last_active_at, registered_at, email,
                    (SELECT count(*) FROM passkey WHERE passkey.user_id = id) AS passkeys
             FROM anonymous_user LEFT JOIN account ON account.user_id = id
             WHERE id = (SELECT coalesce(merged_into, id) FROM anonymous_user WHERE id = $1)",
        )
        .await?;
    let Some(row) = db.query_opt(&query, &[&id]).await? else { return Ok(None) };
    Ok(Some(GuestRow {
        id: row.try_get("id")?,
        created_at: time_column(&row, "created_at")?,
        last_active_at: time_column(&row, "last_active_at")?,
        registered_at: row.try_get::<_, Option<i64>>("registered_at")?.map(Timestamp::from_millis),
        email: row.try_get("email")?,
        passkeys: u64::try_from(row.try_get::<_, i64>("passkeys")?).map_err(unreadable)?,
    }))
}

/// Whose rows a token is about that names `id`: the account's, once the guest has been merged. Whatever writes rows of a
/// user asks this first in its transaction: the lock keeps a merge waiting, and a merge under way keeps this waiting.
pub(super) async fn owner(transaction: &Transaction<'_>, id: Uuid) -> Result<Uuid, Error> {
    let query = transaction
        .prepare_cached("SELECT coalesce(merged_into, id) FROM anonymous_user WHERE id = $1 FOR KEY SHARE")
        .await?;
    // Nobody: what is written then fails on the foreign key.
    transaction.query_opt(&query, &[&id]).await?.map_or(Ok(id), |row| Ok(row.try_get(0)?))
}

/// Locks the rows in the order of their ids: a guest may be seen by several nodes, and two that write what they saw in
/// different orders would wait for each other.
pub(super) async fn touch(db: &Client, seen: Vec<(Uuid, Timestamp)>) -> Result<(), Error> {
    let update = db
        .prepare_cached(
            "WITH late AS (
                 SELECT anonymous_user.id, seen.at
                 FROM unnest($1::uuid[], $2::bigint[]) AS seen (id, at)
                 JOIN anonymous_user ON anonymous_user.id = seen.id AND anonymous_user.last_active_at < seen.at
                 ORDER BY anonymous_user.id
                 FOR NO KEY UPDATE OF anonymous_user
             )
             UPDATE anonymous_user SET last_active_at = greatest(last_active_at, late.at)
             FROM late WHERE late.id = anonymous_user.id",
        )
        .await?;
    let (ids, times): (Vec<Uuid>, Vec<i64>) = seen.into_iter().map(|(id, at)| (id, at.as_millis())).unzip();
    db.execute(&update, &[&ids, &times]).await?;
    Ok(())
}
