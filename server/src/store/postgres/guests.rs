//! Guests.

use deadpool_postgres::Client;
use uuid::Uuid;

use super::{Error, time_column};
use crate::clock::Timestamp;
use crate::store::GuestRow;

pub(super) async fn guest(db: &Client, id: Uuid) -> Result<Option<GuestRow>, Error> {
    let query = db.prepare_cached("SELECT created_at, last_active_at FROM anonymous_user WHERE id = $1").await?;
    let Some(row) = db.query_opt(&query, &[&id]).await? else { return Ok(None) };
    Ok(Some(GuestRow {
        created_at: time_column(&row, "created_at")?,
        last_active_at: time_column(&row, "last_active_at")?,
    }))
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
