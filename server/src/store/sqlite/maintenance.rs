//! Deleting old rows in batches, metrics, and closing.

use std::sync::PoisonError;

use async_trait::async_trait;
use prometheus_client::registry::Registry;
use rusqlite::{Connection, named_params, params};
use uuid::Uuid;

use super::{READERS, SqliteStore, id_text};
use crate::clock::Timestamp;
use crate::store::{ExpiringRows, MaintenanceStore, StoreError, SweepBatch, SweptBatch};

#[async_trait]
impl MaintenanceStore for SqliteStore {
    async fn delete_expired(&self, rows: ExpiringRows, before: Timestamp, limit: u32) -> Result<usize, StoreError> {
        self.writer.write(move |db| delete_expired(db, rows, before, limit)).await
    }

    async fn sweep_guests(&self, batch: SweepBatch) -> Result<SweptBatch, StoreError> {
        self.writer.write(move |db| guests(db, &batch)).await
    }

    async fn sweep_sessions(&self, batch: SweepBatch) -> Result<SweptBatch, StoreError> {
        self.writer.write(move |db| sessions(db, &batch)).await
    }

    fn register_metrics(&self, registry: &mut Registry) {
        self.writer.measure(registry);
    }

    async fn close(&self) {
        // Readers first: the last connection to close folds the log into the database.
        self.readers.close(READERS).await;
        self.writer.close().await;
        drop(self.lock.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

/// In one transaction, so that the rows do not change between the check and the delete. The foreign keys delete all other rows
/// of a guest.
pub(super) fn guests(db: &Connection, batch: &SweepBatch) -> rusqlite::Result<SweptBatch> {
    let Some((last, is_full)) = end_of_batch(db, "anonymous_user", batch)? else { return Ok(SweptBatch::EMPTY) };
    let removed = db
        .prepare_cached(
            "DELETE FROM anonymous_user
             WHERE id > :after AND id <= :last AND registered_at IS NULL
               AND iif(merged_into IS NULL, last_active_at < :before, guest_tokens_until <= :now)
               AND NOT EXISTS (
                   SELECT 1 FROM session
                   WHERE session.user_id = anonymous_user.id
                     AND (access_expires_at > :now OR (revoked_at IS NULL AND expires_at > :now))
               )",
        )?
        .execute(named_params! {
            ":after": id_text(batch.after),
            ":last": id_text(last),
            ":before": batch.before.as_millis(),
            ":now": batch.now.as_millis(),
        })?;
    Ok(SweptBatch { removed, next: is_full.then_some(last) })
}

pub(super) fn sessions(db: &Connection, batch: &SweepBatch) -> rusqlite::Result<SweptBatch> {
    let Some((last, is_full)) = end_of_batch(db, "session", batch)? else { return Ok(SweptBatch::EMPTY) };
    let removed = db
        .prepare_cached(
            "DELETE FROM session
             WHERE id > ?1 AND id <= ?2 AND access_expires_at <= ?3 AND (expires_at <= ?3 OR revoked_at <= ?3)",
        )?
        .execute(params![id_text(batch.after), id_text(last), batch.before.as_millis()])?;
    Ok(SweptBatch { removed, next: is_full.then_some(last) })
}

pub(super) fn delete_expired(
    db: &Connection,
    rows: ExpiringRows,
    before: Timestamp,
    limit: u32,
) -> rusqlite::Result<usize> {
    let (table, key, time) = rows.columns();
    db.prepare_cached(&format!(
        "DELETE FROM {table} WHERE ({key}) IN (SELECT {key} FROM {table} WHERE {time} < ?1 LIMIT ?2)"
    ))?
    .execute(params![before.as_millis(), limit])
}

/// The last row of the batch, and whether more rows may follow it.
fn end_of_batch(db: &Connection, table: &'static str, batch: &SweepBatch) -> rusqlite::Result<Option<(Uuid, bool)>> {
    let query = format!("SELECT max(id), count(*) FROM (SELECT id FROM {table} WHERE id > ?1 ORDER BY id LIMIT ?2)");
    let (last, count): (Option<String>, u32) = db
        .prepare_cached(&query)?
        .query_row(params![id_text(batch.after), batch.limit], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let last = last.and_then(|last| Uuid::try_parse(&last).ok());
    Ok(last.map(|last| (last, count == batch.limit)))
}
