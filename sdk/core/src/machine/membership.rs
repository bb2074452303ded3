//! Account requests: how a visitor becomes a member or is erased, and other requests that need the refresh token.
//!
//! An account request is sent under the lock, with the refresh token that was just read: no other tab rotates it meanwhile, so
//! the server never takes it for a stolen one. The response to an upgrade has the tokens of a new session, and the session
//! of the request has ended: the lock is kept until they are stored, also while the request is repeated.

use super::account_requests::AccountRequest;
use super::renewal::credential_of;
use super::transaction::{Received, Step, Transaction, TransactionKind};
use super::waiters::Want;
use super::{Machine, Phase};
use crate::response::AccountOutcome;
use crate::{AccountRequestKind, Handle, Outcome, Record, Request, Response, SessionError, Timestamp, WaiterId};

/// The outcome of a request whose refresh token is refused and cannot be renewed.
const UNAUTHORIZED: Outcome = Outcome::Failed(SessionError::Rejected { status: 401 });

/// The outcome of a request of a session without a refresh token: what the server would respond.
const REFRESH_TOKEN_REQUIRED: Outcome = Outcome::Refused { status: 403, reason: Handle::REFRESH_TOKEN_REQUIRED };

impl Machine {
    pub(super) fn on_account_request(&mut self, waiter: WaiterId, deadline: u64, kind: AccountRequestKind) {
        if self.phase == Phase::Ended && kind == AccountRequestKind::Upgrade {
            self.phase = Phase::Open; // an action of the visitor, as `Start` is
        }
        self.waiters.add(waiter, Want::AccountRequest(kind), Some(deadline));
    }

    /// Whether the account request waits for a credential. No guest is acquired only to be erased.
    pub(super) fn account_request_wants_token(&self) -> bool {
        let Some(request) = self.account_requests.current() else { return false };
        match self.identity.current() {
            Some(current) => current.stale().is_some() && !self.is_sending_account_request(),
            None => request.kind != AccountRequestKind::Erase,
        }
    }

    /// Whether the account request can begin its transaction.
    pub(super) fn can_send_account_request(&self) -> bool {
        self.account_requests.current().is_some()
            && self.identity.current().is_some_and(|current| current.stale().is_none())
    }

    /// Chooses the account request; settles it if nothing is to be done.
    pub(super) fn drive_account_requests(&mut self) {
        loop {
            if let Some(request) = self.account_requests.current()
                && !self.waiters.contains(request.waiter)
            {
                // The caller no longer waits, but the response may have the only tokens of the visitor.
                if request.kind == AccountRequestKind::Upgrade && self.has_sent_account_request() {
                    return;
                }
                self.abandon_account_request();
            }
            if self.account_requests.current().is_none()
                && let Some((waiter, kind)) = self.waiters.next_account_request()
            {
                self.account_requests.begin(waiter, kind);
            }
            let Some(&AccountRequest { waiter, kind, .. }) = self.account_requests.current() else { return };
            let outcome = match kind {
                AccountRequestKind::Erase if self.has_no_identity() => Outcome::Done,
                AccountRequestKind::Other if self.is_permanently_signed_out() => {
                    Outcome::Failed(SessionError::SignedOut)
                }
                AccountRequestKind::Upgrade | AccountRequestKind::Other if self.phase == Phase::SignedOut => {
                    return self.phase = Phase::Open;
                }
                _ => return,
            };
            self.settle(waiter, outcome);
        }
    }

    /// After a read: sends the request with the newest refresh token.
    pub(super) fn continue_account_request(&mut self, now: Timestamp, record: Option<Record>) {
        let stored_key = record.as_ref().map(|record| record.acquire_key);
        self.adopt_in_transaction(now, record);
        if self.transaction.is_none() || self.awaits_commit(now) {
            return;
        }
        if self.cannot_be_renewed() && !self.is_abandoned() {
            return self.pause_account_request(now, SessionError::Storage, None);
        }
        match (self.account_requests.current(), &mut self.transaction) {
            // What was read may have ended the call.
            (Some(request), Some(transaction)) if self.waiters.contains(request.waiter) => match request.key {
                None if request.kind == AccountRequestKind::Upgrade => {
                    transaction.make_key(now, &mut self.context);
                }
                Some(key) if stored_key.is_some_and(|stored| stored != Some(key)) => {
                    self.store_upgrade_key(now, key);
                }
                _ => self.send_account_request(now),
            },
            _ => self.abandon_account_request(),
        }
    }

    /// Stores the key before it is sent: without the lock, another tab finds that the session may have ended by an upgrade.
    pub(super) fn store_upgrade_key(&mut self, now: Timestamp, key: Handle) {
        if let Some(request) = self.account_requests.current_mut() {
            request.key = Some(key);
        }
        self.store(now, Step::StoringKey, Record { acquire_key: Some(key), ..self.identity.record() });
    }

    pub(super) fn send_account_request(&mut self, now: Timestamp) {
        let (Some(request), Some(credential)) = (self.account_requests.current(), self.identity.credential()) else {
            return self.abandon_account_request();
        };
        let AccountRequest { waiter, key, .. } = *request;
        match credential.refresh_token {
            Some(refresh_token) => self.send(now, Request::Account { waiter, refresh_token, key }),
            None => self.finish_account_request(waiter, REFRESH_TOKEN_REQUIRED),
        }
    }

    pub(super) fn on_account_response(&mut self, now: Timestamp, response: Response) {
        let Some(request) = self.account_requests.current_mut() else { return };
        let waiter = request.waiter;
        match response.classify_account(request.kind) {
            AccountOutcome::Upgraded(token, text) => {
                request.response = Some(text);
                let credential = credential_of(now, token, None);
                self.load(now, Step::Comparing(Received::Credential(credential)));
            }
            AccountOutcome::Erased => {
                self.end_transaction();
                self.erased(now);
            }
            AccountOutcome::Unauthorized => {
                let sent = self.transaction.as_ref().map(Transaction::base);
                self.end_transaction();
                // A token that has just replaced a refused one is not renewed again.
                if !sent.is_some_and(|version| self.refuse(now, version)) {
                    self.settle(waiter, UNAUTHORIZED);
                }
            }
            AccountOutcome::Settled(outcome) => self.finish_account_request(waiter, outcome),
            AccountOutcome::Unknown(error) => self.pause_account_request(now, error, response.retry_after),
        }
    }

    /// Whether the server has done it is unknown: an upgrade or an erasure is sent again after a pause.
    pub(super) fn pause_account_request(&mut self, now: Timestamp, error: SessionError, retry_after: Option<u64>) {
        let (Some(request), Some(transaction)) = (self.account_requests.current_mut(), &mut self.transaction) else {
            return;
        };
        let waiter = request.waiter;
        if request.kind == AccountRequestKind::Other {
            return self.finish_account_request(waiter, Outcome::Failed(error));
        }
        transaction.pause(now, request.failures, retry_after, &mut self.context);
        request.failures = request.failures.saturating_add(1);
        request.may_be_done |= error != SessionError::Storage;
        self.waiters.note_failure(now, waiter, error, retry_after);
    }

    /// The new session is current.
    pub(super) fn finish_upgrade(&mut self) {
        if let Some(request) = self.account_requests.current()
            && let Some(response) = request.response
        {
            let waiter = request.waiter;
            self.settle(waiter, Outcome::Response(response));
        }
    }

    /// The visitor has lost the identity. An upgrade goes on with the next one; an erasure does not, because it would erase
    /// another visitor.
    pub(super) fn fail_erasures(&mut self) {
        self.waiters.settle_erasures(Outcome::Failed(SessionError::SessionEnded), &mut self.context);
    }

    /// No token can be obtained, for a reason that time does not remove.
    pub(super) fn fail_stuck_account_request(&mut self, error: SessionError) {
        if let Some(request) = self.account_requests.current()
            && self.account_request_wants_token()
        {
            let waiter = request.waiter;
            self.settle(waiter, Outcome::Failed(error));
        }
    }

    fn finish_account_request(&mut self, waiter: WaiterId, outcome: Outcome) {
        self.end_transaction();
        self.settle(waiter, outcome);
    }

    /// Whether the caller of the account request no longer waits.
    fn is_abandoned(&self) -> bool {
        self.account_requests.current().is_none_or(|request| !self.waiters.contains(request.waiter))
    }

    /// The caller no longer waits.
    fn abandon_account_request(&mut self) {
        self.account_requests.clear();
        if self.is_sending_account_request() {
            self.cancel_transaction();
        }
    }

    /// Ends the pause of the account request.
    pub(super) fn retry_account_request(&mut self, now: Timestamp) {
        if let Some(transaction) = &mut self.transaction {
            transaction.retry_now(now);
        }
    }

    /// Whether the transaction is that of the account request.
    pub(super) fn is_sending_account_request(&self) -> bool {
        self.transaction.as_ref().is_some_and(|transaction| transaction.kind() == TransactionKind::AccountRequest)
    }

    /// Whether the server may respond to the account request, or has responded.
    fn has_sent_account_request(&self) -> bool {
        self.transaction.as_ref().is_some_and(|transaction| {
            transaction.kind() == TransactionKind::AccountRequest && transaction.awaits_response_or_commit()
        })
    }

    /// There is no identity, and none is being acquired.
    fn has_no_identity(&self) -> bool {
        self.storage.is_loaded() && self.identity.current().is_none() && !self.is_renewing()
    }
}
