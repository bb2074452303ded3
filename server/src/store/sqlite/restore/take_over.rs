//! Takes over, from the database that a backup replaces, what has happened since the backup: sessions, erasures and keys.
//!
//! The replaced database can have an older schema than the restored one. So rows are copied by the columns that both have.

use std::collections::HashSet;
use std::path::Path;

use rusqlite::{Connection, params};
use uuid::Uuid;

use super::super::backup::has_table;
use super::super::{id_column, id_text};
use super::choices::erase_user;
use crate::clock::Timestamp;
use crate::store::{RestoreOptions, SinceBackup, erased_user_hash};

/// Tables whose rows are always taken over: an ID token proves an identity once, and the audit trail has no gap.
const RECORDS: [&str; 2] = ["used_id_token", "audit_entry"];

/// Takes over what `options` do not undo. `None`: `replaced` is not a later state of the same store, and nothing is taken over.
pub(super) fn run(
    db: &mut Connection,
    replaced: &Path,
    options: &RestoreOptions,
    now: Timestamp,
) -> rusqlite::Result<Option<SinceBackup>> {
    db.execute("ATTACH DATABASE ?1 AS replaced", [replaced.to_string_lossy()])?;
    let transaction = db.transaction()?;
    let since = if is_related(&transaction)? {
        let mut since = SinceBackup::default();
        if !options.undo_erasures {
            since.erased = erasures(&transaction)?;
        }
        since.absent = count(
            &transaction,
            "SELECT count(*) FROM main.anonymous_user WHERE id NOT IN (SELECT id FROM replaced.anonymous_user)",
        )?;
        if !options.undo_sessions {
            (since.revoked, since.opened) = sessions(&transaction, now)?;
        }
        for table in RECORDS {
            let columns = common_columns(&transaction, table, &[])?;
            // An older schema does not have every table.
            if !columns.is_empty() {
                transaction.execute_batch(&format!(
                    "INSERT OR REPLACE INTO main.{table} ({columns}) SELECT {columns} FROM replaced.{table}"
                ))?;
            }
        }
        if !options.undo_keys {
            (since.keys_added, since.keys_dropped) = keys(&transaction)?;
        }
        Some(since)
    } else {
        None
    };
    transaction.commit()?;
    db.execute_batch("DETACH DATABASE replaced")?;
    Ok(since)
}

/// Whether both databases have a key or a user in common. A new database, which a server made after the old one was lost, has
/// none: its keys would invalidate every token of the backup.
fn is_related(db: &Connection) -> rusqlite::Result<bool> {
    db.query_row(
        "SELECT EXISTS (SELECT 1 FROM main.signing_key JOIN replaced.signing_key USING (kid))
             OR EXISTS (SELECT 1 FROM main.anonymous_user JOIN replaced.anonymous_user USING (id))",
        [],
        |row| row.get(0),
    )
}

/// Erases the users again who were erased since. A user who is only absent is kept: the sweep may have removed the guest, for
/// example because a clock was wrong, and that may be the reason for the restore.
fn erasures(db: &Connection) -> rusqlite::Result<u64> {
    let erased: Vec<String> = if has_table(db, "replaced", "erased_user")? {
        db.execute_batch("INSERT OR IGNORE INTO main.erased_user SELECT hash, erased_at FROM replaced.erased_user")?;
        let hashes: HashSet<[u8; 32]> = db
            .prepare("SELECT hash FROM replaced.erased_user")?
            .query_map([], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        let users: Vec<Uuid> = db
            .prepare("SELECT id FROM main.anonymous_user")?
            .query_map([], |row| id_column(row, "id"))?
            .collect::<Result<_, _>>()?;
        let is_erased = |user: &Uuid| hashes.contains(&erased_user_hash(*user));
        users.into_iter().filter(is_erased).map(id_text).collect()
    } else {
        // An older version of the schema: only the sessions of users who were erased lately are known.
        db.prepare("SELECT DISTINCT user_id FROM main.session WHERE id IN (SELECT id FROM replaced.erased_session)")?
            .query_map([], |row| row.get(0))?
            .collect::<Result<_, _>>()?
    };
    let mut count = 0;
    for user in erased {
        // `sessions` brings the times until which access tokens must be refused.
        count += u64::from(erase_user(db, &user, 0)?);
    }
    Ok(count)
}

/// Brings the sessions of the backup to the state of the replaced database, and adds the sessions that its users have opened
/// since. Returns the number of sessions that were revoked, and of those that were opened.
fn sessions(db: &Connection, now: Timestamp) -> rusqlite::Result<(u64, u64)> {
    let revoked = count(
        db,
        "SELECT count(*) FROM main.session AS here JOIN replaced.session AS later USING (id)
         WHERE here.revoked_at IS NULL AND later.revoked_at IS NOT NULL",
    )?;
    // The counter with everything that depends on it. A revocation is final, and is not undone by a counter.
    let columns = common_columns(db, "session", &["id", "user_id", "revoked_at", "access_expires_at"])?;
    db.execute_batch(&format!(
        "UPDATE main.session SET ({columns}) = (SELECT {columns} FROM replaced.session AS later WHERE later.id = session.id)
             WHERE id IN (SELECT id FROM replaced.session) AND counter <=
                 (SELECT later.counter FROM replaced.session AS later WHERE later.id = session.id);
         UPDATE main.session SET revoked_at = coalesce(session.revoked_at, later.revoked_at),
                 access_expires_at = max(session.access_expires_at, later.access_expires_at)
             FROM replaced.session AS later WHERE later.id = session.id;
         -- What a session tells of a user stays with the user when the session becomes that of an account.
         UPDATE main.anonymous_user SET last_active_at = max(last_active_at, told.at)
             FROM (
                 SELECT session.user_id, max(coalesce(session.rotated_at, session.created_at)) AS at
                 FROM main.session JOIN replaced.session AS later USING (id)
                 WHERE later.user_id <> session.user_id GROUP BY session.user_id
             ) AS told WHERE told.user_id = anonymous_user.id;
         UPDATE main.session SET user_id = later.user_id
             FROM replaced.session AS later
             WHERE later.id = session.id AND later.user_id IN (SELECT id FROM main.anonymous_user);
         UPDATE main.anonymous_user SET last_active_at = max(anonymous_user.last_active_at, later.last_active_at)
             FROM replaced.anonymous_user AS later WHERE later.id = anonymous_user.id;"
    ))?;
    let columns = common_columns(db, "session", &[])?;
    let opened = db.execute(
        &format!(
            "INSERT INTO main.session ({columns}) SELECT {columns} FROM replaced.session
             WHERE id NOT IN (SELECT id FROM main.session) AND id NOT IN (SELECT id FROM main.erased_session)
               AND user_id IN (SELECT id FROM main.anonymous_user)"
        ),
        [],
    )?;
    // The guests of these sessions do not exist any more: their access tokens are refused.
    for table in ["erased_session", "session"] {
        db.execute(
            &format!(
                "INSERT INTO main.erased_session (id, access_expires_at)
                 SELECT id, access_expires_at FROM replaced.{table}
                 WHERE access_expires_at > ?1 AND id NOT IN (SELECT id FROM main.session)
                 ON CONFLICT (id) DO UPDATE SET access_expires_at = max(access_expires_at, excluded.access_expires_at)"
            ),
            params![now.as_millis()],
        )?;
    }
    Ok((revoked, u64::try_from(opened).unwrap_or(u64::MAX)))
}

/// Adds the keys that were made since, and removes those that were dropped as leaked: when keys are replaced after a leak, all
/// remaining keys are newer than the dropped ones. Returns the number of added and of removed keys.
fn keys(db: &Connection) -> rusqlite::Result<(u64, u64)> {
    let (mut added, mut dropped) = (0, 0);
    for (table, key) in [("signing_key", "kid"), ("refresh_key", "version, created_at")] {
        let is_in = |schema: &str| format!("({key}) IN (SELECT {key} FROM {schema}.{table})");
        dropped += db.execute(
            &format!(
                "DELETE FROM main.{table} WHERE NOT {} AND created_at < (SELECT min(created_at) FROM replaced.{table})",
                is_in("replaced")
            ),
            [],
        )?;
        added += count(db, &format!("SELECT count(*) FROM replaced.{table} WHERE NOT {}", is_in("main")))?;
        let columns = common_columns(db, table, &[])?;
        db.execute_batch(&format!(
            "INSERT OR REPLACE INTO main.{table} ({columns}) SELECT {columns} FROM replaced.{table}"
        ))?;
    }
    Ok((added, u64::try_from(dropped).unwrap_or(u64::MAX)))
}

/// The columns that a table has in both databases, without those of `except`, separated by commas.
fn common_columns(db: &Connection, table: &str, except: &[&str]) -> rusqlite::Result<String> {
    let columns: Vec<String> = db
        .prepare(
            "SELECT name FROM pragma_table_info(?1, 'main')
             WHERE name IN (SELECT name FROM pragma_table_info(?1, 'replaced'))",
        )?
        .query_map([table], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let kept: Vec<_> = columns.into_iter().filter(|column| !except.contains(&column.as_str())).collect();
    Ok(kept.join(", "))
}

fn count(db: &Connection, query: &str) -> rusqlite::Result<u64> {
    db.query_row(query, [], |row| row.get(0))
}
