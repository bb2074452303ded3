//! The state of the storage: whether it works, which tabs share it, and whether it has been read.

use super::context::Context;
use crate::{Event, Record, Sharing, StorageFault, Stored};

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Storage {
    sharing: Sharing,
    /// There is no storage, or it has failed: the record is kept in memory only.
    in_memory: bool,
    /// The storage has been read once, or there is none.
    loaded: bool,
}

impl Storage {
    pub(super) fn new(sharing: Sharing) -> Self {
        Self { sharing, in_memory: sharing == Sharing::InMemory, loaded: false }
    }

    pub(super) fn is_in_memory(&self) -> bool {
        self.in_memory
    }

    pub(super) fn is_loaded(&self) -> bool {
        self.loaded
    }

    pub(super) fn set_loaded(&mut self) {
        self.loaded = true;
    }

    /// Whether other tabs read and write this storage: only then are there a lock and messages.
    pub(super) fn is_shared(&self) -> bool {
        !self.in_memory && self.sharing == Sharing::Tabs
    }

    /// The storage has failed: the session goes on in memory, and reports that once (C14).
    pub(super) fn fall_back_to_memory(&mut self, context: &mut Context) {
        if !self.in_memory {
            self.in_memory = true;
            context.event(Event::Storage(StorageFault::Memory));
        }
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
