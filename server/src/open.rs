//! Opening a store, and the errors of opening a server.

use std::sync::Arc;

use crate::auth::KeyError;
use crate::config::{ConfigError, StoreLocation};
use crate::store::postgres::PostgresStore;
use crate::store::sqlite::SqliteStore;
use crate::store::{Store, StoreError};

/// An error of opening a server or a store.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// An invalid setting.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The store cannot be opened.
    #[error("--store {location}: {error}")]
    Store {
        /// The location of the store.
        location: StoreLocation,
        /// The error of the store.
        error: StoreError,
    },
    /// The keys in the store cannot be used, or a key could not be made.
    #[error("the keys in the store: {0}")]
    Keys(String),
}

impl From<KeyError> for OpenError {
    fn from(error: KeyError) -> Self {
        Self::Keys(error.to_string())
    }
}

/// Opens the store of a server: makes it if it does not exist, and brings its schema up to date.
pub(crate) async fn open_store(location: &StoreLocation) -> Result<Arc<dyn Store>, StoreError> {
    match location.clone() {
        StoreLocation::Sqlite(path) => {
            let opened = tokio::task::spawn_blocking(move || SqliteStore::open(&path));
            Ok(Arc::new(opened.await.map_err(|_| StoreError::Closed)??))
        }
        StoreLocation::Postgres(url) => Ok(Arc::new(PostgresStore::open(&url).await?)),
    }
}

/// Opens an existing store for an administration command that runs while servers use the store. Does not change the schema.
pub(crate) async fn open_store_for_admin(location: &StoreLocation) -> Result<Arc<dyn Store>, StoreError> {
    match location.clone() {
        StoreLocation::Sqlite(path) => {
            let opened = tokio::task::spawn_blocking(move || SqliteStore::open_for_admin(&path));
            Ok(Arc::new(opened.await.map_err(|_| StoreError::Closed)??))
        }
        StoreLocation::Postgres(url) => Ok(Arc::new(PostgresStore::open_for_admin(&url).await?)),
    }
}
