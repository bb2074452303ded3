//! Users: guests, and members, who are guests with an account.

use async_trait::async_trait;
use deadpool_postgres::{Client, GenericClient, Transaction};
use uuid::Uuid;

use super::sessions::revocation;
use super::{Error, PostgresStore, TransactionError, audit, separated, sessions, time_column, unreadable};
use crate::clock::Timestamp;
use crate::store::{DataError, DataResult, Export, GuestRow, GuestStore, NewAuditEntry, Revocation, StoreError};

#[async_trait]
impl GuestStore for PostgresStore {
    async fn guest(&self, id: Uuid) -> Result<Option<GuestRow>, StoreError> {
        self.connections.run(move |db| Box::pin(guest(db, id))).await
    }

    async fn record_activity(&self, activity: Vec<(Uuid, Timestamp)>) -> Result<(), StoreError> {
        self.connections.run(move |db| Box::pin(record_activity(db, activity))).await
    }

    async fn export(&self, guest: Uuid) -> Result<DataResult<Export>, StoreError> {
        self.connections.run(move |db| Box::pin(separated(super::export::export(db, guest)))).await
    }

    async fn erase(
        &self,
        guest: Uuid,
        by: Option<Uuid>,
        now: Timestamp,
    ) -> Result<DataResult<Vec<Revocation>>, StoreError> {
        self.connections.run(move |db| Box::pin(separated(erase(db, guest, by, now)))).await
    }
}

/// The owner of a guest's data: proof that the guest exists and was not merged into an account, and with [`lock_owner`] that
/// this holds until the transaction ends. An access token of a merged guest is accepted for up to a second on a node that does
/// not know of the merge, and must not reach the account's data.
pub(super) struct Owner {
    pub(super) id: Uuid,
}

/// Finds the owner of a guest's data. Every read of that data begins with this.
pub(super) async fn owner(db: &impl GenericClient, guest: Uuid) -> Result<Owner, TransactionError> {
    let query = db.prepare_cached("SELECT id FROM anonymous_user WHERE id = $1 AND merged_into IS NULL").await?;
    let row = db.query_opt(&query, &[&guest]).await?.ok_or(DataError::NoGuest)?;
    Ok(Owner { id: row.try_get(0)? })
}

/// Locks the owner of a guest's data. Every change of that data begins with this, so that the changes of one guest are serialized
/// with each other, with erasures and with merges.
pub(super) async fn lock_owner(transaction: &Transaction<'_>, guest: Uuid) -> Result<Owner, TransactionError> {
    let lock = transaction
        .prepare_cached("SELECT id FROM anonymous_user WHERE id = $1 AND merged_into IS NULL FOR NO KEY UPDATE")
        .await?;
    let row = transaction.query_opt(&lock, &[&guest]).await?.ok_or(DataError::NoGuest)?;
    Ok(Owner { id: row.try_get(0)? })
}

/// Restarts the transaction, before any write, to release all locks: locking further users while holding these locks would break
/// the order of locks (see `accounts`).
async fn restart(transaction: &Transaction<'_>) -> Result<(), Error> {
    Ok(transaction.batch_execute("ROLLBACK; BEGIN").await?)
}

pub(super) async fn guest(db: &impl GenericClient, id: Uuid) -> Result<Option<GuestRow>, Error> {
    let query = db
        .prepare_cached(
            "SELECT id, anonymous_user.created_at, registered_at, email,
                    greatest(last_active_at, (
                        SELECT max(coalesce(rotated_at, session.created_at)) FROM session
                        WHERE session.user_id = anonymous_user.id
                    )) AS last_active_at,
                    (SELECT count(*) FROM passkey WHERE passkey.user_id = id) AS passkeys
             FROM anonymous_user LEFT JOIN account ON account.user_id = id
             WHERE id = $1 AND merged_into IS NULL",
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

/// Locks the rows in the order of their ids, as all transactions do (see `accounts`), because several nodes may record the
/// activity of the same guest.
pub(super) async fn record_activity(db: &Client, activity: Vec<(Uuid, Timestamp)>) -> Result<(), Error> {
    let update = db
        .prepare_cached(
            "WITH late AS (
                 SELECT anonymous_user.id, activity.at
                 FROM unnest($1::uuid[], $2::bigint[]) AS activity (id, at)
                 JOIN anonymous_user ON anonymous_user.id = activity.id AND anonymous_user.last_active_at < activity.at
                 ORDER BY anonymous_user.id
                 FOR NO KEY UPDATE OF anonymous_user
             )
             UPDATE anonymous_user SET last_active_at = greatest(last_active_at, late.at)
             FROM late WHERE late.id = anonymous_user.id",
        )
        .await?;
    let (ids, times): (Vec<Uuid>, Vec<i64>) = activity.into_iter().map(|(id, at)| (id, at.as_millis())).unzip();
    db.execute(&update, &[&ids, &times]).await?;
    Ok(())
}

/// Locks the row of the guest first, then those of the sessions, so that it waits for an earlier refresh, and a later refresh
/// finds no session. The foreign keys delete all other rows of the guest; of a member, also the account and the tombstones.
pub(super) async fn erase(
    db: &mut Client,
    guest: Uuid,
    by: Option<Uuid>,
    now: Timestamp,
) -> Result<Vec<Revocation>, TransactionError> {
    let transaction = db.transaction().await?;
    let owner = lock_with_tombstones(&transaction, guest).await?;
    let lock = transaction
        .prepare_cached("SELECT id, access_expires_at FROM session WHERE user_id = $1 ORDER BY id FOR UPDATE")
        .await?;
    let rows = transaction.query(&lock, &[&owner.id]).await?;
    let ended: Vec<_> = rows.iter().map(revocation).collect::<Result<_, _>>()?;
    if let Some(by) = by {
        // The guest may have become a member since the caller was authenticated, which ended the session.
        let session = sessions::locked(&transaction, by).await?;
        session.filter(|session| session.user == guest && !session.revoked).ok_or(DataError::NoGuest)?;
    }
    let remember = transaction
        .prepare_cached(
            "INSERT INTO erased_session (id, access_expires_at) SELECT * FROM unnest($1::uuid[], $2::bigint[])",
        )
        .await?;
    let (ids, ends): (Vec<Uuid>, Vec<i64>) =
        ended.iter().map(|one| (one.session, one.access_expires_at.as_millis())).unzip();
    transaction.execute(&remember, &[&ids, &ends]).await?;
    audit::anonymize(&transaction, owner.id).await?;
    // For the restore of a backup that still has the user.
    let record = transaction
        .prepare_cached(
            "INSERT INTO erased_user (hash, erased_at)
             SELECT sha256(uuid_send(id)), $2
             FROM anonymous_user WHERE id = $1 OR merged_into = $1
             ON CONFLICT DO NOTHING",
        )
        .await?;
    transaction.execute(&record, &[&owner.id, &now.as_millis()]).await?;
    let delete = transaction.prepare_cached("DELETE FROM anonymous_user WHERE id = $1").await?;
    transaction.execute(&delete, &[&owner.id]).await?;
    audit::record(&transaction, &NewAuditEntry::erased(owner.id, now)).await?;
    transaction.commit().await?;
    Ok(ended)
}

/// Locks a user together with its tombstones, which are deleted with it, in the order of their ids. If guests were merged while
/// this waited, it begins again, because the delete would lock them out of order.
async fn lock_with_tombstones(transaction: &Transaction<'_>, guest: Uuid) -> Result<Owner, TransactionError> {
    let lock = transaction
        .prepare_cached("SELECT id FROM anonymous_user WHERE id = $1 OR merged_into = $1 ORDER BY id FOR UPDATE")
        .await?;
    let is_all = transaction
        .prepare_cached(
            "SELECT coalesce(array_agg(id ORDER BY id), '{}') = $2 FROM anonymous_user
             WHERE id = $1 OR merged_into = $1",
        )
        .await?;
    // Each iteration means that another guest has been merged meanwhile, so the loop ends.
    loop {
        let owner = owner(transaction, guest).await?;
        let rows = transaction.query(&lock, &[&owner.id]).await?;
        let locked: Vec<Uuid> = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
        let is_all: bool = transaction.query_one(&is_all, &[&owner.id, &locked]).await?.try_get(0)?;
        // The guest may have been merged or erased meanwhile.
        if is_all && self::owner(transaction, guest).await?.id == owner.id {
            return Ok(owner);
        }
        restart(transaction).await?;
    }
}
