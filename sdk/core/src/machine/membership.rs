//! How a visitor becomes a member, or is erased: the machine drives the account requests.

use super::account_requests::{AccountRequestKind, Decision, Progress, UNAUTHORIZED};
use super::waiters::Want;
use super::{Machine, Phase};
use crate::{Op, Outcome, Response, SessionError, Timestamp, WaiterId};

impl Machine {
    pub(super) fn on_account_request(&mut self, waiter: WaiterId, deadline: u64, kind: AccountRequestKind) {
        if self.phase == Phase::Ended && kind != AccountRequestKind::Erase {
            self.phase = Phase::Open; // an action of the visitor, as `Start` is
        }
        self.waiters.add(waiter, Want::AccountRequest(kind), Some(deadline));
    }

    /// Whether the account request waits for a token. No guest is acquired only to be erased.
    pub(super) fn account_request_wants_token(&self) -> bool {
        self.account_requests.is_awaiting_token()
            && (self.identity.current().is_some() || !self.account_requests.erases())
    }

    /// Drives the account request until it has to wait; if it is settled, begins the next one.
    pub(super) fn drive_account_requests(&mut self, now: Timestamp) {
        loop {
            if self.account_requests.waiter().is_some_and(|waiter| !self.waiters.contains(waiter)) {
                self.account_requests.cancel(&mut self.context);
            }
            if self.account_requests.waiter().is_none()
                && let Some((waiter, kind)) = self.waiters.next_account_request()
            {
                self.account_requests.begin(waiter, kind);
            }
            let Some(waiter) = self.account_requests.waiter() else { return };
            let outcome = match self.account_requests.progress(now, &mut self.context) {
                Progress::TimedOut => return self.pause_account_request(now, SessionError::Timeout, None),
                Progress::Token if !self.account_requests.erases() && self.phase == Phase::SignedOut => {
                    return self.phase = Phase::Open;
                }
                Progress::Token if self.account_requests.erases() && self.has_no_identity() => Outcome::Done,
                Progress::Refresh(member) if !self.identity.require_refresh(now, member.subject) => {
                    Outcome::Member(member.text)
                }
                _ => return,
            };
            self.settle(waiter, outcome);
        }
    }

    /// Sends the account request that waits for a token, with the current one.
    pub(super) fn send_account_request(&mut self, now: Timestamp) {
        if self.account_request_wants_token()
            && let Some(access_token) = self.identity.credential().map(|credential| credential.access_token)
        {
            self.identity.mark_used();
            self.account_requests.send(now, access_token, self.identity.version(), &mut self.context);
        }
    }

    pub(super) fn on_account_response(&mut self, now: Timestamp, response: Response) {
        let Some(waiter) = self.account_requests.waiter() else { return };
        match self.account_requests.on_response(response, &self.context) {
            Decision::Continue => {}
            Decision::Settle(outcome) => self.settle(waiter, outcome),
            Decision::Renew(version) => {
                if !self.refuse(now, version) {
                    self.settle(waiter, UNAUTHORIZED);
                }
            }
            Decision::Pause(error) => self.pause_account_request(now, error, response.retry_after),
            Decision::Erased => self.erased(now),
        }
    }

    pub(super) fn pause_account_request(&mut self, now: Timestamp, error: SessionError, retry_after: Option<u64>) {
        if let Some(waiter) = self.account_requests.pause(now, retry_after, &mut self.context) {
            self.waiters.note_failure(now, waiter, error, retry_after);
        }
    }

    /// A credential that was requested as `sent` is current.
    pub(super) fn finish_account_request(&mut self, sent: Op) {
        if let Some((waiter, outcome)) = self.account_requests.on_renewed(sent) {
            self.settle(waiter, outcome);
        }
    }

    /// The visitor has lost the identity. An upgrade goes on with the next one; an erasure does not, because it would erase
    /// another visitor.
    pub(super) fn restart_account_request(&mut self) {
        let ended = Outcome::Failed(SessionError::SessionEnded);
        if let Some(waiter) = self.account_requests.restart(&mut self.context) {
            self.settle(waiter, ended);
        }
        self.waiters.settle_erasures(ended, &mut self.context);
    }

    /// No token can be obtained, for a reason that time does not remove.
    pub(super) fn fail_stuck_account_request(&mut self, error: SessionError) {
        if let Some(waiter) = self.account_requests.stuck_waiter() {
            self.settle(waiter, Outcome::Failed(error));
        }
    }

    /// There is no identity, and none is being acquired.
    fn has_no_identity(&self) -> bool {
        self.storage.is_loaded() && self.identity.current().is_none() && !self.is_renewing()
    }
}
