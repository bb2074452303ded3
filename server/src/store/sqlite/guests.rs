//! Guests, and members, who are guests with an account.

use rusqlite::{Connection, OptionalExtension, params};
use uuid::Uuid;

use super::{id_column, id_text, time_column};
use crate::clock::Timestamp;
use crate::store::GuestRow;

pub(super) fn guest(db: &Connection, id: Uuid) -> rusqlite::Result<Option<GuestRow>> {
    db.prepare_cached(
        "SELECT id, anonymous_user.created_at, last_active_at, registered_at, email,
                (SELECT count(*) FROM passkey WHERE passkey.user_id = id) AS passkeys
         FROM anonymous_user LEFT JOIN account ON account.user_id = id
         WHERE id = (SELECT coalesce(merged_into, id) FROM anonymous_user WHERE id = ?1)",
    )?
    .query_row([id_text(id)], |row| {
        Ok(GuestRow {
            id: id_column(row, "id")?,
            created_at: time_column(row, "created_at")?,
            last_active_at: time_column(row, "last_active_at")?,
            registered_at: row.get::<_, Option<i64>>("registered_at")?.map(Timestamp::from_millis),
            email: row.get("email")?,
            passkeys: row.get("passkeys")?,
        })
    })
    .optional()
}

/// Whose rows a token is about that names `id`: the account's, once the guest has been merged. Whatever writes rows of a
/// user asks this in its own transaction.
pub(super) fn owner(db: &Connection, id: Uuid) -> rusqlite::Result<Uuid> {
    let owner = db
        .prepare_cached("SELECT coalesce(merged_into, id) AS owner FROM anonymous_user WHERE id = ?1")?
        .query_row([id_text(id)], |row| id_column(row, "owner"))
        .optional()?;
    // Nobody: what is written then fails on the foreign key.
    Ok(owner.unwrap_or(id))
}

pub(super) fn touch(db: &Connection, seen: &[(Uuid, Timestamp)]) -> rusqlite::Result<()> {
    let mut update =
        db.prepare_cached("UPDATE anonymous_user SET last_active_at = ?2 WHERE id = ?1 AND last_active_at < ?2")?;
    for (id, at) in seen {
        update.execute(params![id_text(*id), at.as_millis()])?;
    }
    Ok(())
}
