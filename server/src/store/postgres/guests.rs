//! Guests: who they are, and their end.

use deadpool_postgres::{Client, GenericClient};
use uuid::Uuid;

use super::sessions::revocation;
use super::{Error, NotDone, time_column};
use crate::clock::Timestamp;
use crate::store::{GuestRow, Refusal, Revocation};

/// Whose rows a guest's data are: proof that the guest was there, and with [`lock_owner`] is until the transaction ends.
pub(super) struct Owner {
    pub(super) id: Uuid,
}

/// Every read of a guest's data begins here.
pub(super) async fn owner(db: &impl GenericClient, guest: Uuid) -> Result<Owner, NotDone> {
    let query = db.prepare_cached("SELECT id FROM anonymous_user WHERE id = $1").await?;
    found(db, &query, guest).await
}

/// Every change of a guest's data begins here: the changes of one guest take turns, and take turns with the guest's end.
pub(super) async fn lock_owner(db: &impl GenericClient, guest: Uuid) -> Result<Owner, NotDone> {
    let query = db.prepare_cached("SELECT id FROM anonymous_user WHERE id = $1 FOR NO KEY UPDATE").await?;
    found(db, &query, guest).await
}

async fn found(db: &impl GenericClient, query: &tokio_postgres::Statement, guest: Uuid) -> Result<Owner, NotDone> {
    let row = db.query_opt(query, &[&guest]).await?.ok_or(Refusal::NoGuest)?;
    Ok(Owner { id: row.try_get("id")? })
}

pub(super) async fn guest(db: &impl GenericClient, id: Uuid) -> Result<Option<GuestRow>, Error> {
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

/// Takes the guest's row first, then those of the sessions: a refresh that was faster is waited for, and one that comes
/// later finds no session. The rest of a guest goes with the guest.
pub(super) async fn erase(db: &mut Client, guest: Uuid) -> Result<Vec<Revocation>, NotDone> {
    let transaction = db.transaction().await?;
    let owner = lock_owner(&transaction, guest).await?;
    let lock = transaction
        .prepare_cached("SELECT id, access_expires_at FROM session WHERE user_id = $1 ORDER BY id FOR UPDATE")
        .await?;
    let rows = transaction.query(&lock, &[&owner.id]).await?;
    let ended: Vec<_> = rows.iter().map(revocation).collect::<Result<_, _>>()?;
    let remember = transaction
        .prepare_cached(
            "INSERT INTO erased_session (id, access_expires_at) SELECT * FROM unnest($1::uuid[], $2::bigint[])",
        )
        .await?;
    let (ids, ends): (Vec<Uuid>, Vec<i64>) =
        ended.iter().map(|one| (one.session, one.access_expires_at.as_millis())).unzip();
    transaction.execute(&remember, &[&ids, &ends]).await?;
    let delete = transaction.prepare_cached("DELETE FROM anonymous_user WHERE id = $1").await?;
    transaction.execute(&delete, &[&owner.id]).await?;
    transaction.commit().await?;
    Ok(ended)
}
