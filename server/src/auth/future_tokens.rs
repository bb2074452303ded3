//! Access tokens that were issued in the future by the clock of this node.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::clock::Timestamp;

/// A smaller difference is no news: `iat` is in whole seconds, and clocks differ a little.
const NOTABLE: Duration = Duration::from_secs(1);
/// How often the log says so.
const INTERVAL: Duration = Duration::from_secs(60);

/// Says that the clocks of the nodes differ. Only other nodes can issue such tokens, because their signatures are good.
#[derive(Debug, Default)]
pub(crate) struct FutureTokens {
    warned_at: Mutex<Option<Timestamp>>,
}

impl FutureTokens {
    /// Whether a token that begins at this time is from the future. Warns, but not more than once a minute.
    pub(super) fn notice(&self, not_before: Timestamp, now: Timestamp) -> bool {
        if not_before <= now + NOTABLE {
            return false;
        }
        let mut warned_at = self.warned_at.lock().unwrap_or_else(PoisonError::into_inner);
        if warned_at.is_none_or(|at| now < at || at + INTERVAL <= now) {
            *warned_at = Some(now);
            tracing::warn!(
                ahead = ?not_before.since(now),
                "an access token of another node was issued in the future by the clock of this node: the clocks of the nodes differ; \
                 synchronise them, with NTP for example"
            );
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_from_the_future_are_noticed_and_logged_once_a_minute() {
        let future = FutureTokens::default();
        let [now, soon] = [100, 102].map(Timestamp::from_secs);
        let warned_at = || *future.warned_at.lock().unwrap();

        assert!(!future.notice(Timestamp::from_secs(101), now));
        assert_eq!(warned_at(), None);
        assert!(future.notice(soon, now));
        assert!(future.notice(soon + INTERVAL, now + INTERVAL - Duration::from_millis(1)));
        assert_eq!(warned_at(), Some(now));
        assert!(future.notice(soon + INTERVAL, now + INTERVAL));
        assert_eq!(warned_at(), Some(now + INTERVAL));
    }
}
