//! The audit trail, and the changes of operators to users.

use async_trait::async_trait;
use deadpool_postgres::{Client, GenericClient, Transaction};
use tokio_postgres::Row;
use uuid::Uuid;

use super::sessions::revocation;
use super::{Error, PostgresStore, time_column, unreadable};
use crate::actor::{Role, network_text};
use crate::clock::Timestamp;
use crate::store::{
    AuditEntry, AuditEvent, AuditFilter, AuditStore, EndedBy, FailedAttempts, NewAuditEntry, Revocation, StoreError,
    pseudonym,
};

#[async_trait]
impl AuditStore for PostgresStore {
    async fn audit_entries(&self, filter: AuditFilter) -> Result<Vec<AuditEntry>, StoreError> {
        self.connections.run(move |db| Box::pin(async move { entries(&*db, &filter).await })).await
    }

    async fn add_failed_attempts(&self, attempts: Vec<FailedAttempts>) -> Result<(), StoreError> {
        self.connections.run(move |db| Box::pin(async move { add_failed_attempts(db, &attempts).await })).await
    }

    async fn trim_audit(&self, rows: u32, limit: u32) -> Result<usize, StoreError> {
        self.connections.run(move |db| Box::pin(trim(db, rows, limit))).await
    }

    async fn end_sessions(
        &self,
        user: Uuid,
        session: Option<Uuid>,
        now: Timestamp,
    ) -> Result<Vec<Revocation>, StoreError> {
        self.connections.run(move |db| Box::pin(end_sessions(db, user, session, now))).await
    }

    async fn unlock(&self, user: Uuid, now: Timestamp) -> Result<bool, StoreError> {
        self.connections.run(move |db| Box::pin(unlock(db, user, now))).await
    }
}

/// Writes an entry. Part of the transaction of the change that it tells.
pub(super) async fn record(transaction: &Transaction<'_>, entry: &NewAuditEntry) -> Result<(), Error> {
    let insert = transaction
        .prepare_cached(
            "INSERT INTO audit_entry (at, event, actor, subject, session, guest, network, label, detail)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        )
        .await?;
    let (at, network, label) = (entry.at.as_millis(), entry.network(), entry.label());
    transaction
        .execute(
            &insert,
            &[
                &at,
                &entry.event.name(),
                &entry.actor.role.name(),
                &entry.subject,
                &entry.session,
                &entry.guest,
                &network,
                &label,
                &entry.detail,
            ],
        )
        .await?;
    Ok(())
}

/// Replaces a user and the guests who were merged into it by pseudonyms, and clears what else the entries tell about them. Part
/// of the transaction that erases the user, before its rows are deleted.
pub(super) async fn anonymize(transaction: &Transaction<'_>, owner: Uuid) -> Result<(), Error> {
    let users = transaction.prepare_cached("SELECT id FROM anonymous_user WHERE id = $1 OR merged_into = $1").await?;
    let lock = transaction
        .prepare_cached(
            "SELECT FROM audit_entry WHERE subject = $1 AND attempts IS NOT NULL
             ORDER BY at, event COLLATE \"C\", detail COLLATE \"C\", coalesce(network, '') COLLATE \"C\" FOR UPDATE",
        )
        .await?;
    let update = transaction
        .prepare_cached(
            "UPDATE audit_entry SET subject = $2, session = NULL, guest = NULL, network = NULL, label = NULL
             WHERE subject = $1 AND attempts IS NULL",
        )
        .await?;
    let delete = transaction.prepare_cached("DELETE FROM audit_entry WHERE subject = $1").await?;
    for row in transaction.query(&users, &[&owner]).await? {
        let user: Uuid = row.try_get("id")?;
        transaction.execute(&update, &[&user, &pseudonym(user)]).await?;
        // The failed attempts of others, which are locked in the order of `add_failed_attempts`.
        transaction.query(&lock, &[&user]).await?;
        transaction.execute(&delete, &[&user]).await?;
    }
    Ok(())
}

/// Adds to the rows in one order, because several nodes add to the same rows.
async fn add_failed_attempts(db: &mut Client, attempts: &[FailedAttempts]) -> Result<(), Error> {
    let transaction = db.transaction().await?;
    let add = transaction
        .prepare_cached(
            "INSERT INTO audit_entry (at, event, actor, subject, network, detail, attempts)
             VALUES ($1, $2, $3, $4, $5, $6, $7)
             ON CONFLICT (at, event, coalesce(detail, ''), coalesce(subject, '00000000-0000-0000-0000-000000000000'),
                          coalesce(network, ''))
                 WHERE attempts IS NOT NULL
             DO UPDATE SET attempts = audit_entry.attempts + excluded.attempts",
        )
        .await?;
    let mut sorted: Vec<_> = attempts.iter().map(|one| (one, one.network.map(network_text))).collect();
    sorted.sort_unstable_by_key(|(one, network)| {
        (one.hour, one.event.name(), one.reason, network.clone().unwrap_or_default(), one.subject)
    });
    for (FailedAttempts { hour, event, reason, subject, count, .. }, network) in sorted {
        let count = i64::try_from(*count).unwrap_or(i64::MAX);
        transaction
            .execute(&add, &[&hour.as_millis(), &event.name(), &Role::Client.name(), subject, &network, reason, &count])
            .await?;
    }
    Ok(transaction.commit().await?)
}

pub(super) async fn entries(db: &impl GenericClient, filter: &AuditFilter) -> Result<Vec<AuditEntry>, Error> {
    let query = db
        .prepare_cached(
            "SELECT at, event, actor, subject, session, guest, network, label, detail, attempts FROM audit_entry
             WHERE ($1::uuid IS NULL OR subject IN ($1, $2::uuid) OR guest = $1)
               AND ($3::uuid IS NULL OR session = $3) AND ($4::text IS NULL OR network = $4)
               AND ($5::text IS NULL OR event = $5) AND ($6::bigint IS NULL OR at >= $6)
               AND ($7::bigint IS NULL OR at < $7)
             ORDER BY at DESC, id DESC LIMIT $8",
        )
        .await?;
    let rows = db
        .query(
            &query,
            &[
                &filter.subject,
                &filter.subject.map(pseudonym),
                &filter.session,
                &filter.network_text(),
                &filter.event.map(AuditEvent::name),
                &filter.since.map(Timestamp::as_millis),
                &filter.until.map(Timestamp::as_millis),
                &i64::from(filter.limit),
            ],
        )
        .await?;
    rows.iter().rev().map(entry).collect()
}

fn entry(row: &Row) -> Result<AuditEntry, Error> {
    let actor: &str = row.try_get("actor")?;
    let attempts: Option<i64> = row.try_get("attempts")?;
    Ok(AuditEntry {
        at: time_column(row, "at")?,
        event: row.try_get::<_, &str>("event")?.parse().map_err(unreadable)?,
        actor: Role::named(actor).ok_or_else(|| unreadable(format_args!("the actor {actor:?}")))?,
        subject: row.try_get("subject")?,
        session: row.try_get("session")?,
        guest: row.try_get("guest")?,
        network: row.try_get("network")?,
        label: row.try_get("label")?,
        detail: row.try_get("detail")?,
        attempts: attempts.map(u64::try_from).transpose().map_err(unreadable)?,
    })
}

/// Skips rows that another node is deleting concurrently.
async fn trim(db: &Client, rows: u32, limit: u32) -> Result<usize, Error> {
    // Ids ascend, so fewer than `rows` ids are greater than the bound.
    let delete = db
        .prepare_cached(
            "DELETE FROM audit_entry WHERE id IN (
                 SELECT id FROM audit_entry WHERE id <= (SELECT max(id) FROM audit_entry) - $1
                 ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED
             )",
        )
        .await?;
    let deleted = db.execute(&delete, &[&i64::from(rows), &i64::from(limit)]).await?;
    usize::try_from(deleted).map_err(unreadable)
}

/// Locks the sessions in the order of their ids, as all transactions do (see `accounts`). A session that is moved to an account
/// while this waits belongs to the account, whose command finds it.
async fn end_sessions(
    db: &mut Client,
    user: Uuid,
    session: Option<Uuid>,
    now: Timestamp,
) -> Result<Vec<Revocation>, Error> {
    let transaction = db.transaction().await?;
    let lock = transaction
        .prepare_cached(
            "SELECT id, user_id, access_expires_at FROM session
             WHERE user_id = (SELECT coalesce(merged_into, id) FROM anonymous_user WHERE id = $1)
               AND ($2::uuid IS NULL OR id = $2) AND revoked_at IS NULL AND expires_at > $3
             ORDER BY id FOR NO KEY UPDATE",
        )
        .await?;
    let end = transaction.prepare_cached("UPDATE session SET revoked_at = $2 WHERE id = $1").await?;
    let mut ended = Vec::new();
    for row in transaction.query(&lock, &[&user, &session, &now.as_millis()]).await? {
        let revocation = revocation(&row)?;
        transaction.execute(&end, &[&revocation.session, &now.as_millis()]).await?;
        let owner = row.try_get("user_id")?;
        record(&transaction, &NewAuditEntry::session_ended(owner, revocation.session, EndedBy::Operator, now)).await?;
        ended.push(revocation);
    }
    transaction.commit().await?;
    Ok(ended)
}

async fn unlock(db: &mut Client, user: Uuid, now: Timestamp) -> Result<bool, Error> {
    let transaction = db.transaction().await?;
    let update = transaction
        .prepare_cached("UPDATE account SET unlocked_at = $2 WHERE user_id = $1 AND email IS NOT NULL")
        .await?;
    let unlocked = transaction.execute(&update, &[&user, &now.as_millis()]).await? == 1;
    if unlocked {
        record(&transaction, &NewAuditEntry::unlocked(user, now)).await?;
    }
    transaction.commit().await?;
    Ok(unlocked)
}
