//! The server as a whole: opened from a [`Config`], turned into a [`Router`], closed at the end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::http::{Extensions, HeaderMap};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, interval_at};

use crate::accounts::{Accounts, Issuers, Passwords, RelyingParty};
use crate::activity::{self, Activity};
use crate::auth::{
    Issuer, KEY_POLL, KeyError, KeyKeeper, Keys, Lifetimes, Members, PrepareKeysError, RevokedSessions, Sessions, Verifier,
    prepare,
};
use crate::clock::{Clock, SystemClock, Timestamp};
use crate::config::{Config, ConfigError, StoreLocation};
use crate::limits::{ClientNetwork, Limits};
use crate::metrics::Metrics;
use crate::routes;
use crate::store::postgres::PostgresStore;
use crate::store::sqlite::SqliteStore;
use crate::store::{
    CART_KEY_WINDOW, Change, ERASED_SESSION_MARGIN, LOGIN_KEY_RETENTION, ShortLived, Store, StoreError,
};
use crate::sweep::{Sweeper, SweepReport};

/// An open server. Cheap to clone; every clone is the same server.
#[derive(Debug, Clone)]
pub struct Guestpass {
    pub(crate) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) config: Config,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) keys: Arc<Keys>,
    pub(crate) sessions: Sessions,
    pub(crate) accounts: Accounts,
    pub(crate) activity: Arc<Activity>,
    pub(crate) limits: Arc<Limits>,
    pub(crate) metrics: Arc<Metrics>,
    /// No longer ready: about to stop.
    pub(crate) draining: AtomicBool,
    background: tokio::sync::Mutex<Option<Background>>,
}

impl Guestpass {
    /// Opens the store, makes keys if it has none, and starts the work in the background.
    ///
    /// # Errors
    /// A setting that cannot work, a store that cannot be opened, or keys that cannot be used.
    pub async fn open(config: Config) -> Result<Self, OpenError> {
        Self::open_at(config, Arc::new(SystemClock)).await
    }

    /// As [`Guestpass::open`], with another clock: for tests and simulations.
    ///
    /// # Errors
    /// As [`Guestpass::open`].
    pub async fn open_at(config: Config, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        config.validate()?;
        let relying_party = RelyingParty::new(&config)?.map(Arc::new);
        let issuers = Arc::new(Issuers::new(&config)?);
        let cannot_open = |error| OpenError::Store { location: config.store.clone(), error };
        let store = open_store(&config.store).await.map_err(cannot_open)?;
        let now = clock.now();
        let keys = prepare(&*store, &config, now).await.map_err(|error| match error {
            PrepareKeysError::Store(error) => cannot_open(error),
            PrepareKeysError::Key(error) => error.into(),
        })?;
        let revoked = store.revocations(now).await.map_err(cannot_open)?;
        let upgrades = store.upgrades(now).await.map_err(cannot_open)?;

        let keys = Arc::new(keys);
        let activity = Arc::new(Activity::default());
        let metrics = Arc::new(Metrics::new(|registry| store.measure(registry)));
        let members = Arc::new(Members::new(upgrades));
        let accounts = Accounts {
            store: Arc::clone(&store),
            members: Arc::clone(&members),
            passwords: Arc::new(Passwords::new()),
            relying_party,
            issuers,
        };
        let sessions = Sessions {
            store: Arc::clone(&store),
            issuer: Arc::new(Issuer::new(Arc::clone(&keys), &config)),
            verifier: Arc::new(Verifier::new(Arc::clone(&keys), &config)),
            keys: Arc::clone(&keys),
            key_keeper: Arc::new(KeyKeeper::new(Arc::clone(&keys), Arc::clone(&store))),
            revoked: Arc::new(RevokedSessions::new(revoked)),
            members,
            activity: Arc::clone(&activity),
            lifetimes: Lifetimes::of(&config),
            metrics: Arc::clone(&metrics),
        };
        let limits = Arc::new(Limits::new(&config, &keys, &clock, &metrics));
        let inner = Arc::new(Inner {
            config,
            clock,
            store,
            keys,
            sessions,
            accounts,
            activity,
            limits,
            metrics,
            draining: AtomicBool::new(false),
            background: tokio::sync::Mutex::default(),
        });
        *inner.background.lock().await = Some(Background::start(&inner));
        Ok(Self { inner })
    }

    /// The API, with the static files of [`Config::static_dir`], as an axum application.
    ///
    /// It responds at every path. To embed it, nest it under a path, or merge it into a router without a fallback.
    pub fn router(&self) -> Router {
        self.with_layers(self.routes())
    }

    /// The routes of [`Guestpass::router`] without the layers around them, for an application that adds routes, middleware or
    /// another fallback inside of those layers. Pass the result to [`Guestpass::with_layers`].
    pub fn routes(&self) -> Router<Self> {
        routes::routes(self)
    }

    /// Puts the layers of [`Guestpass::router`] around `routes`: the log and metrics of requests, CORS, security headers, and
    /// the limits of a request's time and body.
    pub fn with_layers(&self, routes: Router<Self>) -> Router {
        routes::with_layers(routes, self)
    }

    /// The settings that the server was opened with.
    pub fn config(&self) -> &Config {
        &self.inner.config
    }

    /// The client of a request, as the limits count it. Reads `ConnectInfo<SocketAddr>`, and `X-Forwarded-For` if the peer
    /// is one of [`Config::trusted_proxies`]. `None` without `ConnectInfo`.
    pub fn client_network(&self, headers: &HeaderMap, extensions: &Extensions) -> Option<ClientNetwork> {
        self.inner.limits.client_of(headers, extensions)
    }

    /// What operators watch: `/metrics`, `/healthz` and `/readyz`. Not for the public; serve it at an address of its own.
    pub fn metrics_router(&self) -> Router {
        routes::metrics_router(self)
    }

    /// From now on `/readyz` says that this server is not ready, so that no more requests are sent to it. It answers them
    /// all the same.
    pub fn drain(&self) {
        self.inner.draining.store(true, Ordering::Relaxed);
    }

    /// Removes everything that is due (see [`Config::guest_retention`] and [`Config::session_retention`]). The server does
    /// it by itself, a little every minute; this does all of it now.
    ///
    /// # Errors
    /// The store failed; what was removed before stays removed.
    pub async fn sweep(&self) -> Result<SweepReport, StoreError> {
        let Inner { config, clock, store, .. } = &*self.inner;
        let now = clock.now();
        self.inner.forget(now).await?;
        Sweeper::new(config).all(&**store, now).await
    }

    /// Writes what is still in memory and closes the store. Requests that come later get a 503.
    ///
    /// # Errors
    /// The store failed; some guests' `last_active_at` may be a few seconds behind.
    pub async fn close(&self) -> Result<(), StoreError> {
        if let Some(background) = self.inner.background.lock().await.take() {
            background.stop().await;
        }
        let flushed = self.inner.activity.flush(&*self.inner.store).await;
        self.inner.store.close().await;
        flushed
    }
}

/// Why a server could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A setting cannot work.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The store cannot be opened.
    #[error("--store {location}: {error}")]
    Store {
        /// Which one.
        location: StoreLocation,
        /// Why.
        error: StoreError,
    },
    /// The store's keys cannot be used, or none could be made.
    #[error("the keys in the store: {0}")]
    Keys(String),
}

impl From<KeyError> for OpenError {
    fn from(error: KeyError) -> Self {
        Self::Keys(error.to_string())
    }
}

async fn open_store(location: &StoreLocation) -> Result<Arc<dyn Store>, StoreError> {
    match location.clone() {
        StoreLocation::Sqlite(path) => {
            let opened = tokio::task::spawn_blocking(move || SqliteStore::open(&path));
            Ok(Arc::new(opened.await.map_err(|_| StoreError::Closed)??))
        }
        StoreLocation::Postgres(url) => Ok(Arc::new(PostgresStore::open(&url).await?)),
    }
}

/// For a command that runs beside the servers: makes nothing, and changes no schema.
pub(crate) async fn open_store_beside(location: &StoreLocation) -> Result<Arc<dyn Store>, StoreError> {
    match location.clone() {
        StoreLocation::Sqlite(path) => {
            let opened = tokio::task::spawn_blocking(move || SqliteStore::open_beside(&path));
            Ok(Arc::new(opened.await.map_err(|_| StoreError::Closed)??))
        }
        StoreLocation::Postgres(url) => Ok(Arc::new(PostgresStore::open_beside(&url).await?)),
    }
}

/// What goes on without a request: `last_active_at`, and forgetting what has expired.
#[derive(Debug)]
struct Background {
    stop: watch::Sender<()>,
    tasks: [JoinHandle<()>; 2],
}

/// What there is to do in the background.
enum Due {
    Flush,
    Sweep,
    Keys,
}

/// How often expired things are forgotten.
const SWEEP_INTERVAL: Duration = Duration::from_secs(60);
/// Rows deleted in one job of the store, so that a sweep does not hold up a login.
const SWEEP_BATCH: u32 = 1000;

impl Background {
    fn start(inner: &Arc<Inner>) -> Self {
        let (stop, mut stopped) = watch::channel(());
        let follower = tokio::spawn(follow_changes(inner, stopped.clone()));
        // Weak: an embedding application that drops the server without closing it must not keep it alive from here.
        let inner = Arc::downgrade(inner);
        let housekeeper = tokio::spawn(async move {
            let mut flush = tokio::time::interval(activity::FLUSH_INTERVAL);
            // Not at once: whoever has just opened the server may want to sweep by hand, and hear how much there was.
            let mut sweep = interval_at(Instant::now() + SWEEP_INTERVAL, SWEEP_INTERVAL);
            let mut sweeper = None;
            let mut keys = tokio::time::interval(KEY_POLL);
            loop {
                let due = tokio::select! {
                    _ = stopped.changed() => return,
                    _ = flush.tick() => Due::Flush,
                    _ = sweep.tick() => Due::Sweep,
                    _ = keys.tick() => Due::Keys,
                };
                let Some(inner) = inner.upgrade() else { return };
                let done = match due {
                    Due::Flush => inner.activity.flush(&*inner.store).await,
                    Due::Sweep => inner.sweep(sweeper.get_or_insert_with(|| Sweeper::new(&inner.config))).await,
                    Due::Keys => inner.sessions.key_keeper.poll(inner.clock.now()).await,
                };
                if let Err(error) = done {
                    tracing::error!(%error, "work in the background failed; it will be tried again");
                }
            }
        });
        Self { stop, tasks: [follower, housekeeper] }
    }

    async fn stop(self) {
        drop(self.stop);
        for task in self.tasks {
            // An error means that the task has panicked: there is nothing left to wait for.
            let _ = task.await;
        }
    }
}

/// Takes note of what other nodes change in the store. A task of its own: nothing may hold it up.
fn follow_changes(inner: &Inner, mut stopped: watch::Receiver<()>) -> impl Future<Output = ()> + use<> {
    let store = Arc::clone(&inner.store);
    let (revoked, members) = (Arc::clone(&inner.sessions.revoked), Arc::clone(&inner.sessions.members));
    async move {
        loop {
            let change = tokio::select! {
                _ = stopped.changed() => return,
                change = store.next_change() => change,
            };
            match change {
                Change::Revoked(revocation) => revoked.add(revocation),
                Change::Upgraded(upgrade) => members.add(upgrade),
            }
        }
    }
}

impl Inner {
    /// What is kept for a while only.
    async fn forget(&self, now: Timestamp) -> Result<(), StoreError> {
        for (what, before) in [
            (ShortLived::LoginKeys, now - LOGIN_KEY_RETENTION),
            (ShortLived::CartKeys, now - CART_KEY_WINDOW),
            (ShortLived::ErasedSessions, now - ERASED_SESSION_MARGIN),
            (ShortLived::Ceremonies, now),
            (ShortLived::IdTokens, now),
        ] {
            while self.store.forget(what, before, SWEEP_BATCH).await? == SWEEP_BATCH as usize {}
        }
        Ok(())
    }

    async fn sweep(&self, sweeper: &mut Sweeper) -> Result<(), StoreError> {
        let now = self.clock.now();
        self.sessions.revoked.forget_expired(now);
        self.sessions.members.forget_expired(now);
        self.forget(now).await?;
        let swept = sweeper.some(&*self.store, now).await?;
        if swept != SweepReport::default() {
            tracing::info!(guests = swept.guests, sessions = swept.sessions, "swept");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use guestpass_core::wire::TokenResponse;
    use uuid::Uuid;

    use super::*;
    use crate::etag::Conditions;
    use crate::store::{CartChange, CartKey, Quantity};

    const KEY: Option<&str> = Some("k_-GqFbKvQ0r8pWm2ZtYxA");

    #[derive(Debug)]
    struct TestClock(Mutex<Timestamp>);

    impl Clock for TestClock {
        fn now(&self) -> Timestamp {
            *self.0.lock().unwrap()
        }
    }

    #[tokio::test]
    async fn sweeping_forgets_old_login_keys_and_expired_revocations() {
        let directory = tempfile::tempdir().unwrap();
        let config =
            Config { store: StoreLocation::Sqlite(directory.path().join("guestpass.db")), ..Config::default() };
        let clock = Arc::new(TestClock(Mutex::new(Timestamp::from_secs(1_800_000_000))));
        let inner = Guestpass::open_at(config, clock.clone()).await.unwrap().inner;
        let tokens = inner.sessions.login(true, KEY, clock.now()).await.unwrap();
        inner.sessions.revoke(&tokens.access_token, clock.now()).await.unwrap();
        let session = inner.store.revocations(clock.now()).await.unwrap()[0].session;

        let just_before = clock.now() + Duration::from_secs(900) - Duration::from_millis(1);
        *clock.0.lock().unwrap() = just_before;
        inner.sweep(&mut Sweeper::new(&inner.config)).await.unwrap();
        assert!(inner.sessions.revoked.contains(session));
        assert!(inner.sessions.login(true, KEY, clock.now()).await.is_err(), "the key was forgotten too early");

        *clock.0.lock().unwrap() = just_before + LOGIN_KEY_RETENTION;
        inner.sweep(&mut Sweeper::new(&inner.config)).await.unwrap();
        assert!(!inner.sessions.revoked.contains(session));
        assert!(inner.sessions.login(true, KEY, clock.now()).await.is_ok(), "the key was not forgotten");
    }

    #[tokio::test]
    async fn sweeping_forgets_erased_sessions_once_their_tokens_have_expired_and_keys_of_carts_after_a_day() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("guestpass.db");
        let config = Config { store: StoreLocation::Sqlite(file.clone()), ..Config::default() };
        let clock = Arc::new(TestClock(Mutex::new(Timestamp::from_secs(1_800_000_000))));
        let inner = Guestpass::open_at(config, clock.clone()).await.unwrap().inner;
        let guest_of =
            |tokens: TokenResponse| Uuid::try_parse(&tokens.anonymous_id.unwrap()["anonymous_".len()..]).unwrap();
        let erased = guest_of(inner.sessions.login(true, None, clock.now()).await.unwrap());
        let buyer = guest_of(inner.sessions.login(true, None, clock.now()).await.unwrap());
        inner.sessions.erase(erased).await.unwrap().unwrap();
        let key = Some(CartKey { hash: [1; 32], request: [2; 32] });
        let conditions = Conditions::default();
        let change = CartChange { item: 1, quantity: Quantity::Add(1), conditions, key, now: clock.now() };
        inner.store.change_cart(buyer, change).await.unwrap().unwrap();
        let rows = |table: &str| {
            let shell = rusqlite::Connection::open(&file).unwrap();
            shell.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get::<_, i64>(0)).unwrap()
        };
        let sweep_at = async |at: Timestamp| {
            *clock.0.lock().unwrap() = at;
            inner.sweep(&mut Sweeper::new(&inner.config)).await.unwrap();
            (rows("erased_session"), rows("cart_key"))
        };
        let began = clock.now();

        let expiry = began + Duration::from_secs(900) + ERASED_SESSION_MARGIN;
        assert_eq!(sweep_at(expiry).await, (1, 1));
        assert_eq!(sweep_at(expiry + Duration::from_millis(1)).await, (0, 1));
        assert_eq!(sweep_at(began + CART_KEY_WINDOW).await, (0, 1));
        assert_eq!(sweep_at(began + CART_KEY_WINDOW + Duration::from_millis(1)).await, (0, 0));
    }
}
