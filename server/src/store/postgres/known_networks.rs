//! The networks from which members have signed in.

use async_trait::async_trait;
use deadpool_postgres::Client;

use super::{Error, PostgresStore};
use crate::clock::Timestamp;
use crate::store::{KNOWN_NETWORKS_PER_USER, KnownNetwork, KnownNetworkStore, StoreError};

#[async_trait]
impl KnownNetworkStore for PostgresStore {
    async fn remember_network(&self, network: KnownNetwork, now: Timestamp) -> Result<(), StoreError> {
        self.connections.run(move |db| Box::pin(async move { remember(db, &network, now).await })).await
    }

    async fn is_known_network(&self, network: KnownNetwork, since: Timestamp) -> Result<bool, StoreError> {
        self.connections.run(move |db| Box::pin(async move { is_known(db, &network, since).await })).await
    }
}

async fn remember(db: &mut Client, KnownNetwork { user, hash }: &KnownNetwork, now: Timestamp) -> Result<(), Error> {
    let transaction = db.transaction().await?;
    // Locks the account, so that concurrent sign-ins from different networks do not lock each other's rows in another order.
    let member = transaction.prepare_cached("SELECT FROM account WHERE user_id = $1 FOR NO KEY UPDATE").await?;
    if transaction.query_opt(&member, &[user]).await?.is_none() {
        return Ok(());
    }
    let insert = transaction
        .prepare_cached(
            "INSERT INTO known_network (user_id, hash, used_at) VALUES ($1, $2, $3)
             ON CONFLICT (user_id, hash) DO UPDATE SET used_at = greatest(known_network.used_at, excluded.used_at)",
        )
        .await?;
    transaction.execute(&insert, &[user, &hash.as_slice(), &now.as_millis()]).await?;
    let trim = transaction
        .prepare_cached(
            "DELETE FROM known_network WHERE user_id = $1 AND hash IN (
                 SELECT hash FROM known_network WHERE user_id = $1 ORDER BY used_at DESC, hash OFFSET $2
             )",
        )
        .await?;
    transaction.execute(&trim, &[user, &i64::from(KNOWN_NETWORKS_PER_USER)]).await?;
    transaction.commit().await?;
    Ok(())
}

async fn is_known(db: &Client, KnownNetwork { user, hash }: &KnownNetwork, since: Timestamp) -> Result<bool, Error> {
    let query =
        db.prepare_cached("SELECT FROM known_network WHERE user_id = $1 AND hash = $2 AND used_at >= $3").await?;
    Ok(db.query_opt(&query, &[user, &hash.as_slice(), &since.as_millis()]).await?.is_some())
}
