//! The data of guests.

use async_trait::async_trait;
use uuid::Uuid;

use super::{PostgresStore, entries, separated};
use crate::collections::{Entry, EntryChange};
use crate::etag::Conditions;
use crate::store::{
    DataResult, EntryList, GuestDataStore, Mark, Page, StoreError, UserEntry, UserEntryPosition, Written,
};

#[async_trait]
impl GuestDataStore for PostgresStore {
    async fn entries(&self, guest: Uuid, collection: String, page: Page) -> Result<DataResult<EntryList>, StoreError> {
        self.connections
            .run(move |db| Box::pin(async move { separated(entries::entries(db, guest, &collection, page)).await }))
            .await
    }

    async fn entry(&self, guest: Uuid, collection: String, key: String) -> Result<DataResult<Entry>, StoreError> {
        self.connections
            .run(move |db| Box::pin(async move { separated(entries::entry(db, guest, &collection, &key)).await }))
            .await
    }

    async fn change_entry(&self, guest: Uuid, change: EntryChange) -> Result<DataResult<Option<Written>>, StoreError> {
        self.connections.run(move |db| Box::pin(separated(entries::change(db, guest, change)))).await
    }

    async fn clear(
        &self,
        guest: Uuid,
        collection: String,
        conditions: Conditions,
    ) -> Result<DataResult<()>, StoreError> {
        self.connections
            .run(move |db| {
                Box::pin(async move { separated(entries::clear(db, guest, &collection, &conditions)).await })
            })
            .await
    }

    async fn marks(&self, guest: Uuid, collections: Vec<String>) -> Result<DataResult<Vec<Mark>>, StoreError> {
        self.connections
            .run(move |db| Box::pin(async move { separated(entries::marks(db, guest, &collections)).await }))
            .await
    }

    async fn user_entries(&self, after: UserEntryPosition, limit: u32) -> Result<Vec<UserEntry>, StoreError> {
        self.connections.run(move |db| Box::pin(entries::user_entries(db, after, limit))).await
    }
}
