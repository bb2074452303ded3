//! A tab: its machine, the effects that are under way, and the calls of its app.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use guestpass_core::{
    Config, Event, Handle, Machine, OnIdentityLost, Op, Record, Request, Response, Subject, TabMessage, Timestamp,
    Version,
};

use crate::server::Account;
use crate::world::Browser;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Tab {
    pub(crate) life: Life,
    pub(crate) machine: Machine,
    pub(crate) now: Timestamp,
    /// Loads and stores under way, in their order.
    pub(crate) io: VecDeque<Io>,
    /// Every load and store of this tab fails.
    pub(crate) storage_fails: bool,
    /// The requests under way, by their op; [`EARLY_LOGIN`] before the machine takes that one over.
    pub(crate) sends: BTreeMap<Op, Sent>,
    /// When the inline script of this page has begun an early login: monotonic time. 0 before; the script runs once at most.
    pub(crate) early_login: u64,
    /// The problems that are being solved.
    pub(crate) solves: BTreeMap<Op, Handle>,
    pub(crate) inbox: Vec<TabMessage>,
    pub(crate) calls: BTreeMap<u32, Call>,
    /// The tab has gone on without the lock, so two tabs may have had a transaction at the same time.
    pub(crate) without_lock: bool,
    /// The version of the credential that has expired in this tab, or was refused.
    pub(crate) stale: Option<Version>,
    /// The identity that has ended and that no event has reported yet.
    pub(crate) unreported: Option<Subject>,
    /// The epochs in which a call has allowed a guest after a permanent sign-out: a `start` with `reset`, or an upgrade.
    pub(crate) allowed: BTreeSet<u64>,
    /// The number of calls so far.
    pub(crate) started: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Life {
    Open,
    Closed,
    Crashed,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Io {
    Load(Op),
    Store(Op, Record),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Sent {
    pub(crate) request: Request,
    /// Of an account request.
    pub(crate) account: Option<Account>,
    pub(crate) epoch: u64,
    pub(crate) response: Option<Response>,
    /// The machine no longer waits for it. The server may process it all the same.
    pub(crate) cancelled: bool,
}

/// A call of the app.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Call {
    Waiting {
        replays: u8,
    },
    /// Has a token, and sends its request to a resource.
    Granted {
        access_token: Handle,
        version: Version,
        attempt: u8,
        replays: u8,
    },
    /// A start or a sign-out.
    Other,
    Account(Account),
    Done,
}

/// In place of the op of a machine: the lock and the request of an early login.
pub(crate) const EARLY_LOGIN: Op = Op(u64::MAX);

/// The deadline of every call, in milliseconds after its start. So late that only a call which nothing else settles reaches it.
pub(crate) const CALL_TIMEOUT: u64 = 200_000;

impl Tab {
    pub(crate) fn new(index: usize, browser: Browser) -> Self {
        let on_identity_lost = if browser.stops { OnIdentityLost::Stop } else { OnIdentityLost::Reacquire };
        let config = Config { seed: index as u64, on_identity_lost, ..Config::default() };
        Self {
            life: Life::Open,
            machine: Machine::new(config),
            now: Timestamp { mono: 1_000, wall: 1_000_000 },
            io: VecDeque::new(),
            storage_fails: false,
            sends: BTreeMap::new(),
            early_login: 0,
            solves: BTreeMap::new(),
            inbox: Vec::new(),
            calls: BTreeMap::new(),
            without_lock: false,
            stale: None,
            unreported: None,
            allowed: BTreeSet::new(),
            started: 0,
        }
    }

    pub(crate) fn advance_clocks(&mut self, milliseconds: u64) {
        self.now.mono += milliseconds;
        self.now.wall += milliseconds;
    }

    /// Whether the tab waits for the writes of other tabs to arrive. Its timer then fires without a fault.
    pub(crate) fn awaits_visibility(&self) -> bool {
        let short = Config::default().acquire_key_settle;
        let waits = self.calls.values().any(Call::is_waiting) && self.sends.is_empty() && self.io.is_empty();
        waits && self.machine.poll_timeout().is_some_and(|at| at - self.now.mono <= short)
    }

    pub(crate) fn start(&mut self, call: Call) -> (u32, u64) {
        self.started += 1;
        self.calls.insert(self.started, call);
        (self.started, self.now.mono + CALL_TIMEOUT)
    }
}

impl Call {
    pub(crate) fn is_waiting(&self) -> bool {
        matches!(self, Call::Waiting { .. } | Call::Other | Call::Account(_))
    }

    pub(crate) fn is_upgrade(&self) -> bool {
        matches!(self, Call::Account(Account::Register | Account::Login))
    }
}

/// Whether the event reports the end of this identity.
pub(crate) fn reports_end_of(event: &Event, id: Subject) -> bool {
    match *event {
        Event::Identity { old: Some(old), .. } => old == id,
        Event::SignedOut { id: Some(old), .. } => old == id,
        _ => false,
    }
}
