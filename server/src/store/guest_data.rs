//! The data of guests: the entries of their collections.

use std::fmt;

use async_trait::async_trait;
use uuid::Uuid;

use super::{EntryList, Mark, Page, StoreError, UserEntry, UserEntryPosition, Written};
use crate::collections::{ChangeError, Entry, EntryChange};
use crate::etag::Conditions;

/// Stores the data of guests. After a merge, the id of the guest stands for the account.
#[async_trait]
pub(crate) trait GuestDataStore: fmt::Debug + Send + Sync {
    /// One page of a collection of a guest.
    async fn entries(&self, guest: Uuid, collection: String, page: Page) -> Result<DataResult<EntryList>, StoreError>;

    /// One entry of a guest.
    async fn entry(&self, guest: Uuid, collection: String, key: String) -> Result<DataResult<Entry>, StoreError>;

    /// Changes one entry and returns it; `None` if it was removed. The conditions, the limits and the idempotency key are checked
    /// in the same transaction. An addition whose key was used before is not made again, whatever the conditions: it returns
    /// the entry as it is.
    async fn change_entry(&self, guest: Uuid, change: EntryChange) -> Result<DataResult<Option<Written>>, StoreError>;

    /// Removes all entries of a collection. The conditions compare with the tag of [`Page::FIRST`] in the same transaction.
    async fn clear(
        &self,
        guest: Uuid,
        collection: String,
        conditions: Conditions,
    ) -> Result<DataResult<()>, StoreError>;

    /// All entries of some collections of a guest, without their values.
    async fn marks(&self, guest: Uuid, collections: Vec<String>) -> Result<DataResult<Vec<Mark>>, StoreError>;

    /// The next `limit` entries of all users after `after`, in the order of users, collections and keys.
    async fn user_entries(&self, after: UserEntryPosition, limit: u32) -> Result<Vec<UserEntry>, StoreError>;
}

/// A request for a guest's data that the store does not fulfil. It has changed nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum DataError {
    /// The guest does not exist: never made, swept or erased.
    NoGuest,
    /// The collection has no such entry.
    NoEntry,
    /// The change is refused.
    Change(ChangeError),
}

impl From<ChangeError> for DataError {
    fn from(error: ChangeError) -> Self {
        Self::Change(error)
    }
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

impl<E> From<ChangeError> for TransactionError<E> {
    fn from(error: ChangeError) -> Self {
        Self::Data(error.into())
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
