//! Sessions: login, rotation, revocation.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row, named_params, params};
use uuid::Uuid;

use super::guests::{Owner, record_activity};
use super::{SqliteStore, audit, id_column, id_text, time_column};
use crate::actor::{Actor, Label, network_text, parse_network};
use crate::clock::Timestamp;
use crate::store::{
    EndedBy, Login, LoginOutcome, MAX_COUNTER, NewAuditEntry, NewSession, OpenSession, Revocation, Rotation,
    RotationOutcome, SESSIONS_LISTED, SessionRow, SessionStore, StaleToken, StoreError,
};

#[async_trait]
impl SessionStore for SqliteStore {
    async fn login(&self, login: Login) -> Result<LoginOutcome, StoreError> {
        self.writer.write(move |db| self::login(db, &login)).await
    }

    async fn rotate(&self, rotation: Rotation) -> Result<RotationOutcome, StoreError> {
        self.writer.write(move |db| rotate(db, &rotation)).await
    }

    async fn revoke(&self, session: Uuid, now: Timestamp) -> Result<Option<Revocation>, StoreError> {
        self.writer.write(move |db| revoke(db, session, Some(EndedBy::SignOut), now)).await
    }

    async fn session(&self, id: Uuid) -> Result<Option<SessionRow>, StoreError> {
        self.readers.read(move |db| session(db, id)).await
    }

    async fn sessions_of(&self, user: Uuid, now: Timestamp) -> Result<Vec<SessionRow>, StoreError> {
        self.readers.read(move |db| of_user(db, user, now)).await
    }

    async fn end_session(&self, user: Uuid, session: Uuid, now: Timestamp) -> Result<Option<Revocation>, StoreError> {
        self.writer.write(move |db| end(db, user, session, now)).await
    }

    async fn end_other_sessions(
        &self,
        user: Uuid,
        kept: Uuid,
        now: Timestamp,
    ) -> Result<Option<Vec<Revocation>>, StoreError> {
        self.writer.write(move |db| end_others(db, user, kept, now)).await
    }

    async fn confirm(&self, generations: Vec<(Uuid, u64)>) -> Result<Vec<Uuid>, StoreError> {
        self.writer.write(move |db| confirm(db, &generations)).await?;
        // The writer is the only one that locks rows.
        Ok(Vec::new())
    }

    async fn revocations(&self, now: Timestamp) -> Result<Vec<Revocation>, StoreError> {
        self.readers.read(move |db| revocations(db, now)).await
    }
}

pub(super) fn login(db: &Connection, login: &Login) -> rusqlite::Result<LoginOutcome> {
    if let Some(key) = &login.key
        && let Some((opened, key_made_at)) = opened_by_key(db, key)?
    {
        // If the session does not exist, its guest has been erased.
        let Some(session) = session(db, opened)? else { return Ok(LoginOutcome::KeyExpired) };
        let outcome = session.repeat(login, key_made_at);
        if let LoginOutcome::Open(open) = outcome {
            extend_access(db, &open)?;
        }
        return Ok(outcome);
    }

    let (user, session) = (id_text(login.user), id_text(login.session));
    let (access_expires_at, actor) = (login.access_expires_at.min(login.expires_at), Actor::current());
    db.prepare_cached("INSERT INTO anonymous_user (id, created_at, last_active_at) VALUES (?1, ?2, ?2)")?
        .execute(params![user, login.now.as_millis()])?;
    db.prepare_cached(
        "INSERT INTO session (id, user_id, refreshable, created_at, expires_at, access_expires_at, network, label)
         VALUES (:id, :user, :refreshable, :now, :expires_at, :access_expires_at, :network, :label)",
    )?
    .execute(named_params! {
        ":id": session,
        ":user": user,
        ":refreshable": login.refreshable,
        ":now": login.now.as_millis(),
        ":expires_at": login.expires_at.as_millis(),
        ":access_expires_at": access_expires_at.as_millis(),
        ":network": actor.network.map(network_text),
        ":label": actor.label.as_ref().map(Label::as_str),
    })?;
    if let Some(key) = &login.key {
        db.prepare_cached("INSERT INTO login_key (hash, session_id, created_at) VALUES (?1, ?2, ?3)")?
            .execute(params![key, session, login.now.as_millis()])?;
    }
    Ok(LoginOutcome::Open(OpenSession {
        id: login.session,
        user: login.user,
        registered: false,
        counter: 0,
        current_since: login.now,
        access_expires_at,
    }))
}

/// The rotation whose UPDATE matches succeeds (S1); other tokens are classified by the session that they name.
pub(super) fn rotate(db: &Connection, rotation: &Rotation) -> rusqlite::Result<RotationOutcome> {
    if rotation.presented > MAX_COUNTER {
        return Ok(RotationOutcome::Invalid);
    }
    if let Some(open) = exchange(db, rotation, rotation.now)? {
        return Ok(RotationOutcome::Rotated(open));
    }
    let Some(session) = session(db, rotation.session)? else { return Ok(RotationOutcome::Invalid) };
    match session.classify_stale(rotation) {
        StaleToken::Parent(open) => {
            extend_access(db, &open)?;
            Ok(RotationOutcome::Replayed(open))
        }
        StaleToken::Reused(reuse) => {
            // An outcome and not an error, so that the writer commits the revocation although the request fails (S3).
            let revocation = revoke(db, rotation.session, Some(EndedBy::TokenReuse), rotation.now)?;
            Ok(revocation.map_or(RotationOutcome::Invalid, |revocation| RotationOutcome::Revoked(revocation, reuse)))
        }
        StaleToken::AheadOfClock(active_at) => {
            record_activity(db, &[(session.user, active_at)])?;
            Ok(exchange(db, rotation, active_at)?.map_or(RotationOutcome::Invalid, RotationOutcome::Rotated))
        }
        StaleToken::Invalid => Ok(RotationOutcome::Invalid),
    }
}

/// Changes only the row of the session, and no index. Whether the user is a member is read from the accounts, which are fewer
/// than the users. Does nothing if the session was last active after `active_until`.
fn exchange(db: &Connection, rotation: &Rotation, active_until: Timestamp) -> rusqlite::Result<Option<OpenSession>> {
    db.prepare_cached(EXCHANGE)?
        .query_row(
            named_params! {
                ":id": id_text(rotation.session),
                ":presented": rotation.presented,
                ":now": rotation.now.as_millis(),
                ":active_until": active_until.as_millis(),
                ":expires_at": rotation.expires_at.as_millis(),
                ":access_expires_at": rotation.access_expires_at.as_millis(),
                ":max_age": rotation.max_age_millis(),
            },
            |row| {
                Ok(OpenSession {
                    id: rotation.session,
                    user: id_column(row, "user_id")?,
                    registered: row.get("registered")?,
                    counter: rotation.presented + 1,
                    current_since: rotation.now,
                    access_expires_at: rotation.access_expires_at.min(time_column(row, "expires_at")?),
                })
            },
        )
        .optional()
}

const EXCHANGE: &str = "
    UPDATE session
    SET counter = :presented + 1, unconfirmed = TRUE, rotated_at = :now,
        -- Never earlier: the clock of this server may be behind.
        expires_at = min(max(expires_at, :expires_at), coalesce(created_at + :max_age, max(expires_at, :expires_at))),
        access_expires_at = max(
            access_expires_at, min(:access_expires_at, :expires_at, coalesce(created_at + :max_age, :expires_at))
        )
    WHERE id = :id AND counter <= :presented AND refreshable
      AND revoked_at IS NULL AND expires_at > :now AND coalesce(created_at + :max_age > :now, true)
      AND coalesce(rotated_at, created_at) <= :active_until
    RETURNING user_id, expires_at, EXISTS (SELECT 1 FROM account WHERE account.user_id = session.user_id) AS registered";

pub(super) fn confirm(db: &Connection, generations: &[(Uuid, u64)]) -> rusqlite::Result<()> {
    let mut update =
        db.prepare_cached("UPDATE session SET unconfirmed = FALSE WHERE id = ?1 AND counter <= ?2 AND unconfirmed")?;
    for (id, generation) in generations {
        update.execute(params![id_text(*id), (*generation).min(MAX_COUNTER)])?;
    }
    Ok(())
}

/// Revokes a session, and records by whom; `None` if another entry of the audit trail tells it. A session that was revoked before
/// stays as it is, and has its entry.
pub(super) fn revoke(
    db: &Connection,
    session: Uuid,
    by: Option<EndedBy>,
    now: Timestamp,
) -> rusqlite::Result<Option<Revocation>> {
    let user = db
        .prepare_cached("UPDATE session SET revoked_at = ?2 WHERE id = ?1 AND revoked_at IS NULL RETURNING user_id")?
        .query_row(params![id_text(session), now.as_millis()], |row| id_column(row, "user_id"))
        .optional()?;
    if let (Some(user), Some(by)) = (user, by) {
        audit::record(db, &NewAuditEntry::session_ended(user, session, by, now))?;
    }
    db.prepare_cached("SELECT id, access_expires_at FROM session WHERE id = ?1")?
        .query_row([id_text(session)], revocation)
        .optional()
}

/// Opens a session with refresh tokens.
pub(super) fn open(db: &Connection, session: &NewSession, user: Uuid, now: Timestamp) -> rusqlite::Result<()> {
    let actor = Actor::current();
    db.prepare_cached(
        "INSERT INTO session (id, user_id, refreshable, created_at, expires_at, access_expires_at, network, label)
         VALUES (?1, ?2, TRUE, ?3, ?4, min(?5, ?4), ?6, ?7)",
    )?
    .execute(params![
        id_text(session.id),
        id_text(user),
        now.as_millis(),
        session.expires_at.as_millis(),
        session.access_expires_at.as_millis(),
        actor.network.map(network_text),
        actor.label.as_ref().map(Label::as_str),
    ])?;
    Ok(())
}

/// Revokes all sessions of a user that are not revoked yet.
pub(super) fn end_all(db: &Connection, user: &str, now: Timestamp) -> rusqlite::Result<Vec<Revocation>> {
    db.prepare_cached(
        "UPDATE session SET revoked_at = ?2 WHERE user_id = ?1 AND revoked_at IS NULL RETURNING id, access_expires_at",
    )?
    .query_map(params![user, now.as_millis()], revocation)?
    .collect()
}

pub(super) fn end(db: &Connection, user: Uuid, session: Uuid, now: Timestamp) -> rusqlite::Result<Option<Revocation>> {
    let ended = db
        .prepare_cached(
            "UPDATE session SET revoked_at = ?3
             WHERE id = ?1 AND user_id = ?2
               AND revoked_at IS NULL AND expires_at > ?3 RETURNING id, access_expires_at",
        )?
        .query_row(params![id_text(session), id_text(user), now.as_millis()], revocation)
        .optional()?;
    if ended.is_some() {
        audit::record(db, &NewAuditEntry::session_ended(user, session, EndedBy::Owner, now))?;
    }
    Ok(ended)
}

fn end_others(db: &Connection, user: Uuid, kept: Uuid, now: Timestamp) -> rusqlite::Result<Option<Vec<Revocation>>> {
    if !session(db, kept)?.is_some_and(|kept| kept.user == user && kept.is_live(now)) {
        return Ok(None);
    }
    let ended = db
        .prepare_cached(
            "UPDATE session SET revoked_at = ?3
             WHERE user_id = ?1 AND id <> ?2 AND revoked_at IS NULL AND expires_at > ?3 RETURNING id, access_expires_at",
        )?
        .query_map(params![id_text(user), id_text(kept), now.as_millis()], revocation)?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    for revocation in &ended {
        audit::record(db, &NewAuditEntry::session_ended(user, revocation.session, EndedBy::Owner, now))?;
    }
    Ok(Some(ended))
}

pub(super) fn of_user(db: &Connection, user: Uuid, now: Timestamp) -> rusqlite::Result<Vec<SessionRow>> {
    db.prepare_cached(
        "SELECT session.*, registered_at IS NOT NULL AS registered
         FROM session JOIN anonymous_user ON anonymous_user.id = user_id
         WHERE user_id = ?1
           AND revoked_at IS NULL AND expires_at > ?2
         ORDER BY session.created_at DESC, session.id DESC LIMIT ?3",
    )?
    .query_map(params![id_text(user), now.as_millis(), SESSIONS_LISTED], session_row)?
    .collect()
}

/// All sessions of a user, including those that have ended.
pub(super) fn all_of_user(db: &Connection, owner: &Owner) -> rusqlite::Result<Vec<SessionRow>> {
    db.prepare_cached(
        "SELECT session.*, registered_at IS NOT NULL AS registered
         FROM session JOIN anonymous_user ON anonymous_user.id = user_id
         WHERE user_id = ?1 ORDER BY session.created_at DESC, session.id DESC",
    )?
    .query_map([&owner.id], session_row)?
    .collect()
}

pub(super) fn revocations(db: &Connection, now: Timestamp) -> rusqlite::Result<Vec<Revocation>> {
    db.prepare_cached(
        "SELECT id, access_expires_at FROM session WHERE revoked_at IS NOT NULL AND access_expires_at > ?1
         UNION ALL
         SELECT id, access_expires_at FROM erased_session WHERE access_expires_at > ?1",
    )?
    .query_map([now.as_millis()], revocation)?
    .collect()
}

/// Records the later expiry of a new access token, so that a revocation is kept until then.
pub(super) fn extend_access(db: &Connection, open: &OpenSession) -> rusqlite::Result<()> {
    db.prepare_cached("UPDATE session SET access_expires_at = max(access_expires_at, ?2) WHERE id = ?1")?
        .execute(params![id_text(open.id), open.access_expires_at.as_millis()])?;
    Ok(())
}

/// The session that a login with the key made, and when.
fn opened_by_key(db: &Connection, key: &[u8; 32]) -> rusqlite::Result<Option<(Uuid, Timestamp)>> {
    db.prepare_cached("SELECT session_id, created_at FROM login_key WHERE hash = ?1")?
        .query_row([key], |row| Ok((id_column(row, "session_id")?, time_column(row, "created_at")?)))
        .optional()
}

pub(super) fn session(db: &Connection, id: Uuid) -> rusqlite::Result<Option<SessionRow>> {
    db.prepare_cached(
        "SELECT session.*, registered_at IS NOT NULL AS registered
         FROM session JOIN anonymous_user ON anonymous_user.id = user_id WHERE session.id = ?1",
    )?
    .query_row([id_text(id)], session_row)
    .optional()
}

fn session_row(row: &Row<'_>) -> rusqlite::Result<SessionRow> {
    Ok(SessionRow {
        id: id_column(row, "id")?,
        user: id_column(row, "user_id")?,
        registered: row.get("registered")?,
        refreshable: row.get("refreshable")?,
        counter: row.get("counter")?,
        unconfirmed: row.get("unconfirmed")?,
        created_at: time_column(row, "created_at")?,
        rotated_at: row.get::<_, Option<i64>>("rotated_at")?.map(Timestamp::from_millis),
        expires_at: time_column(row, "expires_at")?,
        revoked: row.get::<_, Option<i64>>("revoked_at")?.is_some(),
        network: row.get::<_, Option<String>>("network")?.and_then(|text| parse_network(&text).ok()),
        label: row.get::<_, Option<String>>("label")?.and_then(|text| Label::new(&text)),
    })
}

pub(super) fn revocation(row: &Row<'_>) -> rusqlite::Result<Revocation> {
    Ok(Revocation { session: id_column(row, "id")?, access_expires_at: time_column(row, "access_expires_at")? })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::connection::{open_writer, query_plan};
    use super::*;

    /// Makes guests with one session each, on many pages, and empties the write-ahead log.
    fn fill(db: &Connection, guests: u32) {
        db.execute_batch(&format!(
            "WITH RECURSIVE number (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM number WHERE n + 1 < {guests})
             INSERT INTO anonymous_user (id, created_at, last_active_at)
             SELECT printf('00000000-0000-7000-8000-%012x', n), 1700000000000, 1700000000000 FROM number;
             INSERT INTO session (id, user_id, refreshable, created_at, expires_at, access_expires_at)
             SELECT id, id, 1, created_at, created_at + 2592000000, created_at + 900000 FROM anonymous_user;
             PRAGMA wal_checkpoint(TRUNCATE);"
        ))
        .unwrap();
    }

    fn first_refresh(session: u128) -> Rotation {
        let now = Timestamp::from_millis(1_700_000_600_000);
        Rotation {
            session: Uuid::from_u128(0x0000_0000_0000_7000_8000_0000_0000_0000 + session),
            presented: 0,
            now,
            grace: Duration::from_secs(60),
            seen: None,
            max_age: None,
            expires_at: now + Duration::from_secs(30 * 24 * 3600),
            access_expires_at: now + Duration::from_secs(900),
        }
    }

    #[test]
    fn s06_a_refresh_writes_one_page() {
        let directory = tempfile::tempdir().unwrap();
        let db = open_writer(&directory.path().join("test.db")).unwrap();
        fill(&db, 10_000);

        // In one commit, as the writer does it.
        let transaction = db.unchecked_transaction().unwrap();
        for session in (0..10_000).step_by(500) {
            let outcome = rotate(&transaction, &first_refresh(session)).unwrap();
            assert!(matches!(outcome, RotationOutcome::Rotated(_)), "{outcome:?}");
        }
        transaction.commit().unwrap();

        let pages: u64 = db.query_row("PRAGMA wal_checkpoint(NOOP)", [], |row| row.get(1)).unwrap();
        assert_eq!(pages, 20);
    }

    #[test]
    fn s06_a_refresh_reads_no_row_of_a_guest() {
        let directory = tempfile::tempdir().unwrap();
        let db = open_writer(&directory.path().join("test.db")).unwrap();

        let plan: Vec<_> = query_plan(&db, EXCHANGE)
            .into_iter()
            .filter(|step| step.starts_with("SEARCH") || step.starts_with("SCAN"))
            .collect();

        assert_eq!(plan.len(), 2, "{plan:?}");
        assert!(plan[0].starts_with("SEARCH session USING PRIMARY KEY"), "{plan:?}");
        assert!(plan[1].starts_with("SEARCH account USING"), "{plan:?}");
    }
}
