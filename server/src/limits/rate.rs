//! How many requests in how much time: the setting, and the limiter (GCRA, by the crate governor).

use std::fmt;
use std::hash::Hash;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use governor::clock::Clock as GovernorClock;
use governor::middleware::StateInformationMiddleware;
use governor::nanos::Nanos;
use governor::state::{InMemoryState, NotKeyed, StateStore};
use governor::{Quota, RateLimiter};
use moka::policy::EvictionPolicy;
use moka::sync::Cache;

use crate::clock::{Clock, Timestamp};
use crate::config::InvalidValue;

/// At most so many requests in so much time, all of them at once if need be: `30/1h`. Or no limit: `off`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rate {
    /// No limit.
    Off,
    /// A limit.
    Limit {
        /// How many requests.
        count: NonZeroU32,
        /// In how much time.
        per: Duration,
    },
}

impl Rate {
    /// So many times as often.
    pub(super) const fn times(self, factor: NonZeroU32) -> Self {
        match self {
            Self::Off => Self::Off,
            Self::Limit { count, per } => Self::Limit { count: count.saturating_mul(factor), per },
        }
    }
}

impl FromStr for Rate {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        const EXPECTED: InvalidValue =
            InvalidValue::new("expected COUNT/DURATION such as 30/1h, of at least 1ms per request, or off");
        if text == "off" {
            return Ok(Self::Off);
        }
        let (count, per) = text.split_once('/').ok_or(EXPECTED)?;
        let count: NonZeroU32 = count.parse().map_err(|_| EXPECTED)?;
        let per = humantime::parse_duration(per).map_err(|_| EXPECTED)?;
        let each = per / count.get();
        // The limiter counts in nanoseconds of 64 bits.
        if each < Duration::from_millis(1) || per > Duration::from_secs(366 * 24 * 60 * 60) {
            return Err(EXPECTED);
        }
        Ok(Self::Limit { count, per })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("off"),
            Self::Limit { count, per } => write!(f, "{count}/{}", humantime::format_duration(*per)),
        }
    }
}

/// What requests are counted by.
pub(super) trait Key: Copy + Eq + Hash + Send + Sync + 'static {}

impl<K: Copy + Eq + Hash + Send + Sync + 'static> Key for K {}

/// Counts the requests of each key against one quota. Holds at most [`MAX_KEYS`] keys, whatever is sent to it.
#[derive(Debug)]
pub(super) struct Limiter<K: Key> {
    governor: RateLimiter<K, BoundedStates<K>, SteadyClock, StateInformationMiddleware>,
    clock: SteadyClock,
    pub(super) quota: Allowance,
}

/// What a limiter allows, in the terms of `RateLimit-Policy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Allowance {
    pub(super) count: NonZeroU32,
    pub(super) per: Duration,
}

/// How a request fared, in the terms of `RateLimit`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) allowed: bool,
    /// How many more requests may come at once.
    pub(super) remaining: u32,
    /// When there will be room for one more.
    pub(super) next: Duration,
}

/// Keys of one limiter that are remembered; the one unused for longest is forgotten first. About 20 MB.
const MAX_KEYS: u64 = 100_000;

impl<K: Key> Limiter<K> {
    /// `None` if there is no limit.
    pub(super) fn new(rate: Rate, clock: Arc<dyn Clock>) -> Option<Self> {
        Self::with_room_for(MAX_KEYS, rate, clock)
    }

    fn with_room_for(keys: u64, rate: Rate, clock: Arc<dyn Clock>) -> Option<Self> {
        let Rate::Limit { count, per } = rate else { return None };
        let quota = Quota::with_period(per / count.get())?.allow_burst(count);
        let states = Cache::builder()
            .max_capacity(keys)
            .eviction_policy(EvictionPolicy::lru())
            // By then a key's quota is whole again, and forgetting it changes nothing.
            .time_to_idle(per)
            .build();
        let clock = SteadyClock::new(clock);
        let governor = RateLimiter::new(quota, BoundedStates(states), clock.clone());
        Some(Self { governor, clock, quota: Allowance { count, per } })
    }

    /// Counts a request.
    pub(super) fn count(&self, key: K) -> Count {
        match self.governor.check_key(&key) {
            Ok(state) => Count {
                allowed: true,
                remaining: state.remaining_burst_capacity(),
                next: self.quota.per / self.quota.count.get(),
            },
            Err(refused) => Count { allowed: false, remaining: 0, next: refused.wait_time_from(self.clock.now()) },
        }
    }
}

/// One number per key, in a cache that is bounded; governor's own store is not.
struct BoundedStates<K: Key>(Cache<K, Arc<InMemoryState>>);

impl<K: Key> StateStore for BoundedStates<K> {
    type Key = K;

    fn measure_and_replace<T, F, E>(&self, key: &K, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        self.0.get_with(*key, Arc::default).measure_and_replace(&NotKeyed::NonKey, decide)
    }
}

impl<K: Key> fmt::Debug for BoundedStates<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoundedStates").finish_non_exhaustive()
    }
}

/// The server's clock made to run forwards only. A wall clock that is set back an hour would otherwise refuse everybody
/// for that hour.
#[derive(Debug, Clone)]
struct SteadyClock {
    wall: Arc<dyn Clock>,
    /// What the wall clock said last, and how far it has run forwards since the start.
    seen: Arc<Mutex<(Timestamp, Duration)>>,
}

impl SteadyClock {
    fn new(wall: Arc<dyn Clock>) -> Self {
        let seen = Arc::new(Mutex::new((wall.now(), Duration::ZERO)));
        Self { wall, seen }
    }
}

impl GovernorClock for SteadyClock {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.wall.now();
        let (last, run) = *seen;
        *seen = (now, run + now.since(last));
        Nanos::from(seen.1)
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
    fn a_rate_is_read_and_written_in_one_form() {
        for text in ["30/1h", "1/1ms", "1000/1s", "5/3days", "off"] {
            assert_eq!(text.parse::<Rate>().unwrap().to_string(), text);
        }
        for text in
            ["", "30", "0/1h", "-1/1h", "30/", "30/h", "/1h", "30/1h/1h", "1001/1s", "1/367d", "OFF", "4294967296/1h"]
        {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_rate_is_multiplied_by_its_count() {
        let ten_times = |text: &str| text.parse::<Rate>().unwrap().times(NonZeroU32::new(10).unwrap());

        assert_eq!(ten_times("10/15m").to_string(), "100/15m");
        assert_eq!(ten_times("off"), Rate::Off);
        // The most that a setting can be, and more than the limiter's numbers hold.
        for text in ["1000/1s", "1/1ms", "4294967295/366d"] {
            assert!(Limiter::<u8>::new(ten_times(text), TestClock::new()).unwrap().count(1).allowed, "{text}");
        }
    }

    #[test]
    fn all_may_come_at_once_and_then_one_at_a_time() {
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
    fn a_clock_that_is_set_back_refuses_nobody_for_longer() {
        let clock = TestClock::new();
        let limiter = Limiter::new("1/1m".parse().unwrap(), clock.clone()).unwrap();
        assert_eq!(allowed(limiter.count(1)), Some(0));

        clock.0.fetch_sub(3_600_000, Ordering::SeqCst);
        assert_eq!(limiter.count(1).next, MINUTE);
        clock.advance(MINUTE);

        assert_eq!(allowed(limiter.count(1)), Some(0));
    }

    #[test]
    fn s10_the_limiter_holds_so_many_keys_and_no_more() {
        let clock = TestClock::new();
        let limiter = Limiter::with_room_for(100, "1/1h".parse().unwrap(), clock).unwrap();

        for key in 0..10_000 {
            limiter.count(key);
        }

        let states = &limiter.governor.into_state_store().0;
        states.run_pending_tasks();
        assert!(states.entry_count() <= 100, "{}", states.entry_count());
    }
}
