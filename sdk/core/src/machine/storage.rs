//! The state of the storage: whether it works, which tabs share it, and whether it has been read.

use super::context::Context;
use crate::{Event, Record, Sharing, StorageFault, Stored, Timestamp};

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Storage {
    sharing: Sharing,
    /// The storage has been read once, or cannot be read.
    loaded: bool,
    /// The last load has failed.
    load_failed: bool,
    /// The last store has failed.
    store_failed: bool,
    /// After a load or store that did not respond: when the next one may start. Monotonic time.
    retry_at: u64,
}

/// How long no load or store starts after one that did not respond, in multiples of its deadline.
const PAUSE_AFTER_TIMEOUT: u64 = 10;

impl Storage {
    pub(super) fn new(sharing: Sharing) -> Self {
        Self { sharing, loaded: false, load_failed: false, store_failed: false, retry_at: 0 }
    }

    /// Whether there is no storage.
    pub(super) fn is_in_memory(&self) -> bool {
        self.sharing == Sharing::InMemory
    }

    /// Whether a load or store may start. One that fails at once is tried again each time.
    pub(super) fn is_available(&self, now: Timestamp) -> bool {
        !self.is_in_memory() && self.retry_at <= now.mono
    }

    pub(super) fn has_failed(&self) -> bool {
        self.load_failed || self.store_failed
    }

    pub(super) fn is_loaded(&self) -> bool {
        self.loaded
    }

    pub(super) fn set_loaded(&mut self) {
        self.loaded = true;
    }

    /// Whether other tabs read and write this storage: only then are there a lock and messages. Also while it fails in this tab.
    pub(super) fn is_shared(&self) -> bool {
        self.sharing == Sharing::Tabs
    }

    pub(super) fn load_succeeded(&mut self) {
        self.load_failed = false;
    }

    pub(super) fn store_succeeded(&mut self) {
        self.store_failed = false;
    }

    /// A load or store has failed. The first failure is reported (C14).
    pub(super) fn failed(&mut self, is_load: bool, context: &mut Context) {
        if !self.has_failed() {
            context.event(Event::Storage(StorageFault::Memory));
        }
        if is_load {
            self.load_failed = true;
        } else {
            self.store_failed = true;
        }
    }

    /// A load or store has not responded: the next ones would wait as long.
    pub(super) fn pause(&mut self, now: Timestamp, context: &Context) {
        self.retry_at = now.mono.saturating_add(context.config.storage_timeout * PAUSE_AFTER_TIMEOUT);
    }

    /// Ends the pause.
    pub(super) fn retry_now(&mut self) {
        self.retry_at = 0;
    }
}

/// The record that was loaded. A corrupt one is reported and counts as empty.
pub(super) fn decode(stored: Stored, context: &mut Context) -> Record {
    match stored {
        Stored::Record(record) => record,
        Stored::Empty => Record::default(),
        Stored::Corrupt => {
            context.event(Event::Storage(StorageFault::Corrupt));
            Record::default()
        }
    }
}
