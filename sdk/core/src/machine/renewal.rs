//! A usable credential: adopted, refreshed or acquired.

use super::Machine;
use super::identity::StaleReason;
use super::transaction::{Found, Step, Transaction, TransactionKind};
use crate::response::TokenOutcome;
use crate::response::TokenResponse;
use crate::{
    Credential, Effect, Event, Expiry, Handle, IdentityReason, OnIdentityLost, Op, Record, Request, Response,
    SessionError, TabMessage, Timestamp, Version,
};

impl Machine {
    /// With what is stored, under the lock or after the acquire keys have settled: adopt it, refresh, or acquire.
    pub(super) fn renew(&mut self, now: Timestamp, record: Option<Record>) {
        let acquire_key = self.observe_for_transaction(now, record);
        if self.transaction.is_none() {
            return;
        }
        if !self.wants_renewal(now) {
            return self.drop_transaction();
        }
        if self.lets_storage_settle(now) {
            return;
        }
        let Some(current) = &self.current else {
            return self.acquire(now, acquire_key);
        };
        let reason = match current.stale {
            Some(StaleReason::Refused) => IdentityReason::Unauthorized,
            _ => IdentityReason::Expired,
        };
        match current.credential.refresh_token {
            Some(refresh_token) => self.send(now, Request::Refresh { refresh_token }),
            None => self.replace(now, reason, acquire_key),
        }
    }

    /// The session is over for good.
    fn replace(&mut self, now: Timestamp, reason: IdentityReason, acquire_key: Option<Handle>) {
        if self.may_be_erased() {
            return self.erased(now);
        }
        match self.end_session(reason) {
            OnIdentityLost::Reacquire => self.acquire(now, acquire_key),
            OnIdentityLost::Stop => self.drop_transaction(),
        }
    }

    /// Makes a guest under the acquire_key that all tabs use, so that all end with one (C19).
    fn acquire(&mut self, now: Timestamp, stored_acquire_key: Option<Handle>) {
        let transaction = self.transaction.as_ref();
        let settled = self.is_alone()
            || transaction.is_some_and(|transaction| {
                transaction.lock.is_some() || matches!(transaction.step, Step::ReadingAgain)
            });
        self.acquire_key = stored_acquire_key
            .or_else(|| self.acquire_key.take())
            .filter(|acquire_key| self.rejected_acquire_key != Some(*acquire_key));
        match self.acquire_key {
            Some(key) if settled => self.send(now, Request::Acquire { key }),
            Some(_) => {
                self.step(now, Step::AwaitingVisibility, self.config.acquire_key_settle);
            }
            None => {
                let op = self.step(now, Step::MakingKey, self.config.storage_timeout);
                self.effects.push_back(Effect::MakeKey { op });
            }
        }
    }

    pub(super) fn acquire_key_stored(&mut self, now: Timestamp) {
        let acquire_key = self.acquire_key.take();
        self.acquire(now, acquire_key);
    }

    fn send(&mut self, now: Timestamp, request: Request) {
        let base = self.version;
        let op = self.step(now, Step::Sending(request), self.config.http_timeout);
        if let Some(transaction) = &mut self.transaction {
            transaction.base = base;
            transaction.sent = op;
        }
        self.effects.push_back(Effect::Send { op, request });
    }

    fn sent(&self, op: Op) -> Option<Request> {
        match &self.transaction {
            Some(Transaction { op: sent, step: Step::Sending(request), .. }) if *sent == op => Some(*request),
            _ => None,
        }
    }

    /// The answer is here: it only counts if nobody has committed since it was asked for (C7).
    pub(super) fn compare(&mut self, now: Timestamp, record: Option<Record>, found: Found) {
        let acquire_key = self.observe_for_transaction(now, record);
        let Some(transaction) = &self.transaction else { return };
        if self.version > transaction.base {
            return self.drop_transaction();
        }
        match found {
            Found::Ended => self.replace(now, IdentityReason::InvalidGrant, acquire_key),
            Found::Credential(credential) => {
                let version = next(transaction.base);
                let (end_reason, acquire_key) = (self.end_reason, None);
                let record = Record { version, end_reason, acquire_key, credential: Some(credential) };
                self.store_for(now, Step::Committing(credential), record);
            }
        }
    }

    /// Store → release → publish → settle: nothing of the caller's runs under the lock (C6).
    pub(super) fn commit(&mut self, now: Timestamp, credential: Credential) {
        let Some(transaction) = &self.transaction else { return };
        let (base, sent) = (transaction.base, transaction.sent);
        self.drop_transaction();
        if self.version > base {
            return self.begin(now, TransactionKind::Repair); // overtaken while it was stored, so what is stored now is the older one
        }
        let acquired = self.current.is_none();
        let id = credential.subject;
        self.version = next(base);
        self.hold(now, credential, IdentityReason::InvalidGrant);
        self.publish(TabMessage::Committed(self.version));
        self.events.push_back(if acquired {
            Event::Acquired { id }
        } else {
            Event::Refreshed { id, generation: self.version.generation }
        });
        // Whoever waited is served with it even if its lifetime is next to nothing: else they would wait for ever.
        self.grant(&|_| true);
        self.send_account_request(now);
        self.finish_account_request(sent);
    }

    pub(super) fn fail(&mut self, now: Timestamp, error: SessionError, retry_after: Option<u64>) {
        self.end_transaction();
        let delay = self.backoff.failed(now, &self.config, error, retry_after);
        self.events.push_back(Event::Retrying { error, delay });
    }

    pub(super) fn on_key_made(&mut self, now: Timestamp, op: Op, key: Handle) {
        let Some(transaction) = &mut self.transaction else { return };
        if transaction.op != op || !matches!(transaction.step, Step::MakingKey) {
            return;
        }
        self.acquire_key = Some(key);
        let record = self.record();
        self.store_for(now, Step::StoringAcquireKey, record);
    }

    pub(super) fn on_response(&mut self, now: Timestamp, op: Op, response: Response) {
        let Some(request) = self.sent(op) else {
            return match self.is_account_request(op) {
                true => self.on_account_response(now, response),
                false => self.on_revocation_response(now, op, &response),
            };
        };
        let retry_after = response.retry_after;
        match response.classify_token(&request) {
            TokenOutcome::Token(token) => {
                let before = self.current.as_ref().map(|current| &current.credential);
                let credential = received(now, token, &request, before);
                self.load_for(now, Step::Comparing(Found::Credential(credential)));
            }
            TokenOutcome::Ended => self.load_for(now, Step::Comparing(Found::Ended)),
            TokenOutcome::AcquireKeyRejected => {
                self.rejected_acquire_key = self.acquire_key.take();
                self.fail(now, SessionError::Unavailable { status: 409 }, retry_after);
            }
            TokenOutcome::Transient(error) => self.fail(now, error, retry_after),
            TokenOutcome::Rejected(error) => {
                self.fail(now, error, retry_after);
                self.fail_stuck_account_request(error);
            }
        }
    }

    pub(super) fn on_send_failed(&mut self, now: Timestamp, op: Op) {
        if self.sent(op).is_some() {
            self.fail(now, SessionError::Network, None);
        } else if self.is_account_request(op) {
            self.on_account_send_failed(now);
        } else {
            self.on_revocation_failed(now, op);
        }
    }

    /// Observes what a step of the transaction has read; answers with the acquire_key in it, if it is of this epoch.
    pub(super) fn observe_for_transaction(&mut self, now: Timestamp, record: Option<Record>) -> Option<Handle> {
        let record = record?;
        let epoch = record.version.epoch;
        self.observe(now, record);
        record
            .acquire_key
            .filter(|acquire_key| epoch == self.version.epoch && self.rejected_acquire_key != Some(*acquire_key))
    }
}

fn next(base: Version) -> Version {
    Version { epoch: base.epoch, generation: base.generation.saturating_add(1) }
}

/// The longest lifetime that is believed: three hundred years. A saturating product would weigh more than this.
const MOST_SECONDS: u64 = 10_000_000_000;

/// What a token answer gives. A refresh that says no new refresh token or subject keeps the old (RFC 6749 §6).
fn received(now: Timestamp, token: TokenResponse, request: &Request, before: Option<&Credential>) -> Credential {
    let (kept_token, kept_subject) = match (request, before) {
        (Request::Refresh { refresh_token }, Some(before)) => (Some(*refresh_token), before.subject),
        _ => (None, None),
    };
    Credential {
        access_token: token.access_token,
        refresh_token: token.refresh_token.or(kept_token),
        subject: token.subject.or(kept_subject),
        expiry: token.expires_in.map(|seconds| Expiry::received(now, seconds.min(MOST_SECONDS) * 1_000)),
    }
}
