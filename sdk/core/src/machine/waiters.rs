//! The calls that wait for an outcome. Each gets exactly one (C4).

use super::context::Context;
use crate::{AccountRequestKind, Grant, Handle, Outcome, SessionError, Timestamp, Version, WaiterId};

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Waiters(Vec<Waiter>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Waiter {
    id: WaiterId,
    want: Want,
    /// Monotonic time.
    deadline: Option<u64>,
    /// Why the last attempt of the call failed.
    error: Option<SessionError>,
}

/// What a call waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Want {
    /// The first read of the storage.
    Started,
    /// A sign-out that is stored.
    SignedOut,
    /// `attempt`: of the grant. `fresh`: the token must not be about to end.
    Token { attempt: u8, fresh: bool },
    /// The response to an account request.
    AccountRequest(AccountRequestKind),
}

impl Want {
    fn is_token(self) -> bool {
        matches!(self, Self::Token { .. })
    }

    fn is_erasure(self) -> bool {
        matches!(self, Self::AccountRequest(AccountRequestKind::Erase))
    }
}

impl Waiters {
    /// An id that is waiting already is a mistake of the session manager: the first call goes on.
    pub(super) fn add(&mut self, id: WaiterId, want: Want, deadline: Option<u64>) {
        if !self.contains(id) {
            self.0.push(Waiter { id, want, deadline, error: None });
        }
    }

    pub(super) fn contains(&self, id: WaiterId) -> bool {
        self.0.iter().any(|waiter| waiter.id == id)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// When to call [`Self::settle_overdue`]: monotonic time.
    pub(super) fn deadline(&self) -> Option<u64> {
        self.0.iter().filter_map(|waiter| waiter.deadline).min()
    }

    pub(super) fn wants_token(&self) -> bool {
        self.0.iter().any(|waiter| waiter.want.is_token())
    }

    pub(super) fn wants_fresh_token(&self) -> bool {
        self.0.iter().any(|waiter| matches!(waiter.want, Want::Token { fresh: true, .. }))
    }

    /// The call that has waited longest for an account request.
    pub(super) fn next_account_request(&self) -> Option<(WaiterId, AccountRequestKind)> {
        self.0.iter().find_map(|waiter| match waiter.want {
            Want::AccountRequest(kind) => Some((waiter.id, kind)),
            _ => None,
        })
    }

    pub(super) fn settle(&mut self, id: WaiterId, outcome: Outcome, context: &mut Context) {
        self.settle_where(&|waiter| (waiter.id == id).then_some(outcome), context);
    }

    pub(super) fn settle_all(&mut self, outcome: Outcome, context: &mut Context) {
        self.settle_where(&|_| Some(outcome), context);
    }

    pub(super) fn settle_started(&mut self, context: &mut Context) {
        self.settle_where(&|waiter| matches!(waiter.want, Want::Started).then_some(Outcome::Done), context);
    }

    pub(super) fn settle_signed_out(&mut self, context: &mut Context) {
        self.settle_where(&|waiter| matches!(waiter.want, Want::SignedOut).then_some(Outcome::Done), context);
    }

    pub(super) fn settle_erasures(&mut self, outcome: Outcome, context: &mut Context) {
        self.settle_where(&|waiter| waiter.want.is_erasure().then_some(outcome), context);
    }

    pub(super) fn fail_tokens(&mut self, error: SessionError, context: &mut Context) {
        self.settle_where(&|waiter| waiter.want.is_token().then_some(Outcome::Failed(error)), context);
    }

    /// The session that these calls need has ended.
    pub(super) fn fail_session(&mut self, error: SessionError, context: &mut Context) {
        let needs_session = |want| matches!(want, Want::Token { .. } | Want::AccountRequest(_));
        self.settle_where(&|waiter| needs_session(waiter.want).then_some(Outcome::Failed(error)), context);
    }

    /// Fails the calls that want a token and whose deadline is not after `at`: no attempt is made before.
    pub(super) fn fail_before(&mut self, at: u64, account_requests: bool, error: SessionError, context: &mut Context) {
        let wants = |want| match want {
            Want::AccountRequest(_) => account_requests,
            want => want.is_token(),
        };
        self.settle_where(
            &|waiter| {
                let hopeless = wants(waiter.want) && waiter.deadline.is_some_and(|deadline| deadline <= at);
                hopeless.then_some(Outcome::Failed(error))
            },
            context,
        );
    }

    /// Fails the calls whose deadline has come: with the error of the call, or else with `error`.
    pub(super) fn settle_overdue(&mut self, now: Timestamp, error: SessionError, context: &mut Context) {
        self.settle_where(
            &|waiter| {
                let overdue = waiter.deadline.is_some_and(|at| at <= now.mono);
                overdue.then(|| Outcome::Failed(waiter.error.unwrap_or(error)))
            },
            context,
        );
    }

    /// Settles the calls that want a token. `fresh`: also the calls that want a fresh one. Returns whether there were any.
    pub(super) fn grant(&mut self, access_token: Handle, version: Version, fresh: bool, context: &mut Context) -> bool {
        let before = self.0.len();
        self.settle_where(
            &|waiter| match waiter.want {
                Want::Token { attempt, fresh: needs_fresh } if fresh || !needs_fresh => {
                    Some(Outcome::Token(Grant { access_token, version, attempt }))
                }
                _ => None,
            },
            context,
        );
        self.0.len() < before
    }

    /// An attempt of this call has failed. If the server wants the client to wait beyond the deadline, the deadline comes now.
    pub(super) fn note_failure(&mut self, now: Timestamp, id: WaiterId, error: SessionError, retry_after: Option<u64>) {
        let Some(waiter) = self.0.iter_mut().find(|waiter| waiter.id == id) else { return };
        waiter.error = Some(error);
        if let (Some(asked), Some(deadline)) = (retry_after, &mut waiter.deadline)
            && now.mono.saturating_add(asked) >= *deadline
        {
            *deadline = now.mono;
        }
    }

    /// The server has erased the visitor: these calls wait until that is stored.
    pub(super) fn await_sign_out_after_erasure(&mut self) {
        for waiter in self.0.iter_mut().filter(|waiter| waiter.want.is_erasure()) {
            waiter.want = Want::SignedOut;
            waiter.deadline = None;
        }
    }

    /// Settles each waiter that the function has an outcome for.
    fn settle_where(&mut self, outcome: &dyn Fn(&Waiter) -> Option<Outcome>, context: &mut Context) {
        self.0.retain(|waiter| match outcome(waiter) {
            Some(outcome) => {
                context.settle(waiter.id, outcome);
                false
            }
            None => true,
        });
    }
}
