//! Single-use proofs: challenges of passkeys, and ID tokens.

use deadpool_postgres::{Client, Transaction};
use uuid::Uuid;

use super::Error;
use crate::clock::Timestamp;
use crate::store::{CEREMONIES_PER_USER, Ceremony, SingleUse};

pub(super) async fn begin(db: &mut Client, ceremony: &Ceremony) -> Result<bool, Error> {
    let Ceremony { id, user, state, expires_at } = ceremony;
    let transaction = db.transaction().await?;
    let insert = transaction
        .prepare_cached(
            "INSERT INTO ceremony (id, user_id, state, expires_at) SELECT $1, id, $3, $4 FROM anonymous_user WHERE id = $2",
        )
        .await?;
    let kept = transaction.execute(&insert, &[id, user, state, &expires_at.as_millis()]).await?;
    let trim = transaction
        .prepare_cached(
            "DELETE FROM ceremony WHERE user_id = $1 AND id IN (
                 SELECT id FROM ceremony WHERE user_id = $1 ORDER BY expires_at DESC, id DESC OFFSET $2
             )",
        )
        .await?;
    transaction.execute(&trim, &[user, &i64::from(CEREMONIES_PER_USER)]).await?;
    transaction.commit().await?;
    Ok(kept == 1)
}

pub(super) async fn state(db: &Client, id: Uuid, user: Uuid, now: Timestamp) -> Result<Option<String>, Error> {
    let query =
        db.prepare_cached("SELECT state FROM ceremony WHERE id = $1 AND user_id = $2 AND expires_at > $3").await?;
    let row = db.query_opt(&query, &[&id, &user, &now.as_millis()]).await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}

pub(super) async fn end(db: &Client, id: Uuid) -> Result<(), Error> {
    let delete = db.prepare_cached("DELETE FROM ceremony WHERE id = $1").await?;
    db.execute(&delete, &[&id]).await?;
    Ok(())
}

/// Marks the proof of a caller as used for whom nothing changes, so that no other request can use it. Returns false for a
/// challenge that was used before. An ID token that was used before is accepted, because the caller may repeat the request.
pub(super) async fn use_proof_of_member(
    transaction: &Transaction<'_>,
    single_use: Option<&SingleUse>,
    user: Uuid,
    now: Timestamp,
) -> Result<bool, Error> {
    let Some(single_use) = single_use else { return Ok(true) };
    let is_first_use = use_proof(transaction, single_use, user, now).await?;
    Ok(is_first_use || matches!(single_use, SingleUse::IdToken { .. }))
}

/// Marks a proof as used. Returns false if it was used before, or is unknown.
pub(super) async fn use_proof(
    transaction: &Transaction<'_>,
    single_use: &SingleUse,
    user: Uuid,
    now: Timestamp,
) -> Result<bool, Error> {
    let changed = match single_use {
        SingleUse::Ceremony(id) => {
            let delete = transaction
                .prepare_cached("DELETE FROM ceremony WHERE id = $1 AND user_id = $2 AND expires_at > $3")
                .await?;
            transaction.execute(&delete, &[id, &user, &now.as_millis()]).await?
        }
        SingleUse::IdToken { hash, expires_at } => {
            let insert = transaction
                .prepare_cached("INSERT INTO used_id_token (hash, expires_at) VALUES ($1, $2) ON CONFLICT DO NOTHING")
                .await?;
            transaction.execute(&insert, &[&hash.as_slice(), &expires_at.as_millis()]).await?
        }
    };
    Ok(changed == 1)
}
