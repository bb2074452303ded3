//! What other tabs have done: reading the storage outside of a transaction.

use super::Machine;
use super::transaction::{Transaction, TransactionKind};
use crate::{Effect, Event, Op, Record, StorageFault, Stored, TabMessage, Timestamp, Version};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Reload {
    op: Op,
    pub(super) deadline: u64,
    /// The deadline is the second one.
    waited: bool,
    /// TabMessage has come since it began, which it may not have seen.
    again: bool,
}

/// TabMessage of what cannot be read yet: the storage travels slower than the message (27 ms seen in Chromium).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct UnseenCommit {
    version: Version,
    tries: u8,
    pub(super) check_at: u64,
}

/// How often a storage is read again for what the message has told. Should it not come: the next transaction reads it, too.
const LOOKS: u8 = 4;

impl Machine {
    /// Reads the storage, once more if that is already under way.
    pub(super) fn reload(&mut self, now: Timestamp) {
        if self.memory {
            self.loaded = true;
        } else if let Some(reload) = &mut self.reload {
            reload.again = true;
        } else {
            let op = self.op();
            let deadline = now.mono.saturating_add(self.config.storage_timeout);
            self.reload = Some(Reload { op, deadline, waited: false, again: false });
            self.effects.push_back(Effect::Load { op });
        }
    }

    pub(super) fn on_loaded(&mut self, now: Timestamp, op: Op, stored: Stored) {
        if self.reload.as_ref().is_some_and(|reload| reload.op == op) {
            self.on_reloaded(now, stored);
        } else if self.is_transaction(op) {
            let record = self.read(stored);
            self.on_transaction_loaded(now, Some(record));
        }
    }

    pub(super) fn on_storage_failed(&mut self, now: Timestamp, op: Op) {
        if self.reload.as_ref().is_some_and(|reload| reload.op == op) {
            self.on_reload_failed();
        } else if self.is_transaction(op) {
            self.on_transaction_storage_failed(now);
        }
    }

    pub(super) fn on_reload_timeout(&mut self, now: Timestamp) {
        match &mut self.reload {
            Some(reload) if !reload.waited => {
                reload.waited = true;
                reload.deadline = now.mono.saturating_add(self.config.storage_timeout);
            }
            _ => self.on_reload_failed(),
        }
    }

    fn on_reload_failed(&mut self) {
        self.reload = None;
        self.loaded = true;
        self.fall_back_to_memory();
    }

    pub(super) fn on_tab_message(&mut self, now: Timestamp, message: TabMessage) {
        match message {
            TabMessage::SignedOut { epoch, end_reason } => {
                self.learn_end_reason(Version { epoch, generation: 0 }, end_reason);
                // Should that tab be gone before it has stored its sign-out, or have stored it over something newer,
                // this one mends it.
                self.reload(now);
            }
            // Older message too: then somebody has overwritten what is newer.
            TabMessage::Committed(version) if version != self.version => {
                self.unseen = Some(UnseenCommit { version, tries: 0, check_at: u64::MAX });
                self.reload(now);
            }
            TabMessage::Committed(_) => {}
        }
    }

    pub(super) fn on_visible(&mut self, now: Timestamp) {
        self.backoff.retry_now(now);
        self.retry_account_request_now();
        self.reload(now);
    }

    fn on_reloaded(&mut self, now: Timestamp, stored: Stored) {
        let again = self.reload.take().is_some_and(|reload| reload.again);
        let record = self.read(stored);
        if self.transaction.as_ref().is_some_and(Transaction::is_sign_out) {
            return self.loaded = true; // whoever is stored, is about to be signed out
        }
        let behind = self.is_behind(&record);
        self.observe(now, record);
        self.drop_overtaken_send(now);
        if behind && self.transaction.is_none() {
            self.begin(now, TransactionKind::Repair);
        }
        if again {
            return self.reload(now);
        }
        self.unseen = self.unseen.filter(|late| late.version > self.version && late.tries < LOOKS).map(|late| {
            let check_at = now.mono.saturating_add(self.config.storage_lag << late.tries);
            UnseenCommit { tries: late.tries + 1, check_at, ..late }
        });
    }

    pub(super) fn check_unseen_commit(&mut self, now: Timestamp) {
        if let Some(late) = self.unseen.as_mut().filter(|late| late.check_at <= now.mono) {
            late.check_at = u64::MAX;
            self.reload(now);
        }
    }

    /// What cannot be read counts as nothing, and is said.
    fn read(&mut self, stored: Stored) -> Record {
        match stored {
            Stored::Record(record) => record,
            Stored::Empty => Record::default(),
            Stored::Corrupt => {
                self.events.push_back(Event::Storage(StorageFault::Corrupt));
                Record::default()
            }
        }
    }
}
