//! The clock of the server, which tests can replace, and its timestamps: milliseconds since the Unix epoch.

use std::fmt;
use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The source of the current time. [`Guestpass::open`](crate::Guestpass::open) uses [`SystemClock`];
/// [`Guestpass::open_at`](crate::Guestpass::open_at) takes another one, for tests and simulations.
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// The current time.
    fn now(&self) -> Timestamp;

    /// The time since a fixed point, which does not change when the clock is set. The server compares it with
    /// [`Clock::now`] to notice that the clock was set. `None`, the default, is for a simulated clock, which the server compares
    /// with no other clock.
    fn steady(&self) -> Option<Duration> {
        None
    }
}

/// The machine's wall clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        // A clock that is set before 1970 reads as 1970. Tokens that it issues have expired for every correct clock.
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(millis(since_epoch))
    }

    fn steady(&self) -> Option<Duration> {
        static START: OnceLock<Instant> = OnceLock::new();
        Some(START.get_or_init(Instant::now).elapsed())
    }
}

/// A point in time, in milliseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The time `millis` milliseconds after the Unix epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the Unix epoch.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the Unix epoch, rounded down: the unit of `iat` and `exp` (RFC 7519 §2).
    pub(crate) fn as_secs(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// This time if it is a whole second, else the next whole second. `exp` is in whole seconds; rounded up, a token lives at
    /// least as long as its `expires_in`.
    pub(crate) fn rounded_up_to_second(self) -> Self {
        Self::from_secs(self.0.saturating_add(999).div_euclid(1000))
    }

    /// The start of the hour.
    pub(crate) fn rounded_down_to_hour(self) -> Self {
        const HOUR: i64 = 60 * 60 * 1000;
        Self(self.0.div_euclid(HOUR) * HOUR)
    }

    pub(crate) fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(1000))
    }

    /// The duration since `earlier`; zero if `earlier` is later than this time.
    pub(crate) fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// The time as RFC 3339 text in UTC, with milliseconds.
    pub fn rfc3339(self) -> String {
        let since_epoch = Duration::from_millis(u64::try_from(self.0).unwrap_or(0));
        humantime::format_rfc3339_millis(UNIX_EPOCH + since_epoch).to_string()
    }
}

impl std::ops::Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(millis(duration)))
    }
}

impl std::ops::Sub<Duration> for Timestamp {
    type Output = Self;

    fn sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(millis(duration)))
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_round_down_for_iat_and_up_for_exp() {
        let moment = Timestamp::from_millis(10_001);

        assert_eq!(moment.as_secs(), 10);
        assert_eq!(moment.rounded_up_to_second(), Timestamp::from_secs(11));
        assert_eq!(Timestamp::from_secs(10).rounded_up_to_second(), Timestamp::from_secs(10));
    }

    #[test]
    fn hours_round_down() {
        let hour = Timestamp::from_secs(7200);

        assert_eq!(hour.rounded_down_to_hour(), hour);
        assert_eq!(Timestamp::from_millis(10_799_999).rounded_down_to_hour(), hour);
    }

    #[test]
    fn rfc3339_text_has_milliseconds_and_is_in_utc() {
        assert_eq!(Timestamp::from_millis(1_562_262_616_007).rfc3339(), "2019-07-04T17:50:16.007Z");
    }
}
