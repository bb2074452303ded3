//! The active faults of each client, and the counts of its visits.

use std::collections::{HashSet, VecDeque};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::{Extensions, HeaderMap};
use guestpass_server::{ClientNetwork, Clock, Guestpass, Timestamp};
use quick_cache::sync::Cache;
use serde::Serialize;
use tokio::time::Instant;

/// The number of clients whose faults are kept. The least recently used client is dropped first.
const CLIENTS: usize = 1000;
/// The number of tokens of one client that count as expired. When a token is dropped from the list, its lifetime is over.
const EXPIRED: usize = 256;
/// The greatest number of guests that are counted for one client.
const GUESTS: usize = 10_000;

tokio::task_local! {
    /// How far the clock is ahead for the request that this task handles.
    pub(crate) static AHEAD: Duration;
}

/// Another clock, set ahead by the fault of the client whose request is handled.
#[derive(Debug)]
pub(crate) struct ShiftedClock(pub(crate) Arc<dyn Clock>);

impl Clock for ShiftedClock {
    fn now(&self) -> Timestamp {
        self.0.now() + AHEAD.try_with(|ahead| *ahead).unwrap_or_default()
    }
}

/// The fault injectors of all clients.
#[derive(Debug)]
pub(crate) struct FaultInjectors {
    guestpass: Guestpass,
    by_client: Cache<Option<ClientNetwork>, Arc<Mutex<FaultInjector>>>,
}

impl FaultInjectors {
    pub(crate) fn new(guestpass: Guestpass) -> Self {
        Self { guestpass, by_client: Cache::new(CLIENTS) }
    }

    /// The fault injector of the client of a request.
    pub(crate) fn of(&self, headers: &HeaderMap, extensions: &Extensions) -> Arc<Mutex<FaultInjector>> {
        let client = self.guestpass.client_network(headers, extensions);
        let Ok(injector) = self.by_client.get_or_insert_with::<_, Infallible>(&client, || Ok(Arc::default()));
        injector
    }
}

/// Locks a fault injector. No method leaves a fault injector half changed, so that it can be used after a panic elsewhere.
pub(crate) fn locked(injector: &Mutex<FaultInjector>) -> MutexGuard<'_, FaultInjector> {
    injector.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The two shops of the lab. The classic shop, with hand-written interceptors, sends `Demo-Shop: classic`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shop {
    Guestpass,
    Classic,
}

impl Shop {
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        match headers.get("demo-shop") {
            Some(name) if name == "classic" => Self::Classic,
            _ => Self::Guestpass,
        }
    }
}

/// A request that returns a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Grant {
    Login,
    Refresh,
}

/// The faults and the counts of one client.
#[derive(Debug, Default)]
pub(crate) struct FaultInjector {
    outage_until: Option<Instant>,
    ahead: Duration,
    loses_refresh: bool,
    loses_login_of_classic: bool,
    expired: VecDeque<[u8; 32]>,
    guestpass: Counts,
    classic: Counts,
}

#[derive(Debug, Default)]
struct Counts {
    guests: HashSet<String>,
    logins: u64,
    refreshes: u64,
}

impl FaultInjector {
    /// Each request gets 503 for this duration.
    pub(crate) fn begin_outage(&mut self, length: Duration) {
        self.outage_until = Some(Instant::now() + length);
    }

    pub(crate) fn has_outage(&self) -> bool {
        self.outage_until.is_some_and(|end| Instant::now() < end)
    }

    /// The response to the next renewal of each shop is lost: to a refresh, and for the classic shop, to a login.
    pub(crate) fn lose_next_renewals(&mut self) {
        (self.loses_refresh, self.loses_login_of_classic) = (true, true);
    }

    /// Whether the response to this renewal must be lost. Ends that fault.
    pub(crate) fn take_loss(&mut self, shop: Shop, grant: Grant) -> bool {
        match (shop, grant) {
            (Shop::Guestpass, Grant::Refresh) => std::mem::take(&mut self.loses_refresh),
            (Shop::Classic, Grant::Login) => std::mem::take(&mut self.loses_login_of_classic),
            _ => false,
        }
    }

    /// The access token with this hash counts as expired.
    pub(crate) fn expire(&mut self, token: [u8; 32]) {
        if self.expired.len() == EXPIRED {
            self.expired.pop_front();
        }
        self.expired.push_back(token);
    }

    pub(crate) fn is_expired(&self, token: &[u8; 32]) -> bool {
        self.expired.contains(token)
    }

    pub(crate) fn ahead(&self) -> Duration {
        self.ahead
    }

    pub(crate) fn go_forward(&mut self, by: Duration) {
        self.ahead = self.ahead.saturating_add(by);
    }

    /// Counts a token response, whether or not the client receives it.
    pub(crate) fn count(&mut self, shop: Shop, grant: Grant, guest: Option<String>) {
        let counts = match shop {
            Shop::Guestpass => &mut self.guestpass,
            Shop::Classic => &mut self.classic,
        };
        match grant {
            Grant::Login => counts.logins += 1,
            Grant::Refresh => counts.refreshes += 1,
        }
        if let Some(guest) = guest.filter(|_| counts.guests.len() < GUESTS) {
            counts.guests.insert(guest);
        }
    }

    pub(crate) fn report(&self) -> Report {
        let remaining = self.outage_until.map(|end| end.saturating_duration_since(Instant::now())).unwrap_or_default();
        Report {
            outage_ms: u64::try_from(remaining.as_millis()).unwrap_or(u64::MAX),
            ahead_s: self.ahead.as_secs(),
            guestpass: self.guestpass.report(),
            classic: self.classic.report(),
        }
    }
}

impl Counts {
    fn report(&self) -> CountsReport {
        CountsReport { guests: self.guests.len(), logins: self.logins, refreshes: self.refreshes }
    }
}

/// The body of `GET /demo/faults`.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// How long the outage continues.
    outage_ms: u64,
    /// How far the clock of the server is ahead for this client.
    ahead_s: u64,
    guestpass: CountsReport,
    classic: CountsReport,
}

/// The counts of the token responses to one of the shops.
#[derive(Debug, Serialize)]
struct CountsReport {
    guests: usize,
    logins: u64,
    refreshes: u64,
}
