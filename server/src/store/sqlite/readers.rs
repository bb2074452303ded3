//! Read-only connections. In WAL mode they neither wait for the writer nor delay it.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::connection;
use crate::store::StoreError;

#[derive(Debug, Clone)]
pub(super) struct Readers {
    idle: Arc<Mutex<Vec<Connection>>>,
    permits: Arc<Semaphore>,
}

impl Readers {
    pub(super) fn open(path: &Path, count: usize) -> rusqlite::Result<Self> {
        let connections = (0..count).map(|_| connection::open_reader(path)).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { idle: Arc::new(Mutex::new(connections)), permits: Arc::new(Semaphore::new(count)) })
    }

    /// Runs `query` on a thread for blocking work. It sees all acknowledged writes.
    #[tracing::instrument(level = "debug", name = "sqlite read", skip_all, fields(otel.kind = "client", db.system.name = "sqlite"))]
    pub(super) async fn read<T, F>(&self, query: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(|_| StoreError::Closed)?;
        let idle = Arc::clone(&self.idle);
        let task = tokio::task::spawn_blocking(move || {
            let connection = idle.lock().unwrap_or_else(PoisonError::into_inner).pop().ok_or(StoreError::Closed)?;
            let result = query(&connection).map_err(|error| StoreError::from(&error));
            idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
            drop(permit);
            result
        });
        task.await.map_err(|_| StoreError::Closed)?
    }

    /// Waits for the running queries, then closes the connections.
    pub(super) async fn close(&self, count: usize) {
        let all = u32::try_from(count).unwrap_or(u32::MAX);
        // An error means that the connections have been closed before.
        let _ = self.permits.acquire_many(all).await;
        self.permits.close();
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
