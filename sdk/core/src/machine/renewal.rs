//! Renewal: how the machine gets a usable credential. It adopts a newer one, refreshes, or acquires a guest.

use super::Machine;
use super::challenges::Challenges;
use super::current::StaleReason;
use super::identity::Keeping;
use super::transaction::{Received, Step, Transaction, TransactionKind};
use crate::response::{TokenOutcome, TokenResponse};
use crate::{
    Credential, Event, Expiry, Handle, IdentityReason, OnIdentityLost, Op, Record, Request, Response, SessionError,
    TabMessage, Timestamp, Version,
};

impl Machine {
    /// After a read: adopts the stored credential, refreshes, or acquires.
    pub(super) fn renew(&mut self, now: Timestamp, record: Option<Record>) {
        let acquire_key = self.adopt_in_transaction(now, record);
        if self.transaction.is_none() {
            return;
        }
        if !self.wants_renewal(now) {
            return self.cancel_transaction();
        }
        if self.awaits_commit(now) {
            return;
        }
        if self.cannot_be_renewed() {
            return self.fail(now, SessionError::Storage, None);
        }
        let Some(current) = self.identity.current() else {
            return self.acquire(now, acquire_key);
        };
        let reason = match current.stale() {
            Some(StaleReason::Refused) => IdentityReason::Unauthorized,
            _ => IdentityReason::Expired,
        };
        match current.credential().refresh_token {
            Some(refresh_token) => self.send(now, Request::Refresh { refresh_token }),
            None => self.replace_session(now, reason, acquire_key),
        }
    }

    /// Adopts what the transaction has read; returns the acquire key in it, if that may be used.
    pub(super) fn adopt_in_transaction(&mut self, now: Timestamp, record: Option<Record>) -> Option<Handle> {
        let record = record?;
        self.adopt(now, &record);
        self.revoke_stored(now, &record);
        self.identity.usable_acquire_key(&record)
    }

    /// Whether the storage cannot be read, and other tabs may have the session: its refresh token may be too old by now, so that
    /// the server would take it for a stolen one (C28).
    pub(super) fn cannot_be_renewed(&self) -> bool {
        let blind = self.transaction.as_ref().is_some_and(Transaction::is_blind);
        blind && self.identity.current().is_some() && !self.identity.is_unstored()
    }

    /// See [`Transaction::await_commit`](super::transaction::Transaction::await_commit).
    pub(super) fn awaits_commit(&mut self, now: Timestamp) -> bool {
        self.transaction.as_mut().is_some_and(|transaction| transaction.await_commit(now, &mut self.context))
    }

    /// The session has ended: it is replaced by a new guest, or stays ended.
    fn replace_session(&mut self, now: Timestamp, reason: IdentityReason, acquire_key: Option<Handle>) {
        if self.account_requests.may_have_erased() {
            return self.erased(now);
        }
        match self.end_session(reason) {
            OnIdentityLost::Reacquire => self.acquire(now, acquire_key),
            OnIdentityLost::Stop => self.cancel_transaction(),
        }
    }

    /// Acquires a guest under the acquire key that all tabs use, so that all get the same guest (C19).
    pub(super) fn acquire(&mut self, now: Timestamp, stored_acquire_key: Option<Handle>) {
        let Some(transaction) = &mut self.transaction else { return };
        let alone = !self.storage.is_shared() || transaction.is_apart() || transaction.is_blind();
        match self.identity.choose_acquire_key(stored_acquire_key) {
            Some(key) if transaction.sees_acquire_keys() || alone => {
                self.send(now, Request::Acquire { key, answer: self.challenges.answer(key) });
            }
            Some(_) => transaction.await_acquire_keys(now, &mut self.context),
            None => transaction.make_key(now, &mut self.context),
        }
    }

    /// Acquires a guest under a key that no other tab can read, and that no other tab is waited for.
    pub(super) fn acquire_apart(&mut self, now: Timestamp) {
        if let Some(transaction) = &mut self.transaction {
            transaction.set_apart();
        }
        self.acquire(now, None);
    }

    pub(super) fn on_key_made(&mut self, now: Timestamp, op: Op, key: Handle) {
        match &self.transaction {
            Some(transaction) if transaction.op() == op && matches!(transaction.step(), Step::MakingKey) => {
                if transaction.kind() == TransactionKind::AccountRequest {
                    return self.store_upgrade_key(now, key);
                }
                let apart = transaction.is_apart();
                self.identity.set_acquire_key(key);
                if apart {
                    return self.acquire(now, None);
                }
                self.store(now, Step::StoringKey, self.identity.record());
            }
            _ => {}
        }
    }

    pub(super) fn send(&mut self, now: Timestamp, request: Request) {
        if let Some(transaction) = &mut self.transaction {
            transaction.send(now, request, self.identity.version(), &mut self.context);
        }
    }

    pub(super) fn on_token_response(&mut self, now: Timestamp, request: &Request, response: Response) {
        let retry_after = response.retry_after;
        match response.classify_token(request) {
            TokenOutcome::Token(token) => {
                let before = self.identity.credential().filter(|_| matches!(request, Request::Refresh { .. }));
                let credential = credential_of(now, token, before);
                self.load(now, Step::Comparing(Received::Credential(credential)));
            }
            TokenOutcome::Ended => self.load(now, Step::Comparing(Received::Ended)),
            TokenOutcome::AcquireKeyRejected => {
                self.identity.reject_acquire_key();
                self.fail(now, SessionError::Unavailable { status: 409 }, retry_after);
            }
            TokenOutcome::Challenge { key, problem } => self.solve(now, key, problem),
            TokenOutcome::Transient(error) => self.fail(now, error, retry_after),
            TokenOutcome::Rejected(error) => self.reject(now, error, retry_after),
        }
    }

    fn reject(&mut self, now: Timestamp, error: SessionError, retry_after: Option<u64>) {
        self.fail(now, error, retry_after);
        self.fail_stuck_account_request(error);
    }

    /// The lock is kept: the other tabs of the browser need not solve the same.
    fn solve(&mut self, now: Timestamp, key: Handle, problem: Handle) {
        let Some(transaction) = &mut self.transaction else { return };
        if transaction.is_overtaken(self.identity.version()) {
            self.end_transaction();
        } else if self.challenges.on_challenge(key) {
            transaction.solve(now, key, problem, &mut self.context);
        } else {
            self.reject_unsolved(now);
        }
    }

    pub(super) fn on_solved(&mut self, now: Timestamp, op: Op, answer: Handle) {
        if let Some(key) = self.transaction.as_ref().and_then(|transaction| transaction.solving(op)) {
            self.challenges.on_answer(answer);
            self.send(now, Request::Acquire { key, answer: Some(answer) });
        }
    }

    pub(super) fn on_solve_failed(&mut self, now: Timestamp, op: Op) {
        if self.transaction.as_ref().is_some_and(|transaction| transaction.solving(op).is_some()) {
            self.reject_unsolved(now);
        }
    }

    fn reject_unsolved(&mut self, now: Timestamp) {
        self.challenges = Challenges::default();
        self.reject(now, SessionError::UNSOLVED, None);
    }

    /// The response only counts if no other tab has committed since the request was sent (C7). That to an upgrade always
    /// counts: it has the only session that is left.
    pub(super) fn compare(&mut self, now: Timestamp, record: Option<Record>, received: Received) {
        let upgrade_key =
            record.as_ref().filter(|record| record.credential.is_some()).and_then(|record| record.acquire_key);
        let acquire_key = self.adopt_in_transaction(now, record);
        let newest = self.identity.version();
        let Some(transaction) = &mut self.transaction else { return };
        let upgrades = transaction.kind() == TransactionKind::AccountRequest;
        if upgrades {
            transaction.rebase(newest);
        } else if newest > transaction.base() {
            return self.cancel_transaction();
        }
        match received {
            Received::Ended if self.cannot_be_renewed() => self.fail(now, SessionError::Storage, None),
            Received::Ended if upgrade_key.is_some() && self.may_be_upgrading_elsewhere() => {
                self.fail(now, SessionError::Unavailable { status: 400 }, None);
            }
            Received::Ended => self.replace_session(now, IdentityReason::InvalidGrant, acquire_key),
            Received::Credential(credential) => {
                let record = Record {
                    version: next(newest),
                    end_reason: self.identity.end_reason(),
                    acquire_key: upgrade_key.filter(|_| !upgrades),
                    credential: Some(credential),
                    ..Record::default()
                };
                self.store(now, Step::Committing(credential), record);
            }
        }
    }

    /// Whether another tab may be about to store the session of an upgrade: a tab that has the lock knows that no tab is. The
    /// tab that upgrades may have crashed, so the time to wait for it is limited.
    fn may_be_upgrading_elsewhere(&self) -> bool {
        self.storage.is_shared()
            && self.backoff.failures() < MAX_WAITS_FOR_UPGRADE
            && self.transaction.as_ref().is_some_and(|transaction| !transaction.has_lock())
    }

    /// Store → release → publish → settle: no call is settled under the lock (C6).
    pub(super) fn commit(&mut self, now: Timestamp, credential: Credential, keeping: Keeping) {
        let Some(transaction) = &self.transaction else { return };
        let base = transaction.base();
        if self.identity.version() > base {
            // Another tab has committed while this one stored: the storage has the older record.
            if transaction.kind() == TransactionKind::AccountRequest {
                return self.load(now, Step::Comparing(Received::Credential(credential)));
            }
            self.cancel_transaction();
            return self.begin(now, TransactionKind::Repair);
        }
        self.cancel_transaction();
        let version = next(base);
        let acquired = self.identity.current().is_none();
        let id = credential.subject;
        self.identity.advance(version, self.identity.end_reason());
        self.replace_credential(now, credential, IdentityReason::InvalidGrant);
        self.identity.keep(keeping);
        if keeping == Keeping::Stored {
            self.publish(TabMessage::Committed(version));
        }
        self.context.event(if acquired {
            Event::Acquired { id }
        } else {
            Event::Refreshed { id, generation: version.generation }
        });
        // Calls that waited for this credential get it even if its lifetime is too short to use: else they would wait forever.
        self.grant(true);
        self.finish_upgrade();
    }
}

impl Machine {
    /// The credential cannot be stored. If other tabs have its predecessor, or can read its acquire key, it is not used: the same
    /// request is sent again, and the server responds with the same credential, because it is unused. Otherwise the stored
    /// refresh token would become too old, and count as stolen in another tab or after a reload (C28).
    pub(super) fn commit_unstored(&mut self, now: Timestamp, credential: Credential) {
        let Some(transaction) = &self.transaction else { return };
        if transaction.kind() == TransactionKind::AccountRequest {
            // The only session that is left.
            self.commit(now, credential, Keeping::Unstored);
        } else if self.identity.current().is_some() {
            if self.identity.is_unstored() {
                self.commit(now, credential, self.identity.keeping());
            } else {
                self.fail(now, SessionError::Storage, None);
            }
        } else if transaction.is_apart() || transaction.is_blind() {
            self.commit(now, credential, Keeping::Apart);
        } else if self.backoff.error() == Some(SessionError::Storage) {
            // The key fits in the storage, and the credential does not.
            self.identity.drop_acquire_key();
            self.acquire_apart(now);
        } else {
            self.fail(now, SessionError::Storage, None);
        }
    }
}

fn next(base: Version) -> Version {
    Version { epoch: base.epoch, generation: base.generation.saturating_add(1) }
}

/// How often a tab without the lock asks again whether the session has ended, while another tab may be upgrading: 15 seconds at
/// most.
const MAX_WAITS_FOR_UPGRADE: u32 = 5;

/// The longest lifetime that is accepted: three hundred years. A saturating product would need more code.
const MAX_SECONDS: u64 = 10_000_000_000;

/// The credential of a token response. A refresh without a new refresh token or subject keeps those of `before` (RFC 6749 §6).
pub(super) fn credential_of(now: Timestamp, token: TokenResponse, before: Option<&Credential>) -> Credential {
    Credential {
        access_token: token.access_token,
        refresh_token: token.refresh_token.or(before.and_then(|before| before.refresh_token)),
        subject: token.subject.or(before.and_then(|before| before.subject)),
        expiry: token.expires_in.map(|seconds| Expiry::received(now, seconds.min(MAX_SECONDS) * 1_000)),
    }
}
