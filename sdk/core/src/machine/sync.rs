//! What other tabs have done: reading the storage outside of a job.

use super::Machine;
use super::job::{Goal, Job};
use crate::{Effect, Event, News, Op, Record, Stored, Timestamp, Trouble, Version};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Reload {
    op: Op,
    pub(super) deadline: u64,
    /// The deadline is the second one.
    waited: bool,
    /// News has come since it began, which it may not have seen.
    again: bool,
}

/// News of what cannot be read yet: the storage travels slower than the news (27 ms seen in Chromium).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Late {
    version: Version,
    tries: u8,
    pub(super) look_at: u64,
}

/// How often a storage is read again for what the news has told. Should it not come: the next job reads it, too.
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
        } else if self.is_job(op) {
            let record = self.read(stored);
            self.on_job_loaded(now, Some(record));
        }
    }

    pub(super) fn on_storage_failed(&mut self, now: Timestamp, op: Op) {
        if self.reload.as_ref().is_some_and(|reload| reload.op == op) {
            self.on_reload_failed();
        } else if self.is_job(op) {
            self.on_job_storage_failed(now);
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

    pub(super) fn on_heard(&mut self, now: Timestamp, news: News) {
        match news {
            News::SignedOut { epoch, parting } => {
                self.learn_parting(Version { epoch, generation: 0 }, parting);
                // Should that tab be gone before it has stored its sign-out, or have stored it over something newer,
                // this one mends it.
                self.reload(now);
            }
            // Older news too: then somebody has overwritten what is newer.
            News::Committed(version) if version != self.version => {
                self.late = Some(Late { version, tries: 0, look_at: u64::MAX });
                self.reload(now);
            }
            News::Committed(_) => {}
        }
    }

    pub(super) fn on_visible(&mut self, now: Timestamp) {
        self.pace.retry_now(now);
        self.hurry_errand();
        self.reload(now);
    }

    fn on_reloaded(&mut self, now: Timestamp, stored: Stored) {
        let again = self.reload.take().is_some_and(|reload| reload.again);
        let record = self.read(stored);
        if self.job.as_ref().is_some_and(Job::is_sign_out) {
            return self.loaded = true; // whoever is stored, is about to be signed out
        }
        let behind = self.is_behind(&record);
        self.observe(now, record);
        self.drop_overtaken_send(now);
        if behind && self.job.is_none() {
            self.begin(now, Goal::Repair);
        }
        if again {
            return self.reload(now);
        }
        self.late = self.late.filter(|late| late.version > self.version && late.tries < LOOKS).map(|late| {
            let look_at = now.mono.saturating_add(self.config.storage_lag << late.tries);
            Late { tries: late.tries + 1, look_at, ..late }
        });
    }

    pub(super) fn look_again(&mut self, now: Timestamp) {
        if let Some(late) = self.late.as_mut().filter(|late| late.look_at <= now.mono) {
            late.look_at = u64::MAX;
            self.reload(now);
        }
    }

    /// What cannot be read counts as nothing, and is said.
    fn read(&mut self, stored: Stored) -> Record {
        match stored {
            Stored::Record(record) => record,
            Stored::Empty => Record::default(),
            Stored::Corrupt => {
                self.events.push_back(Event::Storage(Trouble::Corrupt));
                Record::default()
            }
        }
    }
}
