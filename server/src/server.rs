//! The server: opened from a [`Config`], shared by all requests, closed at the end.

mod background;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use self::background::Background;
use crate::accounts::{Accounts, Passwords, RelyingParty, TrustedIssuers};
use crate::activity::Activity;
use crate::auth::{
    Issuer, KeyReloader, Keys, Lifetimes, PrepareKeysError, RevokedSessions, Sessions, Verifier, prepare_keys,
};
use crate::catalogue::{Catalogue, CatalogueError};
use crate::clock::{Clock, SystemClock};
use crate::config::{Config, ConfigError, StoreLocation};
use crate::etag::EntityTag;
use crate::failed_attempts::Failures;
use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::open::{OpenError, open_store};
use crate::readiness::WriteProbe;
use crate::shared_time::SharedTime;
use crate::store::sqlite::connection::check_exists;
use crate::store::{Store, StoreError};
use crate::sweep::{ClockCheck, SweepError, SweepReport, Sweeper};
use arc_swap::ArcSwap;

/// An open server. Cheap to clone; all clones share one server.
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
    pub(crate) failures: Failures,
    pub(crate) limits: Arc<Limits>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) write_probe: WriteProbe,
    /// The OpenAPI document with its entity tag, from the first request for it on.
    pub(crate) openapi: OnceLock<(EntityTag, Arc<[u8]>)>,
    pub(crate) catalogue: ArcSwap<Catalogue>,
    catalogue_reload: tokio::sync::Mutex<()>,
    clock_check: ClockCheck,
    /// Whether the server is about to stop, so that it is not ready.
    pub(crate) draining: AtomicBool,
    background: tokio::sync::Mutex<Option<Background>>,
}

impl Guestpass {
    /// Opens the store, makes keys if it has none, and starts the background tasks.
    ///
    /// # Errors
    /// An invalid setting, a store that cannot be opened, or keys that cannot be used.
    pub async fn open(config: Config) -> Result<Self, OpenError> {
        Self::open_at(config, Arc::new(SystemClock)).await
    }

    /// As [`Guestpass::open`], but a SQLite database that does not exist is an error, and is not made.
    ///
    /// # Errors
    /// As [`Guestpass::open`].
    pub async fn open_existing(config: Config) -> Result<Self, OpenError> {
        if let StoreLocation::Sqlite(path) = &config.store {
            let missing = |error| OpenError::Store { location: config.store.clone(), error };
            check_exists(path).map_err(missing)?;
        }
        Self::open(config).await
    }

    /// As [`Guestpass::open`] with another clock, for tests.
    ///
    /// # Errors
    /// As [`Guestpass::open`].
    pub async fn open_at(config: Config, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        config.validate()?;
        let relying_party = RelyingParty::new(&config)?.map(Arc::new);
        let issuers = Arc::new(TrustedIssuers::new(&config)?);
        let catalogue = read_catalogue(&config).await.map_err(|error| {
            let file = config.catalogue.as_ref().map(|file| format!("{}: ", file.display())).unwrap_or_default();
            ConfigError::new("--catalogue", format!("{file}{error}"))
        })?;
        let cannot_open = |error| OpenError::Store { location: config.store.clone(), error };
        let store = open_store(&config.store).await.map_err(cannot_open)?;
        let now = clock.now();
        let keys = prepare_keys(&*store, &config, now).await.map_err(|error| match error {
            PrepareKeysError::Store(StoreError::Keys(error)) => OpenError::Keys(error.to_string()),
            PrepareKeysError::Store(error) => cannot_open(error),
            PrepareKeysError::Key(error) => error.into(),
        })?;
        let shared_time = Arc::new(SharedTime::new(Arc::clone(&clock)));
        let clock_check = ClockCheck::new(Arc::clone(&shared_time));
        // Before the first request, because a clock that is set later is compared with this reading. A doubt is logged.
        let _ = clock_check.check(&*store, &*clock).await.map_err(cannot_open)?;
        // A clock that is ahead would leave out revocations whose access tokens are valid again when it has been set.
        let cautious_now = clock_check.cautious_now(&*clock).await;
        let revoked = store.revocations(cautious_now).await.map_err(cannot_open)?;

        let keys = Arc::new(keys);
        let activity = Arc::new(Activity::default());
        let metrics = Arc::new(Metrics::new(|registry| store.register_metrics(registry)));
        let revoked = Arc::new(RevokedSessions::new(revoked));
        let accounts = Accounts {
            store: store.clone(),
            revoked: Arc::clone(&revoked),
            passwords: Arc::new(Passwords::new()),
            relying_party,
            issuers,
            collections: config.collections.clone(),
        };
        let sessions = Sessions {
            store: store.clone(),
            guests: store.clone(),
            issuer: Arc::new(Issuer::new(Arc::clone(&keys), &config, Arc::clone(&shared_time))),
            verifier: Arc::new(Verifier::new(Arc::clone(&keys), &config, shared_time)),
            keys: Arc::clone(&keys),
            key_reloader: Arc::new(KeyReloader::new(Arc::clone(&keys), store.clone())),
            revoked,
            activity: Arc::clone(&activity),
            lifetimes: Lifetimes::of(&config),
            future_tokens: Arc::default(),
            metrics: Arc::clone(&metrics),
        };
        let limits = Arc::new(Limits::new(&config, &keys, &store, &clock, &metrics)?);
        let inner = Arc::new(Inner {
            config,
            clock,
            store,
            keys,
            sessions,
            accounts,
            activity,
            failures: Failures::default(),
            limits,
            metrics,
            write_probe: WriteProbe::default(),
            openapi: OnceLock::new(),
            catalogue: ArcSwap::from_pointee(catalogue),
            catalogue_reload: tokio::sync::Mutex::default(),
            clock_check,
            draining: AtomicBool::new(false),
            background: tokio::sync::Mutex::default(),
        });
        *inner.background.lock().await = Some(Background::start(&inner));
        Ok(Self { inner })
    }

    /// The settings that the server was opened with.
    pub fn config(&self) -> &Config {
        &self.inner.config
    }

    /// Reads the file of [`Config::catalogue`] again, and returns the number of items. Requests from then on get the new
    /// catalogue.
    ///
    /// # Errors
    /// The file cannot be used, and the catalogue is the same as before.
    pub async fn reload_catalogue(&self) -> Result<usize, CatalogueError> {
        // Of two calls at the same time, the later one reads the file later.
        let _one_at_a_time = self.inner.catalogue_reload.lock().await;
        let catalogue = read_catalogue(&self.inner.config).await?;
        let items = catalogue.len();
        self.inner.catalogue.store(Arc::new(catalogue));
        Ok(items)
    }

    /// Makes `/readyz` report that this server is not ready, so that a load balancer sends it no more requests. Requests that
    /// arrive all the same are handled.
    pub fn drain(&self) {
        self.inner.draining.store(true, Ordering::Relaxed);
    }

    /// Deletes everything that is due (see [`Config::guest_retention`] and [`Config::session_retention`]). The server does this
    /// by itself in small batches every minute; this call does all of it at once.
    ///
    /// # Errors
    /// The clock of this server is in doubt, and nothing was deleted; or the store failed, and rows that were deleted before stay
    /// deleted.
    pub async fn sweep(&self) -> Result<SweepReport, SweepError> {
        let Inner { config, clock, store, .. } = &*self.inner;
        self.inner.clock_check.check(&**store, &**clock).await?.map_err(SweepError::Clock)?;
        let now = clock.now();
        self.inner.delete_expired_rows(now).await?;
        Ok(Sweeper::new(config).sweep_all(&**store, now).await?)
    }

    /// Compares the name of each issuer of ID tokens in [`Config::oidc_issuers`] with that in its discovery document, and logs what
    /// is wrong. Run it in the background after the start: it takes a few seconds if an issuer does not respond, and such an issuer
    /// is no error.
    pub async fn check_oidc_issuers(&self) {
        self.inner.accounts.issuers.check().await;
    }

    /// Tells this server that an operator has checked its clock. The other servers on the store that have the same time then
    /// trust their clocks, too.
    ///
    /// # Errors
    /// The store failed.
    pub async fn confirm_clock(&self) -> Result<(), StoreError> {
        let Inner { clock, store, clock_check, .. } = &*self.inner;
        clock_check.confirm(&**store, clock.now()).await
    }

    /// Writes the recorded activity and closes the store. Later requests get a 503.
    ///
    /// # Errors
    /// The store failed. The `last_active_at` of some guests may be a few seconds too early.
    pub async fn close(&self) -> Result<(), StoreError> {
        if let Some(background) = self.inner.background.lock().await.take() {
            background.stop().await;
        }
        let flushed = self.inner.flush().await;
        self.inner.store.close().await;
        self.inner.write_probe.forget().await;
        flushed
    }
}

async fn read_catalogue(config: &Config) -> Result<Catalogue, CatalogueError> {
    Catalogue::read(config.catalogue.clone(), &config.collections).await
}
