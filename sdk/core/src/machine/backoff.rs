//! When the next attempt to renew may start: back-off, `Retry-After`, and the browser's report that it is offline.

use super::context::Context;
use crate::{Config, Event, SessionError, Timestamp};

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Backoff {
    /// Why the last attempt failed; `None` after a success.
    error: Option<SessionError>,
    failures: u32,
    not_before: u64,
    /// The server has asked for no attempt before this time (`Retry-After`).
    asked_until: u64,
    offline_until: u64,
}

impl Backoff {
    pub(super) fn error(&self) -> Option<SessionError> {
        self.error
    }

    /// The monotonic time before which no attempt starts.
    pub(super) fn next_attempt_at(&self) -> u64 {
        self.not_before.max(self.offline_until)
    }

    /// Whether the failed attempt is repeated even if no call waits. A rejection is not.
    pub(super) fn repeats(&self) -> bool {
        self.error.is_some_and(|error| !matches!(error, SessionError::Rejected { .. }))
    }

    /// The rejection that fails every call until the next attempt may start.
    pub(super) fn rejection(&self, now: Timestamp) -> Option<SessionError> {
        match self.error {
            Some(error @ SessionError::Rejected { .. }) if now.mono < self.next_attempt_at() => Some(error),
            _ => None,
        }
    }

    /// The error for the calls whose deadline is not after the time, in the future, that the server has asked to wait for.
    pub(super) fn asked_to_wait(&self, now: Timestamp) -> Option<(u64, SessionError)> {
        self.error.filter(|_| self.asked_until > now.mono).map(|error| (self.asked_until, error))
    }

    pub(super) fn failures(&self) -> u32 {
        self.failures
    }

    pub(super) fn succeeded(&mut self) {
        *self = Self::default();
    }

    /// Delays the next attempt, exponentially with full jitter, and at least as long as the server asked for.
    pub(super) fn failed(
        &mut self,
        now: Timestamp,
        error: SessionError,
        retry_after: Option<u64>,
        context: &mut Context,
    ) {
        // The cause of a rejection may be removed at any time, without a signal to the client: wait two seconds at most.
        let longest = if matches!(error, SessionError::Rejected { .. }) { 2 } else { u32::MAX };
        let delay = delay(self.failures.min(longest), retry_after, context);
        self.error = Some(error);
        self.failures = self.failures.saturating_add(1);
        self.not_before = now.mono.saturating_add(delay);
        self.asked_until = now.mono.saturating_add(asked(retry_after, context));
        if self.offline_until > 0 {
            self.offline(now, &context.config);
        }
        context.event(Event::Retrying { error, delay: self.next_attempt_at() - now.mono });
    }

    pub(super) fn online(&mut self, now: Timestamp) {
        self.offline_until = 0;
        self.retry_now(now);
    }

    /// Browsers may report `offline` wrongly, so an attempt is made after [`Config::offline_probe`].
    pub(super) fn offline(&mut self, now: Timestamp, config: &Config) {
        self.offline_until = now.mono.saturating_add(config.offline_probe);
    }

    pub(super) fn retry_now(&mut self, now: Timestamp) {
        self.not_before = self.not_before.min(now.mono.max(self.asked_until));
    }
}

/// Milliseconds to wait after a failure that follows `failures` others.
pub(super) fn delay(failures: u32, retry_after: Option<u64>, context: &mut Context) -> u64 {
    let (base, cap) = (context.config.backoff_base, context.config.backoff_cap);
    let ceiling = (base << failures.min(20)).min(cap);
    asked(retry_after, context).saturating_add(context.jitter.below(ceiling)).max(1)
}

/// `Retry-After`, cut to what is obeyed.
fn asked(retry_after: Option<u64>, context: &Context) -> u64 {
    retry_after.unwrap_or(0).min(context.config.retry_after_cap)
}
