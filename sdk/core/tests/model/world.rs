//! The world of a scenario: tabs that run the production machine, and their storage, lock, messages, network and server.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use guestpass_core::{
    AccountRequestKind, Effect, Input, Op, Outcome, Record, Request, Response, Status, Stored, TabMessage, Version,
    WaiterId,
};

use crate::diagram;
use crate::handles::{handle, unreferenced};
use crate::server::{Account, Server, answer_to, problem};
use crate::tab::{CALL_TIMEOUT, Call, EARLY_LOGIN, Io, Life, Sent, Tab};

/// The properties of the browser in a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Browser {
    /// There are Web Locks.
    pub(crate) locks: bool,
    /// Loads and stores are complete at once, as with localStorage; else each takes time, as with IndexedDB.
    pub(crate) sync_storage: bool,
    /// The policy is `OnIdentityLost::Stop`.
    pub(crate) stops: bool,
    /// The server issues no refresh tokens.
    pub(crate) classic: bool,
    /// The server demands a proof of work.
    pub(crate) challenged: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct World {
    pub(crate) browser: Browser,
    pub(crate) tabs: Vec<Tab>,
    pub(crate) storage: Record,
    pub(crate) lock: Lock,
    pub(crate) server: Server,
    /// The first violation of each property.
    pub(crate) violations: BTreeMap<&'static str, String>,
    /// The storage of a tab has failed; the tab may have another session since.
    pub(crate) storage_failed: bool,
    /// Other code has emptied the storage.
    pub(crate) emptied: bool,
    /// A call of an upgrade has failed, or its tab has crashed or was closed. The server may have done the upgrade, and no tab
    /// has the new session.
    pub(crate) lost_upgrade: bool,
    /// The browser has taken the lock away from a tab.
    pub(crate) lock_lost: bool,
    pub(crate) keys: u32,
    /// The number of sign-outs and erasures.
    pub(crate) sign_outs: u64,
    /// The epochs that a permanent sign-out has begun.
    pub(crate) after_permanent_sign_out: BTreeSet<u64>,
    /// The epochs that another sign-out or an erasure has begun.
    pub(crate) after_sign_out: BTreeSet<u64>,
    /// The number of rows that the visitor's requests have written, by epoch.
    pub(crate) written: BTreeMap<u64, u32>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Lock {
    pub(crate) holder: Option<(usize, Op)>,
    /// The tabs that wait, and whether another tab had or awaited the lock before.
    pub(crate) queue: VecDeque<(usize, Op, bool)>,
}

impl World {
    pub(crate) fn new(browser: Browser, tabs: usize) -> Self {
        Self {
            browser,
            tabs: (0..tabs).map(|index| Tab::new(index, browser)).collect(),
            storage: Record::default(),
            lock: Lock::default(),
            server: Server::new(browser.classic, browser.challenged),
            violations: BTreeMap::new(),
            storage_failed: false,
            emptied: false,
            lost_upgrade: false,
            lock_lost: false,
            keys: 0,
            sign_outs: 0,
            after_permanent_sign_out: BTreeSet::new(),
            after_sign_out: BTreeSet::new(),
            written: BTreeMap::new(),
        }
    }

    /// Starts a call that wants a token.
    pub(crate) fn want(&mut self, tab: usize) {
        let (call, deadline) = self.tabs[tab].start(Call::Waiting { replays: 0 });
        self.feed(tab, Input::TokenWanted { waiter: WaiterId(call), deadline, fresh: false });
    }

    pub(crate) fn start(&mut self, tab: usize) {
        let (call, _) = self.tabs[tab].start(Call::Other);
        let machine = &self.tabs[tab].machine;
        let (epoch, reset) = (machine.version().epoch, machine.snapshot().status == Status::SignedOut);
        if reset {
            self.tabs[tab].allowed.insert(epoch);
        }
        self.feed(tab, Input::Start { waiter: WaiterId(call), reset });
    }

    pub(crate) fn sign_out(&mut self, tab: usize, permanent: bool) {
        self.sign_outs += 1;
        let (call, _) = self.tabs[tab].start(Call::Other);
        let epoch = self.tabs[tab].machine.version().epoch + 1;
        if permanent {
            self.after_permanent_sign_out.insert(epoch)
        } else {
            self.after_sign_out.insert(epoch)
        };
        self.feed(tab, Input::SignOut { waiter: WaiterId(call), permanent });
    }

    pub(crate) fn account_request(&mut self, tab: usize, account: Account) {
        let (call, deadline) = self.tabs[tab].start(Call::Account(account));
        let kind = match account {
            Account::Register | Account::Login => AccountRequestKind::Upgrade,
            Account::Erase => AccountRequestKind::Erase,
            Account::Export => AccountRequestKind::Other,
        };
        if account == Account::Erase {
            self.sign_outs += 1;
            let epoch = self.tabs[tab].machine.version().epoch + 1;
            self.after_sign_out.insert(epoch);
        }
        self.feed(tab, Input::AccountRequest { waiter: WaiterId(call), deadline, kind });
    }

    /// A call sends its request to a resource, which accepts the token if it is valid. `refuse`: responds with 401 anyway.
    pub(crate) fn request(&mut self, tab: usize, call: u32, refuse: bool) {
        let Some(Call::Granted { access_token, version, attempt, replays }) = self.tabs[tab].calls.get(&call).cloned()
        else {
            return;
        };
        if !refuse && self.server.write(access_token, version.epoch) {
            *self.written.entry(version.epoch).or_default() += 1;
            self.tabs[tab].calls.insert(call, Call::Done);
            return;
        }
        self.tabs[tab].calls.insert(call, Call::Waiting { replays });
        let deadline = self.tabs[tab].now.mono + CALL_TIMEOUT;
        let waiter = WaiterId(call);
        self.feed(tab, Input::Unauthorized { waiter, deadline, version, attempt, replayable: true });
    }

    /// Grants the free lock to the tab that has waited longest.
    pub(crate) fn grant_lock(&mut self) {
        if self.lock.holder.is_none()
            && let Some((tab, op, contended)) = self.lock.queue.pop_front()
        {
            self.lock.holder = Some((tab, op));
            self.feed(tab, Input::LockGranted { op, contended });
        }
    }

    /// The browser takes the lock away.
    pub(crate) fn lose_lock(&mut self) {
        if let Some((tab, op)) = self.lock.holder.take() {
            self.tabs[tab].without_lock = true;
            self.lock_lost = true;
            self.feed(tab, Input::LockUnavailable { op });
        }
    }

    /// Completes the oldest load or store of a tab. `fails`: it fails.
    pub(crate) fn do_io(&mut self, tab: usize, fails: bool) {
        let Some(io) = self.tabs[tab].io.pop_front() else { return };
        let input = self.io(tab, io, fails);
        self.feed(tab, input);
    }

    /// The server processes a request. The response is not delivered yet.
    pub(crate) fn serve(&mut self, tab: usize, op: Op) {
        let Some(sent) = self.tabs[tab].sends.get_mut(&op) else { return };
        let is_late = match sent.request {
            Request::Refresh { refresh_token } | Request::Account { refresh_token, .. } => {
                self.server.is_reuse(refresh_token)
            }
            _ => false,
        };
        if is_late {
            return self.lose(tab, op);
        }
        sent.response = Some(self.server.serve(&sent.request, sent.account, sent.epoch));
    }

    /// Delivers a response. `keep`: it can be delivered once more.
    pub(crate) fn deliver(&mut self, tab: usize, op: Op, keep: bool) {
        let Some(sent) = self.tabs[tab].sends.get_mut(&op) else { return };
        let Some(response) = sent.response else { return };
        sent.cancelled = true;
        if !keep {
            self.tabs[tab].sends.remove(&op);
        }
        self.feed(tab, Input::Responded { op, response });
    }

    /// Loses a request or its response: sending it fails.
    pub(crate) fn lose(&mut self, tab: usize, op: Op) {
        if self.tabs[tab].sends.remove(&op).is_some() {
            self.feed(tab, Input::SendFailed { op });
        }
    }

    /// The server responds with 503 and does not process the request.
    pub(crate) fn overload(&mut self, tab: usize, op: Op) {
        if self.tabs[tab].sends.remove(&op).is_some() {
            let body = guestpass_core::ResponseBody::Other;
            let response = Response { status: 503, retry_after: None, body, text: None };
            self.feed(tab, Input::Responded { op, response });
        }
    }

    /// The server refuses an upgrade: the password is wrong.
    pub(crate) fn deny(&mut self, tab: usize, op: Op) {
        if let Some(sent) = self.tabs[tab].sends.get_mut(&op) {
            sent.response = Some(problem(403, "invalid_credentials"));
        }
    }

    /// A tab has solved a problem. `right`: the server accepts the answer.
    pub(crate) fn solve(&mut self, tab: usize, op: Op, right: bool) {
        if let Some(key) = self.tabs[tab].solves.remove(&op) {
            let answer = if right { answer_to(key) } else { handle("wrong answer") };
            self.feed(tab, Input::Solved { op, answer });
        }
    }

    /// The solver fails.
    pub(crate) fn fail_to_solve(&mut self, tab: usize, op: Op) {
        if self.tabs[tab].solves.remove(&op).is_some() {
            self.feed(tab, Input::SolveFailed { op });
        }
    }

    pub(crate) fn deliver_message(&mut self, tab: usize, index: usize) {
        let message = self.tabs[tab].inbox.remove(index);
        self.feed(tab, Input::TabMessage(message));
    }

    /// The timer of the tab fires.
    pub(crate) fn fire_timer(&mut self, tab: usize) {
        let Some(at) = self.tabs[tab].machine.poll_timeout() else { return };
        let tab_now = self.tabs[tab].now.mono;
        self.tabs[tab].advance_clocks(at - tab_now);
        if self.lock.queue.iter().any(|(waiting, ..)| *waiting == tab) {
            self.tabs[tab].without_lock = true;
        }
        // For the machine, a load or store that is not complete at this time has failed.
        if !self.tabs[tab].io.is_empty() {
            self.break_storage(tab);
        }
        self.feed(tab, Input::Tick);
    }

    /// The storage of this tab fails from now on.
    pub(crate) fn break_storage(&mut self, tab: usize) {
        self.tabs[tab].storage_fails = true;
        self.storage_failed = true;
    }

    /// Other code empties the storage. The browser reports that to each tab, as if another tab had stored an empty record.
    pub(crate) fn clear_storage(&mut self) {
        self.storage = Record::default();
        self.emptied = true;
        let message = TabMessage::Committed(Version::default());
        for tab in self.tabs.iter_mut().filter(|tab| tab.life == Life::Open && !tab.inbox.contains(&message)) {
            tab.inbox.push(message);
        }
    }

    /// Ends the tab, with its lock, its requests and its messages.
    pub(crate) fn crash(&mut self, tab: usize) {
        self.lost_upgrade |= self.tabs[tab].calls.values().any(Call::is_upgrade);
        self.free_lock(tab);
        let Tab { started, without_lock, .. } = self.tabs[tab];
        self.tabs[tab] = Tab { life: Life::Crashed, started, without_lock, ..Tab::new(tab, self.browser) };
    }

    /// Loads the page again.
    pub(crate) fn reopen(&mut self, tab: usize) {
        self.tabs[tab].life = Life::Open;
    }

    pub(crate) fn close(&mut self, tab: usize) {
        self.feed(tab, Input::Close);
        self.tabs[tab].life = Life::Closed;
        let leftover = self.lock.holder.is_some_and(|(holder, op)| holder == tab && op != EARLY_LOGIN)
            || self.lock.queue.iter().any(|(waiting, ..)| *waiting == tab)
            || self.tabs[tab].machine.poll_timeout().is_some()
            || self.tabs[tab].calls.values().any(Call::is_waiting)
            || !self.tabs[tab].solves.is_empty();
        if leftover {
            self.report("C16", format!("tab {tab} has left a lock, a timer or a call behind"));
        }
    }

    /// The run loop of the session manager: one input, its effects, and the inputs that follow from them at once.
    pub(crate) fn feed(&mut self, tab: usize, input: Input) {
        let mut inputs = VecDeque::from([input]);
        let mut steps = 0;
        while let Some(input) = inputs.pop_front() {
            steps += 1;
            if steps > 40 {
                return self.report("C17", format!("tab {tab} does not come to rest"));
            }
            let before = self.before(tab, &input);
            self.note_stale(tab, &input);
            let earlier = self.tabs[tab].machine.clone();
            let now = self.tabs[tab].now;
            let status = self.tabs[tab].machine.snapshot().status;
            self.tabs[tab].machine.handle(now, input);
            diagram::record(status, self.tabs[tab].machine.snapshot().status);
            let mut effects = Vec::new();
            while let Some(effect) = self.tabs[tab].machine.poll_effect() {
                effects.push(effect);
            }
            let mut events = Vec::new();
            while let Some(event) = self.tabs[tab].machine.poll_event() {
                events.push(event);
            }
            self.check_step(tab, &before, &effects, &events);
            self.check_handles(tab, unreferenced(&earlier, &input, &effects, &events));
            for effect in effects {
                self.perform(tab, effect, &mut inputs);
            }
        }
    }

    fn note_stale(&mut self, tab: usize, input: &Input) {
        let current = self.tabs[tab].machine.version();
        let stale = match input {
            Input::Expire => true,
            Input::Unauthorized { version, .. } => *version == current,
            _ => false,
        };
        if stale {
            self.tabs[tab].stale = Some(current);
        }
    }

    fn perform(&mut self, tab: usize, effect: Effect, inputs: &mut VecDeque<Input>) {
        match effect {
            Effect::Load { op } => self.ask_io(tab, Io::Load(op), inputs),
            Effect::Store { op, record } => self.ask_io(tab, Io::Store(op, record), inputs),
            // The next lock of this tab is the one that its inline script holds.
            Effect::TakeLock { op } if self.lock.holder == Some((tab, EARLY_LOGIN)) => {
                self.lock.holder = None;
                self.lock.queue.push_front((tab, op, false));
            }
            Effect::TakeLock { op } if self.browser.locks => {
                let contended = self.lock.holder.is_some() || !self.lock.queue.is_empty();
                self.lock.queue.push_back((tab, op, contended));
            }
            Effect::TakeLock { op } => {
                self.tabs[tab].without_lock = true;
                inputs.push_back(Input::LockUnavailable { op });
            }
            Effect::ReleaseLock { op } => self.release(tab, op),
            Effect::MakeKey { op } => {
                self.keys += 1;
                inputs.push_back(Input::KeyMade { op, key: handle(&format!("k{}", self.keys)) });
            }
            Effect::Send { op, request } => {
                self.check_send(tab, &request);
                let epoch = self.tabs[tab].machine.version().epoch;
                let account = match request {
                    Request::Account { waiter, .. } => match self.tabs[tab].calls.get(&waiter.0) {
                        Some(Call::Account(account)) => Some(*account),
                        _ => None,
                    },
                    _ => None,
                };
                let response = self.take_early_login(tab, &request);
                self.tabs[tab].sends.insert(op, Sent { request, account, epoch, response, cancelled: false });
            }
            Effect::Solve { op, problem } => {
                self.tabs[tab].solves.insert(op, problem);
            }
            Effect::Cancel { op } => {
                self.tabs[tab].solves.remove(&op);
                if let Some(sent) = self.tabs[tab].sends.get_mut(&op) {
                    sent.cancelled = true;
                }
            }
            Effect::Publish(message) => {
                for (index, other) in self.tabs.iter_mut().enumerate() {
                    if index != tab && other.life == Life::Open && !other.inbox.contains(&message) {
                        other.inbox.push(message);
                    }
                }
            }
            Effect::Settle { waiter, outcome } => self.settle(tab, waiter.0, outcome),
            Effect::Shutdown => {}
        }
    }

    fn settle(&mut self, tab: usize, call: u32, outcome: Outcome) {
        let old = self.tabs[tab].calls.get(&call).cloned();
        let new = match (old, outcome) {
            (Some(Call::Waiting { replays }), Outcome::Token(grant)) => {
                let replays = replays + u8::from(grant.attempt > 0);
                if replays > 1 {
                    self.report("C3", format!("tab {tab} replays call {call} again"));
                }
                if grant.version != self.tabs[tab].machine.version() {
                    self.report("C8", format!("tab {tab} grants a token that is not its current one"));
                }
                let access_token = grant.access_token;
                Call::Granted { access_token, version: grant.version, attempt: grant.attempt, replays }
            }
            (Some(call @ (Call::Waiting { .. } | Call::Other | Call::Account(_))), outcome) => {
                if call.is_upgrade() {
                    match outcome {
                        Outcome::Response(id) => self.check_member(tab, id),
                        Outcome::Failed(_) => self.lost_upgrade = true,
                        _ => {}
                    }
                }
                Call::Done
            }
            (_, outcome) => {
                return self.report("C4", format!("tab {tab} settles call {call} once more: {outcome:?}"));
            }
        };
        self.tabs[tab].calls.insert(call, new);
    }

    fn ask_io(&mut self, tab: usize, io: Io, inputs: &mut VecDeque<Input>) {
        if self.browser.sync_storage {
            let input = self.io(tab, io, false);
            inputs.push_back(input);
        } else {
            self.tabs[tab].io.push_back(io);
        }
    }

    fn io(&mut self, tab: usize, io: Io, fails: bool) -> Input {
        match io {
            Io::Load(op) | Io::Store(op, _) if fails || self.tabs[tab].storage_fails => Input::StorageFailed { op },
            Io::Load(op) => {
                let stored = match self.storage {
                    record if record == Record::default() => Stored::Empty,
                    record => Stored::Record(record),
                };
                Input::Loaded { op, stored }
            }
            Io::Store(op, record) => {
                self.check_store(tab, &record);
                if let Some(credential) = record.credential {
                    self.server.note_stored(credential.access_token);
                }
                self.storage = record;
                Input::Saved { op }
            }
        }
    }

    fn release(&mut self, tab: usize, op: Op) {
        if self.lock.holder == Some((tab, op)) {
            self.lock.holder = None;
        }
        self.lock.queue.retain(|(waiting, requested, _)| (*waiting, *requested) != (tab, op));
    }

    fn free_lock(&mut self, tab: usize) {
        self.lock.holder = self.lock.holder.filter(|(holder, _)| *holder != tab);
        self.lock.queue.retain(|(waiting, ..)| *waiting != tab);
    }

    pub(crate) fn report(&mut self, property: &'static str, violation: String) {
        self.violations.entry(property).or_insert(violation);
    }
}
