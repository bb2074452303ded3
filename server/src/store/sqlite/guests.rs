//! Users: guests, and members, who are guests with an account.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, params};
use uuid::Uuid;

use super::sessions::revocation;
use super::{SqliteStore, TransactionError, audit, id_column, id_text, sessions, time_column};
use crate::clock::Timestamp;
use crate::store::{
    DataError, DataResult, Export, GuestRow, GuestStore, NewAuditEntry, Revocation, StoreError, erased_user_hash,
    separate,
};

#[async_trait]
impl GuestStore for SqliteStore {
    async fn guest(&self, id: Uuid) -> Result<Option<GuestRow>, StoreError> {
        self.readers.read(move |db| guest(db, id)).await
    }

    async fn record_activity(&self, activity: Vec<(Uuid, Timestamp)>) -> Result<(), StoreError> {
        self.writer.write(move |db| record_activity(db, &activity)).await
    }

    async fn export(&self, guest: Uuid) -> Result<DataResult<Export>, StoreError> {
        self.readers.read(move |db| separate(super::export::export(db, guest))).await
    }

    async fn erase(
        &self,
        guest: Uuid,
        by: Option<Uuid>,
        now: Timestamp,
    ) -> Result<DataResult<Vec<Revocation>>, StoreError> {
        self.writer.write(move |db| separate(erase(db, guest, by, now))).await
    }
}

/// The owner of a guest's data: proof that the guest exists and was not merged into an account. An access token of a merged
/// guest is accepted for up to a second on a node that does not know of the merge, and must not reach the account's data.
pub(super) struct Owner {
    /// The id as the tables have it.
    pub(super) id: String,
}

/// Finds the owner of a guest's data. Every read and every change of that data begins with this.
pub(super) fn owner(db: &Connection, guest: Uuid) -> Result<Owner, TransactionError> {
    let id = db
        .prepare_cached("SELECT id FROM anonymous_user WHERE id = ?1 AND merged_into IS NULL")?
        .query_row([id_text(guest)], |row| row.get(0))
        .optional()?;
    Ok(Owner { id: id.ok_or(DataError::NoGuest)? })
}

pub(super) fn guest(db: &Connection, id: Uuid) -> rusqlite::Result<Option<GuestRow>> {
    guest_row(db, &id_text(id)).optional()
}

pub(super) fn guest_row(db: &Connection, id: &str) -> rusqlite::Result<GuestRow> {
    db.prepare_cached(
        "SELECT id, anonymous_user.created_at, registered_at, email,
                max(last_active_at, coalesce((
                    SELECT max(coalesce(rotated_at, session.created_at)) FROM session
                    WHERE session.user_id = anonymous_user.id
                ), 0)) AS last_active_at,
                (SELECT count(*) FROM passkey WHERE passkey.user_id = id) AS passkeys
         FROM anonymous_user LEFT JOIN account ON account.user_id = id
         WHERE id = ?1 AND merged_into IS NULL",
    )?
    .query_row([id], |row| {
        Ok(GuestRow {
            id: id_column(row, "id")?,
            created_at: time_column(row, "created_at")?,
            last_active_at: time_column(row, "last_active_at")?,
            registered_at: row.get::<_, Option<i64>>("registered_at")?.map(Timestamp::from_millis),
            email: row.get("email")?,
            passkeys: row.get("passkeys")?,
        })
    })
}

pub(super) fn record_activity(db: &Connection, activity: &[(Uuid, Timestamp)]) -> rusqlite::Result<()> {
    let mut update =
        db.prepare_cached("UPDATE anonymous_user SET last_active_at = ?2 WHERE id = ?1 AND last_active_at < ?2")?;
    for (id, at) in activity {
        update.execute(params![id_text(*id), at.as_millis()])?;
    }
    Ok(())
}

/// The foreign keys delete all other rows of the guest; of a member, also the account and the tombstones.
pub(super) fn erase(
    db: &Connection,
    guest: Uuid,
    by: Option<Uuid>,
    now: Timestamp,
) -> Result<Vec<Revocation>, TransactionError> {
    let owner = owner(db, guest)?;
    if let Some(by) = by {
        // The guest may have become a member since the caller was authenticated, which ended the session.
        let session = sessions::session(db, by)?.filter(|session| session.user == guest && !session.revoked);
        session.ok_or(DataError::NoGuest)?;
    }
    record_erasure(db, &owner, now)?;
    let ended = db
        .prepare_cached(
            "INSERT INTO erased_session (id, access_expires_at)
             SELECT id, access_expires_at FROM session WHERE user_id = ?1 RETURNING id, access_expires_at",
        )?
        .query_map([&owner.id], revocation)?
        .collect::<Result<_, _>>()?;
    audit::anonymize(db, &owner.id)?;
    db.prepare_cached("DELETE FROM anonymous_user WHERE id = ?1")?.execute([&owner.id])?;
    if let Ok(user) = Uuid::try_parse(&owner.id) {
        audit::record(db, &NewAuditEntry::erased(user, now))?;
    }
    Ok(ended)
}

/// Records the erasure of a user and of its tombstones, for the restore of a backup that still has them.
fn record_erasure(db: &Connection, owner: &Owner, now: Timestamp) -> rusqlite::Result<()> {
    let ids: Vec<Uuid> = db
        .prepare_cached("SELECT id FROM anonymous_user WHERE id = ?1 OR merged_into = ?1")?
        .query_map([&owner.id], |row| id_column(row, "id"))?
        .collect::<Result<_, _>>()?;
    let mut insert = db.prepare_cached("INSERT OR IGNORE INTO erased_user (hash, erased_at) VALUES (?1, ?2)")?;
    for id in ids {
        insert.execute(params![erased_user_hash(id), now.as_millis()])?;
    }
    Ok(())
}
