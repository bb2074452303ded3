//! The idempotency keys of upgrades.

use rusqlite::{Connection, OptionalExtension, params};

use super::{accounts, id_column, id_text, sessions, time_column};
use crate::clock::Timestamp;
use crate::store::{
    AccountKey, RetryOutcome, SessionRow, Upgrade, UpgradeKey, UpgradeKeyError, UpgradeKeyRow, UpgradeRetry,
};

/// Whether an upgrade has used the key.
pub(super) fn is_used(db: &Connection, key: Option<&UpgradeKey>) -> rusqlite::Result<bool> {
    let Some(UpgradeKey { hash, .. }) = key else { return Ok(false) };
    db.prepare_cached("SELECT 1 FROM upgrade_key WHERE hash = ?1")?.exists([hash])
}

/// Stores the key of an upgrade.
pub(super) fn remember(
    db: &Connection,
    key: Option<&UpgradeKey>,
    asking: &SessionRow,
    upgrade: &Upgrade,
    now: Timestamp,
) -> rusqlite::Result<()> {
    let Some(UpgradeKey { hash, request }) = key else { return Ok(()) };
    db.prepare_cached(
        "INSERT INTO upgrade_key
             (hash, asking_session, asking_counter, request, session_id, registered, merged, created_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?
    .execute(params![
        hash,
        id_text(asking.id),
        asking.counter,
        request,
        id_text(upgrade.session.id),
        upgrade.registered,
        upgrade.merged,
        now.as_millis()
    ])?;
    Ok(())
}

pub(super) fn repeat(db: &Connection, retry: &UpgradeRetry) -> rusqlite::Result<RetryOutcome> {
    let found = db
        .prepare_cached("SELECT * FROM upgrade_key WHERE hash = ?1")?
        .query_row([retry.key.hash], |row| {
            let session = id_column(row, "session_id")?;
            let key = (
                id_column(row, "asking_session")?,
                row.get("asking_counter")?,
                row.get("request")?,
                time_column(row, "created_at")?,
            );
            Ok((session, key, row.get("registered")?, row.get("merged")?))
        })
        .optional()?;
    let Some((session, (asking_session, asking_counter, request, made_at), registered, merged)) = found else {
        return Ok(RetryOutcome::Unknown);
    };
    let Some(session) = sessions::session(db, session)? else {
        return Ok(RetryOutcome::Refused(UpgradeKeyError::Expired));
    };
    let row = UpgradeKeyRow { asking_session, asking_counter, request, made_at, session };
    let session = match row.repeat(retry) {
        Ok(session) => session,
        Err(error) => return Ok(RetryOutcome::Refused(error)),
    };
    let Some(account) = accounts::account(db, &AccountKey::User(session.user))? else {
        return Ok(RetryOutcome::Refused(UpgradeKeyError::Expired));
    };
    sessions::extend_access(db, &session)?;
    Ok(RetryOutcome::Repeated(Upgrade { account, registered, merged, session, ended: Vec::new() }))
}
