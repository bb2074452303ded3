//! The data of a guest in the shop: the catalogue as the guest sees it, the cart, the lists and the preferences.

use std::fmt;

use async_trait::async_trait;
use uuid::Uuid;

use super::{
    CartChange, CartLine, ItemList, ListedItem, Page, PersonalItem, Preferences, PreferencesChange, PreferencesError,
    StoreError,
};
use crate::clock::Timestamp;

/// Stores the data of guests. After a merge, the id of the guest stands for the account.
#[async_trait]
pub(crate) trait GuestDataStore: fmt::Debug + Send + Sync {
    /// The number of items in the catalogue.
    async fn item_count(&self) -> Result<u64, StoreError>;

    /// The catalogue in its order, each item with what the guest has done with it.
    async fn items(&self, guest: Uuid) -> Result<DataResult<Vec<PersonalItem>>, StoreError>;

    /// The cart of a guest, the oldest line first.
    async fn cart(&self, guest: Uuid) -> Result<DataResult<Vec<CartLine>>, StoreError>;

    /// Changes one line of a cart and returns the cart. The conditions and the idempotency key are checked in the same
    /// transaction; an addition whose key was used before is not made again, whatever the conditions.
    async fn change_cart(&self, guest: Uuid, change: CartChange) -> Result<DataResult<Vec<CartLine>>, StoreError>;

    /// One page of a list, the newest item first.
    async fn list(&self, list: ItemList, guest: Uuid, page: Page) -> Result<DataResult<Vec<ListedItem>>, StoreError>;

    /// Adds an item to a list. In the history, the item becomes the newest, and the oldest items beyond
    /// [`MAX_HISTORY`](super::MAX_HISTORY) are removed. An item that is a favourite already keeps its time.
    async fn add_item(
        &self,
        list: ItemList,
        guest: Uuid,
        item: i64,
        now: Timestamp,
    ) -> Result<DataResult<()>, StoreError>;

    /// Removes one item from a list, or all items (`None`). Removing an item that is not in the list succeeds.
    async fn remove_item(&self, list: ItemList, guest: Uuid, item: Option<i64>) -> Result<DataResult<()>, StoreError>;

    /// The preferences of a guest.
    async fn preferences(&self, guest: Uuid) -> Result<DataResult<Preferences>, StoreError>;

    /// Changes the preferences and returns them. The conditions are checked in the same transaction.
    async fn change_preferences(
        &self,
        guest: Uuid,
        change: PreferencesChange,
    ) -> Result<DataResult<Preferences>, StoreError>;
}

/// A request for a guest's data that the store does not fulfil. It has changed nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DataError {
    /// The guest does not exist: never made, swept or erased.
    NoGuest,
    /// The catalogue does not have the item.
    NoItem,
    /// A condition of the request does not hold.
    PreconditionFailed,
    /// The cart has its greatest number of lines.
    CartFull,
    /// The guest has the greatest number of favourites.
    FavoritesFull,
    /// The idempotency key was used with another request.
    KeyReused,
    /// The preferences would break one of their rules.
    Preferences(PreferencesError),
}

/// The result of a request for a guest's data.
pub(crate) type DataResult<T> = Result<T, DataError>;

/// An error inside a transaction on a guest's data: either kind ends the transaction, so that `?` serves for both.
#[derive(Debug)]
pub(crate) enum TransactionError<E> {
    Data(DataError),
    Database(E),
}

impl<E> From<DataError> for TransactionError<E> {
    fn from(error: DataError) -> Self {
        Self::Data(error)
    }
}

/// Separates the errors of the request, which are results of the store, from the errors of the database.
pub(crate) fn separate<T, E>(result: Result<T, TransactionError<E>>) -> Result<DataResult<T>, E> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(TransactionError::Data(error)) => Ok(Err(error)),
        Err(TransactionError::Database(error)) => Err(error),
    }
}
