//! SQLite: one writer that commits in groups, readers apart, nothing lost that was acknowledged.
//!
//! One server per file, and a lock sees to it: revocations are kept in memory as well, and a second process would not
//! hear of them.

mod accounts;
mod cart;
mod catalogue;
mod ceremonies;
mod connection;
mod export;
mod guests;
mod keys;
mod lists;
mod merge;
mod preferences;
mod readers;
mod sessions;
mod sweep;
mod writer;

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use prometheus_client::registry::Registry;
use rusqlite::Connection;
use uuid::Uuid;

use self::connection::{FileLock, OpenFiles};
use self::readers::Readers;
use self::writer::Writer;
use super::data::{self, outcome};
use super::{
    AccountKey, AccountRow, Batch, CartChange, CartLine, Ceremony, MergeRequest, MergeOutcome, Export, GuestRow, ItemList,
    KeyChange, KeySet, ListedItem, Login, LoginOutcome, DataResult, Page, PasskeyRow, PersonalItem, Preferences,
    PreferencesChange, Upgrade, RegisterOutcome, Registration, Revocation, Rotation, RotationOutcome, SessionRow,
    ShortLived, Store, StoreError, SweepBatch,
};
use crate::clock::Timestamp;

/// Reads are short and mostly come from the page cache: a few connections keep all cores busy.
const READERS: usize = 4;

#[derive(Debug)]
pub(crate) struct SqliteStore {
    writer: Writer,
    readers: Readers,
    lock: Mutex<Option<FileLock>>,
}

impl SqliteStore {
    /// Opens the database at `path`, makes it if need be, and brings its schema up to date. Blocks.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        let lock = FileLock::of(path)?;
        Self::on(path, connection::open_writer(path)?, Some(lock))
    }

    /// Opens the database at `path` beside a server that may be using it, to look at keys and to change them. Makes
    /// nothing, and changes no schema. Blocks.
    pub(crate) fn open_beside(path: &Path) -> Result<Self, StoreError> {
        Self::on(path, connection::open_beside(path)?, None)
    }

    fn on(path: &Path, connection: Connection, lock: Option<FileLock>) -> Result<Self, StoreError> {
        let readers = Readers::open(path, READERS).map_err(|error| StoreError::from(&error))?;
        let files = OpenFiles::of(path)?;
        let writer = Writer::start(connection, move || files.are_in_place())
            .map_err(|error| StoreError::Database(error.to_string()))?;
        Ok(Self { writer, readers, lock: Mutex::new(lock) })
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn keys(&self) -> Result<KeySet, StoreError> {
        self.readers.read(keys::keys).await
    }

    async fn change_keys(&self, change: KeyChange) -> Result<KeySet, StoreError> {
        self.writer.write(move |db| keys::change(db, change)).await
    }

    async fn login(&self, login: Login) -> Result<LoginOutcome, StoreError> {
        self.writer.write(move |db| sessions::login(db, &login)).await
    }

    async fn rotate(&self, rotation: Rotation) -> Result<RotationOutcome, StoreError> {
        self.writer.write(move |db| sessions::rotate(db, &rotation)).await
    }

    async fn revoke(&self, session: Uuid, now: Timestamp) -> Result<Option<Revocation>, StoreError> {
        self.writer.write(move |db| sessions::revoke(db, session, now)).await
    }

    async fn session(&self, id: Uuid) -> Result<Option<SessionRow>, StoreError> {
        self.readers.read(move |db| sessions::session(db, id)).await
    }

    async fn sessions_of(&self, user: Uuid, now: Timestamp) -> Result<Vec<SessionRow>, StoreError> {
        self.readers.read(move |db| sessions::of_user(db, user, now)).await
    }

    async fn end_session(&self, user: Uuid, session: Uuid, now: Timestamp) -> Result<Option<Revocation>, StoreError> {
        self.writer.write(move |db| sessions::end(db, user, session, now)).await
    }

    async fn revocations(&self, now: Timestamp) -> Result<Vec<Revocation>, StoreError> {
        self.readers.read(move |db| sessions::revocations(db, now)).await
    }

    async fn forget(&self, what: ShortLived, before: Timestamp, limit: u32) -> Result<usize, StoreError> {
        self.writer.write(move |db| sweep::forget(db, what, before, limit)).await
    }

    async fn sweep_guests(&self, batch: SweepBatch) -> Result<Batch, StoreError> {
        self.writer.write(move |db| sweep::guests(db, &batch)).await
    }

    async fn sweep_sessions(&self, batch: SweepBatch) -> Result<Batch, StoreError> {
        self.writer.write(move |db| sweep::sessions(db, &batch)).await
    }

    async fn guest(&self, id: Uuid) -> Result<Option<GuestRow>, StoreError> {
        self.readers.read(move |db| guests::guest(db, id)).await
    }

    async fn register(&self, registration: Registration) -> Result<RegisterOutcome, StoreError> {
        self.writer.write(move |db| accounts::register(db, &registration)).await
    }

    async fn merge_into_account(&self, request: MergeRequest) -> Result<MergeOutcome, StoreError> {
        self.writer.write(move |db| accounts::merge_into_account(db, &request)).await
    }

    async fn account(&self, key: AccountKey) -> Result<Option<AccountRow>, StoreError> {
        self.readers.read(move |db| accounts::account(db, &key)).await
    }

    async fn passkey(&self, credential_id: Vec<u8>) -> Result<Option<PasskeyRow>, StoreError> {
        self.readers.read(move |db| accounts::passkey(db, credential_id)).await
    }

    async fn begin_ceremony(&self, ceremony: Ceremony) -> Result<bool, StoreError> {
        self.writer.write(move |db| ceremonies::begin(db, &ceremony)).await
    }

    async fn ceremony(&self, id: Uuid, user: Uuid, now: Timestamp) -> Result<Option<String>, StoreError> {
        self.readers.read(move |db| ceremonies::state(db, id, user, now)).await
    }

    async fn end_ceremony(&self, id: Uuid) -> Result<(), StoreError> {
        self.writer.write(move |db| ceremonies::end(db, id)).await
    }

    async fn upgrades(&self, now: Timestamp) -> Result<Vec<Upgrade>, StoreError> {
        self.readers.read(move |db| accounts::upgrades(db, now)).await
    }

    async fn touch(&self, seen: Vec<(Uuid, Timestamp)>) -> Result<(), StoreError> {
        self.writer.write(move |db| guests::touch(db, &seen)).await
    }

    async fn item_count(&self) -> Result<u64, StoreError> {
        self.readers.read(catalogue::item_count).await
    }

    async fn items(&self, guest: Uuid) -> Result<DataResult<Vec<PersonalItem>>, StoreError> {
        self.readers.read(move |db| outcome(catalogue::items(db, guest))).await
    }

    async fn cart(&self, guest: Uuid) -> Result<DataResult<Vec<CartLine>>, StoreError> {
        self.readers.read(move |db| outcome(cart::cart(db, guest))).await
    }

    async fn change_cart(&self, guest: Uuid, change: CartChange) -> Result<DataResult<Vec<CartLine>>, StoreError> {
        self.writer.write(move |db| outcome(cart::change(db, guest, &change))).await
    }

    async fn list(&self, list: ItemList, guest: Uuid, page: Page) -> Result<DataResult<Vec<ListedItem>>, StoreError> {
        self.readers.read(move |db| outcome(lists::list(db, list, guest, page))).await
    }

    async fn add_item(&self, list: ItemList, guest: Uuid, item: i64, now: Timestamp) -> Result<DataResult<()>, StoreError> {
        self.writer.write(move |db| outcome(lists::add_item(db, list, guest, item, now))).await
    }

    async fn remove_item(&self, list: ItemList, guest: Uuid, item: Option<i64>) -> Result<DataResult<()>, StoreError> {
        self.writer.write(move |db| outcome(lists::remove_item(db, list, guest, item))).await
    }

    async fn preferences(&self, guest: Uuid) -> Result<DataResult<Preferences>, StoreError> {
        self.readers.read(move |db| outcome(preferences::preferences(db, guest))).await
    }

    async fn change_preferences(
        &self,
        guest: Uuid,
        change: PreferencesChange,
    ) -> Result<DataResult<Preferences>, StoreError> {
        self.writer.write(move |db| outcome(preferences::change(db, guest, change))).await
    }

    async fn export(&self, guest: Uuid) -> Result<DataResult<Export>, StoreError> {
        self.readers.read(move |db| outcome(export::export(db, guest))).await
    }

    async fn erase(&self, guest: Uuid) -> Result<DataResult<Vec<Revocation>>, StoreError> {
        self.writer.write(move |db| outcome(guests::erase(db, guest))).await
    }

    fn measure(&self, registry: &mut Registry) {
        self.writer.measure(registry);
    }

    async fn close(&self) {
        // Readers first: the last connection to close folds the log into the database.
        self.readers.close(READERS).await;
        self.writer.close().await;
        drop(self.lock.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

/// Why work on a guest's data was not done.
type TransactionError = data::TransactionError<rusqlite::Error>;

impl From<rusqlite::Error> for TransactionError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error)
    }
}

impl From<&rusqlite::Error> for StoreError {
    fn from(error: &rusqlite::Error) -> Self {
        // SQLite's own sentence is short ("disk I/O error"); its extended code says which operation.
        Self::Database(error.sqlite_error().map_or_else(|| error.to_string(), |code| format!("{error} ({code})")))
    }
}

/// Identifiers are stored as text: they are what people type into the `sqlite3` shell.
fn id_text(id: Uuid) -> String {
    id.hyphenated().to_string()
}

fn id_column(row: &rusqlite::Row<'_>, index: &str) -> rusqlite::Result<Uuid> {
    let text: String = row.get(index)?;
    Uuid::try_parse(&text).map_err(|_| rusqlite::Error::InvalidColumnName(index.to_owned()))
}

fn time_column(row: &rusqlite::Row<'_>, index: &str) -> rusqlite::Result<Timestamp> {
    row.get(index).map(Timestamp::from_millis)
}
