//! The time that the nodes on one store share.
//!
//! Nodes issue access tokens to each other's callers, and no two clocks show the same time. A node whose clock is eight seconds behind
//! would refuse the new tokens of the others as not valid yet. So `iat` and `nbf` are written and checked by the clock that all
//! nodes can read: that of the database. Everything else uses the clock of the node.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use crate::clock::{Clock, Timestamp};

/// A smaller difference is no difference: the times in tokens are whole seconds.
const NEGLIGIBLE: Duration = Duration::from_secs(1);
/// A greater difference is not followed: one of the clocks is wrong, and the log says so (S15).
const GREATEST: Duration = Duration::from_mins(5);
const UNKNOWN: i64 = i64::MIN;

/// The time of the database, carried on by the steady clock of this process between two readings.
#[derive(Debug)]
pub(crate) struct SharedTime {
    clock: Arc<dyn Clock>,
    /// The time of the database when the steady clock showed zero, in milliseconds since 1970.
    origin: AtomicI64,
}

impl SharedTime {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, origin: AtomicI64::new(UNKNOWN) }
    }

    /// Notes the time of the database, which was read between `before` and `after` by the clock of this node.
    pub(crate) fn note(&self, database: Timestamp, before: Timestamp, after: Timestamp) {
        let Some(steady) = self.clock.steady().and_then(|steady| i64::try_from(steady.as_millis()).ok()) else {
            return;
        };
        // While the response took its time, any time between the two is possible, and that of this node is the best guess.
        let now = if (before..=after).contains(&database) { after } else { database };
        self.origin.store(now.as_millis().saturating_sub(steady), Ordering::Relaxed);
    }

    /// The shared time at `now` by the clock of this node. It is `now` for a store that this node has for itself, and if the clocks
    /// differ by less than a second or by more than five minutes.
    pub(crate) fn at(&self, now: Timestamp) -> Timestamp {
        let origin = self.origin.load(Ordering::Relaxed);
        let steady = self.clock.steady().and_then(|steady| i64::try_from(steady.as_millis()).ok());
        let Some(steady) = steady.filter(|_| origin != UNKNOWN) else { return now };
        let shared = Timestamp::from_millis(origin.saturating_add(steady));
        let difference = shared.since(now).max(now.since(shared));
        if (NEGLIGIBLE..=GREATEST).contains(&difference) { shared } else { now }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    const NOON: Timestamp = Timestamp::from_millis(1_800_000_000_000);
    const SECOND: Duration = Duration::from_secs(1);

    /// Only the steady clock matters here.
    #[derive(Debug, Default)]
    struct Steady(Mutex<Option<Duration>>);

    impl Clock for Steady {
        fn now(&self) -> Timestamp {
            NOON
        }

        fn steady(&self) -> Option<Duration> {
            *self.0.lock().unwrap()
        }
    }

    fn at(steady: Duration) -> (Arc<Steady>, SharedTime) {
        let clock = Arc::new(Steady(Mutex::new(Some(steady))));
        (Arc::clone(&clock), SharedTime::new(clock))
    }

    #[test]
    fn the_shared_time_is_that_of_the_database_and_goes_on_with_the_steady_clock() {
        let (clock, shared) = at(100 * SECOND);
        assert_eq!(shared.at(NOON), NOON, "not known yet");

        shared.note(NOON + 8 * SECOND, NOON, NOON);
        assert_eq!(shared.at(NOON), NOON + 8 * SECOND);
        *clock.0.lock().unwrap() = Some(130 * SECOND);
        assert_eq!(shared.at(NOON + 30 * SECOND), NOON + 38 * SECOND);
        // The clock of the node was set back meanwhile.
        assert_eq!(shared.at(NOON), NOON + 38 * SECOND);
        shared.note(NOON - 8 * SECOND, NOON, NOON);
        assert_eq!(shared.at(NOON), NOON - 8 * SECOND);
    }

    #[test]
    fn a_negligible_unknown_or_great_difference_is_none() {
        let (clock, shared) = at(SECOND);
        for (database, after) in [
            (NOON + Duration::from_millis(999), NOON),
            // The response took four seconds.
            (NOON + 2 * SECOND, NOON + 4 * SECOND),
            (NOON + 301 * SECOND, NOON),
            (NOON - 301 * SECOND, NOON),
        ] {
            shared.note(database, NOON, after);
            assert_eq!(shared.at(after), after, "{database:?}");
        }
        shared.note(NOON + 8 * SECOND, NOON, NOON);
        *clock.0.lock().unwrap() = None;
        assert_eq!(shared.at(NOON), NOON, "a simulated clock");
    }
}
