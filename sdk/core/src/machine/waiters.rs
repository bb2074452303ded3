//! Calls that wait for an outcome: each gets exactly one (C4).

use super::identity::Held;
use super::{Machine, Phase};
use crate::{Effect, Failure, Grant, Outcome, Timestamp, WaiterId};

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Waiter {
    id: WaiterId,
    pub(super) want: Want,
    pub(super) deadline: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Want {
    Started,
    SignedOut,
    Token { attempt: u8, fresh: bool },
}

impl Machine {
    /// The same id again, while it waits, is the shell's mistake: the first call goes on.
    pub(super) fn wait(&mut self, id: WaiterId, want: Want, deadline: Option<u64>) {
        if self.waiters.iter().all(|waiter| waiter.id != id) {
            self.waiters.push(Waiter { id, want, deadline });
        }
    }

    pub(super) fn settle(&mut self, id: WaiterId, outcome: Outcome) {
        self.settle_where(&|waiter| (waiter.id == id).then(|| outcome.clone()));
    }

    pub(super) fn settle_all(&mut self, outcome: &Outcome, is: &dyn Fn(&Waiter) -> bool) {
        self.settle_where(&|waiter| is(waiter).then(|| outcome.clone()));
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

    pub(super) fn fail_token_waiters(&mut self, failure: Failure) {
        self.settle_all(&Outcome::Failed(failure), &Waiter::wants_token);
    }

    /// Gives everybody who waits what there is for them.
    pub(super) fn settle_ready(&mut self, now: Timestamp) {
        if self.loaded {
            self.settle_all(&Outcome::Done, &|waiter| waiter.want == Want::Started);
        }
        if self.phase == Phase::Ended {
            self.fail_token_waiters(Failure::SessionEnded);
        }
        if self.can_serve(now, false) {
            let fresh_too = self.can_serve(now, true);
            self.grant(&|fresh| fresh_too || !fresh);
        }
    }

    /// Whether what is held is good enough for everybody who waits for a token.
    pub(super) fn can_serve_all(&self, now: Timestamp) -> bool {
        self.waiters.iter().all(|waiter| match waiter.want {
            Want::Token { fresh, .. } => self.can_serve(now, fresh),
            Want::Started | Want::SignedOut => true,
        })
    }

    pub(super) fn waits_for_token(&self) -> bool {
        self.waiters.iter().any(Waiter::wants_token)
    }

    /// Settles waiters with the credential that is held, by whether they want a fresh one.
    pub(super) fn grant(&mut self, is: &dyn Fn(bool) -> bool) {
        let Some(held) = &mut self.held else { return };
        held.used |= self.waiters.iter().any(|waiter| matches!(waiter.want, Want::Token { fresh, .. } if is(fresh)));
        let access_token = held.credential.access_token.clone();
        let version = self.version;
        self.settle_where(&|waiter| match waiter.want {
            Want::Token { attempt, fresh } if is(fresh) => {
                Some(Outcome::Token(Grant { access_token: access_token.clone(), version, attempt }))
            }
            _ => None,
        });
    }

    /// While renewals fail, a token that is about to end is the best there is for what cannot be replayed.
    /// Until when every [`Input::TokenWanted`](crate::Input::TokenWanted) would be granted what was granted last, and
    /// nothing else would follow, unless another input comes first. Whoever asks often need not ask until then.
    pub fn serves_until(&self) -> Option<Timestamp> {
        self.held.as_ref().filter(|held| held.used && self.phase == Phase::Open).and_then(Held::serves_until)
    }

    fn can_serve(&self, now: Timestamp, fresh: bool) -> bool {
        let early = fresh && self.pace.failure.is_none();
        self.held.as_ref().is_some_and(|held| held.usable(now, early))
    }
}

impl Waiter {
    fn wants_token(&self) -> bool {
        matches!(self.want, Want::Token { .. })
    }
}
