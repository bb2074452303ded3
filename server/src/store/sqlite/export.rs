//! The export of all data about a guest.

use rusqlite::Connection;
use uuid::Uuid;

use super::guests::{guest_row, owner};
use super::{TransactionError, accounts, audit, cart, lists, preferences, sessions};
use crate::store::{AuditFilter, Export, ItemList, Page};

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
        cart: cart::lines(&transaction, &owner)?,
        history: lists::listed(&transaction, ItemList::History, &owner, Page::ALL)?,
        favorites: lists::listed(&transaction, ItemList::Favorites, &owner, Page::ALL)?,
        preferences: preferences::stored(&transaction, &owner)?,
        audit: audit::entries(&transaction, &AuditFilter { subject: id, ..AuditFilter::default() })?,
    })
}
