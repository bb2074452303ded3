//! Preferences.

use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, params};
use uuid::Uuid;

use super::TransactionError;
use super::guests::{Owner, owner};
use crate::store::{Preferences, PreferencesChange};

pub(super) fn preferences(db: &Connection, guest: Uuid) -> Result<Preferences, TransactionError> {
    Ok(stored(db, &owner(db, guest)?)?)
}

/// The writer runs one job at a time, so the rows that are read here do not change before the writes.
pub(super) fn change(db: &Connection, guest: Uuid, change: PreferencesChange) -> Result<Preferences, TransactionError> {
    let owner = owner(db, guest)?;
    let changed = change.apply(stored(db, &owner)?)?;
    db.prepare_cached(
        "INSERT INTO preferences (user_id, data) VALUES (?1, ?2)
         ON CONFLICT (user_id) DO UPDATE SET data = excluded.data",
    )?
    .execute(params![owner.id, changed.to_json()])?;
    Ok(changed)
}

pub(super) fn stored(db: &Connection, owner: &Owner) -> rusqlite::Result<Preferences> {
    let stored = db
        .prepare_cached("SELECT data FROM preferences WHERE user_id = ?1")?
        .query_row([&owner.id], |row| {
            let json: String = row.get(0)?;
            Preferences::from_json(&json)
                .map_err(|error| rusqlite::Error::FromSqlConversionFailure(0, Type::Text, Box::new(error)))
        })
        .optional()?;
    Ok(stored.unwrap_or_default())
}
