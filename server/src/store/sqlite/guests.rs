//! Guests.

use rusqlite::{Connection, OptionalExtension, params};
use uuid::Uuid;

use super::{id_text, time_column};
use crate::clock::Timestamp;
use crate::store::GuestRow;

pub(super) fn guest(db: &Connection, id: Uuid) -> rusqlite::Result<Option<GuestRow>> {
    db.prepare_cached("SELECT created_at, last_active_at FROM anonymous_user WHERE id = ?1")?
        .query_row([id_text(id)], |row| {
            Ok(GuestRow {
                created_at: time_column(row, "created_at")?,
                last_active_at: time_column(row, "last_active_at")?,
            })
        })
        .optional()
}

pub(super) fn touch(db: &Connection, seen: &[(Uuid, Timestamp)]) -> rusqlite::Result<()> {
    let mut update =
        db.prepare_cached("UPDATE anonymous_user SET last_active_at = ?2 WHERE id = ?1 AND last_active_at < ?2")?;
    for (id, at) in seen {
        update.execute(params![id_text(*id), at.as_millis()])?;
    }
    Ok(())
}
