//! Deleting old rows in batches, following changes, the heartbeat, and closing.

use std::time::Duration;

use async_trait::async_trait;
use deadpool_postgres::{Client, Transaction};
use uuid::Uuid;

use super::{Error, PostgresStore, time_column, unreadable};
use crate::clock::{Clock, Timestamp};
use crate::store::{
    ExpiringRows, MaintenanceStore, StoreChange, StoreClocks, StoreError, SweepBatch, SweepDay, SweptBatch,
};

/// The greatest number of rows that [`guest_count`] counts one by one.
const COUNTED_UP_TO: f32 = 1e6;

#[async_trait]
impl MaintenanceStore for PostgresStore {
    async fn delete_expired(&self, rows: ExpiringRows, before: Timestamp, limit: u32) -> Result<usize, StoreError> {
        self.connections.run(move |db| Box::pin(delete_expired(db, rows, before, limit))).await
    }

    async fn sweep_guests(&self, batch: SweepBatch) -> Result<SweptBatch, StoreError> {
        self.connections.run(move |db| Box::pin(async move { guests(db, &batch).await })).await
    }

    async fn sweep_sessions(&self, batch: SweepBatch) -> Result<SweptBatch, StoreError> {
        self.connections.run(move |db| Box::pin(async move { sessions(db, &batch).await })).await
    }

    async fn guest_count(&self) -> Result<u64, StoreError> {
        self.connections.run(move |db| Box::pin(guest_count(db))).await
    }

    async fn next_change(&self, _: &dyn Clock) -> StoreChange {
        self.changes.next().await
    }

    fn changes_age(&self) -> Duration {
        self.changes.age()
    }

    async fn clocks(&self) -> Result<StoreClocks, StoreError> {
        self.connections.run(move |db| Box::pin(clocks(db))).await
    }

    async fn write_heartbeat(&self, at: Option<Timestamp>) -> Result<(), StoreError> {
        self.connections.run(move |db| Box::pin(write_heartbeat(db, at))).await
    }

    async fn close(&self) {
        self.changes.close().await;
        self.connections.close();
    }
}

/// Locks the guests first, so that no other transaction can begin to use them, and then checks them in a second statement. Rows
/// that another node has locked are skipped until the next sweep.
pub(super) async fn guests(db: &mut Client, batch: &SweepBatch) -> Result<SweptBatch, Error> {
    let transaction = db.transaction().await?;
    let Some((last, is_full)) = end_of_batch(&transaction, "anonymous_user", batch).await? else {
        return Ok(SweptBatch::EMPTY);
    };
    let lock = transaction
        .prepare_cached(
            "SELECT id FROM anonymous_user
             WHERE id > $1 AND id <= $2 AND registered_at IS NULL
               AND CASE WHEN merged_into IS NULL THEN last_active_at < $3 ELSE guest_tokens_until <= $4 END
             ORDER BY id FOR UPDATE SKIP LOCKED",
        )
        .await?;
    let (before, now) = (batch.before.as_millis(), batch.now.as_millis());
    let locked = transaction.query(&lock, &[&batch.after, &last, &before, &now]).await?;
    let locked: Vec<Uuid> = locked.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
    let due = transaction
        .prepare_cached(
            "SELECT id FROM anonymous_user
             WHERE id = ANY ($1) AND registered_at IS NULL
               AND CASE WHEN merged_into IS NULL THEN last_active_at < $2 ELSE guest_tokens_until <= $3 END
               AND NOT EXISTS (
                   SELECT 1 FROM session
                   WHERE session.user_id = anonymous_user.id
                     AND (access_expires_at > $3 OR (revoked_at IS NULL AND expires_at > $3)
                          OR coalesce(rotated_at, session.created_at) >= $2)
               )",
        )
        .await?;
    let due = transaction.query(&due, &[&locked, &before, &now]).await?;
    let mut due: Vec<Uuid> = due.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
    if due.is_empty() {
        return Ok(SweptBatch { removed: 0, next: is_full.then_some(last), limited: false });
    }
    let day = sweep_day(&transaction, batch.now).await?;
    let remaining = usize::try_from(day.remaining(batch.allowed)).unwrap_or(usize::MAX);
    let limited = due.len() > remaining;
    due.truncate(remaining);
    let delete = transaction.prepare_cached("DELETE FROM anonymous_user WHERE id = ANY ($1)").await?;
    let removed = transaction.execute(&delete, &[&due]).await?;
    let count = transaction.prepare_cached("UPDATE sweep_day SET began_at = $1, removed = $2").await?;
    let removed_today = i64::try_from(day.removed.saturating_add(removed)).map_err(unreadable)?;
    transaction.execute(&count, &[&day.began_at.as_millis(), &removed_today]).await?;
    transaction.commit().await?;
    let removed = usize::try_from(removed).map_err(unreadable)?;
    Ok(SweptBatch { removed, next: is_full.then_some(last), limited })
}

/// The guests that the sweeps have deleted in the current period. Locks the row, so that nodes that sweep concurrently count
/// together.
async fn sweep_day(transaction: &Transaction<'_>, now: Timestamp) -> Result<SweepDay, Error> {
    let query = transaction.prepare_cached("SELECT began_at, removed FROM sweep_day FOR UPDATE").await?;
    let row = transaction.query_one(&query, &[]).await?;
    let removed = u64::try_from(row.try_get::<_, i64>("removed")?).map_err(unreadable)?;
    Ok(SweepDay { began_at: time_column(&row, "began_at")?, removed }.at(now))
}

/// The planner's estimate, which includes members, for a large table: counting it would take seconds.
async fn guest_count(db: &Client) -> Result<u64, Error> {
    let estimate: f32 =
        db.query_one("SELECT reltuples FROM pg_class WHERE oid = 'anonymous_user'::regclass", &[]).await?.try_get(0)?;
    if estimate >= COUNTED_UP_TO {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a positive estimate")]
        return Ok(estimate as u64);
    }
    let count = "SELECT count(*) FROM anonymous_user WHERE registered_at IS NULL AND merged_into IS NULL";
    let count: i64 = db.query_one(count, &[]).await?.try_get(0)?;
    u64::try_from(count).map_err(unreadable)
}

async fn clocks(db: &Client) -> Result<StoreClocks, Error> {
    let query = db
        .prepare_cached("SELECT at, (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS database FROM heartbeat")
        .await?;
    let row = db.query_one(&query, &[]).await?;
    let heartbeat = row.try_get::<_, Option<i64>>("at")?.map(Timestamp::from_millis);
    Ok(StoreClocks { heartbeat, database: Some(time_column(&row, "database")?) })
}

async fn write_heartbeat(db: &Client, at: Option<Timestamp>) -> Result<(), Error> {
    let update = db.prepare_cached("UPDATE heartbeat SET writes = writes + 1, at = coalesce($1, at)").await?;
    db.execute(&update, &[&at.map(Timestamp::as_millis)]).await?;
    Ok(())
}

/// Writes the activity that a session tells to the row of its user before it deletes the session. Locks users before sessions, as
/// all transactions do (see `accounts`). The sessions of a user that another transaction has locked are kept until the next
/// sweep. A session that has ended stays ended, so the delete needs no lock before it.
pub(super) async fn sessions(db: &mut Client, batch: &SweepBatch) -> Result<SweptBatch, Error> {
    let transaction = db.transaction().await?;
    let Some((last, is_full)) = end_of_batch(&transaction, "session", batch).await? else {
        return Ok(SweptBatch::EMPTY);
    };
    let due =
        "session.id > $1 AND session.id <= $2 AND access_expires_at <= $3 AND (expires_at <= $3 OR revoked_at <= $3)";
    let before = batch.before.as_millis();
    let keep = transaction
        .prepare_cached(&format!(
            "WITH told AS (
                 SELECT user_id, max(coalesce(rotated_at, created_at)) AS at FROM session WHERE {due} GROUP BY user_id
             ), late AS (
                 SELECT anonymous_user.id, told.at
                 FROM told JOIN anonymous_user ON anonymous_user.id = told.user_id AND last_active_at < told.at
                 ORDER BY anonymous_user.id
                 FOR NO KEY UPDATE OF anonymous_user SKIP LOCKED
             )
             UPDATE anonymous_user SET last_active_at = greatest(last_active_at, late.at)
             FROM late WHERE late.id = anonymous_user.id"
        ))
        .await?;
    transaction.execute(&keep, &[&batch.after, &last, &before]).await?;
    let delete = transaction
        .prepare_cached(&format!(
            "DELETE FROM session WHERE id IN (
                 SELECT session.id
                 FROM session JOIN anonymous_user ON anonymous_user.id = user_id
                     AND last_active_at >= coalesce(rotated_at, session.created_at)
                 WHERE {due}
                 FOR UPDATE OF session SKIP LOCKED
             )"
        ))
        .await?;
    let removed = transaction.execute(&delete, &[&batch.after, &last, &before]).await?;
    transaction.commit().await?;
    let removed = usize::try_from(removed).map_err(unreadable)?;
    Ok(SweptBatch { removed, next: is_full.then_some(last), limited: false })
}

/// Skips rows that another node is deleting concurrently.
pub(super) async fn delete_expired(
    db: &Client,
    rows: ExpiringRows,
    before: Timestamp,
    limit: u32,
) -> Result<usize, Error> {
    let (table, key, time) = rows.columns();
    let delete = format!(
        "DELETE FROM {table} WHERE ({key}) IN (
             SELECT {key} FROM {table} WHERE {time} < $1 LIMIT $2 FOR UPDATE SKIP LOCKED
         )"
    );
    let delete = db.prepare_cached(&delete).await?;
    let forgotten = db.execute(&delete, &[&before.as_millis(), &i64::from(limit)]).await?;
    usize::try_from(forgotten).map_err(unreadable)
}

/// The last row of the batch, and whether more rows may follow it.
async fn end_of_batch(
    db: &Transaction<'_>,
    table: &'static str,
    batch: &SweepBatch,
) -> Result<Option<(Uuid, bool)>, Error> {
    let query = format!(
        "SELECT id, count(*) OVER () AS rows FROM (SELECT id FROM {table} WHERE id > $1 ORDER BY id LIMIT $2) AS batch
         ORDER BY id DESC LIMIT 1"
    );
    let query = db.prepare_cached(&query).await?;
    let Some(row) = db.query_opt(&query, &[&batch.after, &i64::from(batch.limit)]).await? else { return Ok(None) };
    Ok(Some((row.try_get("id")?, row.try_get::<_, i64>("rows")? == i64::from(batch.limit))))
}
