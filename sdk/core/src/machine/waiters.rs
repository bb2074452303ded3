//! Calls that wait for an outcome: each gets exactly one (C4).

use super::account_requests::AccountRequestKind;
use super::identity::Current;
use super::{Machine, Phase};
use crate::{Effect, Grant, Outcome, SessionError, Timestamp, WaiterId};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Waiter {
    pub(super) id: WaiterId,
    pub(super) want: Want,
    pub(super) deadline: Option<u64>,
    /// Why it has come to nothing so far.
    pub(super) error: Option<SessionError>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Want {
    Started,
    SignedOut,
    Token { attempt: u8, fresh: bool },
    AccountRequest(AccountRequestKind),
}

impl Machine {
    /// The same id again, while it waits, is the session manager's mistake: the first call goes on.
    pub(super) fn wait(&mut self, id: WaiterId, want: Want, deadline: Option<u64>) {
        if !self.is_waiting(id) {
            self.waiters.push(Waiter { id, want, deadline, error: None });
        }
    }

    pub(super) fn is_waiting(&self, id: WaiterId) -> bool {
        self.waiters.iter().any(|waiter| waiter.id == id)
    }

    /// Whoever has waited longest for an account_request, and for which.
    pub(super) fn next_account_request(&self) -> Option<(WaiterId, AccountRequestKind)> {
        self.waiters.iter().find_map(|waiter| match waiter.want {
            Want::AccountRequest(task) => Some((waiter.id, task)),
            _ => None,
        })
    }

    pub(super) fn settle(&mut self, id: WaiterId, outcome: Outcome) {
        if let Some(index) = self.waiters.iter().position(|waiter| waiter.id == id) {
            self.waiters.remove(index);
            self.effects.push_back(Effect::Settle { waiter: id, outcome });
        }
    }

    pub(super) fn settle_all(&mut self, outcome: Outcome, is: &dyn Fn(&Waiter) -> bool) {
        self.settle_where(&|waiter| is(waiter).then_some(outcome));
    }

    /// Settles those for whom there is an outcome; the others go on waiting.
    fn settle_where(&mut self, outcome: &dyn Fn(&Waiter) -> Option<Outcome>) {
        let effects = &mut self.effects;
        self.waiters.retain(|waiter| match outcome(waiter) {
            Some(outcome) => {
                effects.push_back(Effect::Settle { waiter: waiter.id, outcome });
                false
            }
            None => true,
        });
    }

    pub(super) fn settle_overdue(&mut self, now: Timestamp) {
        let error = self.backoff.error.unwrap_or(SessionError::Timeout);
        self.settle_where(&|waiter| {
            let overdue = waiter.deadline.is_some_and(|at| at <= now.mono);
            overdue.then(|| Outcome::Failed(waiter.error.unwrap_or(error)))
        });
    }

    pub(super) fn fail_token_waiters(&mut self, error: SessionError) {
        self.settle_all(Outcome::Failed(error), &Waiter::wants_token);
    }

    /// There is no session any more for what they want.
    pub(super) fn fail_session_waiters(&mut self, error: SessionError) {
        self.settle_all(Outcome::Failed(error), &|waiter| {
            matches!(waiter.want, Want::Token { .. } | Want::AccountRequest(_))
        });
    }

    pub(super) fn settle_erasures(&mut self, outcome: Outcome) {
        self.settle_all(outcome, &Waiter::erases);
    }

    /// Gives everybody who waits what there is for them.
    pub(super) fn settle_ready(&mut self, now: Timestamp) {
        if self.loaded {
            self.settle_all(Outcome::Done, &|waiter| waiter.want == Want::Started);
        }
        if self.phase == Phase::Ended {
            self.fail_session_waiters(SessionError::SessionEnded);
        }
        if self.is_barred() {
            self.fail_token_waiters(SessionError::SignedOut);
        }
        self.drive_account_request(now);
        if self.can_serve(now, false) {
            let fresh_too = self.can_serve(now, true);
            self.grant(&|fresh| fresh_too || !fresh);
            self.send_account_request(now);
        }
        if let Some(error @ SessionError::Rejected { .. }) = self.backoff.error
            && now.mono < self.backoff.next_attempt_at()
        {
            // Waiting does not mend it. Whoever asks after the pause tries again.
            self.fail_token_waiters(error);
        }
    }

    /// Whether what is held is good enough for everybody who waits for a token.
    pub(super) fn can_serve_all(&self, now: Timestamp) -> bool {
        self.waiters.iter().all(|waiter| match waiter.want {
            Want::Token { fresh, .. } => self.can_serve(now, fresh),
            Want::Started | Want::SignedOut | Want::AccountRequest(_) => true,
        }) && (!self.account_request_wants_token() || self.can_serve(now, false))
    }

    pub(super) fn waits_for_token(&self) -> bool {
        self.waiters.iter().any(Waiter::wants_token) || self.account_request_wants_token()
    }

    /// Settles waiters with the credential that is current, by whether they want a fresh one.
    pub(super) fn grant(&mut self, is: &dyn Fn(bool) -> bool) {
        let Some(current) = &mut self.current else { return };
        current.used |= self.waiters.iter().any(|waiter| matches!(waiter.want, Want::Token { fresh, .. } if is(fresh)));
        let access_token = current.credential.access_token;
        let version = self.version;
        self.settle_where(&|waiter| match waiter.want {
            Want::Token { attempt, fresh } if is(fresh) => {
                Some(Outcome::Token(Grant { access_token, version, attempt }))
            }
            _ => None,
        });
    }

    /// Until when every [`Input::TokenWanted`](crate::Input::TokenWanted) would be granted what was granted last, and
    /// nothing else would follow, unless another input comes first. Whoever asks often need not ask until then.
    pub fn serves_until(&self) -> Option<Timestamp> {
        self.current
            .as_ref()
            .filter(|current| current.used && self.phase == Phase::Open)
            .and_then(Current::serves_until)
    }

    /// While renewals fail, a token that is about to end is the best there is for what cannot be replayed.
    fn can_serve(&self, now: Timestamp, fresh: bool) -> bool {
        let early = fresh && self.backoff.error.is_none();
        self.current.as_ref().is_some_and(|current| current.usable(now, early))
    }
}

impl Waiter {
    pub(super) fn erases(&self) -> bool {
        self.want == Want::AccountRequest(AccountRequestKind::Erase)
    }

    fn wants_token(&self) -> bool {
        matches!(self.want, Want::Token { .. })
    }
}
