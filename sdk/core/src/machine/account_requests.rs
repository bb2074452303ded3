//! Errands: what the visitor asks of the server with their access token, to become a member or to be erased. One at a time.
//!
//! An account_request needs no lock, since each is idempotent: it is sent again until it is answered. An upgrade is done when the
//! credential shows it, which a refresh brings about.

use super::transaction::Transaction;
use super::waiters::Want;
use super::{Machine, Phase};
use crate::response::AccountOutcome;
use crate::{
    Effect, EndReason, Handle, MembershipResponse, Op, Outcome, Request, Response, SessionError, Subject, Timestamp,
    Upgrade, Version, WaiterId,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct AccountRequest {
    waiter: WaiterId,
    task: AccountRequestKind,
    step: Step,
    /// A token of it was refused.
    refused: bool,
    /// How often it was not answered: it may have been done all the same.
    failures: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum AccountRequestKind {
    Upgrade(Upgrade, Handle),
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
        member: MembershipResponse,
        since: Op,
    },
}

impl AccountRequest {
    fn new(waiter: WaiterId, task: AccountRequestKind) -> Self {
        Self { waiter, task, step: Step::Wanting, refused: false, failures: 0 }
    }

    pub(super) fn deadline(&self) -> Option<u64> {
        match self.step {
            Step::Sending { until, .. } | Step::Pausing { until } => Some(until),
            Step::Wanting | Step::Done { .. } => None,
        }
    }

    pub(super) fn references(&self, text: Handle) -> bool {
        let done =
            matches!(self.step, Step::Done { member, .. } if member.text == text || member.subject.visitor == text);
        done || self.task.references(text)
    }

    fn erases(&self) -> bool {
        self.task == AccountRequestKind::Erase
    }

    fn request(&self, access_token: Handle) -> Request {
        match self.task {
            AccountRequestKind::Upgrade(upgrade, body) => Request::Upgrade { upgrade, access_token, body },
            AccountRequestKind::Erase => Request::Erase { access_token },
        }
    }
}

impl Machine {
    pub(super) fn on_account_request(&mut self, waiter: WaiterId, deadline: u64, task: AccountRequestKind) {
        if self.phase == Phase::Ended && task != AccountRequestKind::Erase {
            self.phase = Phase::Open; // an act of the visitor, as `Start` is
        }
        self.wait(waiter, Want::AccountRequest(task), Some(deadline));
    }

    /// Whether the account_request wants a token. Nobody becomes a guest to be erased.
    pub(super) fn account_request_wants_token(&self) -> bool {
        let wants = |account_request: &AccountRequest| {
            account_request.step == Step::Wanting && (self.current.is_some() || !account_request.erases())
        };
        self.account_request.as_ref().is_some_and(wants)
    }

    /// Takes the account_request as far as it goes without an response; then the next.
    pub(super) fn drive_account_request(&mut self, now: Timestamp) {
        if self.account_request.as_ref().is_some_and(|account_request| !self.is_waiting(account_request.waiter)) {
            self.drop_account_request();
        }
        if self.account_request.is_none() {
            self.account_request = self.next_account_request().map(|(waiter, task)| AccountRequest::new(waiter, task));
        }
        let Some(account_request) = self.account_request else { return };
        let (waiter, erases) = (account_request.waiter, account_request.erases());
        let outcome = match account_request.step {
            Step::Sending { op, until, .. } if until <= now.mono => {
                self.effects.push_back(Effect::Cancel { op });
                return self.pause(now, SessionError::Timeout, None);
            }
            Step::Pausing { until } if until <= now.mono => return self.retry_account_request_now(),
            Step::Wanting if !erases && self.phase == Phase::SignedOut => return self.phase = Phase::Open,
            Step::Wanting if erases && self.is_nobody() => Outcome::Done,
            Step::Done { member, .. } if !self.owes_refresh(now, member.subject) => Outcome::Member(member.text),
            _ => return,
        };
        self.settle(waiter, outcome);
        self.drive_account_request(now);
    }

    /// Sends what waits for a token with the one that is current.
    pub(super) fn send_account_request(&mut self, now: Timestamp) {
        if !self.account_request_wants_token() {
            return;
        }
        let op = self.op();
        if let (Some(account_request), Some(current)) = (&mut self.account_request, &mut self.current) {
            current.used = true;
            let request = account_request.request(current.credential.access_token);
            let until = now.mono.saturating_add(self.config.http_timeout);
            account_request.step = Step::Sending { op, until, version: self.version };
            self.effects.push_back(Effect::Send { op, request });
        }
    }

    pub(super) fn is_account_request(&self, op: Op) -> bool {
        let step = self.account_request.as_ref().map(|account_request| &account_request.step);
        matches!(step, Some(Step::Sending { op: sent, .. }) if *sent == op)
    }

    pub(super) fn on_account_response(&mut self, now: Timestamp, response: Response) {
        let Some(account_request) = &mut self.account_request else { return };
        let (waiter, retry_after, refused) = (account_request.waiter, response.retry_after, account_request.refused);
        let sent = std::mem::replace(&mut account_request.step, Step::Wanting);
        match response.classify_account(account_request.erases()) {
            AccountOutcome::Member(member) => account_request.step = Step::Done { member, since: Op(self.next_op) },
            AccountOutcome::Erased => self.erased(now),
            AccountOutcome::Unauthorized => {
                account_request.refused = true;
                if refused || !matches!(sent, Step::Sending { version, .. } if self.refuse(now, version)) {
                    self.settle(waiter, Outcome::Failed(SessionError::Rejected { status: 401 }));
                }
            }
            AccountOutcome::Refused { status, reason } => self.settle(waiter, Outcome::Refused { status, reason }),
            AccountOutcome::Rejected(error) => self.settle(waiter, Outcome::Failed(error)),
            AccountOutcome::Unknown(error) => self.pause(now, error, retry_after),
        }
    }

    pub(super) fn on_account_send_failed(&mut self, now: Timestamp) {
        self.pause(now, SessionError::Network, None);
    }

    /// The server can be reached again, it seems.
    pub(super) fn retry_account_request_now(&mut self) {
        if let Some(account_request) = &mut self.account_request
            && matches!(account_request.step, Step::Pausing { .. })
        {
            account_request.step = Step::Wanting;
        }
    }

    /// A credential that was asked for by `sent` is current: it shows what was done before.
    pub(super) fn finish_account_request(&mut self, sent: Op) {
        if let Some(AccountRequest { waiter, step: Step::Done { member, since }, .. }) = &self.account_request
            && sent > *since
        {
            self.settle(*waiter, Outcome::Member(member.text));
        }
    }

    /// The visitor has been lost. An upgrade goes on with who comes next; nobody is erased in another's place, and what
    /// was done for the one who is lost, has come to nothing.
    pub(super) fn restart_account_request(&mut self) {
        let ended = Outcome::Failed(SessionError::SessionEnded);
        match &mut self.account_request {
            Some(AccountRequest { waiter, step: Step::Done { .. }, .. }) => {
                let waiter = *waiter;
                self.settle(waiter, ended);
            }
            Some(account_request) => {
                if let Step::Sending { op, .. } = std::mem::replace(&mut account_request.step, Step::Wanting) {
                    self.effects.push_back(Effect::Cancel { op });
                }
            }
            None => {}
        }
        self.settle_erasures(ended);
    }

    /// Whether the end of the session may be what an erasure has done whose answer was lost.
    pub(super) fn may_be_erased(&self) -> bool {
        self.account_request
            .as_ref()
            .is_some_and(|account_request| account_request.erases() && account_request.failures > 0)
    }

    /// The session is over in every tab; whoever waits for an erasure waits until that is stored.
    pub(super) fn erased(&mut self, now: Timestamp) {
        for waiter in self.waiters.iter_mut().filter(|waiter| waiter.erases()) {
            waiter.want = Want::SignedOut;
            waiter.deadline = None;
        }
        self.leave(now, EndReason::Erased);
    }

    /// There is no token to be had, for a reason that waiting does not mend.
    pub(super) fn fail_stuck_account_request(&mut self, error: SessionError) {
        if let Some(AccountRequest { waiter, step: Step::Wanting | Step::Done { .. }, .. }) = self.account_request {
            self.settle(waiter, Outcome::Failed(error));
        }
    }

    pub(super) fn drop_account_request(&mut self) {
        if let Some(AccountRequest { step: Step::Sending { op, .. }, .. }) = self.account_request.take() {
            self.effects.push_back(Effect::Cancel { op });
        }
    }

    /// There is nobody to erase, and nobody is about to become a guest.
    fn is_nobody(&self) -> bool {
        self.loaded && self.current.is_none() && !self.transaction.as_ref().is_some_and(Transaction::is_renewal)
    }

    /// Whether a refresh is needed to show that the visitor is this member now; then it is due.
    fn owes_refresh(&mut self, now: Timestamp, member: Subject) -> bool {
        let Some(current) = &mut self.current else { return true };
        if current.credential.refresh_token.is_none() || current.credential.subject == Some(member) {
            return false;
        }
        current.used = true;
        current.refresh_at = Some(current.refresh_at.map_or(now.mono, |at| at.min(now.mono)));
        true
    }

    fn pause(&mut self, now: Timestamp, error: SessionError, retry_after: Option<u64>) {
        let Some(account_request) = &mut self.account_request else { return };
        let delay = self.backoff.delay(&self.config, account_request.failures, retry_after);
        account_request.failures = account_request.failures.saturating_add(1);
        account_request.step = Step::Pausing { until: now.mono.saturating_add(delay) };
        for waiter in self.waiters.iter_mut().filter(|waiter| waiter.id == account_request.waiter) {
            waiter.error = Some(error);
            if let (Some(asked), Some(deadline)) = (retry_after, &mut waiter.deadline)
                && now.mono.saturating_add(asked) >= *deadline
            {
                *deadline = now.mono; // the server has said that it is of no use to wait
            }
        }
    }
}
