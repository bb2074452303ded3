//! The data of guests.

use async_trait::async_trait;
use uuid::Uuid;

use super::{SqliteStore, entries};
use crate::collections::{Entry, EntryChange};
use crate::etag::Conditions;
use crate::store::{
    DataResult, EntryList, GuestDataStore, Mark, Page, StoreError, UserEntry, UserEntryPosition, Written, separate,
};

#[async_trait]
impl GuestDataStore for SqliteStore {
    async fn entries(&self, guest: Uuid, collection: String, page: Page) -> Result<DataResult<EntryList>, StoreError> {
        self.readers.read(move |db| separate(entries::entries(db, guest, &collection, page))).await
    }

    async fn entry(&self, guest: Uuid, collection: String, key: String) -> Result<DataResult<Entry>, StoreError> {
        self.readers.read(move |db| separate(entries::entry(db, guest, &collection, &key))).await
    }

    async fn change_entry(&self, guest: Uuid, change: EntryChange) -> Result<DataResult<Option<Written>>, StoreError> {
        self.writer.write(move |db| separate(entries::change(db, guest, &change))).await
    }

    async fn clear(
        &self,
        guest: Uuid,
        collection: String,
        conditions: Conditions,
    ) -> Result<DataResult<()>, StoreError> {
        self.writer.write(move |db| separate(entries::clear(db, guest, &collection, &conditions))).await
    }

    async fn marks(&self, guest: Uuid, collections: Vec<String>) -> Result<DataResult<Vec<Mark>>, StoreError> {
        self.readers.read(move |db| separate(entries::marks(db, guest, &collections))).await
    }

    async fn user_entries(&self, after: UserEntryPosition, limit: u32) -> Result<Vec<UserEntry>, StoreError> {
        self.readers.read(move |db| entries::user_entries(db, &after, limit)).await
    }
}
