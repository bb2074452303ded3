//! What is done without the replaced database: ended sessions and erased users, which the operator gives by hand; idle times.

use rusqlite::{Connection, OptionalExtension, params};
use uuid::Uuid;

use super::super::{audit, id_text};
use crate::clock::Timestamp;
use crate::store::erased_user_hash;

/// The time until which an access token can be valid that was issued after the backup: the backup knows only when the access
/// tokens expire that were issued before it.
fn tokens_until(db: &Connection, now: Timestamp) -> rusqlite::Result<i64> {
    let ttl: Option<i64> = db.query_row("SELECT max(token_ttl) FROM signing_key", [], |row| row.get(0))?;
    Ok(now.as_millis().saturating_add(ttl.unwrap_or(0)))
}

/// Restarts the idle time of the sessions that could be used when the backup was made: a guest may have refreshed such a session
/// since, which the backup does not know, and the guest would be lost if the session had expired.
pub(super) fn restart_idle_time(db: &Connection, backed_up_at: Timestamp, now: Timestamp) -> rusqlite::Result<()> {
    db.execute(
        "UPDATE session SET expires_at = max(expires_at, ?1 + expires_at - coalesce(rotated_at, created_at))
         WHERE refreshable AND revoked_at IS NULL AND expires_at > ?2",
        params![now.as_millis(), backed_up_at.as_millis()],
    )?;
    Ok(())
}

/// Ends the sessions that were opened before a time. Returns their number.
pub(super) fn end_sessions(db: &Connection, before: Timestamp, now: Timestamp) -> rusqlite::Result<u64> {
    let ended = db.execute(
        "UPDATE session SET revoked_at = ?1, access_expires_at = max(access_expires_at, ?2)
         WHERE revoked_at IS NULL AND created_at < ?3",
        params![now.as_millis(), tokens_until(db, now)?, before.as_millis()],
    )?;
    Ok(u64::try_from(ended).unwrap_or(u64::MAX))
}

/// Erases users. Returns how many of them the database had.
pub(super) fn erase(db: &Connection, users: &[Uuid], now: Timestamp) -> rusqlite::Result<u64> {
    let until = tokens_until(db, now)?;
    let mut erased = 0;
    for user in users {
        db.prepare_cached("INSERT OR IGNORE INTO erased_user (hash, erased_at) VALUES (?1, ?2)")?
            .execute(params![erased_user_hash(*user), now.as_millis()])?;
        erased += u64::from(erase_user(db, &id_text(*user), until)?);
    }
    Ok(erased)
}

/// Erases a user, and refuses the access tokens of the user's sessions until the given time. Returns whether the user existed.
/// For a guest who was merged into an account, the account is erased.
pub(super) fn erase_user(db: &Connection, user: &str, until: i64) -> rusqlite::Result<bool> {
    let owner: Option<String> = db
        .prepare_cached("SELECT coalesce(merged_into, id) FROM anonymous_user WHERE id = ?1")?
        .query_row([user], |row| row.get(0))
        .optional()?;
    let Some(owner) = owner else { return Ok(false) };
    audit::anonymize(db, &owner)?;
    db.prepare_cached(
        "INSERT INTO erased_session (id, access_expires_at)
         SELECT id, max(access_expires_at, ?2) FROM session WHERE user_id = ?1
         ON CONFLICT (id) DO UPDATE SET access_expires_at = max(access_expires_at, excluded.access_expires_at)",
    )?
    .execute(params![owner, until])?;
    db.prepare_cached("DELETE FROM anonymous_user WHERE id = ?1")?.execute([owner])?;
    Ok(true)
}
