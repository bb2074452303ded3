//! Counting one request against several limits.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use super::address::ClientNetwork;
use super::rate::{Count, Key, Limiter, MonotonicClock};
use crate::settings::Rate;

/// The names of the limits, in header fields and problems.
pub(super) const BY_CLIENT: &str = "client";
pub(super) const BY_SESSION: &str = "session";
pub(super) const BY_ACCOUNT: &str = "account";
pub(super) const BY_MEMBER: &str = "member";
pub(super) const ACCOUNT_TOTAL: &str = "account-total";
pub(super) const TOTAL: &str = "total";

/// The prefixes by which IPv6 requests are counted besides the /64, each with its multiple of the rate and the name of its
/// limit. A /48 is the most that one customer usually has; a mobile carrier also gives one /64 to each phone, so the greater
/// networks have greater limits.
const WIDER_NETWORKS: [(u32, NonZeroU32, &str); 2] =
    [(56, NonZeroU32::new(2).unwrap(), "client-56"), (48, NonZeroU32::new(3).unwrap(), "client-48")];

/// A rate for each client network: an IPv4 address, or an IPv6 /64, /56 and /48.
#[derive(Debug)]
pub(super) struct ByNetwork {
    clients: Limiter,
    wider: [Limiter; WIDER_NETWORKS.len()],
}

impl ByNetwork {
    /// `None` if there is no limit.
    pub(super) fn new(rate: Rate, clock: &Arc<MonotonicClock>) -> Option<Self> {
        let [one, other] = WIDER_NETWORKS.map(|(_, factor, _)| Limiter::new(rate.times(factor), clock));
        Some(Self { clients: Limiter::new(rate, clock)?, wider: [one?, other?] })
    }

    /// The limits that apply to a client.
    pub(super) fn limits(&self, client: ClientNetwork) -> impl Iterator<Item = Limit<'_>> {
        let own = Limit { limiter: &self.clients, key: Key::Network(client), policy: BY_CLIENT };
        let wider = self.wider.iter().zip(WIDER_NETWORKS).filter_map(move |(limiter, (length, _, policy))| {
            Some(Limit { limiter, key: Key::Network(client.within(length)?), policy })
        });
        std::iter::once(own).chain(wider)
    }
}

/// A limit that applies to a request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limit<'a> {
    pub(super) limiter: &'a Limiter,
    pub(super) key: Key,
    pub(super) policy: &'static str,
}

/// A request that has been counted.
#[derive(Debug, Default)]
pub(crate) struct Admitted<'a> {
    counted: Vec<Limit<'a>>,
    /// The state of the limits that apply to the client alone. A total would tell how many visitors the site has.
    pub(crate) states: Vec<LimitState>,
}

impl Admitted<'_> {
    /// Takes the request back, because it turned out not to be of the kind that is limited.
    pub(crate) fn refund(&self) {
        for limit in &self.counted {
            limit.limiter.refund(&limit.key);
        }
    }
}

/// Counts a request against all of `limits`, or, if one of them refuses it, against none.
pub(super) fn admit<'a>(
    requests: &'static str,
    limits: impl IntoIterator<Item = Limit<'a>>,
) -> Result<Admitted<'a>, RateLimited> {
    let limits: Vec<Limit<'a>> = limits.into_iter().collect();
    // All limits are asked before the request is counted, so that a client that waits as long as `Retry-After` says is not
    // refused by the next limit then.
    let asked: Vec<(Limit<'a>, Count)> = limits.iter().map(|limit| (*limit, limit.limiter.peek(&limit.key))).collect();
    if let Some(refused) = RateLimited::new(requests, &asked) {
        return Err(refused);
    }
    let mut counts = Vec::new();
    for limit in limits {
        let count = limit.limiter.count(&limit.key);
        counts.push((limit, count));
        if !count.allowed {
            break;
        }
    }
    // A concurrent request may have been counted in between.
    let refused = RateLimited::new(requests, &counts);
    let counted = counts.iter().filter(|(_, count)| count.allowed).map(|(limit, _)| *limit).collect();
    let admitted = Admitted { counted, states: states(&counts) };
    match refused {
        Some(refused) => {
            admitted.refund();
            Err(refused)
        }
        None => Ok(admitted),
    }
}

/// The state of one limit after a request. Times are whole seconds, rounded up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LimitState {
    /// The name of the limit.
    pub(crate) policy: &'static str,
    /// The number of requests that the limit allows per `window`.
    pub(crate) quota: u32,
    pub(crate) window: u64,
    /// How many more requests may come at once.
    pub(crate) remaining: u32,
    /// When one more request may come.
    pub(crate) next: u64,
}

fn states(counts: &[(Limit<'_>, Count)]) -> Vec<LimitState> {
    let shown =
        counts.iter().filter(|(limit, count)| !count.allowed || ![TOTAL, ACCOUNT_TOTAL].contains(&limit.policy));
    let state = |(limit, count): &(Limit<'_>, Count)| LimitState {
        policy: limit.policy,
        quota: limit.limiter.quota.count.get(),
        window: whole_seconds(limit.limiter.quota.per),
        remaining: count.remaining,
        next: whole_seconds(count.next),
    };
    shown.map(state).collect()
}

/// A request that a rate limit refuses.
#[derive(Debug)]
pub(crate) struct RateLimited {
    /// The name of the exhausted limit. If several are exhausted, the one that refuses the request for the longest time.
    pub(crate) policy: &'static str,
    /// In how many seconds the client may try again.
    pub(crate) retry_after: u64,
    pub(crate) limits: Vec<LimitState>,
    /// The counted requests, in the plural.
    requests: &'static str,
}

impl RateLimited {
    /// `None` if all limits allow the request.
    fn new(requests: &'static str, counts: &[(Limit<'_>, Count)]) -> Option<Self> {
        let refused = counts.iter().filter(|(_, count)| !count.allowed);
        let (limit, count) = refused.max_by_key(|(_, count)| count.next)?;
        let retry_after = whole_seconds(count.next);
        Some(Self { policy: limit.policy, retry_after, limits: states(counts), requests })
    }

    /// A text for the developer of the client.
    pub(crate) fn detail(&self) -> String {
        let scope = match self.policy {
            BY_SESSION => "of this session",
            BY_ACCOUNT => "for this account from your network",
            ACCOUNT_TOTAL => "for this account",
            BY_MEMBER => "of this member",
            TOTAL => "from all clients together",
            _ => "from your network",
        };
        format!("Too many {} {scope}. Try again in {} s.", self.requests, self.retry_after)
    }
}

/// Rounds up, so that a client that waits for that time does not come too early.
fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}
