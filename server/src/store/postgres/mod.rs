//! PostgreSQL: many nodes on one database.
//!
//! What must be atomic is one statement, or one transaction that locks the session's row first; PostgreSQL itself makes
//! commits that wait share a flush. What other nodes change is heard of in `changes`.

mod accounts;
mod cart;
mod ceremonies;
mod changes;
mod connection;
mod guests;
mod keys;
mod location;
mod merge;
mod sessions;
mod sweep;
mod tls;

use std::fmt::Display;

use async_trait::async_trait;
use uuid::Uuid;

pub use self::location::PostgresUrl;

use self::changes::Changes;
use self::connection::Connections;
use super::{
    AccountKey, AccountRow, Batch, CartChange, CartLine, Ceremony, Change, Entry, EntryOutcome, GuestRow, ItemRow,
    KeyChange, KeySet, Login, LoginOutcome, PasskeyRow, Promotion, RegisterOutcome, Registration, Revocation, Rotation,
    RotationOutcome, SessionRow, Store, StoreError, SweepBatch,
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

    async fn forget_login_keys(&self, before: Timestamp, limit: u32) -> Result<usize, StoreError> {
        self.connections.run(move |db| Box::pin(sessions::forget_login_keys(db, before, limit))).await
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

    async fn enter(&self, entry: Entry) -> Result<EntryOutcome, StoreError> {
        self.connections.run(move |db| Box::pin(async move { accounts::enter(db, &entry).await })).await
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

    async fn forget_proofs(&self, now: Timestamp, limit: u32) -> Result<usize, StoreError> {
        self.connections.run(move |db| Box::pin(ceremonies::forget(db, now, limit))).await
    }

    async fn promotions(&self, now: Timestamp) -> Result<Vec<Promotion>, StoreError> {
        self.connections.run(move |db| Box::pin(accounts::promotions(db, now))).await
    }

    async fn touch(&self, seen: Vec<(Uuid, Timestamp)>) -> Result<(), StoreError> {
        self.connections.run(move |db| Box::pin(guests::touch(db, seen))).await
    }

    async fn items(&self) -> Result<Vec<ItemRow>, StoreError> {
        self.connections.run(|db| Box::pin(cart::items(db))).await
    }

    async fn item_count(&self) -> Result<u64, StoreError> {
        self.connections.run(|db| Box::pin(cart::item_count(db))).await
    }

    async fn cart(&self, guest: Uuid) -> Result<Vec<CartLine>, StoreError> {
        self.connections.run(move |db| Box::pin(cart::cart(db, guest))).await
    }

    async fn change_cart(
        &self,
        guest: Uuid,
        item: i64,
        change: CartChange,
        now: Timestamp,
    ) -> Result<Option<Vec<CartLine>>, StoreError> {
        self.connections.run(move |db| Box::pin(cart::change(db, guest, item, change, now))).await
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

fn unreadable(error: impl Display) -> Error {
    Error::Unreadable(error.to_string())
}

fn time_column(row: &tokio_postgres::Row, name: &str) -> Result<Timestamp, Error> {
    Ok(Timestamp::from_millis(row.try_get(name)?))
}
