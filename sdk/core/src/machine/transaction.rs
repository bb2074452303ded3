//! The one thing at a time that a machine does with the storage and the server:
//! lock → load → (send → load again and compare) → store → release → publish.

use super::Machine;
use crate::{Credential, Effect, Op, Record, Request, SessionError, TabMessage, Timestamp, Version};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Transaction {
    kind: TransactionKind,
    /// The lock that was asked for or is current.
    pub(super) lock: Option<Op>,
    /// Another tab had the lock first, or has told of what cannot be read yet.
    pub(super) contended: bool,
    pub(super) step: Step,
    /// Of the effect that the step waits for.
    pub(super) op: Op,
    pub(super) deadline: u64,
    /// The deadline is the second one of this step.
    waited: bool,
    /// The version that what is sent starts from; a commit needs it unchanged (C7).
    pub(super) base: Version,
    /// Of what was sent last.
    pub(super) sent: Op,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum TransactionKind {
    /// A usable credential.
    Renew,
    /// A stored sign-out.
    SignOut,
    /// A storage that is not behind what this tab knows: a sign-out that was overwritten, or a record that was cleared.
    Repair,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Step {
    Locking,
    Reading,
    MakingKey,
    StoringAcquireKey,
    /// What other tabs have written is arriving: without the lock, their acquire keys; after waiting for it, their commit.
    AwaitingVisibility,
    ReadingAgain,
    Sending(Request),
    Comparing(Found),
    Committing(Credential),
    StoringOwn,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Found {
    Credential(Credential),
    Ended,
}

impl Transaction {
    pub(super) fn is_renewal(&self) -> bool {
        self.kind == TransactionKind::Renew
    }

    pub(super) fn is_sign_out(&self) -> bool {
        self.kind == TransactionKind::SignOut
    }
}

impl Machine {
    /// Begins a transaction; there is one at a time.
    pub(super) fn begin(&mut self, now: Timestamp, kind: TransactionKind) {
        let op = self.op();
        let deadline = now.mono.saturating_add(self.config.lock_wait);
        let (step, base) = (Step::Locking, self.version);
        self.transaction =
            Some(Transaction { kind, lock: None, contended: false, step, op, deadline, waited: false, base, sent: op });
        if self.is_alone() {
            return self.load_for(now, Step::Reading);
        }
        if let Some(transaction) = &mut self.transaction {
            transaction.lock = Some(op);
        }
        self.effects.push_back(Effect::TakeLock { op });
    }

    pub(super) fn is_transaction(&self, op: Op) -> bool {
        self.transaction.as_ref().is_some_and(|transaction| transaction.op == op)
    }

    /// Ends the transaction, whatever it waits for; late completions of it find no transaction with their op.
    pub(super) fn drop_transaction(&mut self) {
        if let Some(Transaction { op, step: Step::Sending(_), .. }) = self.transaction {
            self.effects.push_back(Effect::Cancel { op });
        }
        self.end_transaction();
    }

    /// Another tab has got what this one has sent for. Were the answer waited for all the same, its error would be
    /// repeated: with a credential that needs no refresh.
    pub(super) fn drop_overtaken_send(&mut self, now: Timestamp) {
        if let Some(Transaction { step: Step::Sending(_), base, .. }) = self.transaction
            && self.version > base
            && !self.wants_renewal(now)
        {
            self.drop_transaction();
        }
    }

    /// Ends a transaction that has nothing under way but the lock.
    pub(super) fn end_transaction(&mut self) {
        if let Some(op) = self.transaction.take().and_then(|transaction| transaction.lock) {
            self.effects.push_back(Effect::ReleaseLock { op });
        }
    }

    pub(super) fn on_lock_granted(&mut self, now: Timestamp, op: Op, contended: bool) {
        match &mut self.transaction {
            Some(transaction) if transaction.op == op && matches!(transaction.step, Step::Locking) => {
                transaction.contended = contended || self.unseen.is_some();
                self.load_for(now, Step::Reading);
            }
            Some(transaction) if transaction.lock == Some(op) => {} // doubled: it is held already
            _ => self.effects.push_back(Effect::ReleaseLock { op }),
        }
    }

    pub(super) fn on_lock_unavailable(&mut self, now: Timestamp, op: Op) {
        let Some(transaction) = self.transaction.as_mut().filter(|transaction| transaction.lock == Some(op)) else {
            return;
        };
        transaction.lock = None;
        if matches!(transaction.step, Step::Locking) {
            self.load_for(now, Step::Reading);
        }
    }

    pub(super) fn on_transaction_loaded(&mut self, now: Timestamp, record: Option<Record>) {
        let Some(transaction) = &self.transaction else { return };
        match (transaction.kind, &transaction.step) {
            (TransactionKind::Renew, Step::Reading | Step::ReadingAgain) => self.renew(now, record),
            (TransactionKind::Renew, Step::Comparing(found)) => {
                let found = *found;
                self.compare(now, record, found);
            }
            (TransactionKind::SignOut, Step::Reading | Step::ReadingAgain) => self.forget(now, record),
            (TransactionKind::Repair, Step::Reading) => self.repair(now, record),
            _ => {}
        }
    }

    pub(super) fn on_saved(&mut self, now: Timestamp, op: Op) {
        let Some(transaction) = self.transaction.as_ref().filter(|transaction| transaction.op == op) else {
            return;
        };
        match &transaction.step {
            Step::StoringAcquireKey => self.acquire_key_stored(now),
            Step::Committing(credential) => {
                let credential = *credential;
                self.commit(now, credential);
            }
            Step::StoringOwn => self.own_stored(),
            _ => {}
        }
    }

    pub(super) fn on_transaction_storage_failed(&mut self, now: Timestamp) {
        self.fall_back_to_memory();
        self.proceed_in_memory(now);
    }

    pub(super) fn on_transaction_timeout(&mut self, now: Timestamp) {
        let Some(transaction) = &mut self.transaction else { return };
        match transaction.step {
            Step::Locking => {
                if let Some(op) = transaction.lock.take() {
                    self.effects.push_back(Effect::ReleaseLock { op });
                }
                self.load_for(now, Step::Reading);
            }
            Step::AwaitingVisibility => self.load_for(now, Step::ReadingAgain),
            Step::Sending(_) => {
                self.effects.push_back(Effect::Cancel { op: transaction.op });
                self.fail(now, SessionError::Timeout, None);
            }
            Step::MakingKey => self.fail(now, SessionError::Timeout, None),
            _ if !transaction.waited => {
                transaction.waited = true;
                transaction.deadline = now.mono.saturating_add(self.config.storage_timeout);
            }
            _ => self.on_transaction_storage_failed(now),
        }
    }

    /// After another tab has had the lock, or has told something: it has most likely stored something, which this one may not see yet.
    pub(super) fn lets_storage_settle(&mut self, now: Timestamp) -> bool {
        let settles = self
            .transaction
            .as_ref()
            .is_some_and(|transaction| transaction.contended && matches!(transaction.step, Step::Reading));
        if settles {
            self.step(now, Step::AwaitingVisibility, self.config.storage_lag);
        }
        settles
    }

    /// Moves on to a step that waits at most `limit` milliseconds for the completion of what it asks for.
    pub(super) fn step(&mut self, now: Timestamp, step: Step, limit: u64) -> Op {
        let op = self.op();
        if let Some(transaction) = &mut self.transaction {
            transaction.step = step;
            transaction.op = op;
            transaction.deadline = now.mono.saturating_add(limit.max(1));
            transaction.waited = false;
        }
        op
    }

    pub(super) fn load_for(&mut self, now: Timestamp, step: Step) {
        let op = self.step(now, step, self.config.storage_timeout);
        if self.memory {
            return self.proceed_in_memory(now);
        }
        self.effects.push_back(Effect::Load { op });
    }

    pub(super) fn store_for(&mut self, now: Timestamp, step: Step, record: Record) {
        let op = self.step(now, step, self.config.storage_timeout);
        if self.memory {
            return self.proceed_in_memory(now);
        }
        self.effects.push_back(Effect::Store { op, record });
    }

    /// Completes a storage step without a storage.
    fn proceed_in_memory(&mut self, now: Timestamp) {
        self.loaded = true;
        match self.transaction.as_ref().map(|transaction| (&transaction.step, transaction.op)) {
            Some((Step::StoringAcquireKey | Step::Committing(_) | Step::StoringOwn, op)) => self.on_saved(now, op),
            Some(_) => self.on_transaction_loaded(now, None),
            None => {}
        }
    }

    fn forget(&mut self, now: Timestamp, record: Option<Record>) {
        if self.lets_storage_settle(now) {
            return;
        }
        if let Some(record) = record {
            if !self.is_behind(&record) {
                // Another tab has heard of this sign-out, or has signed out by itself: what is stored came after.
                self.drop_transaction();
                self.signed_out();
                return self.observe(now, record);
            }
            let stored = record.credential.map(|credential| credential.revocable());
            if let Some(token) = stored.filter(|token| !self.is_revoking(*token)) {
                self.revoke(now, token);
            }
        }
        self.loaded = true;
        let own = self.record();
        self.store_for(now, Step::StoringOwn, own);
    }

    fn repair(&mut self, now: Timestamp, record: Option<Record>) {
        let behind = record.as_ref().is_some_and(|record| self.is_behind(record));
        self.observe_for_transaction(now, record);
        if behind {
            let own = self.record();
            self.store_for(now, Step::StoringOwn, own);
        } else {
            self.drop_transaction();
        }
    }

    fn own_stored(&mut self) {
        let kind = self.transaction.as_ref().map(|transaction| transaction.kind);
        self.drop_transaction();
        if kind == Some(TransactionKind::SignOut) {
            self.publish_sign_out();
            self.signed_out();
        } else {
            self.publish(TabMessage::Committed(self.version));
        }
    }
}
