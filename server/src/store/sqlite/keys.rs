//! Keys of access tokens and of refresh tokens.

use std::time::Duration;

use async_trait::async_trait;
use rusqlite::{Connection, Row, params};

use super::{SqliteStore, audit, connection, time_column};
use crate::secret::Secret;
use crate::settings::Algorithm;
use crate::store::{
    KeyChange, KeyEncryption, KeyEncryptionError, KeyLifetime, KeySet, KeyStore, NewAuditEntry, RefreshKeyRow,
    SigningKeyRow, StoreError,
};

#[async_trait]
impl KeyStore for SqliteStore {
    async fn keys(&self) -> Result<KeySet, StoreError> {
        self.readers.read(keys).await
    }

    async fn change_keys(&self, change: KeyChange, encryption: &KeyEncryption) -> Result<KeySet, StoreError> {
        let encryption = encryption.clone();
        Ok(self.writer.write(move |db| self::change(db, change, &encryption)).await??)
    }

    async fn discard_old_keys(&self) -> Result<(), StoreError> {
        let path = self.path.clone();
        let discarded = tokio::task::spawn_blocking(move || connection::truncate_log(&path));
        discarded.await.map_err(|_| StoreError::Closed)?
    }
}

pub(super) fn keys(db: &Connection) -> rusqlite::Result<KeySet> {
    let signing = db
        .prepare_cached("SELECT kid, algorithm, material, created_at, signs_from, token_ttl FROM signing_key")?
        .query_map([], signing_key)?
        .collect::<Result<_, _>>()?;
    let refresh = db
        .prepare_cached("SELECT version, material, created_at, signs_from, token_ttl FROM refresh_key")?
        .query_map([], refresh_key)?
        .collect::<Result<_, _>>()?;
    Ok(KeySet::sorted(signing, refresh))
}

/// Writes all keys again if one has changed, because there are few keys.
pub(super) fn change(
    db: &Connection,
    change: KeyChange,
    encryption: &KeyEncryption,
) -> rusqlite::Result<Result<KeySet, KeyEncryptionError>> {
    let before = keys(db)?;
    let entry = NewAuditEntry::keys_changed(&change);
    let keys = match before.changed(change, encryption) {
        Ok(keys) => keys,
        Err(error) => return Ok(Err(error)),
    };
    if keys != before {
        write(db, &keys)?;
        if let Some(entry) = entry {
            audit::record(db, &entry)?;
        }
    }
    Ok(Ok(keys))
}

fn write(db: &Connection, keys: &KeySet) -> rusqlite::Result<()> {
    db.execute_batch("DELETE FROM signing_key; DELETE FROM refresh_key")?;
    for key in &keys.signing {
        db.prepare_cached(
            "INSERT INTO signing_key (kid, algorithm, material, created_at, signs_from, token_ttl)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            key.kid,
            key.algorithm.name(),
            key.material.expose(),
            key.lifetime.created_at.as_millis(),
            key.lifetime.signs_from.as_millis(),
            millis(key.lifetime.token_ttl),
        ])?;
    }
    for key in &keys.refresh {
        db.prepare_cached(
            "INSERT INTO refresh_key (version, material, created_at, signs_from, token_ttl)
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![
            key.version,
            key.material.expose(),
            key.lifetime.created_at.as_millis(),
            key.lifetime.signs_from.as_millis(),
            millis(key.lifetime.token_ttl),
        ])?;
    }
    Ok(())
}

fn signing_key(row: &Row<'_>) -> rusqlite::Result<SigningKeyRow> {
    let algorithm: String = row.get("algorithm")?;
    Ok(SigningKeyRow {
        kid: row.get("kid")?,
        algorithm: algorithm
            .parse::<Algorithm>()
            .map_err(|_| rusqlite::Error::InvalidColumnName(format!("algorithm {algorithm}")))?,
        material: Secret::from(row.get::<_, Vec<u8>>("material")?),
        lifetime: key_lifetime(row)?,
    })
}

fn refresh_key(row: &Row<'_>) -> rusqlite::Result<RefreshKeyRow> {
    Ok(RefreshKeyRow {
        version: row.get("version")?,
        material: Secret::from(row.get::<_, Vec<u8>>("material")?),
        lifetime: key_lifetime(row)?,
    })
}

fn key_lifetime(row: &Row<'_>) -> rusqlite::Result<KeyLifetime> {
    Ok(KeyLifetime {
        created_at: time_column(row, "created_at")?,
        signs_from: time_column(row, "signs_from")?,
        token_ttl: Duration::from_millis(row.get("token_ttl")?),
    })
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
