//! The export of all data about a guest.

use deadpool_postgres::Client;
use tokio_postgres::IsolationLevel;
use uuid::Uuid;

use super::guests::{guest as guest_row, owner};
use super::{TransactionError, accounts, audit, entries, sessions};
use crate::store::{AuditFilter, DataError, Export};

/// In one snapshot, so that all data is read at one point in time.
pub(super) async fn export(db: &mut Client, guest: Uuid) -> Result<Export, TransactionError> {
    let snapshot = db.build_transaction().isolation_level(IsolationLevel::RepeatableRead).read_only(true);
    let transaction = snapshot.start().await?;
    let owner = owner(&transaction, guest).await?;
    Ok(Export {
        guest: guest_row(&transaction, owner.id).await?.ok_or(DataError::NoGuest)?,
        identities: accounts::identities(&transaction, &owner).await?,
        sessions: sessions::all_of_user(&transaction, &owner).await?,
        entries: entries::all_of_user(&transaction, &owner).await?,
        audit: audit::entries(&transaction, &AuditFilter { subject: Some(owner.id), ..AuditFilter::default() }).await?,
    })
}
