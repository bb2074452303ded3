//! The limiter of requests: the generic cell rate algorithm (GCRA).
//!
//! Written here and not taken from a crate, because a request is counted against several limits at once: each of them must be
//! able to say how long it would refuse a request without counting it, and to take a counted request back.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use uuid::Uuid;

use super::address::ClientNetwork;
use super::recent::Recent;
use crate::clock::{Clock, Timestamp};
use crate::settings::Rate;

/// The SHA-256 of an e-mail address, whether or not an account has it.
pub(super) type Account = [u8; 32];

/// A key by which requests are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Key {
    /// All requests together.
    All,
    Network(ClientNetwork),
    Session(Uuid),
    Member(Uuid),
    Account(Account),
    /// The account from one network. If the embedding application does not provide addresses, all clients count as one.
    AccountFrom(Account, Option<ClientNetwork>),
}

/// Counts the requests of each key against one quota. Holds at most [`MAX_KEYS`] keys.
#[derive(Debug)]
pub(super) struct Limiter {
    /// For each key, when its counted requests would all have been made at the rate of the quota, one after the other: the
    /// *theoretical arrival time* of GCRA, in nanoseconds of `clock`.
    arrivals: Recent<Key, AtomicU64>,
    clock: Arc<MonotonicClock>,
    /// The time for one request, in nanoseconds.
    interval: u64,
    /// How far ahead of the clock the arrival time may be before one more request, in nanoseconds.
    tolerance: u64,
    pub(super) quota: RequestQuota,
}

/// The quota of a limiter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RequestQuota {
    pub(super) count: NonZeroU32,
    pub(super) per: Duration,
}

/// What a limiter says to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) allowed: bool,
    /// How many more requests may come at once.
    pub(super) remaining: u32,
    /// In how much time one more request may come.
    pub(super) next: Duration,
}

/// The greatest number of keys of one limiter. They take about 20 MB.
const MAX_KEYS: usize = 100_000;

impl Limiter {
    /// `None` if there is no limit.
    pub(super) fn new(rate: Rate, clock: &Arc<MonotonicClock>) -> Option<Self> {
        Self::with_capacity(MAX_KEYS, rate, clock)
    }

    fn with_capacity(keys: usize, rate: Rate, clock: &Arc<MonotonicClock>) -> Option<Self> {
        let Rate::Limit { count, per } = rate else { return None };
        let interval = nanos(per / count.get()).max(1);
        Some(Self {
            arrivals: Recent::new(keys),
            clock: Arc::clone(clock),
            interval,
            tolerance: interval.saturating_mul(u64::from(count.get()) - 1),
            quota: RequestQuota { count, per },
        })
    }

    /// Whether a request would be allowed now. Counts nothing.
    pub(super) fn peek(&self, key: &Key) -> Count {
        let now = self.clock.nanos();
        let arrival = self.arrivals.get(key).map_or(0, |arrival| arrival.load(Ordering::Relaxed));
        let ahead = arrival.saturating_sub(now);
        if ahead > self.tolerance { self.refused(ahead) } else { self.allowed(ahead) }
    }

    /// Counts a request, unless it is refused.
    pub(super) fn count(&self, key: &Key) -> Count {
        let now = self.clock.nanos();
        let state = self.arrivals.get_or_default(key);
        let counted = state.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |arrival| {
            let arrival = arrival.max(now);
            (arrival - now <= self.tolerance).then(|| arrival.saturating_add(self.interval))
        });
        match counted {
            // The interval is included, so this is the number of further requests.
            Ok(arrival) => self.allowed((arrival.max(now) - now).saturating_add(self.interval)),
            Err(arrival) => self.refused(arrival.saturating_sub(now)),
        }
    }

    /// Takes a counted request back.
    pub(super) fn refund(&self, key: &Key) {
        if let Some(arrival) = self.arrivals.get(key) {
            let refunded = |arrival: u64| Some(arrival.saturating_sub(self.interval));
            // Does not fail: the function always returns a value.
            let _ = arrival.fetch_update(Ordering::Relaxed, Ordering::Relaxed, refunded);
        }
    }

    /// Forgets the requests of the keys for which `of` is true.
    pub(super) fn forget(&self, of: impl Fn(&Key) -> bool) {
        self.arrivals.remove_if(of);
    }

    fn allowed(&self, ahead: u64) -> Count {
        // `ahead` is greater than the tolerance if this was the last request of the quota.
        let remaining = self.tolerance.checked_sub(ahead).map_or(0, |left| left / self.interval + 1);
        Count {
            allowed: true,
            remaining: u32::try_from(remaining).unwrap_or(u32::MAX),
            next: Duration::from_nanos(self.interval),
        }
    }

    fn refused(&self, ahead: u64) -> Count {
        Count { allowed: false, remaining: 0, next: Duration::from_nanos(ahead - self.tolerance) }
    }
}

/// The clock of the server, made monotonic. Otherwise a wall clock that is set back by an hour would refuse all requests for
/// that hour.
#[derive(Debug)]
pub(super) struct MonotonicClock {
    wall: Arc<dyn Clock>,
    /// The last time of the wall clock, and the time that has passed since the start.
    last_and_elapsed: Mutex<(Timestamp, Duration)>,
}

impl MonotonicClock {
    pub(super) fn new(wall: &Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self { last_and_elapsed: Mutex::new((wall.now(), Duration::ZERO)), wall: Arc::clone(wall) })
    }

    /// Nanoseconds since the start.
    fn nanos(&self) -> u64 {
        let mut state = self.last_and_elapsed.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.wall.now();
        let (last, elapsed) = *state;
        *state = (now, elapsed + now.since(last));
        nanos(state.1)
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicI64;

    use super::*;

    #[derive(Debug)]
    struct TestClock(AtomicI64);

    impl TestClock {
        fn new() -> Arc<Self> {
            Arc::new(Self(AtomicI64::new(1_800_000_000_250)))
        }

        fn advance(&self, by: Duration) {
            self.0.fetch_add(i64::try_from(by.as_millis()).unwrap(), Ordering::SeqCst);
        }
    }

    impl Clock for TestClock {
        fn now(&self) -> Timestamp {
            Timestamp::from_millis(self.0.load(Ordering::SeqCst))
        }
    }

    fn limiter(rate: &str, clock: &Arc<TestClock>) -> Limiter {
        let wall: Arc<dyn Clock> = clock.clone();
        Limiter::with_capacity(100, rate.parse().unwrap(), &MonotonicClock::new(&wall)).unwrap()
    }

    const MINUTE: Duration = Duration::from_secs(60);
    const KEY: Key = Key::All;

    fn other(number: u128) -> Key {
        Key::Session(Uuid::from_u128(number))
    }

    fn allowed(count: Count) -> Option<u32> {
        count.allowed.then_some(count.remaining)
    }

    #[test]
    fn a_rate_is_multiplied_by_its_count() {
        let ten_times = |text: &str| text.parse::<Rate>().unwrap().times(NonZeroU32::new(10).unwrap());

        assert_eq!(ten_times("10/15m").to_string(), "100/15m");
        assert_eq!(ten_times("off"), Rate::Off);
        // The greatest settings, whose multiples exceed the range of the limiter's numbers.
        for text in ["1000/1s", "1/1ms", "4294967295/366d"] {
            let wall: Arc<dyn Clock> = TestClock::new();
            let limiter = Limiter::new(ten_times(text), &MonotonicClock::new(&wall)).unwrap();
            assert!(limiter.count(&KEY).allowed, "{text}");
        }
    }

    #[test]
    fn all_requests_of_a_quota_may_come_at_once_and_then_one_at_a_time() {
        let clock = TestClock::new();
        let limiter = limiter("3/1h", &clock);

        assert_eq!(allowed(limiter.peek(&KEY)), Some(3));
        assert_eq!([(); 3].map(|()| allowed(limiter.count(&KEY))), [Some(2), Some(1), Some(0)]);
        for refused in [limiter.peek(&KEY), limiter.count(&KEY)] {
            assert_eq!(refused, Count { allowed: false, remaining: 0, next: 20 * MINUTE });
        }
        assert_eq!(allowed(limiter.count(&other(2))), Some(2), "another key");

        clock.advance(20 * MINUTE - Duration::from_millis(1));
        assert_eq!(allowed(limiter.count(&KEY)), None);
        clock.advance(Duration::from_millis(1));
        assert_eq!(allowed(limiter.peek(&KEY)), Some(1));
        assert_eq!(allowed(limiter.count(&KEY)), Some(0));
        clock.advance(60 * MINUTE);
        assert_eq!(allowed(limiter.count(&KEY)), Some(2));
    }

    #[test]
    fn a_request_that_is_taken_back_does_not_count() {
        let clock = TestClock::new();
        let limiter = limiter("2/1h", &clock);
        for _ in 0..5 {
            assert_eq!(allowed(limiter.count(&KEY)), Some(1));
            limiter.refund(&KEY);
        }
        assert_eq!([(); 3].map(|()| allowed(limiter.count(&KEY))), [Some(1), Some(0), None]);

        clock.advance(600 * MINUTE);
        limiter.refund(&KEY);
        limiter.refund(&other(2));

        assert_eq!([(); 3].map(|()| allowed(limiter.count(&KEY))), [Some(1), Some(0), None], "no more than the quota");
        limiter.forget(|key| *key == KEY);
        assert_eq!(allowed(limiter.count(&KEY)), Some(1));
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_extend_a_refusal() {
        let clock = TestClock::new();
        let limiter = limiter("1/1m", &clock);
        assert_eq!(allowed(limiter.count(&KEY)), Some(0));

        clock.0.fetch_sub(3_600_000, Ordering::SeqCst);
        assert_eq!(limiter.count(&KEY).next, MINUTE);
        clock.advance(MINUTE);

        assert_eq!(allowed(limiter.count(&KEY)), Some(0));
    }

    #[test]
    fn s10_the_limiter_holds_a_limited_number_of_keys() {
        let clock = TestClock::new();
        let limiter = limiter("1/1h", &clock);

        for number in 0..10_000 {
            limiter.count(&other(number));
        }

        assert!(limiter.arrivals.len() <= 100, "{}", limiter.arrivals.len());
    }
}
