//! Everything about a guest.

use rusqlite::Connection;
use uuid::Uuid;

use super::guests::{guest_row, owner};
use super::{NotDone, accounts, cart, lists, preferences, sessions};
use crate::store::{Everything, ItemList, Page};

/// In one transaction, so that it is as of one moment.
pub(super) fn everything(db: &Connection, guest: Uuid) -> Result<Everything, NotDone> {
    let transaction = db.unchecked_transaction()?;
    let owner = owner(&transaction, guest)?;
    Ok(Everything {
        guest: guest_row(&transaction, &owner.id)?,
        identities: accounts::identities(&transaction, &owner)?,
        sessions: sessions::all_of_user(&transaction, &owner)?,
        cart: cart::lines(&transaction, &owner)?,
        history: lists::listed(&transaction, ItemList::History, &owner, Page::ALL)?,
        favorites: lists::listed(&transaction, ItemList::Favorites, &owner, Page::ALL)?,
        preferences: preferences::stored(&transaction, &owner)?,
    })
}
