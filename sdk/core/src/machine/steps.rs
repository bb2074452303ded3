//! The machine moves its transaction from step to step: completions, deadlines, loads and stores.

use super::identity::Keeping;
use super::transaction::{Overdue, Step, Transaction, TransactionKind};
use super::{Machine, storage};
use crate::{Effect, Op, Record, SessionError, Stored, Timestamp};

impl Machine {
    /// Begins a transaction. The one before must have ended.
    pub(super) fn begin(&mut self, now: Timestamp, kind: TransactionKind) {
        self.begin_with(now, kind, self.storage.is_shared());
    }

    /// `shared`: under the lock.
    pub(super) fn begin_with(&mut self, now: Timestamp, kind: TransactionKind, shared: bool) {
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
        let available = self.storage.is_available(now);
        if let Some(transaction) = &mut self.transaction {
            transaction.load(now, step, available, &mut self.context);
            if !available {
                self.continue_without_storage(now);
            }
        }
    }

    /// Stores the record with the revocations that wait.
    pub(super) fn store(&mut self, now: Timestamp, step: Step, mut record: Record) {
        let available = self.storage.is_available(now);
        if let Some(transaction) = &mut self.transaction {
            let available = available && !transaction.is_blind();
            if available {
                record.revocations = self.revocations.begin_storing();
            }
            transaction.store(now, step, record, available, &mut self.context);
            if !available {
                self.continue_without_storage(now);
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
            self.storage.load_succeeded();
            let record = storage::decode(stored, &mut self.context);
            self.on_reloaded(now, &record);
        } else if self.owns_transaction(op) {
            self.storage.load_succeeded();
            let record = storage::decode(stored, &mut self.context);
            self.on_transaction_loaded(now, Some(record));
        } else {
            self.on_late_completion(now);
        }
    }

    pub(super) fn on_saved(&mut self, now: Timestamp, op: Op) {
        if self.owns_transaction(op) {
            self.storage.store_succeeded();
            self.revocations.stored();
            self.on_transaction_saved(now);
        } else {
            self.on_late_completion(now);
        }
    }

    pub(super) fn on_storage_failed(&mut self, now: Timestamp, op: Op) {
        if self.reload.owns(op) {
            self.on_reload_failed();
        } else if self.owns_transaction(op) {
            self.on_transaction_storage_failed(now);
        }
    }

    /// A load or store that had timed out has completed: the storage responds again, and may have another record.
    fn on_late_completion(&mut self, now: Timestamp) {
        if self.storage.has_failed() {
            self.retry_storage(now);
        }
    }

    /// Reads a storage that has failed or was emptied, to write the session again.
    pub(super) fn retry_storage(&mut self, now: Timestamp) {
        self.storage.retry_now();
        self.start_reload(now);
    }

    pub(super) fn on_transaction_deadline(&mut self, now: Timestamp) {
        let Some(transaction) = &mut self.transaction else { return };
        match transaction.on_deadline(now, &mut self.context) {
            Overdue::Extended => {}
            Overdue::Read(step) => self.load(now, step),
            Overdue::Failed(error) => self.fail(now, error, None),
            Overdue::StorageFailed => {
                self.storage.pause(now, &self.context);
                self.on_transaction_storage_failed(now);
            }
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
        self.storage.failed(!self.is_storing(), &mut self.context);
        self.continue_without_storage(now);
    }

    fn is_storing(&self) -> bool {
        matches!(
            self.transaction.as_ref().map(Transaction::step),
            Some(Step::StoringKey | Step::Committing(_) | Step::StoringOwn)
        )
    }

    /// Goes on after a load or store that has failed, or without a storage.
    fn continue_without_storage(&mut self, now: Timestamp) {
        self.storage.set_loaded();
        if !self.is_storing() {
            self.on_transaction_loaded(now, None);
        } else if self.storage.is_in_memory() {
            self.on_transaction_saved(now);
        } else {
            self.on_not_stored(now);
        }
    }

    /// The record of the step is not stored.
    fn on_not_stored(&mut self, now: Timestamp) {
        match self.transaction.as_ref().map(Transaction::step) {
            Some(Step::StoringKey) if self.is_sending_account_request() => self.send_account_request(now),
            Some(Step::StoringKey) => self.acquire_apart(now),
            Some(Step::Committing(credential)) => self.commit_unstored(now, credential),
            // The storage gets it when it works again.
            Some(Step::StoringOwn) => {
                self.on_own_record_kept();
            }
            _ => {}
        }
    }

    /// `record`: `None` if it could not be read, or there is no storage.
    fn on_transaction_loaded(&mut self, now: Timestamp, record: Option<Record>) {
        let in_memory = self.storage.is_in_memory();
        let Some(transaction) = &mut self.transaction else { return };
        transaction.set_blind(record.is_none() && !in_memory);
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
            Some(Step::Committing(credential)) => self.commit(now, credential, Keeping::Stored),
            Some(Step::StoringOwn) => self.on_own_record_stored(now),
            _ => {}
        }
    }
}
