//! The audit trail, and the changes of operators to users.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row, named_params, params};
use uuid::Uuid;

use super::sessions::revocation;
use super::{SqliteStore, id_column, id_text, time_column};
use crate::actor::{Role, network_text};
use crate::clock::Timestamp;
use crate::secret::sha256;
use crate::store::{
    AuditEntry, AuditFilter, AuditStore, EndedBy, FailedAttempts, NewAuditEntry, Revocation, StoreError, Unlock,
    pseudonym,
};

#[async_trait]
impl AuditStore for SqliteStore {
    async fn audit_entries(&self, filter: AuditFilter) -> Result<Vec<AuditEntry>, StoreError> {
        self.readers.read(move |db| entries(db, &filter)).await
    }

    async fn add_failed_attempts(&self, attempts: Vec<FailedAttempts>) -> Result<(), StoreError> {
        self.writer.write(move |db| add_failed_attempts(db, &attempts)).await
    }

    async fn trim_audit(&self, rows: u32, limit: u32) -> Result<usize, StoreError> {
        self.writer.write(move |db| trim(db, rows, limit)).await
    }

    async fn end_sessions(
        &self,
        user: Uuid,
        session: Option<Uuid>,
        now: Timestamp,
    ) -> Result<Vec<Revocation>, StoreError> {
        self.writer.write(move |db| end_sessions(db, user, session, now)).await
    }

    async fn unlock(&self, user: Uuid, now: Timestamp) -> Result<bool, StoreError> {
        self.writer.write(move |db| unlock(db, user, now)).await
    }
}

/// Writes an entry. Part of the transaction of the change that it tells.
pub(super) fn record(db: &Connection, entry: &NewAuditEntry) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT INTO audit_entry (at, event, actor, subject, session, guest, network, label, detail)
         VALUES (:at, :event, :actor, :subject, :session, :guest, :network, :label, :detail)",
    )?
    .execute(named_params! {
        ":at": entry.at.as_millis(),
        ":event": entry.event.name(),
        ":actor": entry.actor.role.name(),
        ":subject": entry.subject.map(id_text),
        ":session": entry.session.map(id_text),
        ":guest": entry.guest.map(id_text),
        ":network": entry.network(),
        ":label": entry.label(),
        ":detail": entry.detail,
    })?;
    Ok(())
}

/// Replaces a user and the guests who were merged into it by pseudonyms, and clears what else the entries tell about them. Part
/// of the transaction that erases the user, before its rows are deleted.
pub(super) fn anonymize(db: &Connection, owner: &str) -> rusqlite::Result<()> {
    let users = db
        .prepare_cached("SELECT id FROM anonymous_user WHERE id = ?1 OR merged_into = ?1")?
        .query_map([owner], |row| id_column(row, "id"))?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    let mut update = db.prepare_cached(
        "UPDATE audit_entry SET subject = ?2, session = NULL, guest = NULL, network = NULL, label = NULL
         WHERE subject = ?1 AND attempts IS NULL",
    )?;
    let mut delete = db.prepare_cached("DELETE FROM audit_entry WHERE subject = ?1")?;
    for user in users {
        update.execute(params![id_text(user), id_text(pseudonym(user))])?;
        // The failed attempts of others.
        delete.execute([id_text(user)])?;
    }
    Ok(())
}

fn add_failed_attempts(db: &Connection, attempts: &[FailedAttempts]) -> rusqlite::Result<()> {
    let mut add = db.prepare_cached(
        "INSERT INTO audit_entry (at, event, actor, subject, network, detail, attempts)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (at, event, coalesce(detail, ''), coalesce(subject, ''), coalesce(network, ''))
             WHERE attempts IS NOT NULL
         DO UPDATE SET attempts = attempts + excluded.attempts",
    )?;
    for FailedAttempts { hour, event, reason, subject, network, count } in attempts {
        add.execute(params![
            hour.as_millis(),
            event.name(),
            Role::Client.name(),
            subject.map(id_text),
            network.map(network_text),
            reason,
            i64::try_from(*count).unwrap_or(i64::MAX),
        ])?;
    }
    Ok(())
}

pub(super) fn entries(db: &Connection, filter: &AuditFilter) -> rusqlite::Result<Vec<AuditEntry>> {
    let mut entries = db
        .prepare_cached(
            "SELECT * FROM audit_entry
             WHERE (:subject IS NULL OR subject IN (:subject, :pseudonym) OR guest = :subject)
               AND (:session IS NULL OR session = :session) AND (:network IS NULL OR network = :network)
               AND (:event IS NULL OR event = :event) AND (:since IS NULL OR at >= :since)
               AND (:until IS NULL OR at < :until)
             ORDER BY at DESC, id DESC LIMIT :limit",
        )?
        .query_map(
            named_params! {
                ":subject": filter.subject.map(id_text),
                ":pseudonym": filter.subject.map(pseudonym).map(id_text),
                ":session": filter.session.map(id_text),
                ":network": filter.network_text(),
                ":event": filter.event.map(crate::store::AuditEvent::name),
                ":since": filter.since.map(Timestamp::as_millis),
                ":until": filter.until.map(Timestamp::as_millis),
                ":limit": filter.limit,
            },
            entry,
        )?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    entries.reverse();
    Ok(entries)
}

fn entry(row: &Row<'_>) -> rusqlite::Result<AuditEntry> {
    let unreadable = |column: &str| rusqlite::Error::InvalidColumnName(column.to_owned());
    let id = |column: &str| match row.get::<_, Option<String>>(column)? {
        Some(_) => id_column(row, column).map(Some),
        None => Ok(None),
    };
    Ok(AuditEntry {
        at: time_column(row, "at")?,
        event: row.get::<_, String>("event")?.parse().map_err(|_| unreadable("event"))?,
        actor: Role::named(&row.get::<_, String>("actor")?).ok_or_else(|| unreadable("actor"))?,
        subject: id("subject")?,
        session: id("session")?,
        guest: id("guest")?,
        network: row.get("network")?,
        label: row.get("label")?,
        detail: row.get("detail")?,
        attempts: row.get::<_, Option<i64>>("attempts")?.map(|count| u64::try_from(count).unwrap_or(0)),
    })
}

fn trim(db: &Connection, rows: u32, limit: u32) -> rusqlite::Result<usize> {
    // Ids ascend, so fewer than `rows` ids are greater than the bound.
    db.prepare_cached(
        "DELETE FROM audit_entry WHERE id IN (
             SELECT id FROM audit_entry WHERE id <= (SELECT max(id) FROM audit_entry) - ?1 ORDER BY id LIMIT ?2
         )",
    )?
    .execute(params![rows, limit])
}

fn end_sessions(
    db: &Connection,
    user: Uuid,
    session: Option<Uuid>,
    now: Timestamp,
) -> rusqlite::Result<Vec<Revocation>> {
    let ended = db
        .prepare_cached(
            "UPDATE session SET revoked_at = ?3
             WHERE user_id = (SELECT coalesce(merged_into, id) FROM anonymous_user WHERE id = ?1)
               AND (?2 IS NULL OR id = ?2) AND revoked_at IS NULL AND expires_at > ?3
             RETURNING id, access_expires_at, user_id",
        )?
        .query_map(params![id_text(user), session.map(id_text), now.as_millis()], |row| {
            Ok((revocation(row)?, id_column(row, "user_id")?))
        })?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    for (revocation, owner) in &ended {
        record(db, &NewAuditEntry::session_ended(*owner, revocation.session, EndedBy::Operator, now))?;
    }
    Ok(ended.into_iter().map(|(revocation, _)| revocation).collect())
}

/// The accounts that were unlocked after `since`, for the changes of other processes.
pub(super) fn unlocks(db: &Connection, since: Timestamp) -> rusqlite::Result<Vec<Unlock>> {
    db.prepare_cached("SELECT email, unlocked_at FROM account WHERE unlocked_at > ?1 AND email IS NOT NULL")?
        .query_map([since.as_millis()], |row| {
            let email: String = row.get("email")?;
            Ok(Unlock { account: sha256(email.as_bytes()), at: time_column(row, "unlocked_at")? })
        })?
        .collect()
}

fn unlock(db: &Connection, user: Uuid, now: Timestamp) -> rusqlite::Result<bool> {
    let unlocked = db
        .prepare_cached(
            "UPDATE account SET unlocked_at = ?2 WHERE user_id = ?1 AND email IS NOT NULL RETURNING user_id",
        )?
        .query_row(params![id_text(user), now.as_millis()], |row| id_column(row, "user_id"))
        .optional()?;
    if let Some(user) = unlocked {
        record(db, &NewAuditEntry::unlocked(user, now))?;
    }
    Ok(unlocked.is_some())
}
