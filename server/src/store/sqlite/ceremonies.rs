//! Single-use proofs: challenges of passkeys, and ID tokens.

use rusqlite::{Connection, OptionalExtension, params};
use uuid::Uuid;

use super::id_text;
use crate::clock::Timestamp;
use crate::store::{CEREMONIES_PER_USER, Ceremony, SingleUse};

pub(super) fn begin(db: &Connection, ceremony: &Ceremony) -> rusqlite::Result<bool> {
    let Ceremony { id, user, state, expires_at } = ceremony;
    let kept = db
        .prepare_cached(
            "INSERT INTO ceremony (id, user_id, state, expires_at) SELECT ?1, id, ?3, ?4 FROM anonymous_user WHERE id = ?2",
        )?
        .execute(params![id_text(*id), id_text(*user), state, expires_at.as_millis()])?;
    db.prepare_cached(
        "DELETE FROM ceremony WHERE user_id = ?1 AND id NOT IN (
             SELECT id FROM ceremony WHERE user_id = ?1 ORDER BY expires_at DESC, id DESC LIMIT ?2
         )",
    )?
    .execute(params![id_text(*user), CEREMONIES_PER_USER])?;
    Ok(kept == 1)
}

pub(super) fn state(db: &Connection, id: Uuid, user: Uuid, now: Timestamp) -> rusqlite::Result<Option<String>> {
    db.prepare_cached("SELECT state FROM ceremony WHERE id = ?1 AND user_id = ?2 AND expires_at > ?3")?
        .query_row(params![id_text(id), id_text(user), now.as_millis()], |row| row.get(0))
        .optional()
}

pub(super) fn end(db: &Connection, id: Uuid) -> rusqlite::Result<()> {
    db.prepare_cached("DELETE FROM ceremony WHERE id = ?1")?.execute([id_text(id)])?;
    Ok(())
}

/// Marks the proof of a caller as used for whom nothing changes, so that no other request can use it. Returns false for a
/// challenge that was used before. An ID token that was used before is accepted, because the caller may repeat the request.
pub(super) fn use_proof_of_member(
    db: &Connection,
    single_use: Option<&SingleUse>,
    user: Uuid,
    now: Timestamp,
) -> rusqlite::Result<bool> {
    let Some(single_use) = single_use else { return Ok(true) };
    let is_first_use = use_proof(db, single_use, user, now)?;
    Ok(is_first_use || matches!(single_use, SingleUse::IdToken { .. }))
}

/// Marks a proof as used. Returns false if it was used before, or is unknown.
pub(super) fn use_proof(db: &Connection, single_use: &SingleUse, user: Uuid, now: Timestamp) -> rusqlite::Result<bool> {
    let changed = match single_use {
        SingleUse::Ceremony(id) => db
            .prepare_cached("DELETE FROM ceremony WHERE id = ?1 AND user_id = ?2 AND expires_at > ?3")?
            .execute(params![id_text(*id), id_text(user), now.as_millis()])?,
        SingleUse::IdToken { hash, expires_at } => db
            .prepare_cached("INSERT INTO used_id_token (hash, expires_at) VALUES (?1, ?2) ON CONFLICT DO NOTHING")?
            .execute(params![hash, expires_at.as_millis()])?,
    };
    Ok(changed == 1)
}
