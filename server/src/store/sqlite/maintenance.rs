//! Deleting old rows in batches, the heartbeat, metrics, and closing.

use std::sync::PoisonError;

use async_trait::async_trait;
use prometheus_client::registry::Registry;
use rusqlite::{Connection, named_params, params};
use uuid::Uuid;

use super::{READERS, SqliteStore, id_text, time_column};
use crate::clock::{Clock, Timestamp};
use crate::store::{
    ExpiringRows, MaintenanceStore, StoreChange, StoreClocks, StoreError, SweepBatch, SweepDay, SweptBatch,
};

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

    async fn guest_count(&self) -> Result<u64, StoreError> {
        self.readers.read(guest_count).await
    }

    async fn next_change(&self, clock: &dyn Clock) -> StoreChange {
        self.changes.next(&self.writer, &self.readers, clock).await
    }

    async fn clocks(&self) -> Result<StoreClocks, StoreError> {
        let heartbeat = self.readers.read(heartbeat).await?;
        Ok(StoreClocks { heartbeat, database: None })
    }

    async fn write_heartbeat(&self, at: Option<Timestamp>) -> Result<(), StoreError> {
        self.writer.write(move |db| write_heartbeat(db, at)).await
    }

    fn register_metrics(&self, registry: &mut Registry) {
        self.writer.measure(registry);
    }

    async fn close(&self) {
        // The writer last: the last connection to close folds the log into the database.
        self.readers.close(READERS).await;
        self.checkpointer.close().await;
        self.writer.close().await;
        drop(self.lock.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

/// In one transaction, so that the rows do not change between the check and the delete. The foreign keys delete all other rows
/// of a guest.
pub(super) fn guests(db: &Connection, batch: &SweepBatch) -> rusqlite::Result<SweptBatch> {
    let Some((last, is_full)) = end_of_batch(db, "anonymous_user", batch)? else { return Ok(SweptBatch::EMPTY) };
    let day = db
        .prepare_cached("SELECT began_at, removed FROM sweep_day")?
        .query_row([], |row| Ok(SweepDay { began_at: time_column(row, "began_at")?, removed: row.get("removed")? }))?;
    let day = day.at(batch.now);
    let remaining = usize::try_from(day.remaining(batch.allowed)).unwrap_or(usize::MAX);
    let mut due = db
        .prepare_cached(DUE_GUESTS)?
        .query_map(
            named_params! {
                ":after": id_text(batch.after),
                ":last": id_text(last),
                ":before": batch.before.as_millis(),
                ":now": batch.now.as_millis(),
            },
            |row| row.get(0),
        )?
        .collect::<rusqlite::Result<Vec<String>>>()?;
    let limited = due.len() > remaining;
    due.truncate(remaining);
    let mut delete = db.prepare_cached("DELETE FROM anonymous_user WHERE id = ?1")?;
    for guest in &due {
        delete.execute([guest])?;
    }
    if !due.is_empty() {
        let removed = day.removed.saturating_add(u64::try_from(due.len()).unwrap_or(u64::MAX));
        db.prepare_cached("UPDATE sweep_day SET began_at = ?1, removed = ?2")?
            .execute(params![day.began_at.as_millis(), removed])?;
    }
    Ok(SweptBatch { removed: due.len(), next: is_full.then_some(last), limited })
}

/// For each guest whose own row tells no later activity, looks up the sessions of this guest and no others.
const DUE_GUESTS: &str = "
    SELECT id FROM anonymous_user
    WHERE id > :after AND id <= :last AND registered_at IS NULL
      AND iif(merged_into IS NULL, last_active_at < :before, guest_tokens_until <= :now)
      AND NOT EXISTS (
          SELECT 1 FROM session
          WHERE session.user_id = anonymous_user.id
            AND (access_expires_at > :now OR (revoked_at IS NULL AND expires_at > :now)
                 OR coalesce(rotated_at, session.created_at) >= :before)
      )";

/// Writes the activity that a session tells to the row of its user before it deletes the session.
pub(super) fn sessions(db: &Connection, batch: &SweepBatch) -> rusqlite::Result<SweptBatch> {
    let Some((last, is_full)) = end_of_batch(db, "session", batch)? else { return Ok(SweptBatch::EMPTY) };
    let rows = params![id_text(batch.after), id_text(last), batch.before.as_millis()];
    db.prepare_cached(&keep_activity())?.execute(rows)?;
    let removed = db.prepare_cached(&format!("DELETE FROM session WHERE {DUE_SESSIONS}"))?.execute(rows)?;
    Ok(SweptBatch { removed, next: is_full.then_some(last), limited: false })
}

const DUE_SESSIONS: &str =
    "id > ?1 AND id <= ?2 AND access_expires_at <= ?3 AND (expires_at <= ?3 OR revoked_at <= ?3)";

fn keep_activity() -> String {
    format!(
        "UPDATE anonymous_user SET last_active_at = told.at
         FROM (
             SELECT user_id, max(coalesce(rotated_at, created_at)) AS at FROM session WHERE {DUE_SESSIONS} GROUP BY user_id
         ) AS told
         WHERE anonymous_user.id = told.user_id AND last_active_at < told.at"
    )
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

fn guest_count(db: &Connection) -> rusqlite::Result<u64> {
    db.query_row("SELECT count(*) FROM anonymous_user WHERE registered_at IS NULL AND merged_into IS NULL", [], |row| {
        row.get(0)
    })
}

fn heartbeat(db: &Connection) -> rusqlite::Result<Option<Timestamp>> {
    let at = db.prepare_cached("SELECT at FROM heartbeat")?.query_row([], |row| row.get::<_, Option<i64>>(0))?;
    Ok(at.map(Timestamp::from_millis))
}

fn write_heartbeat(db: &Connection, at: Option<Timestamp>) -> rusqlite::Result<()> {
    db.prepare_cached("UPDATE heartbeat SET writes = writes + 1, at = coalesce(?1, at)")?
        .execute([at.map(Timestamp::as_millis)])?;
    Ok(())
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

#[cfg(test)]
mod tests {
    use super::super::connection::{open_writer, query_plan};
    use super::*;

    #[test]
    fn s07_the_sweep_of_guests_reads_a_range_of_guests_and_their_sessions() {
        let directory = tempfile::tempdir().unwrap();
        let db = open_writer(&directory.path().join("test.db")).unwrap();

        let plan = query_plan(&db, DUE_GUESTS);
        assert_eq!(plan[0], "SEARCH anonymous_user USING PRIMARY KEY (id>? AND id<?)");
        assert_eq!(plan[2], "SEARCH session USING INDEX session_by_user (user_id=?)");
        let plan = query_plan(&db, &keep_activity());
        assert_eq!(plan[1], "SEARCH session USING PRIMARY KEY (id>? AND id<?)");
        assert_eq!(plan.last().unwrap(), "SEARCH anonymous_user USING PRIMARY KEY (id=?)");
    }
}
