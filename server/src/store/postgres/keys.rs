//! Keys of access tokens and of refresh tokens. A lock serializes their changes, so nodes that start together end up with the
//! same keys.

use std::time::Duration;

use async_trait::async_trait;
use deadpool_postgres::{Client, GenericClient, Transaction};
use tokio_postgres::Row;

use super::connection::lock_keys;
use super::{Error, PostgresStore, audit, time_column, unreadable};
use crate::secret::Secret;
use crate::settings::Algorithm;
use crate::store::{
    KeyChange, KeyEncryption, KeyEncryptionError, KeyLifetime, KeySet, KeyStore, NewAuditEntry, RefreshKeyRow,
    SigningKeyRow, StoreError,
};

#[async_trait]
impl KeyStore for PostgresStore {
    async fn keys(&self) -> Result<KeySet, StoreError> {
        self.connections.run(|db| Box::pin(keys(&*db))).await
    }

    async fn change_keys(&self, change: KeyChange, encryption: &KeyEncryption) -> Result<KeySet, StoreError> {
        let encryption = encryption.clone();
        let changed =
            self.connections.run(move |db| Box::pin(async move { self::change(db, change, &encryption).await }));
        Ok(changed.await??)
    }

    async fn discard_old_keys(&self) -> Result<(), StoreError> {
        let current = self.connections.run(|db| Box::pin(current_transaction(db))).await?;
        let mut attempts = 0;
        while self.connections.run(|db| Box::pin(sees_older_rows(db, current))).await? {
            attempts += 1;
            if attempts == DISCARD_ATTEMPTS {
                return Err(StoreError::Database(
                    "the change is stored, but an older transaction of the database still runs, and the previous rows stay in \
                     the files until: VACUUM FULL signing_key, refresh_key"
                        .to_owned(),
                ));
            }
            tokio::time::sleep(DISCARD_PAUSE).await;
        }
        // Writes both tables to new files; a plain VACUUM leaves the bytes of a deleted row in its page.
        self.connections
            .run(|db| Box::pin(async move { Ok(db.batch_execute("VACUUM FULL signing_key, refresh_key").await?) }))
            .await
    }
}

/// How often the end of older transactions is awaited before the old keys are discarded, and the pause between two attempts.
const DISCARD_ATTEMPTS: u32 = 100;
const DISCARD_PAUSE: Duration = Duration::from_millis(100);

/// The id of a transaction that is newer than all changes that have been committed.
async fn current_transaction(db: &mut Client) -> Result<i64, Error> {
    Ok(db.query_one("SELECT pg_current_xact_id()::text::bigint", &[]).await?.try_get(0)?)
}

/// Whether a transaction may still see rows that were deleted before `current`: `VACUUM FULL` would copy these rows. The
/// transactions of all databases count, because a snapshot in this database is as old as the oldest of them.
async fn sees_older_rows(db: &mut Client, current: i64) -> Result<bool, Error> {
    let query = "
        SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint <= $1::bigint OR EXISTS (
            SELECT FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid()
                AND age(backend_xmin) >= age($1::bigint::text::xid8::xid)
        )";
    Ok(db.query_one(query, &[&current]).await?.try_get(0)?)
}

pub(super) async fn keys(db: &impl GenericClient) -> Result<KeySet, Error> {
    let signing = db
        .prepare_cached("SELECT kid, algorithm, material, created_at, signs_from, token_ttl FROM signing_key")
        .await?;
    let signing = db.query(&signing, &[]).await?.iter().map(signing_key).collect::<Result<_, _>>()?;
    let refresh =
        db.prepare_cached("SELECT version, material, created_at, signs_from, token_ttl FROM refresh_key").await?;
    let refresh = db.query(&refresh, &[]).await?.iter().map(refresh_key).collect::<Result<_, _>>()?;
    Ok(KeySet::sorted(signing, refresh))
}

/// Writes all keys again if one has changed, because there are few keys.
pub(super) async fn change(
    db: &mut Client,
    change: KeyChange,
    encryption: &KeyEncryption,
) -> Result<Result<KeySet, KeyEncryptionError>, Error> {
    let transaction = db.transaction().await?;
    lock_keys(&transaction).await?;
    let before = keys(&transaction).await?;
    let entry = NewAuditEntry::keys_changed(&change);
    let keys = match before.changed(change, encryption) {
        Ok(keys) => keys,
        Err(error) => return Ok(Err(error)),
    };
    if keys != before {
        write(&transaction, &keys).await?;
        if let Some(entry) = entry {
            audit::record(&transaction, &entry).await?;
        }
    }
    transaction.commit().await?;
    Ok(Ok(keys))
}

async fn write(transaction: &Transaction<'_>, keys: &KeySet) -> Result<(), Error> {
    transaction.batch_execute("DELETE FROM signing_key; DELETE FROM refresh_key").await?;
    for key in &keys.signing {
        transaction
            .execute(
                "INSERT INTO signing_key (kid, algorithm, material, created_at, signs_from, token_ttl)
                 VALUES ($1, $2, $3, $4, $5, $6)",
                &[
                    &key.kid,
                    &key.algorithm.name(),
                    &key.material.expose(),
                    &key.lifetime.created_at.as_millis(),
                    &key.lifetime.signs_from.as_millis(),
                    &millis(key.lifetime.token_ttl),
                ],
            )
            .await?;
    }
    for key in &keys.refresh {
        transaction
            .execute(
                "INSERT INTO refresh_key (version, material, created_at, signs_from, token_ttl)
                 VALUES ($1, $2, $3, $4, $5)",
                &[
                    &i16::from(key.version),
                    &key.material.expose(),
                    &key.lifetime.created_at.as_millis(),
                    &key.lifetime.signs_from.as_millis(),
                    &millis(key.lifetime.token_ttl),
                ],
            )
            .await?;
    }
    Ok(())
}

fn signing_key(row: &Row) -> Result<SigningKeyRow, Error> {
    let algorithm: String = row.try_get("algorithm")?;
    Ok(SigningKeyRow {
        kid: row.try_get("kid")?,
        algorithm: algorithm.parse::<Algorithm>().map_err(unreadable)?,
        material: Secret::from(row.try_get::<_, Vec<u8>>("material")?),
        lifetime: key_lifetime(row)?,
    })
}

fn refresh_key(row: &Row) -> Result<RefreshKeyRow, Error> {
    let version: i16 = row.try_get("version")?;
    Ok(RefreshKeyRow {
        version: u8::try_from(version).map_err(unreadable)?,
        material: Secret::from(row.try_get::<_, Vec<u8>>("material")?),
        lifetime: key_lifetime(row)?,
    })
}

fn key_lifetime(row: &Row) -> Result<KeyLifetime, Error> {
    let token_ttl: i64 = row.try_get("token_ttl")?;
    Ok(KeyLifetime {
        created_at: time_column(row, "created_at")?,
        signs_from: time_column(row, "signs_from")?,
        token_ttl: Duration::from_millis(u64::try_from(token_ttl).map_err(unreadable)?),
    })
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
