//! The machine moves its transaction from step to step: completions, deadlines, loads and stores.

use super::transaction::{Overdue, Step, Transaction, TransactionKind};
use super::{Machine, storage};
use crate::{Effect, Op, Record, SessionError, Stored, Timestamp};

impl Machine {
    /// Begins a transaction. The one before must have ended.
    pub(super) fn begin(&mut self, now: Timestamp, kind: TransactionKind) {
        let shared = self.storage.is_shared();
        self.transaction = Some(Transaction::begin(now, kind, self.identity.version(), shared, &mut self.context));
        if !shared {
            self.load(now, Step::Reading);
        }
    }

    pub(super) fn is_renewing(&self) -> bool {
        self.transaction.as_ref().is_some_and(|transaction| transaction.kind() == TransactionKind::Renew)
    }

    /// Cancels the transaction, if there is one.
    pub(super) fn cancel_transaction(&mut self) {
        if let Some(transaction) = &mut self.transaction {
            transaction.cancel(&mut self.context);
        }
        self.transaction = None;
    }

    /// Another tab has committed what this tab has requested. If the response were awaited all the same, its error would
    /// cause a retry, with a credential that needs no refresh.
    pub(super) fn cancel_overtaken_request(&mut self, now: Timestamp) {
        let version = self.identity.version();
        if let Some(transaction) = &self.transaction
            && transaction.is_overtaken(version)
            && (transaction.is_solving() || !self.wants_renewal(now))
        {
            self.cancel_transaction();
        }
    }

    pub(super) fn load(&mut self, now: Timestamp, step: Step) {
        let in_memory = self.storage.is_in_memory();
        if let Some(transaction) = &mut self.transaction {
            transaction.load(now, step, in_memory, &mut self.context);
            if in_memory {
                self.continue_in_memory(now);
            }
        }
    }

    pub(super) fn store(&mut self, now: Timestamp, step: Step, record: Record) {
        let in_memory = self.storage.is_in_memory();
        if let Some(transaction) = &mut self.transaction {
            transaction.store(now, step, record, in_memory, &mut self.context);
            if in_memory {
                self.continue_in_memory(now);
            }
        }
    }

    pub(super) fn on_lock_granted(&mut self, now: Timestamp, op: Op, contended: bool) {
        let contended = contended || self.reload.has_unseen_commit();
        let Some(transaction) = &mut self.transaction else {
            return self.context.effect(Effect::ReleaseLock { op });
        };
        if transaction.on_lock_granted(op, contended, &mut self.context) {
            self.load(now, Step::Reading);
        }
    }

    pub(super) fn on_lock_unavailable(&mut self, now: Timestamp, op: Op) {
        if self.transaction.as_mut().is_some_and(|transaction| transaction.on_lock_unavailable(op)) {
            self.load(now, Step::Reading);
        }
    }

    pub(super) fn on_loaded(&mut self, now: Timestamp, op: Op, stored: Stored) {
        if self.reload.owns(op) {
            let record = storage::decode(stored, &mut self.context);
            self.on_reloaded(now, &record);
        } else if self.owns_transaction(op) {
            let record = storage::decode(stored, &mut self.context);
            self.on_transaction_loaded(now, Some(record));
        }
    }

    pub(super) fn on_saved(&mut self, now: Timestamp, op: Op) {
        if self.owns_transaction(op) {
            self.on_transaction_saved(now);
        }
    }

    pub(super) fn on_storage_failed(&mut self, now: Timestamp, op: Op) {
        if self.reload.owns(op) {
            self.on_reload_failed();
        } else if self.owns_transaction(op) {
            self.on_transaction_storage_failed(now);
        }
    }

    pub(super) fn on_transaction_deadline(&mut self, now: Timestamp) {
        let Some(transaction) = &mut self.transaction else { return };
        match transaction.on_deadline(now, &mut self.context) {
            Overdue::Extended => {}
            Overdue::Read(step) => self.load(now, step),
            Overdue::Failed(error) => self.fail(now, error, None),
            Overdue::StorageFailed => self.on_transaction_storage_failed(now),
        }
    }

    /// Ends the transaction, if there is one. Nothing is under way.
    pub(super) fn end_transaction(&mut self) {
        if let Some(transaction) = &mut self.transaction {
            transaction.release(&mut self.context);
        }
        self.transaction = None;
    }

    /// The attempt has failed: ends the transaction, and delays the next attempt.
    pub(super) fn fail(&mut self, now: Timestamp, error: SessionError, retry_after: Option<u64>) {
        if self.is_sending_account_request() {
            return self.pause_account_request(now, error, retry_after);
        }
        self.end_transaction();
        self.backoff.failed(now, error, retry_after, &mut self.context);
    }

    fn owns_transaction(&self, op: Op) -> bool {
        self.transaction.as_ref().is_some_and(|transaction| transaction.op() == op)
    }

    fn on_transaction_storage_failed(&mut self, now: Timestamp) {
        self.storage.fall_back_to_memory(&mut self.context);
        self.continue_in_memory(now);
    }

    /// Completes the load or store of the step without a storage.
    fn continue_in_memory(&mut self, now: Timestamp) {
        self.storage.set_loaded();
        match self.transaction.as_ref().map(Transaction::step) {
            Some(Step::StoringKey | Step::Committing(_) | Step::StoringOwn) => self.on_transaction_saved(now),
            Some(_) => self.on_transaction_loaded(now, None),
            None => {}
        }
    }

    /// `record`: `None` without a storage.
    fn on_transaction_loaded(&mut self, now: Timestamp, record: Option<Record>) {
        let Some(transaction) = &self.transaction else { return };
        match (transaction.kind(), transaction.step()) {
            (TransactionKind::Renew, Step::Reading | Step::ReadingAgain) => self.renew(now, record),
            (TransactionKind::AccountRequest, Step::Reading | Step::ReadingAgain) => {
                self.continue_account_request(now, record);
            }
            (TransactionKind::Renew | TransactionKind::AccountRequest, Step::Comparing(received)) => {
                self.compare(now, record, received);
            }
            (TransactionKind::SignOut, Step::Reading | Step::ReadingAgain) => self.store_sign_out(now, record),
            (TransactionKind::Repair, Step::Reading) => self.repair(now, record),
            _ => {}
        }
    }

    fn on_transaction_saved(&mut self, now: Timestamp) {
        match self.transaction.as_ref().map(Transaction::step) {
            Some(Step::StoringKey) if self.is_sending_account_request() => self.send_account_request(now),
            Some(Step::StoringKey) => self.acquire(now, None),
            Some(Step::Committing(credential)) => self.commit(now, credential),
            Some(Step::StoringOwn) => self.on_own_record_stored(),
            _ => {}
        }
    }
}
