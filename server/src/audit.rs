//! Reading the audit trail of a store, for `guestpass audit` and for programs that embed the server.

use std::sync::Arc;

use crate::config::StoreLocation;
use crate::open::{OpenError, open_store_for_admin};
use crate::store::{AuditEntry, AuditFilter, Store, StoreError};

/// The audit trail of a store, which servers may be using.
#[derive(Debug)]
pub struct AuditTrail {
    store: Arc<dyn Store>,
}

impl AuditTrail {
    /// Opens an existing store. Servers of this version may be using it.
    ///
    /// # Errors
    /// The store does not exist, or its schema is that of another version.
    pub async fn open(location: &StoreLocation) -> Result<Self, OpenError> {
        let opened = open_store_for_admin(location).await;
        Ok(Self { store: opened.map_err(|error| OpenError::Store { location: location.clone(), error })? })
    }

    /// The newest entries that match, the oldest of them first.
    ///
    /// # Errors
    /// The store failed.
    pub async fn entries(&self, filter: AuditFilter) -> Result<Vec<AuditEntry>, StoreError> {
        self.store.audit_entries(filter).await
    }

    /// Closes the store.
    pub async fn close(&self) {
        self.store.close().await;
    }
}
