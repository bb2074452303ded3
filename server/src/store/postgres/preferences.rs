//! Preferences.

use deadpool_postgres::{Client, GenericClient};
use uuid::Uuid;

use super::guests::{Owner, lock_owner, owner};
use super::{Error, TransactionError, unreadable};
use crate::store::{Preferences, PreferencesChange};

pub(super) async fn preferences(db: &Client, guest: Uuid) -> Result<Preferences, TransactionError> {
    let owner = owner(db, guest).await?;
    Ok(stored(db, &owner).await?)
}

/// The row of the guest is locked, so the rows that are read here do not change before the writes.
pub(super) async fn change(
    db: &mut Client,
    guest: Uuid,
    change: PreferencesChange,
) -> Result<Preferences, TransactionError> {
    let transaction = db.transaction().await?;
    let owner = lock_owner(&transaction, guest).await?;
    let changed = change.apply(stored(&transaction, &owner).await?)?;
    let insert = transaction
        .prepare_cached(
            "INSERT INTO preferences (user_id, data) VALUES ($1, $2)
             ON CONFLICT (user_id) DO UPDATE SET data = excluded.data",
        )
        .await?;
    transaction.execute(&insert, &[&owner.id, &changed.to_json()]).await?;
    transaction.commit().await?;
    Ok(changed)
}

pub(super) async fn stored(db: &impl GenericClient, owner: &Owner) -> Result<Preferences, Error> {
    let query = db.prepare_cached("SELECT data FROM preferences WHERE user_id = $1").await?;
    match db.query_opt(&query, &[&owner.id]).await? {
        Some(row) => Preferences::from_json(row.try_get("data")?).map_err(unreadable),
        None => Ok(Preferences::default()),
    }
}
