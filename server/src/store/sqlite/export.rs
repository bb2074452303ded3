//! The export of all data about a guest.

use rusqlite::Connection;
use uuid::Uuid;

use super::guests::{guest_row, owner};
use super::{TransactionError, accounts, audit, entries, sessions};
use crate::store::{AuditFilter, Export};

/// In one transaction, so that all data is read at one point in time.
pub(super) fn export(db: &Connection, guest: Uuid) -> Result<Export, TransactionError> {
    let transaction = db.unchecked_transaction()?;
    let owner = owner(&transaction, guest)?;
    let guest = guest_row(&transaction, &owner.id)?;
    let id = Some(guest.id);
    Ok(Export {
        guest,
        identities: accounts::identities(&transaction, &owner)?,
        sessions: sessions::all_of_user(&transaction, &owner)?,
        entries: entries::all_of_user(&transaction, &owner)?,
        audit: audit::entries(&transaction, &AuditFilter { subject: id, ..AuditFilter::default() })?,
    })
}
