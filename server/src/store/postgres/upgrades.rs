//! The idempotency keys of upgrades.

use deadpool_postgres::{Client, Transaction};

use super::{Error, accounts, sessions, time_column, unreadable};
use crate::clock::Timestamp;
use crate::store::{
    AccountKey, RetryOutcome, SessionRow, Upgrade, UpgradeKey, UpgradeKeyError, UpgradeKeyRow, UpgradeRetry,
};

/// Stores the key of an upgrade. Returns false if an upgrade has used the key; of two concurrent upgrades with one key, the
/// second waits for the first.
pub(super) async fn remember(
    transaction: &Transaction<'_>,
    key: Option<&UpgradeKey>,
    asking: &SessionRow,
    upgrade: &Upgrade,
    now: Timestamp,
) -> Result<bool, Error> {
    let Some(UpgradeKey { hash, request }) = key else { return Ok(true) };
    let insert = transaction
        .prepare_cached(
            "INSERT INTO upgrade_key
                 (hash, asking_session, asking_counter, request, session_id, registered, merged, created_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (hash) DO NOTHING",
        )
        .await?;
    let counter = i64::try_from(asking.counter).map_err(unreadable)?;
    let added = transaction
        .execute(
            &insert,
            &[
                &hash.as_slice(),
                &asking.id,
                &counter,
                &request.as_slice(),
                &upgrade.session.id,
                &upgrade.registered,
                &upgrade.merged,
                &now.as_millis(),
            ],
        )
        .await?;
    Ok(added == 1)
}

pub(super) async fn repeat(db: &mut Client, retry: &UpgradeRetry) -> Result<RetryOutcome, Error> {
    let transaction = db.transaction().await?;
    let query = transaction.prepare_cached("SELECT * FROM upgrade_key WHERE hash = $1").await?;
    let Some(key) = transaction.query_opt(&query, &[&retry.key.hash.as_slice()]).await? else {
        return Ok(RetryOutcome::Unknown);
    };
    let Some(session) = sessions::locked(&transaction, key.try_get("session_id")?).await? else {
        return Ok(RetryOutcome::Refused(UpgradeKeyError::Expired));
    };
    let row = UpgradeKeyRow {
        asking_session: key.try_get("asking_session")?,
        asking_counter: u64::try_from(key.try_get::<_, i64>("asking_counter")?).map_err(unreadable)?,
        request: key.try_get::<_, &[u8]>("request")?.try_into().map_err(unreadable)?,
        made_at: time_column(&key, "created_at")?,
        session,
    };
    let session = match row.repeat(retry) {
        Ok(session) => session,
        Err(error) => return Ok(RetryOutcome::Refused(error)),
    };
    let Some(account) = accounts::account(&transaction, &AccountKey::User(session.user)).await? else {
        return Ok(RetryOutcome::Refused(UpgradeKeyError::Expired));
    };
    sessions::extend_access(&transaction, &session).await?;
    transaction.commit().await?;
    let (registered, merged) = (key.try_get("registered")?, key.try_get("merged")?);
    Ok(RetryOutcome::Repeated(Upgrade { account, registered, merged, session, ended: Vec::new() }))
}
