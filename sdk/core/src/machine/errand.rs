//! Errands: what the visitor asks of the server with their access token, to become a member or to be erased. One at a time.
//!
//! An errand needs no lock, since each is idempotent: it is sent again until it is answered. An upgrade is done when the
//! credential shows it, which a refresh brings about.

use super::job::Job;
use super::waiters::Want;
use super::{Machine, Phase};
use crate::answer::Reply;
use crate::{
    Answer, Effect, Failure, Member, Op, Outcome, Parting, Request, Subject, Text, Timestamp, Upgrade, Version,
    WaiterId,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Errand {
    waiter: WaiterId,
    task: Task,
    step: Step,
    /// A token of it was refused.
    refused: bool,
    /// How often it was not answered: it may have been done all the same.
    failures: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Task {
    Upgrade(Upgrade, Text),
    Erase,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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
    fn new(waiter: WaiterId, task: Task) -> Self {
        Self { waiter, task, step: Step::Wanting, refused: false, failures: 0 }
    }

    pub(super) fn deadline(&self) -> Option<u64> {
        match self.step {
            Step::Sending { until, .. } | Step::Pausing { until } => Some(until),
            Step::Wanting | Step::Done { .. } => None,
        }
    }

    pub(super) fn holds(&self, text: Text) -> bool {
        let done =
            matches!(self.step, Step::Done { member, .. } if member.text == text || member.subject.visitor == text);
        done || self.task.holds(text)
    }

    fn erases(&self) -> bool {
        self.task == Task::Erase
    }

    fn request(&self, access_token: Text) -> Request {
        match self.task {
            Task::Upgrade(upgrade, body) => Request::Upgrade { upgrade, access_token, body },
            Task::Erase => Request::Erase { access_token },
        }
    }
}

impl Machine {
    pub(super) fn on_errand(&mut self, waiter: WaiterId, deadline: u64, task: Task) {
        if self.phase == Phase::Ended && task != Task::Erase {
            self.phase = Phase::Open; // an act of the visitor, as `Start` is
        }
        self.wait(waiter, Want::Errand(task), Some(deadline));
    }

    /// Whether the errand wants a token. Nobody becomes a guest to be erased.
    pub(super) fn errand_wants_token(&self) -> bool {
        let wants = |errand: &Errand| errand.step == Step::Wanting && (self.held.is_some() || !errand.erases());
        self.errand.as_ref().is_some_and(wants)
    }

    /// Takes the errand as far as it goes without an answer; then the next.
    pub(super) fn tend_errand(&mut self, now: Timestamp) {
        if self.errand.as_ref().is_some_and(|errand| !self.is_waiting(errand.waiter)) {
            self.drop_errand();
        }
        if self.errand.is_none() {
            self.errand = self.next_errand().map(|(waiter, task)| Errand::new(waiter, task));
        }
        let Some(errand) = self.errand else { return };
        let (waiter, erases) = (errand.waiter, errand.erases());
        let outcome = match errand.step {
            Step::Sending { op, until, .. } if until <= now.mono => {
                self.effects.push_back(Effect::Cancel { op });
                return self.pause(now, Failure::Timeout, None);
            }
            Step::Pausing { until } if until <= now.mono => return self.hurry_errand(),
            Step::Wanting if !erases && self.phase == Phase::SignedOut => return self.phase = Phase::Open,
            Step::Wanting if erases && self.is_nobody() => Outcome::Done,
            Step::Done { member, .. } if !self.owes_refresh(now, member.subject) => Outcome::Member(member.text),
            _ => return,
        };
        self.settle(waiter, outcome);
        self.tend_errand(now);
    }

    /// Sends what waits for a token with the one that is held.
    pub(super) fn send_errand(&mut self, now: Timestamp) {
        if !self.errand_wants_token() {
            return;
        }
        let op = self.op();
        if let (Some(errand), Some(held)) = (&mut self.errand, &mut self.held) {
            held.used = true;
            let request = errand.request(held.credential.access_token);
            let until = now.mono.saturating_add(self.config.http_timeout);
            errand.step = Step::Sending { op, until, version: self.version };
            self.effects.push_back(Effect::Send { op, request });
        }
    }

    pub(super) fn is_errand(&self, op: Op) -> bool {
        let step = self.errand.as_ref().map(|errand| &errand.step);
        matches!(step, Some(Step::Sending { op: sent, .. }) if *sent == op)
    }

    pub(super) fn on_errand_answered(&mut self, now: Timestamp, answer: Answer) {
        let Some(errand) = &mut self.errand else { return };
        let (waiter, retry_after, refused) = (errand.waiter, answer.retry_after, errand.refused);
        let sent = std::mem::replace(&mut errand.step, Step::Wanting);
        match answer.reply(errand.erases()) {
            Reply::Member(member) => errand.step = Step::Done { member, since: Op(self.next_op) },
            Reply::Erased => self.erased(now),
            Reply::Unauthorized => {
                errand.refused = true;
                if refused || !matches!(sent, Step::Sending { version, .. } if self.refuse(now, version)) {
                    self.settle(waiter, Outcome::Failed(Failure::Rejected { status: 401 }));
                }
            }
            Reply::Refused { status, reason } => self.settle(waiter, Outcome::Refused { status, reason }),
            Reply::Rejected(failure) => self.settle(waiter, Outcome::Failed(failure)),
            Reply::Unknown(failure) => self.pause(now, failure, retry_after),
        }
    }

    pub(super) fn on_errand_failed(&mut self, now: Timestamp) {
        self.pause(now, Failure::Network, None);
    }

    /// The server can be reached again, it seems.
    pub(super) fn hurry_errand(&mut self) {
        if let Some(errand) = &mut self.errand
            && matches!(errand.step, Step::Pausing { .. })
        {
            errand.step = Step::Wanting;
        }
    }

    /// A credential that was asked for by `sent` is held: it shows what was done before.
    pub(super) fn finish_errand(&mut self, sent: Op) {
        if let Some(Errand { waiter, step: Step::Done { member, since }, .. }) = &self.errand
            && sent > *since
        {
            self.settle(*waiter, Outcome::Member(member.text));
        }
    }

    /// The visitor has been lost. An upgrade goes on with who comes next; nobody is erased in another's place, and what
    /// was done for the one who is lost, has come to nothing.
    pub(super) fn restart_errand(&mut self) {
        let ended = Outcome::Failed(Failure::SessionEnded);
        match &mut self.errand {
            Some(Errand { waiter, step: Step::Done { .. }, .. }) => {
                let waiter = *waiter;
                self.settle(waiter, ended);
            }
            Some(errand) => {
                if let Step::Sending { op, .. } = std::mem::replace(&mut errand.step, Step::Wanting) {
                    self.effects.push_back(Effect::Cancel { op });
                }
            }
            None => {}
        }
        self.settle_erasures(ended);
    }

    /// Whether the end of the session may be what an erasure has done whose answer was lost.
    pub(super) fn may_be_erased(&self) -> bool {
        self.errand.as_ref().is_some_and(|errand| errand.erases() && errand.failures > 0)
    }

    /// The session is over in every tab; whoever waits for an erasure waits until that is stored.
    pub(super) fn erased(&mut self, now: Timestamp) {
        for waiter in self.waiters.iter_mut().filter(|waiter| waiter.erases()) {
            waiter.want = Want::SignedOut;
            waiter.deadline = None;
        }
        self.leave(now, Parting::Erased);
    }

    /// There is no token to be had, for a reason that waiting does not mend.
    pub(super) fn fail_stuck_errand(&mut self, failure: Failure) {
        if let Some(Errand { waiter, step: Step::Wanting | Step::Done { .. }, .. }) = self.errand {
            self.settle(waiter, Outcome::Failed(failure));
        }
    }

    pub(super) fn drop_errand(&mut self) {
        if let Some(Errand { step: Step::Sending { op, .. }, .. }) = self.errand.take() {
            self.effects.push_back(Effect::Cancel { op });
        }
    }

    /// There is nobody to erase, and nobody is about to become a guest.
    fn is_nobody(&self) -> bool {
        self.loaded && self.held.is_none() && !self.job.as_ref().is_some_and(Job::is_renewal)
    }

    /// Whether a refresh is needed to show that the visitor is this member now; then it is due.
    fn owes_refresh(&mut self, now: Timestamp, member: Subject) -> bool {
        let Some(held) = &mut self.held else { return true };
        if held.credential.refresh_token.is_none() || held.credential.subject == Some(member) {
            return false;
        }
        held.used = true;
        held.ahead = Some(held.ahead.map_or(now.mono, |at| at.min(now.mono)));
        true
    }

    fn pause(&mut self, now: Timestamp, failure: Failure, retry_after: Option<u64>) {
        let Some(errand) = &mut self.errand else { return };
        let delay = self.pace.delay(&self.config, errand.failures, retry_after);
        errand.failures = errand.failures.saturating_add(1);
        errand.step = Step::Pausing { until: now.mono.saturating_add(delay) };
        for waiter in self.waiters.iter_mut().filter(|waiter| waiter.id == errand.waiter) {
            waiter.failure = Some(failure);
            if let (Some(asked), Some(deadline)) = (retry_after, &mut waiter.deadline)
                && now.mono.saturating_add(asked) >= *deadline
            {
                *deadline = now.mono; // the server has said that it is of no use to wait
            }
        }
    }
}
