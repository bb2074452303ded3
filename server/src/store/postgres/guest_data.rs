//! The data of a guest in the shop.

use async_trait::async_trait;
use uuid::Uuid;

use super::{PostgresStore, cart, catalogue, lists, preferences, separated};
use crate::clock::Timestamp;
use crate::store::{
    CartChange, CartLine, DataResult, GuestDataStore, ItemList, ListedItem, Page, PersonalItem, Preferences,
    PreferencesChange, StoreError,
};

#[async_trait]
impl GuestDataStore for PostgresStore {
    async fn item_count(&self) -> Result<u64, StoreError> {
        self.connections.run(|db| Box::pin(catalogue::item_count(db))).await
    }

    async fn items(&self, guest: Uuid) -> Result<DataResult<Vec<PersonalItem>>, StoreError> {
        self.connections.run(move |db| Box::pin(separated(catalogue::items(db, guest)))).await
    }

    async fn cart(&self, guest: Uuid) -> Result<DataResult<Vec<CartLine>>, StoreError> {
        self.connections.run(move |db| Box::pin(separated(cart::cart(db, guest)))).await
    }

    async fn change_cart(&self, guest: Uuid, change: CartChange) -> Result<DataResult<Vec<CartLine>>, StoreError> {
        self.connections.run(move |db| Box::pin(separated(cart::change(db, guest, change)))).await
    }

    async fn list(&self, list: ItemList, guest: Uuid, page: Page) -> Result<DataResult<Vec<ListedItem>>, StoreError> {
        self.connections.run(move |db| Box::pin(separated(lists::list(db, list, guest, page)))).await
    }

    async fn add_item(
        &self,
        list: ItemList,
        guest: Uuid,
        item: i64,
        now: Timestamp,
    ) -> Result<DataResult<()>, StoreError> {
        self.connections.run(move |db| Box::pin(separated(lists::add_item(db, list, guest, item, now)))).await
    }

    async fn remove_item(&self, list: ItemList, guest: Uuid, item: Option<i64>) -> Result<DataResult<()>, StoreError> {
        self.connections.run(move |db| Box::pin(separated(lists::remove_item(db, list, guest, item)))).await
    }

    async fn preferences(&self, guest: Uuid) -> Result<DataResult<Preferences>, StoreError> {
        self.connections.run(move |db| Box::pin(separated(preferences::preferences(db, guest)))).await
    }

    async fn change_preferences(
        &self,
        guest: Uuid,
        change: PreferencesChange,
    ) -> Result<DataResult<Preferences>, StoreError> {
        self.connections.run(move |db| Box::pin(separated(preferences::change(db, guest, change)))).await
    }
}
