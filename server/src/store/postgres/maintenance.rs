//! Deleting old rows in batches, following changes, and closing.

use async_trait::async_trait;
use deadpool_postgres::{Client, Transaction};
use uuid::Uuid;

use super::{Error, PostgresStore, unreadable};
use crate::clock::Timestamp;
use crate::store::{ExpiringRows, MaintenanceStore, StoreChange, StoreError, SweepBatch, SweptBatch};

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

    async fn next_change(&self) -> StoreChange {
        self.changes.next().await
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
    let delete = transaction
        .prepare_cached(
            "DELETE FROM anonymous_user
             WHERE id = ANY ($1) AND registered_at IS NULL
               AND CASE WHEN merged_into IS NULL THEN last_active_at < $2 ELSE guest_tokens_until <= $3 END
               AND NOT EXISTS (
                   SELECT 1 FROM session
                   WHERE session.user_id = anonymous_user.id
                     AND (access_expires_at > $3 OR (revoked_at IS NULL AND expires_at > $3))
               )",
        )
        .await?;
    let removed = transaction.execute(&delete, &[&locked, &before, &now]).await?;
    transaction.commit().await?;
    Ok(SweptBatch { removed: usize::try_from(removed).map_err(unreadable)?, next: is_full.then_some(last) })
}

/// A session that has ended stays ended, so one delete statement is enough.
pub(super) async fn sessions(db: &mut Client, batch: &SweepBatch) -> Result<SweptBatch, Error> {
    let transaction = db.transaction().await?;
    let Some((last, is_full)) = end_of_batch(&transaction, "session", batch).await? else {
        return Ok(SweptBatch::EMPTY);
    };
    let delete = transaction
        .prepare_cached(
            "DELETE FROM session WHERE id IN (
                 SELECT id FROM session
                 WHERE id > $1 AND id <= $2 AND access_expires_at <= $3 AND (expires_at <= $3 OR revoked_at <= $3)
                 FOR UPDATE SKIP LOCKED
             )",
        )
        .await?;
    let removed = transaction.execute(&delete, &[&batch.after, &last, &batch.before.as_millis()]).await?;
    transaction.commit().await?;
    Ok(SweptBatch { removed: usize::try_from(removed).map_err(unreadable)?, next: is_full.then_some(last) })
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
