//! PostgreSQL: many nodes on one database.
//!
//! What must be atomic is one statement, or one transaction that locks the session's row first; PostgreSQL itself makes
//! commits that wait share a flush. What other nodes change is heard of in `changes`.

mod accounts;
mod cart;
mod catalogue;
mod ceremonies;
mod changes;
mod connection;
mod export;
mod guests;
mod keys;
mod lists;
mod location;
mod merge;
mod preferences;
mod sessions;
mod sweep;
mod tls;

use std::fmt::Display;

use async_trait::async_trait;
use uuid::Uuid;

pub use self::location::PostgresUrl;

use self::changes::Changes;
use self::connection::Connections;
use super::data::{self, outcome};
use super::{
    AccountKey, AccountRow, Batch, CartChange, CartLine, Ceremony, Change, MergeRequest, MergeOutcome, Export, GuestRow,
    ItemList, KeyChange, KeySet, ListedItem, Login, LoginOutcome, DataResult, Page, PasskeyRow, PersonalItem, Preferences,
    PreferencesChange, Upgrade, RegisterOutcome, Registration, Revocation, Rotation, RotationOutcome, SessionRow,
    ShortLived, Store, StoreError, SweepBatch,
};
use crate::clock::Timestamp;

#[derive(Debug)]
pub(crate) struct PostgresStore {
    connections: Connections,
    changes: Changes,
}

impl PostgresStore {
    /// Connects to the database and brings its schema up to date.
    pub(crate) async fn open(url: &PostgresUrl) -> Result<Self, StoreError> {
        let parts = url.parts().map_err(StoreError::Database)?;
        let connections = Connections::open(&parts).await?;
        let changes = Changes::listen(parts)?;
        Ok(Self { connections, changes })
    }

    /// Connects to a database that servers may be using, to look at keys and to change them. Changes no schema.
    pub(crate) async fn open_beside(url: &PostgresUrl) -> Result<Self, StoreError> {
        let parts = url.parts().map_err(StoreError::Database)?;
        let connections = Connections::open_beside(&parts).await?;
        let changes = Changes::listen(parts)?;
        Ok(Self { connections, changes })
    }
}

#[async_trait]
impl Store for PostgresStore {
    async fn keys(&self) -> Result<KeySet, StoreError> {
        self.connections.run(|db| Box::pin(keys::keys(&*db))).await
    }

    async fn change_keys(&self, change: KeyChange) -> Result<KeySet, StoreError> {
        self.connections.run(move |db| Box::pin(keys::change(db, change))).await
    }

    async fn login(&self, login: Login) -> Result<LoginOutcome, StoreError> {
        self.connections.run(move |db| Box::pin(async move { sessions::login(db, &login).await })).await
    }

    async fn rotate(&self, rotation: Rotation) -> Result<RotationOutcome, StoreError> {
        self.connections.run(move |db| Box::pin(async move { sessions::rotate(db, &rotation).await })).await
    }

    async fn revoke(&self, session: Uuid, now: Timestamp) -> Result<Option<Revocation>, StoreError> {
        self.connections.run(move |db| Box::pin(sessions::revoke(&*db, session, now))).await
    }

    async fn session(&self, id: Uuid) -> Result<Option<SessionRow>, StoreError> {
        self.connections.run(move |db| Box::pin(sessions::session(db, id))).await
    }

    async fn sessions_of(&self, user: Uuid, now: Timestamp) -> Result<Vec<SessionRow>, StoreError> {
        self.connections.run(move |db| Box::pin(sessions::of_user(db, user, now))).await
    }

    async fn end_session(&self, user: Uuid, session: Uuid, now: Timestamp) -> Result<Option<Revocation>, StoreError> {
        self.connections.run(move |db| Box::pin(sessions::end(db, user, session, now))).await
    }

    async fn revocations(&self, now: Timestamp) -> Result<Vec<Revocation>, StoreError> {
        self.connections.run(move |db| Box::pin(sessions::revocations(db, now))).await
    }

    async fn forget(&self, what: ShortLived, before: Timestamp, limit: u32) -> Result<usize, StoreError> {
        self.connections.run(move |db| Box::pin(sweep::forget(db, what, before, limit))).await
    }

    async fn sweep_guests(&self, batch: SweepBatch) -> Result<Batch, StoreError> {
        self.connections.run(move |db| Box::pin(async move { sweep::guests(db, &batch).await })).await
    }

    async fn sweep_sessions(&self, batch: SweepBatch) -> Result<Batch, StoreError> {
        self.connections.run(move |db| Box::pin(async move { sweep::sessions(db, &batch).await })).await
    }

    async fn guest(&self, id: Uuid) -> Result<Option<GuestRow>, StoreError> {
        self.connections.run(move |db| Box::pin(guests::guest(db, id))).await
    }

    async fn register(&self, registration: Registration) -> Result<RegisterOutcome, StoreError> {
        self.connections.run(move |db| Box::pin(async move { accounts::register(db, &registration).await })).await
    }

    async fn merge_into_account(&self, request: MergeRequest) -> Result<MergeOutcome, StoreError> {
        self.connections.run(move |db| Box::pin(async move { accounts::merge_into_account(db, &request).await })).await
    }

    async fn account(&self, key: AccountKey) -> Result<Option<AccountRow>, StoreError> {
        self.connections.run(move |db| Box::pin(async move { accounts::account(&*db, &key).await })).await
    }

    async fn passkey(&self, credential_id: Vec<u8>) -> Result<Option<PasskeyRow>, StoreError> {
        self.connections.run(move |db| Box::pin(accounts::passkey(db, credential_id))).await
    }

    async fn begin_ceremony(&self, ceremony: Ceremony) -> Result<bool, StoreError> {
        self.connections.run(move |db| Box::pin(async move { ceremonies::begin(db, &ceremony).await })).await
    }

    async fn ceremony(&self, id: Uuid, user: Uuid, now: Timestamp) -> Result<Option<String>, StoreError> {
        self.connections.run(move |db| Box::pin(ceremonies::state(db, id, user, now))).await
    }

    async fn end_ceremony(&self, id: Uuid) -> Result<(), StoreError> {
        self.connections.run(move |db| Box::pin(ceremonies::end(db, id))).await
    }

    async fn upgrades(&self, now: Timestamp) -> Result<Vec<Upgrade>, StoreError> {
        self.connections.run(move |db| Box::pin(accounts::upgrades(db, now))).await
    }

    async fn touch(&self, seen: Vec<(Uuid, Timestamp)>) -> Result<(), StoreError> {
        self.connections.run(move |db| Box::pin(guests::touch(db, seen))).await
    }

    async fn item_count(&self) -> Result<u64, StoreError> {
        self.connections.run(|db| Box::pin(catalogue::item_count(db))).await
    }

    async fn items(&self, guest: Uuid) -> Result<DataResult<Vec<PersonalItem>>, StoreError> {
        self.connections.run(move |db| Box::pin(settle(catalogue::items(db, guest)))).await
    }

    async fn cart(&self, guest: Uuid) -> Result<DataResult<Vec<CartLine>>, StoreError> {
        self.connections.run(move |db| Box::pin(settle(cart::cart(db, guest)))).await
    }

    async fn change_cart(&self, guest: Uuid, change: CartChange) -> Result<DataResult<Vec<CartLine>>, StoreError> {
        self.connections.run(move |db| Box::pin(settle(cart::change(db, guest, change)))).await
    }

    async fn list(&self, list: ItemList, guest: Uuid, page: Page) -> Result<DataResult<Vec<ListedItem>>, StoreError> {
        self.connections.run(move |db| Box::pin(settle(lists::list(db, list, guest, page)))).await
    }

    async fn add_item(&self, list: ItemList, guest: Uuid, item: i64, now: Timestamp) -> Result<DataResult<()>, StoreError> {
        self.connections.run(move |db| Box::pin(settle(lists::add_item(db, list, guest, item, now)))).await
    }

    async fn remove_item(&self, list: ItemList, guest: Uuid, item: Option<i64>) -> Result<DataResult<()>, StoreError> {
        self.connections.run(move |db| Box::pin(settle(lists::remove_item(db, list, guest, item)))).await
    }

    async fn preferences(&self, guest: Uuid) -> Result<DataResult<Preferences>, StoreError> {
        self.connections.run(move |db| Box::pin(settle(preferences::preferences(db, guest)))).await
    }

    async fn change_preferences(
        &self,
        guest: Uuid,
        change: PreferencesChange,
    ) -> Result<DataResult<Preferences>, StoreError> {
        self.connections.run(move |db| Box::pin(settle(preferences::change(db, guest, change)))).await
    }

    async fn export(&self, guest: Uuid) -> Result<DataResult<Export>, StoreError> {
        self.connections.run(move |db| Box::pin(settle(export::export(db, guest)))).await
    }

    async fn erase(&self, guest: Uuid) -> Result<DataResult<Vec<Revocation>>, StoreError> {
        self.connections.run(move |db| Box::pin(settle(guests::erase(db, guest)))).await
    }

    async fn next_change(&self) -> Change {
        self.changes.next().await
    }

    async fn close(&self) {
        self.changes.close().await;
        self.connections.close();
    }
}

/// Why a job failed.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Postgres(#[from] tokio_postgres::Error),
    #[error("the database holds what cannot be read: {0}")]
    Unreadable(String),
}

/// Why work on a guest's data was not done.
type TransactionError = data::TransactionError<Error>;

impl From<Error> for TransactionError {
    fn from(error: Error) -> Self {
        Self::Database(error)
    }
}

impl From<tokio_postgres::Error> for TransactionError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Database(error.into())
    }
}

async fn settle<T>(work: impl Future<Output = Result<T, TransactionError>>) -> Result<DataResult<T>, Error> {
    outcome(work.await)
}

fn unreadable(error: impl Display) -> Error {
    Error::Unreadable(error.to_string())
}

fn time_column(row: &tokio_postgres::Row, name: &str) -> Result<Timestamp, Error> {
    Ok(Timestamp::from_millis(row.try_get(name)?))
}
