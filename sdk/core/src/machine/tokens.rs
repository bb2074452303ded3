//! The calls that want a token: when the current one serves them, and what follows when it was refused.

use super::current::StaleReason;
use super::waiters::Want;
use super::{Machine, Phase};
use crate::{Event, Outcome, Timestamp, Version, WaiterId};

impl Machine {
    pub(super) fn on_token_wanted(&mut self, waiter: WaiterId, deadline: u64, fresh: bool) {
        if self.phase == Phase::SignedOut && !self.is_permanently_signed_out() {
            self.phase = Phase::Open;
        }
        self.waiters.add(waiter, Want::Token { attempt: 0, fresh }, Some(deadline));
    }

    /// A resource has responded with 401: at most one replay for each request (C3), and none of a body that cannot be sent
    /// twice (C20).
    pub(super) fn on_unauthorized(
        &mut self,
        now: Timestamp,
        waiter: WaiterId,
        deadline: u64,
        version: Version,
        attempt: u8,
        replayable: bool,
    ) {
        let want = Want::Token { attempt: attempt.saturating_add(1), fresh: false };
        self.waiters.add(waiter, want, Some(deadline));
        if attempt > 0 || !self.refuse(now, version) || !replayable {
            self.settle(waiter, Outcome::PassThrough);
        }
    }

    /// A token of this version was refused. Returns whether there is, or will be, a newer one for the same visitor.
    pub(super) fn refuse(&mut self, now: Timestamp, version: Version) -> bool {
        let newest = self.identity.version();
        if version.epoch != newest.epoch || self.phase != Phase::Open {
            return false;
        }
        if version > self.reported_refusal {
            self.reported_refusal = version;
            self.context.event(Event::Unauthorized { generation: version.generation });
        }
        if version == newest {
            if self.identity.current().is_some_and(|current| current.is_trusted(now)) {
                return false;
            }
            self.identity.mark_stale(StaleReason::Refused);
        }
        true
    }

    pub(super) fn waits_for_token(&self) -> bool {
        self.waiters.wants_token() || self.account_request_wants_token()
    }

    /// Whether the credential is good enough for every call that waits for a token.
    pub(super) fn can_serve_all(&self, now: Timestamp) -> bool {
        (!self.waits_for_token() || self.can_serve(now, false))
            && (!self.waiters.wants_fresh_token() || self.can_serve(now, true))
    }

    /// While renewals fail, a token that is about to end also serves the calls that want a fresh one.
    pub(super) fn can_serve(&self, now: Timestamp, fresh: bool) -> bool {
        self.identity.is_usable(now, fresh && self.backoff.error().is_none())
    }

    /// Settles the calls that wait for a token with the current one. `fresh`: also the calls that want a fresh one.
    pub(super) fn grant(&mut self, fresh: bool) {
        let Some(access_token) = self.identity.credential().map(|credential| credential.access_token) else { return };
        if self.waiters.grant(access_token, self.identity.version(), fresh, &mut self.context) {
            self.identity.mark_used();
        }
    }

    /// Whether a call waits for a token, the credential in use nears its end, or the last attempt failed and is repeated.
    pub(super) fn wants_renewal(&self, now: Timestamp) -> bool {
        self.phase == Phase::Open
            && (self.backoff.repeats()
                || !self.can_serve_all(now)
                || self.identity.refresh_at().is_some_and(|at| at <= now.mono))
    }
}
