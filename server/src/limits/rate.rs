//! The limiter of requests: GCRA, implemented by the crate governor.

use std::hash::Hash;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use governor::clock::Clock as GovernorClock;
use governor::middleware::StateInformationMiddleware;
use governor::nanos::Nanos;
use governor::state::{InMemoryState, NotKeyed, StateStore};
use governor::{Quota, RateLimiter};

use super::recent::Recent;
use crate::clock::{Clock, Timestamp};
use crate::settings::Rate;

/// A key by which requests are counted.
pub(super) trait Key: Copy + Eq + Hash + Send + Sync + 'static {}

impl<K: Copy + Eq + Hash + Send + Sync + 'static> Key for K {}

/// Counts the requests of each key against one quota. Holds at most [`MAX_KEYS`] keys.
#[derive(Debug)]
pub(super) struct Limiter<K: Key> {
    governor: RateLimiter<K, BoundedStates<K>, MonotonicClock, StateInformationMiddleware>,
    states: Arc<Recent<K, InMemoryState>>,
    clock: MonotonicClock,
    pub(super) quota: RequestQuota,
}

/// The quota of a limiter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RequestQuota {
    pub(super) count: NonZeroU32,
    pub(super) per: Duration,
}

/// The result of counting a request.
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

impl<K: Key> Limiter<K> {
    /// `None` if there is no limit.
    pub(super) fn new(rate: Rate, clock: Arc<dyn Clock>) -> Option<Self> {
        Self::with_capacity(MAX_KEYS, rate, clock)
    }

    fn with_capacity(keys: usize, rate: Rate, clock: Arc<dyn Clock>) -> Option<Self> {
        let Rate::Limit { count, per } = rate else { return None };
        let quota = Quota::with_period(per / count.get())?.allow_burst(count);
        let clock = MonotonicClock::new(clock);
        let states = Arc::new(Recent::new(keys));
        let governor = RateLimiter::new(quota, BoundedStates(Arc::clone(&states)), clock.clone());
        Some(Self { governor, states, clock, quota: RequestQuota { count, per } })
    }

    /// Forgets the requests of all keys that match.
    pub(super) fn forget(&self, matches: impl Fn(&K) -> bool) {
        self.states.retain(|key| !matches(key));
    }

    /// Counts a request.
    pub(super) fn count(&self, key: K) -> Count {
        match self.governor.check_key(&key) {
            Ok(state) => Count {
                allowed: true,
                remaining: state.remaining_burst_capacity(),
                next: self.quota.per / self.quota.count.get(),
            },
            Err(limited) => Count { allowed: false, remaining: 0, next: limited.wait_time_from(self.clock.now()) },
        }
    }
}

/// The state of each key, in a cache of limited size. The store of governor itself has no limit.
#[derive(Debug)]
struct BoundedStates<K: Key>(Arc<Recent<K, InMemoryState>>);

impl<K: Key> StateStore for BoundedStates<K> {
    type Key = K;

    fn measure_and_replace<T, F, E>(&self, key: &K, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        self.0.get_or_default(key).measure_and_replace(&NotKeyed::NonKey, decide)
    }
}

/// The clock of the server, made monotonic. Otherwise a wall clock that is set back by an hour would refuse all requests for
/// that hour.
#[derive(Debug, Clone)]
struct MonotonicClock {
    wall: Arc<dyn Clock>,
    /// The last time of the wall clock, and the time that has passed since the start.
    last_and_elapsed: Arc<Mutex<(Timestamp, Duration)>>,
}

impl MonotonicClock {
    fn new(wall: Arc<dyn Clock>) -> Self {
        let last_and_elapsed = Arc::new(Mutex::new((wall.now(), Duration::ZERO)));
        Self { wall, last_and_elapsed }
    }
}

impl GovernorClock for MonotonicClock {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        let mut state = self.last_and_elapsed.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.wall.now();
        let (last, elapsed) = *state;
        *state = (now, elapsed + now.since(last));
        Nanos::from(state.1)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

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

    const MINUTE: Duration = Duration::from_secs(60);

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
            assert!(Limiter::<u8>::new(ten_times(text), TestClock::new()).unwrap().count(1).allowed, "{text}");
        }
    }

    #[test]
    fn all_requests_of_a_quota_may_come_at_once_and_then_one_at_a_time() {
        let clock = TestClock::new();
        let limiter = Limiter::new("3/1h".parse().unwrap(), clock.clone()).unwrap();

        assert_eq!([(); 3].map(|()| allowed(limiter.count(1))), [Some(2), Some(1), Some(0)]);
        let refused = limiter.count(1);
        assert_eq!(refused, Count { allowed: false, remaining: 0, next: 20 * MINUTE });
        assert_eq!(allowed(limiter.count(2)), Some(2), "another key");

        clock.advance(20 * MINUTE - Duration::from_millis(1));
        assert_eq!(allowed(limiter.count(1)), None);
        clock.advance(Duration::from_millis(1));
        assert_eq!(allowed(limiter.count(1)), Some(0));
        clock.advance(60 * MINUTE);
        assert_eq!(allowed(limiter.count(1)), Some(2));
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_extend_a_refusal() {
        let clock = TestClock::new();
        let limiter = Limiter::new("1/1m".parse().unwrap(), clock.clone()).unwrap();
        assert_eq!(allowed(limiter.count(1)), Some(0));

        clock.0.fetch_sub(3_600_000, Ordering::SeqCst);
        assert_eq!(limiter.count(1).next, MINUTE);
        clock.advance(MINUTE);

        assert_eq!(allowed(limiter.count(1)), Some(0));
    }

    #[test]
    fn s10_the_limiter_holds_a_limited_number_of_keys() {
        let clock = TestClock::new();
        let limiter = Limiter::with_capacity(100, "1/1h".parse().unwrap(), clock).unwrap();

        for key in 0..10_000 {
            limiter.count(key);
        }

        let states = &limiter.governor.into_state_store().0;
        assert!(states.len() <= 100, "{}", states.len());
    }
}
