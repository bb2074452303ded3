//! The networks from which members have signed in.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, params};

use super::{SqliteStore, id_text};
use crate::clock::Timestamp;
use crate::store::{KNOWN_NETWORKS_PER_USER, KnownNetwork, KnownNetworkStore, StoreError};

#[async_trait]
impl KnownNetworkStore for SqliteStore {
    async fn remember_network(&self, network: KnownNetwork, now: Timestamp) -> Result<(), StoreError> {
        self.writer.write(move |db| remember(db, &network, now)).await
    }

    async fn is_known_network(&self, network: KnownNetwork, since: Timestamp) -> Result<bool, StoreError> {
        self.readers.read(move |db| is_known(db, &network, since)).await
    }
}

fn remember(db: &Connection, KnownNetwork { user, hash }: &KnownNetwork, now: Timestamp) -> rusqlite::Result<()> {
    let user = id_text(*user);
    db.prepare_cached(
        "INSERT INTO known_network (user_id, hash, used_at) SELECT user_id, ?2, ?3 FROM account WHERE user_id = ?1
         ON CONFLICT DO UPDATE SET used_at = max(used_at, excluded.used_at)",
    )?
    .execute(params![user, hash, now.as_millis()])?;
    db.prepare_cached(
        "DELETE FROM known_network WHERE user_id = ?1 AND hash NOT IN (
             SELECT hash FROM known_network WHERE user_id = ?1 ORDER BY used_at DESC, hash LIMIT ?2
         )",
    )?
    .execute(params![user, KNOWN_NETWORKS_PER_USER])?;
    Ok(())
}

fn is_known(db: &Connection, KnownNetwork { user, hash }: &KnownNetwork, since: Timestamp) -> rusqlite::Result<bool> {
    let known = db
        .prepare_cached("SELECT 1 FROM known_network WHERE user_id = ?1 AND hash = ?2 AND used_at >= ?3")?
        .query_row(params![id_text(*user), hash, since.as_millis()], |_| Ok(()))
        .optional()?;
    Ok(known.is_some())
}
