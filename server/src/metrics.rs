//! The metrics of a server, in the OpenMetrics text format that Prometheus reads.
//!
//! Each server has its own registry, so that two servers in one process do not mix. No metric has a guest, a session or an
//! address as a label, so the number of series is limited by the number of routes.

use std::collections::HashSet;
use std::fmt;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// The metrics of one server.
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    durations: Family<RouteLabels, Histogram>,
    routes: RwLock<HashSet<&'static str>>,
    logins: Counter,
    refreshes: Family<OutcomeLabels, Counter>,
    revocations: Counter,
    memberships: Family<MembershipLabels, Counter>,
    erasures: Family<OutcomeLabels, Counter>,
    refusals: Family<LimitLabels, Counter>,
    future_tokens: Counter,
    active: Gauge,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    method: &'static str,
    route: &'static str,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    method: &'static str,
    route: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct MembershipLabels {
    endpoint: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LimitLabels {
    endpoint: &'static str,
    limit: &'static str,
}

/// The outcome of a refresh. `Replayed`, `ParentPastWindow` and `Older` are the classes of reuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RefreshOutcome {
    /// The current token: it was rotated.
    Rotated,
    /// The parent of the current token, within the grace window: the same successor was issued again.
    Replayed,
    /// The parent, after the grace window: a late retry, or theft. The session is revoked.
    ParentPastWindow,
    /// An older token: theft, or a client that was restored from a backup. The session is revoked.
    Older,
    /// Not a token of this server, or its session has ended.
    Invalid,
}

impl RefreshOutcome {
    const ALL: [Self; 5] = [Self::Rotated, Self::Replayed, Self::ParentPastWindow, Self::Older, Self::Invalid];

    const fn labels(self) -> OutcomeLabels {
        let outcome = match self {
            Self::Rotated => "rotated",
            Self::Replayed => "reuse_in_window",
            Self::ParentPastWindow => "reuse_past_window",
            Self::Older => "reuse_older",
            Self::Invalid => "refused",
        };
        OutcomeLabels { outcome }
    }
}

/// An endpoint through which a guest becomes a member or signs in as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MembershipEndpoint {
    Register,
    /// `/login`. Its label is `member_login`, the id of the operation, because `login` is the operation of guests.
    Login,
    Link,
}

impl MembershipEndpoint {
    /// Each endpoint with its successful outcomes. Their series exist from the start, so that rates include the first event.
    const ALL: [(Self, &'static [&'static str]); 3] = [
        (Self::Register, &["registered", "repeated"]),
        (Self::Login, &["merged", "logged_in", "repeated"]),
        (Self::Link, &["registered", "merged", "logged_in", "repeated"]),
    ];

    const fn labels(self, outcome: &'static str) -> MembershipLabels {
        let endpoint = match self {
            Self::Register => "register",
            Self::Login => "member_login",
            Self::Link => "link",
        };
        MembershipLabels { endpoint, outcome }
    }
}

/// The outcome of an erasure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ErasureOutcome {
    Erased,
    /// The guest did not exist: swept, or erased by a concurrent request.
    Gone,
    /// The store failed.
    Unavailable,
}

impl ErasureOutcome {
    const ALL: [Self; 3] = [Self::Erased, Self::Gone, Self::Unavailable];

    const fn labels(self) -> OutcomeLabels {
        let outcome = match self {
            Self::Erased => "erased",
            Self::Gone => "gone",
            Self::Unavailable => "unavailable",
        };
        OutcomeLabels { outcome }
    }
}

impl Metrics {
    /// `store` registers the metrics of the store.
    pub(crate) fn new(store: impl FnOnce(&mut Registry)) -> Self {
        let mut registry = Registry::with_prefix("guestpass");
        let requests = Family::default();
        registry.register("http_requests", "Handled requests, by route template", requests.clone());
        let durations = Family::<RouteLabels, Histogram>::new_with_constructor(|| Histogram::new(SECONDS));
        let help = "Seconds from the head of a request to the head of its response";
        registry.register("http_request_duration_seconds", help, durations.clone());
        let logins = Counter::default();
        registry.register("logins", "Successful logins of guests, including retries with the same key", logins.clone());
        let refreshes = Family::<OutcomeLabels, Counter>::default();
        for outcome in RefreshOutcome::ALL {
            drop(refreshes.get_or_create(&outcome.labels()));
        }
        registry.register("refreshes", "Refreshes by outcome, with the three classes of reuse", refreshes.clone());
        let revocations = Counter::default();
        registry.register("revocations", "Sessions ended by a client", revocations.clone());
        let memberships = Family::<MembershipLabels, Counter>::default();
        for (endpoint, outcomes) in MembershipEndpoint::ALL {
            for outcome in outcomes {
                drop(memberships.get_or_create(&endpoint.labels(outcome)));
            }
        }
        let help = "Registrations, logins to accounts and links by outcome, such as merged or the code of an error";
        registry.register("memberships", help, memberships.clone());
        let erasures = Family::<OutcomeLabels, Counter>::default();
        for outcome in ErasureOutcome::ALL {
            drop(erasures.get_or_create(&outcome.labels()));
        }
        registry.register("erasures", "Erasures requested by guests and members, by outcome", erasures.clone());
        let refusals = Family::default();
        registry.register(
            "limited_requests",
            "Requests refused by a limit, or because a page of another site sent them",
            refusals.clone(),
        );
        let future_tokens = Counter::default();
        registry.register(
            "future_tokens",
            "Requests with an access token that was issued in the future by the clock of this server",
            future_tokens.clone(),
        );
        let active = Gauge::default();
        registry.register(
            "active_guests",
            "Guests seen since the activity was last written, which happens every few seconds; refreshes do not count",
            active.clone(),
        );
        store(registry.sub_registry_with_prefix("store"));
        let routes = RwLock::default();
        Self {
            registry,
            requests,
            durations,
            routes,
            logins,
            refreshes,
            revocations,
            memberships,
            erasures,
            refusals,
            future_tokens,
            active,
        }
    }

    /// Counts a handled request. `route` is the template of its route.
    pub(crate) fn request_handled(&self, method: &str, route: &str, status: u16, took: Duration) {
        let (method, route) = (method_name(method), self.route_name(route));
        self.requests.get_or_create(&RequestLabels { method, route, status }).inc();
        self.durations.get_or_create(&RouteLabels { method, route }).observe(took.as_secs_f64());
    }

    pub(crate) fn logged_in(&self) {
        self.logins.inc();
    }

    pub(crate) fn refreshed(&self, outcome: RefreshOutcome) {
        self.refreshes.get_or_create(&outcome.labels()).inc();
    }

    pub(crate) fn revoked(&self) {
        self.revocations.inc();
    }

    /// Counts a request with an access token that was issued in the future, by another node.
    pub(crate) fn saw_future_token(&self) {
        self.future_tokens.inc();
    }

    /// Counts a request to become a member or to sign in as one. `outcome` is the name of an outcome, or the code of an error.
    pub(crate) fn membership_requested(&self, endpoint: MembershipEndpoint, outcome: &'static str) {
        self.memberships.get_or_create(&endpoint.labels(outcome)).inc();
    }

    pub(crate) fn erased(&self, outcome: ErasureOutcome) {
        self.erasures.get_or_create(&outcome.labels()).inc();
    }

    pub(crate) fn limited(&self, endpoint: &'static str, limit: &'static str) {
        self.refusals.get_or_create(&LimitLabels { endpoint, limit }).inc();
    }

    /// All metrics as a text.
    pub(crate) fn encode(&self, active_guests: usize) -> Result<String, fmt::Error> {
        self.active.set(i64::try_from(active_guests).unwrap_or(i64::MAX));
        let mut text = String::new();
        text::encode(&mut text, &self.registry)?;
        Ok(text)
    }

    /// The template as a static text. There are few templates, and each is leaked once.
    fn route_name(&self, route: &str) -> &'static str {
        if let Some(known) = self.routes.read().unwrap_or_else(PoisonError::into_inner).get(route) {
            return known;
        }
        let mut routes = self.routes.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = routes.get(route) {
            return known;
        }
        let name: &'static str = Box::leak(route.to_owned().into_boxed_str());
        routes.insert(name);
        name
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

/// The buckets of durations, in seconds.
pub(crate) const SECONDS: [f64; 12] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 2.5, 10.0];

/// The label of a method. Unknown methods share one label, because clients can send any method.
fn method_name(method: &str) -> &'static str {
    ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"]
        .into_iter()
        .find(|name| method == *name)
        .unwrap_or("other")
}
