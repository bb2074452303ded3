//! When the next attempt may start: back-off, `Retry-After`, and the browser's word that it is offline.

use crate::{Config, SessionError, Timestamp};

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Backoff {
    /// Why the last attempt failed; `None` once one has not.
    pub(super) error: Option<SessionError>,
    failures: u32,
    not_before: u64,
    offline_until: u64,
    jitter: u64,
}

impl Backoff {
    pub(super) fn new(seed: u64) -> Self {
        Self { error: None, failures: 0, not_before: 0, offline_until: 0, jitter: seed }
    }

    /// The monotonic time before which no attempt starts.
    pub(super) fn next_attempt_at(&self) -> u64 {
        self.not_before.max(self.offline_until)
    }

    /// Whether the failed attempt is repeated although nobody waits: what waiting does not mend, is not.
    pub(super) fn repeats(&self) -> bool {
        self.error.is_some_and(|error| !matches!(error, SessionError::Rejected { .. }))
    }

    pub(super) fn succeeded(&mut self) {
        self.error = None;
        self.failures = 0;
        self.not_before = 0;
        self.offline_until = 0;
    }

    /// Counts a error and answers with the delay: exponential with full jitter, and no less than the server asked for.
    pub(super) fn failed(
        &mut self,
        now: Timestamp,
        config: &Config,
        error: SessionError,
        retry_after: Option<u64>,
    ) -> u64 {
        // What was refused may be mended at any time, and nobody can tell when: not for long.
        let longest = if matches!(error, SessionError::Rejected { .. }) { 2 } else { u32::MAX };
        let delay = self.delay(config, self.failures.min(longest), retry_after);
        self.error = Some(error);
        self.failures = self.failures.saturating_add(1);
        self.not_before = now.mono.saturating_add(delay);
        if self.offline_until > 0 {
            self.offline_until = now.mono.saturating_add(config.offline_probe);
        }
        self.next_attempt_at() - now.mono
    }

    /// After so many failures before this one.
    pub(super) fn delay(&mut self, config: &Config, failures: u32, retry_after: Option<u64>) -> u64 {
        let ceiling = (config.backoff_base << failures.min(20)).min(config.backoff_cap);
        let asked = retry_after.unwrap_or(0).min(config.backoff_cap);
        asked.saturating_add(self.below(ceiling)).max(1)
    }

    pub(super) fn online(&mut self, now: Timestamp) {
        self.offline_until = 0;
        self.retry_now(now);
    }

    /// The browser's word is only believed for a while: it errs.
    pub(super) fn offline(&mut self, now: Timestamp, config: &Config) {
        self.offline_until = now.mono.saturating_add(config.offline_probe);
    }

    pub(super) fn retry_now(&mut self, now: Timestamp) {
        self.not_before = self.not_before.min(now.mono);
    }

    /// A number below `bound`, by SplitMix64: jitter has to spread, not to surprise.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.jitter = self.jitter.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.jitter;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound.max(1)
    }
}
