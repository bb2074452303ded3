//! Sessions: login, rotation, revocation. Every change of a session locks its row (S4).

use std::ops::ControlFlow;

use async_trait::async_trait;
use deadpool_postgres::{Client, GenericClient, Transaction};
use tokio_postgres::Row;
use uuid::Uuid;

use super::guests::{Owner, record_activity};
use super::{Error, PostgresStore, audit, time_column, unreadable};
use crate::actor::{Actor, Label, network_text, parse_network};
use crate::clock::Timestamp;
use crate::store::{
    EndedBy, Login, LoginOutcome, MAX_COUNTER, NewAuditEntry, NewSession, OpenSession, Revocation, Rotation,
    RotationOutcome, SESSIONS_LISTED, SessionRow, SessionStore, StaleToken, StoreError,
};

#[async_trait]
impl SessionStore for PostgresStore {
    async fn login(&self, login: Login) -> Result<LoginOutcome, StoreError> {
        self.connections.run(move |db| Box::pin(async move { self::login(db, &login).await })).await
    }

    async fn rotate(&self, rotation: Rotation) -> Result<RotationOutcome, StoreError> {
        self.connections.run(move |db| Box::pin(async move { rotate(db, &rotation).await })).await
    }

    async fn revoke(&self, session: Uuid, now: Timestamp) -> Result<Option<Revocation>, StoreError> {
        self.connections.run(move |db| Box::pin(revoke(db, session, now))).await
    }

    async fn session(&self, id: Uuid) -> Result<Option<SessionRow>, StoreError> {
        self.connections.run(move |db| Box::pin(session(db, id))).await
    }

    async fn sessions_of(&self, user: Uuid, now: Timestamp) -> Result<Vec<SessionRow>, StoreError> {
        self.connections.run(move |db| Box::pin(of_user(db, user, now))).await
    }

    async fn end_session(&self, user: Uuid, session: Uuid, now: Timestamp) -> Result<Option<Revocation>, StoreError> {
        self.connections.run(move |db| Box::pin(end(db, user, session, now))).await
    }

    async fn end_other_sessions(
        &self,
        user: Uuid,
        kept: Uuid,
        now: Timestamp,
    ) -> Result<Option<Vec<Revocation>>, StoreError> {
        self.connections.run(move |db| Box::pin(end_others(db, user, kept, now))).await
    }

    async fn confirm(&self, generations: Vec<(Uuid, u64)>) -> Result<Vec<Uuid>, StoreError> {
        self.connections.run(move |db| Box::pin(confirm(db, generations))).await
    }

    async fn revocations(&self, now: Timestamp) -> Result<Vec<Revocation>, StoreError> {
        self.connections.run(move |db| Box::pin(revocations(db, now))).await
    }
}

/// A session, and whether its user is a member. Not a join: if the session is moved to an account while the statement waits for
/// its lock, a join would use the previous user and not find the session.
const SESSION: &str = "
    SELECT id, user_id, refreshable, counter, unconfirmed, created_at, rotated_at, expires_at, revoked_at,
           network, label,
           (SELECT registered_at IS NOT NULL FROM anonymous_user WHERE anonymous_user.id = session.user_id) AS registered
    FROM session";

/// One statement makes the guest, the session and the key, or nothing. Of several concurrent logins with one key, the others wait
/// for the first to commit, insert nothing, and read its session.
pub(super) async fn login(db: &mut Client, login: &Login) -> Result<LoginOutcome, Error> {
    let access_expires_at = login.access_expires_at.min(login.expires_at);
    let actor = Actor::current();
    let (network, label) = (actor.network.map(network_text), actor.label.as_ref().map(Label::as_str));
    let made = if let Some(key) = &login.key {
        let insert = db
            .prepare_cached(
                "WITH key AS (
                     INSERT INTO login_key (hash, session_id, created_at) VALUES ($9, $2, $4)
                     ON CONFLICT (hash) DO NOTHING RETURNING session_id
                 ), guest AS (
                     INSERT INTO anonymous_user (id, created_at, last_active_at) SELECT $1, $4, $4 FROM key
                 )
                 INSERT INTO session
                     (id, user_id, refreshable, created_at, expires_at, access_expires_at, network, label)
                 SELECT session_id, $1, $3, $4, $5, $6, $7, $8 FROM key",
            )
            .await?;
        db.execute(
            &insert,
            &[
                &login.user,
                &login.session,
                &login.refreshable,
                &login.now.as_millis(),
                &login.expires_at.as_millis(),
                &access_expires_at.as_millis(),
                &network,
                &label,
                &key.as_slice(),
            ],
        )
        .await?
    } else {
        let insert = db
            .prepare_cached(
                "WITH guest AS (
                     INSERT INTO anonymous_user (id, created_at, last_active_at) VALUES ($1, $4, $4)
                 )
                 INSERT INTO session
                     (id, user_id, refreshable, created_at, expires_at, access_expires_at, network, label)
                 VALUES ($2, $1, $3, $4, $5, $6, $7, $8)",
            )
            .await?;
        db.execute(
            &insert,
            &[
                &login.user,
                &login.session,
                &login.refreshable,
                &login.now.as_millis(),
                &login.expires_at.as_millis(),
                &access_expires_at.as_millis(),
                &network,
                &label,
            ],
        )
        .await?
    };
    match &login.key {
        Some(key) if made == 0 => repeat(db, login, key).await,
        _ => Ok(LoginOutcome::Open(OpenSession {
            id: login.session,
            user: login.user,
            registered: false,
            counter: 0,
            current_since: login.now,
            access_expires_at,
        })),
    }
}

async fn repeat(db: &mut Client, login: &Login, key: &[u8; 32]) -> Result<LoginOutcome, Error> {
    let transaction = db.transaction().await?;
    let query = transaction
        .prepare_cached(
            "SELECT session.id, session.user_id, session.refreshable, session.counter, session.unconfirmed, session.created_at,
                    session.rotated_at, session.expires_at, session.revoked_at, session.network, session.label,
                    login_key.created_at AS key_made_at,
                    (SELECT registered_at IS NOT NULL FROM anonymous_user WHERE id = session.user_id) AS registered
             FROM login_key JOIN session ON session.id = login_key.session_id
             WHERE login_key.hash = $1 FOR NO KEY UPDATE OF session",
        )
        .await?;
    // If the key has been deleted meanwhile, or its guest has been erased, the key has expired.
    let Some(row) = transaction.query_opt(&query, &[&key.as_slice()]).await? else {
        return Ok(LoginOutcome::KeyExpired);
    };
    let outcome = session_row(&row)?.repeat(login, time_column(&row, "key_made_at")?);
    if let LoginOutcome::Open(open) = outcome {
        extend_access(&transaction, &open).await?;
    }
    transaction.commit().await?;
    Ok(outcome)
}

/// The rotation whose UPDATE matches succeeds (S1); other tokens are classified by the session that they name.
pub(super) async fn rotate(db: &mut Client, rotation: &Rotation) -> Result<RotationOutcome, Error> {
    if rotation.presented > MAX_COUNTER {
        return Ok(RotationOutcome::Invalid);
    }
    let mut active_until = rotation.now;
    loop {
        if let Some(open) = exchange(db, rotation, active_until).await? {
            return Ok(RotationOutcome::Rotated(open));
        }
        match resolve_stale_token(db, rotation).await? {
            ControlFlow::Break(outcome) => return Ok(outcome),
            // Each further iteration means that another node has rotated the session meanwhile, so the loop ends.
            ControlFlow::Continue((user, active_at)) => {
                // A transaction of its own: no user is locked after a session (see `accounts`).
                record_activity(db, vec![(user, active_at)]).await?;
                active_until = active_at;
            }
        }
    }
}

/// Changes only the row of the session, and no index. Whether the user is a member is read from the accounts, which are fewer
/// than the users. Does nothing if the session was last active after `active_until`.
async fn exchange(db: &Client, rotation: &Rotation, active_until: Timestamp) -> Result<Option<OpenSession>, Error> {
    let update = db
        .prepare_cached(
            "UPDATE session
             SET counter = $2 + 1, unconfirmed = TRUE, rotated_at = $3,
                 -- Never earlier: the clock of this server may be behind. `least` ignores a NULL.
                 expires_at = least(greatest(expires_at, $4::bigint), created_at + $6::bigint),
                 access_expires_at = greatest(
                     access_expires_at, least($5::bigint, $4::bigint, created_at + $6::bigint)
                 )
             WHERE id = $1 AND counter <= $2 AND refreshable AND revoked_at IS NULL AND expires_at > $3
               AND coalesce(created_at + $6::bigint > $3, true) AND coalesce(rotated_at, created_at) <= $7
             RETURNING user_id, expires_at,
                 EXISTS (SELECT FROM account WHERE account.user_id = session.user_id) AS registered",
        )
        .await?;
    let rotated = db
        .query_opt(
            &update,
            &[
                &rotation.session,
                &i64::try_from(rotation.presented).map_err(unreadable)?,
                &rotation.now.as_millis(),
                &rotation.expires_at.as_millis(),
                &rotation.access_expires_at.as_millis(),
                &rotation.max_age_millis(),
                &active_until.as_millis(),
            ],
        )
        .await?;
    let open = |row: Row| {
        Ok(OpenSession {
            id: rotation.session,
            user: row.try_get("user_id")?,
            registered: row.try_get("registered")?,
            counter: rotation.presented + 1,
            current_since: rotation.now,
            access_expires_at: rotation.access_expires_at.min(time_column(&row, "expires_at")?),
        })
    };
    rotated.map(open).transpose()
}

/// The outcome of a rotation with a token that `exchange` has not matched; or the user and the time of an activity that must be
/// written to the row of the user before `exchange` tries again.
async fn resolve_stale_token(
    db: &mut Client,
    rotation: &Rotation,
) -> Result<ControlFlow<RotationOutcome, (Uuid, Timestamp)>, Error> {
    let transaction = db.transaction().await?;
    let Some(session) = locked(&transaction, rotation.session).await? else {
        return Ok(ControlFlow::Break(RotationOutcome::Invalid));
    };
    let outcome = match session.classify_stale(rotation) {
        StaleToken::Parent(open) => {
            extend_access(&transaction, &open).await?;
            RotationOutcome::Replayed(open)
        }
        StaleToken::Reused(reuse) => {
            let revocation = revoke_in(&transaction, rotation.session, Some(EndedBy::TokenReuse), rotation.now).await?;
            revocation.map_or(RotationOutcome::Invalid, |revocation| RotationOutcome::Revoked(revocation, reuse))
        }
        StaleToken::AheadOfClock(active_at) => {
            transaction.rollback().await?;
            return Ok(ControlFlow::Continue((session.user, active_at)));
        }
        StaleToken::Invalid => RotationOutcome::Invalid,
    };
    // Also after reuse: the revocation is committed although the request fails (S3).
    transaction.commit().await?;
    Ok(ControlFlow::Break(outcome))
}

/// Skips sessions that another transaction has locked, so that this never waits and never takes part in a deadlock.
pub(super) async fn confirm(db: &Client, generations: Vec<(Uuid, u64)>) -> Result<Vec<Uuid>, Error> {
    let update = db
        .prepare_cached(
            "WITH seen AS (
                 SELECT * FROM unnest($1::uuid[], $2::bigint[]) AS seen (id, generation)
             ), free AS (
                 SELECT session.id FROM seen JOIN session ON session.id = seen.id AND counter <= generation AND unconfirmed
                 FOR NO KEY UPDATE OF session SKIP LOCKED
             ), confirmed AS (
                 UPDATE session SET unconfirmed = FALSE FROM free WHERE free.id = session.id
             )
             SELECT session.id FROM seen JOIN session ON session.id = seen.id AND counter <= generation AND unconfirmed
             WHERE session.id NOT IN (SELECT id FROM free)",
        )
        .await?;
    let (ids, generations): (Vec<Uuid>, Vec<i64>) =
        generations.into_iter().map(|(id, generation)| (id, generation.min(MAX_COUNTER) as i64)).unzip();
    let locked = db.query(&update, &[&ids, &generations]).await?;
    locked.iter().map(|row| Ok(row.try_get("id")?)).collect()
}

async fn revoke(db: &mut Client, session: Uuid, now: Timestamp) -> Result<Option<Revocation>, Error> {
    let transaction = db.transaction().await?;
    let revocation = revoke_in(&transaction, session, Some(EndedBy::SignOut), now).await?;
    transaction.commit().await?;
    Ok(revocation)
}

/// Revokes a session, and records by whom; `None` if another entry of the audit trail tells it. A session that was revoked before
/// stays as it is, and has its entry.
pub(super) async fn revoke_in(
    transaction: &Transaction<'_>,
    session: Uuid,
    by: Option<EndedBy>,
    now: Timestamp,
) -> Result<Option<Revocation>, Error> {
    let update = transaction
        .prepare_cached("UPDATE session SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL RETURNING user_id")
        .await?;
    if let (Some(row), Some(by)) = (transaction.query_opt(&update, &[&session, &now.as_millis()]).await?, by) {
        let entry = NewAuditEntry::session_ended(row.try_get("user_id")?, session, by, now);
        audit::record(transaction, &entry).await?;
    }
    let query = transaction.prepare_cached("SELECT id, access_expires_at FROM session WHERE id = $1").await?;
    transaction.query_opt(&query, &[&session]).await?.as_ref().map(revocation).transpose()
}

/// Opens a session with refresh tokens.
pub(super) async fn open(
    transaction: &Transaction<'_>,
    session: &NewSession,
    user: Uuid,
    now: Timestamp,
) -> Result<(), Error> {
    let insert = transaction
        .prepare_cached(
            "INSERT INTO session (id, user_id, refreshable, created_at, expires_at, access_expires_at, network, label)
             VALUES ($1, $2, TRUE, $3, $4::bigint, least($5::bigint, $4::bigint), $6, $7)",
        )
        .await?;
    let expiries = [session.expires_at.as_millis(), session.access_expires_at.as_millis()];
    let actor = Actor::current();
    let (network, label) = (actor.network.map(network_text), actor.label.as_ref().map(Label::as_str));
    transaction
        .execute(&insert, &[&session.id, &user, &now.as_millis(), &expiries[0], &expiries[1], &network, &label])
        .await?;
    Ok(())
}

/// Revokes all sessions of a user that are not revoked yet. The caller holds the lock of the user.
pub(super) async fn end_all(
    transaction: &Transaction<'_>,
    user: Uuid,
    now: Timestamp,
) -> Result<Vec<Revocation>, Error> {
    let update = transaction
        .prepare_cached(
            "UPDATE session SET revoked_at = $2 WHERE user_id = $1 AND revoked_at IS NULL RETURNING id, access_expires_at",
        )
        .await?;
    transaction.query(&update, &[&user, &now.as_millis()]).await?.iter().map(revocation).collect()
}

async fn end(db: &mut Client, user: Uuid, session: Uuid, now: Timestamp) -> Result<Option<Revocation>, Error> {
    let transaction = db.transaction().await?;
    let update = transaction
        .prepare_cached(
            "UPDATE session SET revoked_at = $3
             WHERE id = $1 AND user_id = $2
               AND revoked_at IS NULL AND expires_at > $3 RETURNING id, access_expires_at, user_id",
        )
        .await?;
    let row = transaction.query_opt(&update, &[&session, &user, &now.as_millis()]).await?;
    if let Some(row) = &row {
        let entry = NewAuditEntry::session_ended(row.try_get("user_id")?, session, EndedBy::Owner, now);
        audit::record(&transaction, &entry).await?;
    }
    transaction.commit().await?;
    row.as_ref().map(revocation).transpose()
}

/// Locks the sessions in the order of their ids, as all transactions do (see `accounts`).
async fn end_others(db: &mut Client, user: Uuid, kept: Uuid, now: Timestamp) -> Result<Option<Vec<Revocation>>, Error> {
    let transaction = db.transaction().await?;
    let lock = transaction
        .prepare_cached(
            "SELECT id, access_expires_at FROM session
             WHERE user_id = $1 AND revoked_at IS NULL AND expires_at > $2 ORDER BY id FOR NO KEY UPDATE",
        )
        .await?;
    let live = transaction.query(&lock, &[&user, &now.as_millis()]).await?;
    let mut live = live.iter().map(revocation).collect::<Result<Vec<_>, _>>()?;
    let Some(place) = live.iter().position(|one| one.session == kept) else { return Ok(None) };
    live.remove(place);
    let update = transaction.prepare_cached("UPDATE session SET revoked_at = $2 WHERE id = $1").await?;
    for Revocation { session, .. } in &live {
        transaction.execute(&update, &[session, &now.as_millis()]).await?;
        audit::record(&transaction, &NewAuditEntry::session_ended(user, *session, EndedBy::Owner, now)).await?;
    }
    transaction.commit().await?;
    Ok(Some(live))
}

pub(super) async fn session(db: &Client, id: Uuid) -> Result<Option<SessionRow>, Error> {
    let query = db.prepare_cached(&format!("{SESSION} WHERE session.id = $1")).await?;
    db.query_opt(&query, &[&id]).await?.as_ref().map(session_row).transpose()
}

/// Looks up a session and locks it until the transaction ends.
pub(super) async fn locked(transaction: &Transaction<'_>, id: Uuid) -> Result<Option<SessionRow>, Error> {
    let query =
        transaction.prepare_cached(&format!("{SESSION} WHERE session.id = $1 FOR NO KEY UPDATE OF session")).await?;
    transaction.query_opt(&query, &[&id]).await?.as_ref().map(session_row).transpose()
}

pub(super) async fn of_user(db: &Client, user: Uuid, now: Timestamp) -> Result<Vec<SessionRow>, Error> {
    let query = db
        .prepare_cached(&format!(
            "{SESSION} WHERE user_id = $1 AND revoked_at IS NULL AND expires_at > $2
                 ORDER BY session.created_at DESC, session.id DESC LIMIT $3"
        ))
        .await?;
    let rows = db.query(&query, &[&user, &now.as_millis(), &i64::from(SESSIONS_LISTED)]).await?;
    rows.iter().map(session_row).collect()
}

/// All sessions of a user, including those that have ended.
pub(super) async fn all_of_user(db: &impl GenericClient, owner: &Owner) -> Result<Vec<SessionRow>, Error> {
    let query = db
        .prepare_cached(&format!("{SESSION} WHERE user_id = $1 ORDER BY session.created_at DESC, session.id DESC"))
        .await?;
    db.query(&query, &[&owner.id]).await?.iter().map(session_row).collect()
}

pub(super) async fn revocations(db: &Client, now: Timestamp) -> Result<Vec<Revocation>, Error> {
    let query = db
        .prepare_cached(
            "SELECT id, access_expires_at FROM session WHERE revoked_in IS NOT NULL AND access_expires_at > $1
             UNION ALL
             SELECT id, access_expires_at FROM erased_session WHERE access_expires_at > $1",
        )
        .await?;
    db.query(&query, &[&now.as_millis()]).await?.iter().map(revocation).collect()
}

/// Records the later expiry of a new access token, so that a revocation is kept until then.
pub(super) async fn extend_access(transaction: &Transaction<'_>, open: &OpenSession) -> Result<(), Error> {
    let update = transaction
        .prepare_cached("UPDATE session SET access_expires_at = $2 WHERE id = $1 AND access_expires_at < $2")
        .await?;
    transaction.execute(&update, &[&open.id, &open.access_expires_at.as_millis()]).await?;
    Ok(())
}

fn session_row(row: &Row) -> Result<SessionRow, Error> {
    Ok(SessionRow {
        id: row.try_get("id")?,
        user: row.try_get("user_id")?,
        registered: row.try_get("registered")?,
        refreshable: row.try_get("refreshable")?,
        counter: u64::try_from(row.try_get::<_, i64>("counter")?).map_err(unreadable)?,
        unconfirmed: row.try_get("unconfirmed")?,
        created_at: time_column(row, "created_at")?,
        rotated_at: row.try_get::<_, Option<i64>>("rotated_at")?.map(Timestamp::from_millis),
        expires_at: time_column(row, "expires_at")?,
        revoked: row.try_get::<_, Option<i64>>("revoked_at")?.is_some(),
        network: row.try_get::<_, Option<&str>>("network")?.and_then(|text| parse_network(text).ok()),
        label: row.try_get::<_, Option<&str>>("label")?.and_then(Label::new),
    })
}

pub(super) fn revocation(row: &Row) -> Result<Revocation, Error> {
    Ok(Revocation { session: row.try_get("id")?, access_expires_at: time_column(row, "access_expires_at")? })
}
