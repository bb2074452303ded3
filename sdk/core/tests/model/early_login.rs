//! The inline script of an early login (`npm/snippet/early-login.ts`): a request that began before the machine.

use std::collections::btree_map::Entry;

use guestpass_core::{Record, Request, Response};

use crate::handles::handle;
use crate::tab::{EARLY_LOGIN, Sent};
use crate::world::World;

/// For how long a request can be taken over, in milliseconds.
const REQUEST_TIME: u64 = 10_000;

impl World {
    /// The inline script of a page runs: under the lock, if no tab has or awaits it, it stores the acquire key and sends the login.
    /// The browser may grant the lock late, so the machine may have begun. Only in browsers with Web Locks and localStorage, which is
    /// the synchronous storage.
    pub(crate) fn log_in_early(&mut self, tab: usize) {
        self.tabs[tab].early_login = self.tabs[tab].now.mono;
        let is_free = self.lock.holder.is_none() && self.lock.queue.is_empty();
        if !is_free || self.tabs[tab].storage_fails {
            return;
        }
        let first_visit = Record { acquire_key: self.storage.acquire_key, ..Record::default() };
        if self.storage != first_visit {
            return;
        }
        let key = self.storage.acquire_key.unwrap_or_else(|| {
            self.keys += 1;
            handle(&format!("k{}", self.keys))
        });
        let record = Record { acquire_key: Some(key), ..Record::default() };
        self.check_store(tab, &record);
        self.storage = record;
        self.lock.holder = Some((tab, EARLY_LOGIN));
        let request = Request::Acquire { key, answer: None };
        // The machine does not wait for it yet.
        let sent = Sent { request, account: None, epoch: 0, response: None, cancelled: true };
        self.tabs[tab].sends.insert(EARLY_LOGIN, sent);
    }

    /// The response to the early request, which is from now on the request that the machine sends, if both are the same. A
    /// request that was sent long ago stays under way: the server may process it at any time.
    pub(crate) fn take_early_login(&mut self, tab: usize, request: &Request) -> Option<Response> {
        let age = self.tabs[tab].now.mono - self.tabs[tab].early_login;
        match self.tabs[tab].sends.entry(EARLY_LOGIN) {
            Entry::Occupied(early) if early.get().request == *request && age <= REQUEST_TIME => early.remove().response,
            _ => None,
        }
    }

    pub(crate) fn has_early_lock(&self) -> bool {
        self.lock.holder.is_some_and(|(_, op)| op == EARLY_LOGIN)
    }

    /// The time is over for which the script holds the lock.
    pub(crate) fn end_early_lock(&mut self) {
        self.lock.holder = None;
    }
}
