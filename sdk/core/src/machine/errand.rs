//! Errands: what the visitor asks of the server with their access token, to become a member or to be erased.
//!
//! An errand needs no lock, since each is idempotent: it is sent again until it is answered. An upgrade is done when the
//! credential shows it, which a refresh brings about.

use super::waiters::Want;
use super::{Machine, Phase};
use crate::answer::Reply;
use crate::{
    Answer, Effect, Failure, Member, Op, Outcome, Parting, Request, Secret, Timestamp, Upgrade, Version, WaiterId,
};

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Errand {
    waiter: WaiterId,
    task: Task,
    step: Step,
    /// A token of it was refused.
    refused: bool,
    /// How often it was not answered: it may have been done all the same.
    failures: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Task {
    Upgrade(Upgrade, Secret),
    Erase,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Step {
    /// For a token that can be used.
    Wanting,
    Sending {
        op: Op,
        until: u64,
        version: Version,
    },
    Pausing {
        until: u64,
    },
    /// The server has done it. Whatever is sent after `since` gets a credential that shows it.
    Done {
        member: Member,
        since: Op,
    },
}

impl Errand {
    pub(super) fn deadline(&self) -> Option<u64> {
        match self.step {
            Step::Sending { until, .. } | Step::Pausing { until } => Some(until),
            Step::Wanting | Step::Done { .. } => None,
        }
    }

    fn erases(&self) -> bool {
        self.task == Task::Erase
    }

    fn is_sent_as(&self, op: Op) -> bool {
        matches!(self.step, Step::Sending { op: sent, .. } if sent == op)
    }

    fn request(&self, access_token: Secret) -> Request {
        match &self.task {
            Task::Upgrade(upgrade, body) => Request::Upgrade { upgrade: *upgrade, access_token, body: body.clone() },
            Task::Erase => Request::Erase { access_token },
        }
    }
}

impl Machine {
    pub(super) fn on_errand(&mut self, waiter: WaiterId, deadline: u64, task: Task) {
        if !self.wait(waiter, Want::Errand, Some(deadline)) {
            return;
        }
        if self.phase == Phase::Ended && task != Task::Erase {
            self.phase = Phase::Open; // an act of the visitor, as `Start` is
        }
        self.errands.push(Errand { waiter, task, step: Step::Wanting, refused: false, failures: 0 });
    }

    /// Whether an errand wants a token.
    pub(super) fn errands_want_token(&self) -> bool {
        (0..self.errands.len()).any(|index| self.wants_token(index))
    }

    /// Nobody becomes a guest to be erased, and nobody is erased twice at once.
    fn wants_token(&self, index: usize) -> bool {
        let errand = &self.errands[index];
        let may_erase = || self.held.is_some() && !self.errands[..index].iter().any(Errand::erases);
        errand.step == Step::Wanting && (!errand.erases() || may_erase())
    }

    /// Takes every errand as far as it goes without an answer.
    pub(super) fn tend_errands(&mut self, now: Timestamp) {
        for mut errand in std::mem::take(&mut self.errands) {
            if !self.is_waiting(errand.waiter) {
                self.cancel_errand(&errand);
                continue;
            }
            match &errand.step {
                Step::Sending { op, until, .. } if *until <= now.mono => {
                    self.effects.push_back(Effect::Cancel { op: *op });
                    self.pause(now, &mut errand, Failure::Timeout, None);
                }
                Step::Pausing { until } if *until <= now.mono => errand.step = Step::Wanting,
                Step::Done { member, .. } if !self.owes_refresh(now, &member.id) => {
                    self.settle(errand.waiter, Outcome::Member(member.text.clone()));
                    continue;
                }
                Step::Wanting if !errand.erases() && self.phase == Phase::SignedOut => self.phase = Phase::Open,
                Step::Wanting if errand.erases() && self.loaded && self.held.is_none() && self.job.is_none() => {
                    self.settle(errand.waiter, Outcome::Done);
                    continue;
                }
                _ => {}
            }
            self.errands.push(errand);
        }
    }

    /// Sends what waits for a token with the one that is held.
    pub(super) fn send_errands(&mut self, now: Timestamp) {
        for index in 0..self.errands.len() {
            if !self.wants_token(index) {
                continue;
            }
            let op = self.op();
            let Some(held) = &mut self.held else { return };
            held.used = true;
            let request = self.errands[index].request(held.credential.access_token.clone());
            let until = now.mono.saturating_add(self.config.http_timeout);
            self.errands[index].step = Step::Sending { op, until, version: self.version };
            self.effects.push_back(Effect::Send { op, request });
        }
    }

    /// Answers with whether it was an errand's answer.
    pub(super) fn on_errand_answered(&mut self, now: Timestamp, op: Op, answer: &Answer) -> bool {
        let Some(index) = self.errands.iter().position(|errand| errand.is_sent_as(op)) else {
            return false;
        };
        let mut errand = self.errands[index].clone();
        let waiter = errand.waiter;
        let sent = std::mem::replace(&mut errand.step, Step::Wanting);
        match answer.clone().reply(errand.erases()) {
            Reply::Member(member) => errand.step = Step::Done { member, since: Op(self.next_op) },
            Reply::Erased => {
                self.errands[index] = errand;
                self.erased(now);
                return true;
            }
            Reply::Unauthorized => {
                let again = matches!(sent, Step::Sending { version, .. } if !errand.refused && self.refuse(now, version));
                if !again {
                    self.settle(waiter, Outcome::Failed(Failure::Rejected { status: answer.status }));
                }
                errand.refused = true;
            }
            Reply::Refused { status, reason } => self.settle(waiter, Outcome::Refused { status, reason }),
            Reply::Rejected(failure) => self.settle(waiter, Outcome::Failed(failure)),
            Reply::Unknown(failure) => self.pause(now, &mut errand, failure, answer.retry_after),
        }
        self.errands[index] = errand;
        true
    }

    /// Answers with whether it was an errand.
    pub(super) fn on_errand_failed(&mut self, now: Timestamp, op: Op) -> bool {
        let Some(index) = self.errands.iter().position(|errand| errand.is_sent_as(op)) else {
            return false;
        };
        let mut errand = self.errands[index].clone();
        self.pause(now, &mut errand, Failure::Network, None);
        self.errands[index] = errand;
        true
    }

    /// The server can be reached again, it seems.
    pub(super) fn hurry_errands(&mut self) {
        for errand in &mut self.errands {
            if matches!(errand.step, Step::Pausing { .. }) {
                errand.step = Step::Wanting;
            }
        }
    }

    /// A credential that was asked for by `sent` is held: it shows every upgrade that was done before.
    pub(super) fn finish_errands(&mut self, sent: Op) {
        for errand in self.errands.clone() {
            if let Step::Done { member, since } = errand.step
                && sent > since
            {
                self.settle(errand.waiter, Outcome::Member(member.text));
            }
        }
    }

    /// The visitor has been lost. Upgrades go on with who comes next; nobody is erased in another's place, and what was
    /// done for the one who is lost, has come to nothing.
    pub(super) fn restart_errands(&mut self) {
        for mut errand in std::mem::take(&mut self.errands) {
            self.cancel_errand(&errand);
            if errand.erases() || matches!(errand.step, Step::Done { .. }) {
                self.settle(errand.waiter, Outcome::Failed(Failure::SessionEnded));
                continue;
            }
            errand.step = Step::Wanting;
            self.errands.push(errand);
        }
    }

    /// Whether the end of the session may be what an erasure has done whose answer was lost.
    pub(super) fn may_be_erased(&self) -> bool {
        self.errands.iter().any(|errand| errand.erases() && errand.failures > 0)
    }

    /// The session is over in every tab; whoever waits for an erasure waits until that is stored.
    pub(super) fn erased(&mut self, now: Timestamp) {
        for waiter in self.errands_where(Errand::erases) {
            self.rewait(waiter, Want::SignedOut);
        }
        self.leave(now, Parting::Erased);
    }

    /// Another tab has had the visitor erased.
    pub(super) fn settle_erasures(&mut self) {
        for waiter in self.errands_where(Errand::erases) {
            self.settle(waiter, Outcome::Done);
        }
    }

    /// There is no token to be had, for a reason that waiting does not mend.
    pub(super) fn fail_stuck_errands(&mut self, failure: Failure) {
        for waiter in self.errands_where(|errand| matches!(errand.step, Step::Wanting | Step::Done { .. })) {
            self.settle(waiter, Outcome::Failed(failure));
        }
    }

    pub(super) fn drop_errands(&mut self) {
        for errand in std::mem::take(&mut self.errands) {
            self.cancel_errand(&errand);
        }
    }

    fn errands_where(&self, is: impl Fn(&Errand) -> bool) -> Vec<WaiterId> {
        self.errands.iter().filter(|errand| is(errand)).map(|errand| errand.waiter).collect()
    }

    /// Whether a refresh is needed to show that the visitor is this member now; then it is due.
    fn owes_refresh(&mut self, now: Timestamp, id: &str) -> bool {
        let Some(held) = &mut self.held else { return true };
        if held.credential.refresh_token.is_none() || held.credential.subject.as_deref() == Some(id) {
            return false;
        }
        held.used = true;
        held.ahead = Some(held.ahead.map_or(now.mono, |at| at.min(now.mono)));
        true
    }

    fn pause(&mut self, now: Timestamp, errand: &mut Errand, failure: Failure, retry_after: Option<u64>) {
        let delay = self.pace.delay(&self.config, errand.failures, retry_after);
        errand.failures = errand.failures.saturating_add(1);
        errand.step = Step::Pausing { until: now.mono.saturating_add(delay) };
        self.blame(errand.waiter, failure);
    }

    fn cancel_errand(&mut self, errand: &Errand) {
        if let Step::Sending { op, .. } = errand.step {
            self.effects.push_back(Effect::Cancel { op });
        }
    }
}
