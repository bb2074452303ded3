//! What has been ordered on each stage, and what has been counted there.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::{Extensions, HeaderMap};
use quick_cache::sync::Cache;
use serde::Serialize;
use tokio::time::Instant;

use crate::clock::{Clock, Timestamp};
use crate::limits::{ClientNetwork, Limits};

/// Stages kept at once. The one that was used least makes room.
const STAGES: usize = 1000;
/// Refused tokens remembered on one stage; each has long expired when it is pushed out.
const REFUSED: usize = 256;
/// Guests told apart on one stage.
const GUESTS: usize = 10_000;

tokio::task_local! {
    /// How far the clock is ahead for the request that this task answers.
    pub(super) static AHEAD: Duration;
}

/// The clock of the server behind it, put forward by the stage of the request that asks.
#[derive(Debug)]
pub(super) struct StageClock(pub(super) Arc<dyn Clock>);

impl Clock for StageClock {
    fn now(&self) -> Timestamp {
        self.0.now() + AHEAD.try_with(|ahead| *ahead).unwrap_or_default()
    }
}

/// All stages.
#[derive(Debug)]
pub(super) struct Stages {
    limits: Arc<Limits>,
    by_client: Cache<Option<ClientNetwork>, Arc<Mutex<Stage>>>,
}

impl Stages {
    pub(super) fn new(limits: Arc<Limits>) -> Self {
        Self { limits, by_client: Cache::new(STAGES) }
    }

    /// The stage that a request plays on.
    pub(super) fn of(&self, headers: &HeaderMap, extensions: &Extensions) -> Arc<Mutex<Stage>> {
        let client = self.limits.client_of(headers, extensions);
        let made = self.by_client.get_or_insert_with::<_, std::convert::Infallible>(&client, || Ok(Arc::default()));
        match made {
            Ok(stage) => stage,
            Err(never) => match never {},
        }
    }
}

/// A stage is never left half changed, so a panic elsewhere does not spoil it.
pub(super) fn locked(stage: &Mutex<Stage>) -> MutexGuard<'_, Stage> {
    stage.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Which of the two shops of the lab asks. The one on hand-written interceptors says so in a header field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shop {
    Guestpass,
    Classic,
}

impl Shop {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        match headers.get("demo-shop") {
            Some(name) if name == "classic" => Self::Classic,
            _ => Self::Guestpass,
        }
    }
}

/// What gives a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Grant {
    Login,
    Refresh,
}

/// The faults and the counts of one client's visit.
#[derive(Debug, Default)]
pub(super) struct Stage {
    outage_until: Option<Instant>,
    ahead: Duration,
    loses_refresh: bool,
    loses_login_of_classic: bool,
    refused: VecDeque<[u8; 32]>,
    guestpass: Tally,
    classic: Tally,
}

#[derive(Debug, Default)]
struct Tally {
    guests: HashSet<String>,
    logins: u64,
    refreshes: u64,
}

impl Stage {
    /// From now on, and for so long, every request gets a 503.
    pub(super) fn begin_outage(&mut self, length: Duration) {
        self.outage_until = Some(Instant::now() + length);
    }

    pub(super) fn is_out(&self) -> bool {
        self.outage_until.is_some_and(|end| Instant::now() < end)
    }

    /// What the next renewal of each shop is answered is lost on the way: a refresh, or, on hand-written interceptors,
    /// a login.
    pub(super) fn lose_next_renewals(&mut self) {
        (self.loses_refresh, self.loses_login_of_classic) = (true, true);
    }

    /// Whether the answer to this renewal is to be lost. Says so once.
    pub(super) fn takes_loss(&mut self, shop: Shop, grant: Grant) -> bool {
        match (shop, grant) {
            (Shop::Guestpass, Grant::Refresh) => std::mem::take(&mut self.loses_refresh),
            (Shop::Classic, Grant::Login) => std::mem::take(&mut self.loses_login_of_classic),
            _ => false,
        }
    }

    /// Refuses an access token from now on, as if it had expired.
    pub(super) fn refuse(&mut self, token: [u8; 32]) {
        if self.refused.len() == REFUSED {
            self.refused.pop_front();
        }
        self.refused.push_back(token);
    }

    pub(super) fn refuses(&self, token: &[u8; 32]) -> bool {
        self.refused.contains(token)
    }

    pub(super) fn ahead(&self) -> Duration {
        self.ahead
    }

    pub(super) fn go_forward(&mut self, by: Duration) {
        self.ahead = self.ahead.saturating_add(by);
    }

    /// Counts an answer with a token, whether or not it arrives.
    pub(super) fn count(&mut self, shop: Shop, grant: Grant, guest: Option<String>) {
        let tally = match shop {
            Shop::Guestpass => &mut self.guestpass,
            Shop::Classic => &mut self.classic,
        };
        match grant {
            Grant::Login => tally.logins += 1,
            Grant::Refresh => tally.refreshes += 1,
        }
        if let Some(guest) = guest.filter(|_| tally.guests.len() < GUESTS) {
            tally.guests.insert(guest);
        }
    }

    pub(super) fn report(&self) -> Report {
        let left = self.outage_until.map(|end| end.saturating_duration_since(Instant::now())).unwrap_or_default();
        Report {
            outage_ms: u64::try_from(left.as_millis()).unwrap_or(u64::MAX),
            ahead_s: self.ahead.as_secs(),
            guestpass: self.guestpass.report(),
            classic: self.classic.report(),
        }
    }
}

impl Tally {
    fn report(&self) -> TallyReport {
        TallyReport { guests: self.guests.len(), logins: self.logins, refreshes: self.refreshes }
    }
}

/// A stage as the lab shows it.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// How long the outage goes on.
    outage_ms: u64,
    /// How far the server's clock is ahead on this stage.
    ahead_s: u64,
    guestpass: TallyReport,
    classic: TallyReport,
}

/// What the server has given to one of the shops.
#[derive(Debug, Serialize)]
struct TallyReport {
    guests: usize,
    logins: u64,
    refreshes: u64,
}
