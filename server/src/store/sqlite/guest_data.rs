//! The data of a guest in the shop.

use async_trait::async_trait;
use uuid::Uuid;

use super::{SqliteStore, cart, catalogue, lists, preferences};
use crate::clock::Timestamp;
use crate::store::{
    CartChange, CartLine, DataResult, GuestDataStore, ItemList, ListedItem, Page, PersonalItem, Preferences,
    PreferencesChange, StoreError, separate,
};

#[async_trait]
impl GuestDataStore for SqliteStore {
    async fn item_count(&self) -> Result<u64, StoreError> {
        self.readers.read(catalogue::item_count).await
    }

    async fn items(&self, guest: Uuid) -> Result<DataResult<Vec<PersonalItem>>, StoreError> {
        self.readers.read(move |db| separate(catalogue::items(db, guest))).await
    }

    async fn cart(&self, guest: Uuid) -> Result<DataResult<Vec<CartLine>>, StoreError> {
        self.readers.read(move |db| separate(cart::cart(db, guest))).await
    }

    async fn change_cart(&self, guest: Uuid, change: CartChange) -> Result<DataResult<Vec<CartLine>>, StoreError> {
        self.writer.write(move |db| separate(cart::change(db, guest, &change))).await
    }

    async fn list(&self, list: ItemList, guest: Uuid, page: Page) -> Result<DataResult<Vec<ListedItem>>, StoreError> {
        self.readers.read(move |db| separate(lists::list(db, list, guest, page))).await
    }

    async fn add_item(
        &self,
        list: ItemList,
        guest: Uuid,
        item: i64,
        now: Timestamp,
    ) -> Result<DataResult<()>, StoreError> {
        self.writer.write(move |db| separate(lists::add_item(db, list, guest, item, now))).await
    }

    async fn remove_item(&self, list: ItemList, guest: Uuid, item: Option<i64>) -> Result<DataResult<()>, StoreError> {
        self.writer.write(move |db| separate(lists::remove_item(db, list, guest, item))).await
    }

    async fn preferences(&self, guest: Uuid) -> Result<DataResult<Preferences>, StoreError> {
        self.readers.read(move |db| separate(preferences::preferences(db, guest))).await
    }

    async fn change_preferences(
        &self,
        guest: Uuid,
        change: PreferencesChange,
    ) -> Result<DataResult<Preferences>, StoreError> {
        self.writer.write(move |db| separate(preferences::change(db, guest, change))).await
    }
}
