//! Whether the clock of this server can be trusted with a deletion (S15).
//!
//! A clock that is a year ahead makes every guest look inactive. Three clocks are compared with it: that of the database server;
//! the heartbeat in the store, which servers with a trusted clock write every minute; and the steady clock of this process,
//! which setting the clock does not change. The heartbeat, and not the activity of guests, because a server with a wrong clock
//! also records activity at wrong times.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;

use crate::clock::{Clock, Timestamp};
use crate::shared_time::SharedTime;
use crate::store::{MaintenanceStore, StoreClocks, StoreError};

/// How far the clock of this server may be from that of the database, and from its own steady clock.
const TOLERANCE: Duration = Duration::from_mins(5);
/// How far the clock of a server that starts may be ahead of the heartbeat: the time for which all servers may have been stopped.
const LONGEST_STOP: Duration = Duration::from_hours(24);
/// A clock that is ahead is accepted when the server has run with it for this long, and it was not set meanwhile.
const PROBATION: Duration = Duration::from_hours(24);

/// For the log.
const ADVICE: &str = "If the clock is right, run `guestpass sweep --clock-is-right`; if not, correct it. A clock that is \
                      not set again is trusted after a day";

/// A reason not to trust the clock of this server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ClockDoubt {
    /// All servers have been stopped for long, or the clock is wrong, or the store is an old copy.
    #[error(
        "the clock of this server is {} ahead of the last time at which a server used the store",
        humantime::format_duration(Duration::from_secs(.0.as_secs()))
    )]
    AheadOfHeartbeat(Duration),
    /// The clock was set, or the machine was suspended.
    #[error(
        "the clock of this server was set forward by {} while the server ran",
        humantime::format_duration(Duration::from_secs(.0.as_secs()))
    )]
    SetForward(Duration),
    /// The clock of this server or of the database server is wrong.
    #[error(
        "the clock of this server and that of the database differ by {}",
        humantime::format_duration(Duration::from_secs(.0.as_secs()))
    )]
    DiffersFromDatabase(Duration),
}

/// Compares the clock of this server with the others.
#[derive(Debug)]
pub(crate) struct ClockCheck {
    state: Mutex<State>,
    shared: Arc<SharedTime>,
}

#[derive(Debug, Default)]
struct State {
    /// The last reading that was trusted.
    trusted: Option<Reading>,
    /// The first reading that differs from what was expected, of a clock that has run evenly since.
    differing: Option<Reading>,
    /// The heartbeat at the first check.
    last_run: Option<Reading>,
    confirmed: bool,
    /// Whether the last check found a doubt, which is logged once.
    doubted: bool,
}

/// The clock and the steady clock at one moment.
#[derive(Debug, Clone, Copy)]
struct Reading {
    clock: Timestamp,
    steady: Duration,
}

impl Reading {
    /// The time that the clock should show, if it was right at this reading and has not been set.
    fn expected_at(self, steady: Duration) -> Timestamp {
        self.clock + steady.saturating_sub(self.steady)
    }
}

impl ClockCheck {
    /// A check that also notes the time of the database in `shared`.
    pub(crate) fn new(shared: Arc<SharedTime>) -> Self {
        Self { state: Mutex::default(), shared }
    }

    /// Checks the clock, and writes the heartbeat if the clock is trusted.
    pub(crate) async fn check(
        &self,
        store: &dyn MaintenanceStore,
        clock: &dyn Clock,
    ) -> Result<Result<(), ClockDoubt>, StoreError> {
        let Some(steady) = clock.steady() else { return Ok(Ok(())) };
        let mut state = self.state.lock().await;
        let before = clock.now();
        let clocks = store.clocks().await?;
        let now = Reading { clock: clock.now(), steady };
        if let Some(database) = clocks.database {
            self.shared.note(database, before, now.clock);
        }
        let checked = state.check(clocks, now);
        match (std::mem::replace(&mut state.doubted, checked.is_err()), &checked) {
            (false, Err(doubt)) => tracing::warn!("nothing is removed from the store: {doubt}. {ADVICE}"),
            (true, Ok(_)) => tracing::info!("the clock of this server is trusted again; guests are removed as before"),
            _ => {}
        }
        Ok(match checked {
            Ok(Trust::Trusted) => {
                store.write_heartbeat(Some(now.clock)).await?;
                Ok(())
            }
            Ok(Trust::Behind) => Ok(()),
            Err(doubt) => Err(doubt),
        })
    }

    /// The current time; if the clock is in doubt, the time that it should show, so that nothing expires too early.
    pub(crate) async fn cautious_now(&self, clock: &dyn Clock) -> Timestamp {
        let now = clock.now();
        let state = self.state.lock().await;
        match (clock.steady(), state.trusted, state.last_run) {
            (None, ..) => now,
            _ if state.confirmed => now,
            (Some(steady), Some(trusted), _) if trusted.expected_at(steady) + TOLERANCE < now => {
                trusted.expected_at(steady)
            }
            (Some(steady), None, Some(last_run)) if state.doubted => now.min(last_run.expected_at(steady)),
            _ => now,
        }
    }

    /// Trusts the clock for as long as this process runs, because an operator has checked it.
    pub(crate) async fn confirm(&self, store: &dyn MaintenanceStore, now: Timestamp) -> Result<(), StoreError> {
        self.state.lock().await.confirmed = true;
        store.write_heartbeat(Some(now)).await
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trust {
    Trusted,
    /// The clock was set back. A sweep then removes too little and never too much.
    Behind,
}

impl State {
    fn check(&mut self, clocks: StoreClocks, now: Reading) -> Result<Trust, ClockDoubt> {
        if self.confirmed {
            return Ok(Trust::Trusted);
        }
        if let Some(database) = clocks.database.map(|database| difference(database, now.clock))
            && database > TOLERANCE
        {
            return Err(ClockDoubt::DiffersFromDatabase(database));
        }
        // Without a heartbeat, the store had no guests until this server started.
        let heartbeat = clocks.heartbeat.unwrap_or(now.clock);
        let last_run = *self.last_run.get_or_insert(Reading { clock: heartbeat, steady: now.steady });
        let (expected, tolerance) = match self.trusted {
            Some(trusted) => (trusted.expected_at(now.steady), TOLERANCE),
            None => (last_run.expected_at(now.steady), LONGEST_STOP),
        };
        // Another node, or a command that an operator has given, has written a heartbeat at this time.
        let confirmed = difference(heartbeat, now.clock) <= TOLERANCE;
        if confirmed || difference(expected, now.clock) <= tolerance || self.has_run_evenly(now) {
            self.trusted = Some(now);
            self.differing = None;
            return Ok(Trust::Trusted);
        }
        let ahead = now.clock.since(expected);
        match self.trusted {
            _ if ahead.is_zero() => Ok(Trust::Behind),
            Some(_) => Err(ClockDoubt::SetForward(ahead)),
            None => Err(ClockDoubt::AheadOfHeartbeat(ahead)),
        }
    }

    /// Whether the clock has run evenly for long enough since it first differed.
    fn has_run_evenly(&mut self, now: Reading) -> bool {
        let evenly = |since: &Reading| difference(since.expected_at(now.steady), now.clock) <= TOLERANCE;
        let since = self.differing.filter(evenly).unwrap_or(now);
        self.differing = Some(since);
        now.steady.saturating_sub(since.steady) >= PROBATION
    }
}

fn difference(one: Timestamp, other: Timestamp) -> Duration {
    one.since(other).max(other.since(one))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);
    const DAY: Duration = Duration::from_hours(24);
    const YEAR: Duration = Duration::from_hours(365 * 24);
    const START: Timestamp = Timestamp::from_millis(1_800_000_000_000);

    fn reading(ahead: Duration, steady: Duration) -> Reading {
        Reading { clock: START + steady + ahead, steady }
    }

    fn heartbeat(at: Timestamp) -> StoreClocks {
        StoreClocks { heartbeat: Some(at), database: None }
    }

    #[test]
    fn s15_a_clock_that_is_set_forward_is_trusted_after_a_day_or_when_it_is_set_back() {
        let mut state = State::default();
        let mut check = |ahead, steady| state.check(heartbeat(START), reading(ahead, steady));
        assert_eq!(check(Duration::ZERO, Duration::ZERO), Ok(Trust::Trusted));
        assert_eq!(check(Duration::ZERO, 6 * MINUTE), Ok(Trust::Trusted));

        assert_eq!(check(YEAR, 7 * MINUTE), Err(ClockDoubt::SetForward(YEAR)));
        assert_eq!(check(Duration::ZERO, 8 * MINUTE), Ok(Trust::Trusted));

        assert_eq!(check(YEAR, 9 * MINUTE), Err(ClockDoubt::SetForward(YEAR)));
        // Set once more, so the day begins again.
        assert_eq!(check(2 * YEAR, 10 * MINUTE), Err(ClockDoubt::SetForward(2 * YEAR)));
        assert_eq!(check(2 * YEAR, 9 * MINUTE + DAY), Err(ClockDoubt::SetForward(2 * YEAR)));
        assert_eq!(check(2 * YEAR, 10 * MINUTE + DAY), Ok(Trust::Trusted));
    }

    #[test]
    fn s15_a_server_that_starts_trusts_a_clock_within_a_day_of_the_heartbeat() {
        let first = |ahead| State::default().check(heartbeat(START), reading(ahead, MINUTE));

        assert_eq!(first(DAY - MINUTE), Ok(Trust::Trusted));
        assert_eq!(first(DAY), Err(ClockDoubt::AheadOfHeartbeat(DAY + MINUTE)));
        assert_eq!(State::default().check(heartbeat(START + YEAR), reading(DAY, MINUTE)), Ok(Trust::Behind));
    }

    #[test]
    fn s15_a_site_that_was_stopped_for_long_is_swept_after_a_day_or_when_an_operator_confirms() {
        let mut state = State::default();
        assert_eq!(
            state.check(heartbeat(START), reading(YEAR, Duration::ZERO)),
            Err(ClockDoubt::AheadOfHeartbeat(YEAR))
        );

        let confirmed = state.check(heartbeat(START + YEAR), reading(YEAR, MINUTE));

        assert_eq!(confirmed, Ok(Trust::Trusted));
        let mut state = State::default();
        let mut check = |steady| state.check(heartbeat(START), reading(YEAR, steady));
        assert_eq!(check(Duration::ZERO), Err(ClockDoubt::AheadOfHeartbeat(YEAR)));
        assert_eq!(check(DAY), Ok(Trust::Trusted));
    }

    #[test]
    fn s15_a_clock_that_differs_from_that_of_the_database_is_not_trusted() {
        let check = |database| {
            let clocks = StoreClocks { heartbeat: None, database: Some(database) };
            State::default().check(clocks, reading(Duration::ZERO, Duration::ZERO))
        };

        assert_eq!(check(START + 5 * MINUTE), Ok(Trust::Trusted));
        assert_eq!(check(START - 6 * MINUTE), Err(ClockDoubt::DiffersFromDatabase(6 * MINUTE)));
        assert_eq!(check(START + 6 * MINUTE), Err(ClockDoubt::DiffersFromDatabase(6 * MINUTE)));
    }
}
