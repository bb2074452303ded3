//! One tab: its machine, what it waits for, and the calls of its application.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use guestpass_core::{
    Config, Event, Handle, Machine, OnIdentityLost, Op, Record, Request, Response, Subject, TabMessage, Timestamp,
    Version,
};

use crate::world::Browser;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Tab {
    pub(crate) life: Life,
    pub(crate) machine: Machine,
    pub(crate) now: Timestamp,
    /// Loads and stores under way, in their order.
    pub(crate) io: VecDeque<Io>,
    /// The storage of this tab fails from now on.
    pub(crate) broken: bool,
    pub(crate) sends: BTreeMap<Op, Sent>,
    pub(crate) inbox: Vec<TabMessage>,
    pub(crate) calls: BTreeMap<u32, Call>,
    /// The lock was refused, lost, or not waited for: two tabs may be at it at once.
    pub(crate) bypassed: bool,
    /// The credential that has expired here, or was refused.
    pub(crate) stale: Option<Version>,
    /// Who the visitor was, when that has ended without a word so far.
    pub(crate) owed: Option<Subject>,
    /// The epochs in which somebody has asked for a guest by more than a request: to start, or to become a member.
    pub(crate) asked: BTreeSet<u64>,
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
    pub(crate) epoch: u64,
    pub(crate) response: Option<Response>,
    /// Nobody waits for it any more; it may have been processed all the same.
    pub(crate) cancelled: bool,
}

/// One logical request of the application.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Call {
    Waiting {
        replays: u8,
    },
    /// Has a token, and is on its way to a resource.
    Granted {
        access_token: Handle,
        version: Version,
        attempt: u8,
        replays: u8,
    },
    /// Has asked for something else: to start, to be signed out or erased.
    Asking,
    /// Has asked to become a member.
    Upgrading,
    Done,
}

/// How long a call waits: longer than everything else, so that only what nothing settles ends by it.
pub(crate) const PATIENCE: u64 = 200_000;

impl Tab {
    pub(crate) fn new(index: usize, browser: Browser) -> Self {
        let on_identity_lost = if browser.stops { OnIdentityLost::Stop } else { OnIdentityLost::Reacquire };
        let config = Config { seed: index as u64, on_identity_lost, ..Config::default() };
        Self {
            life: Life::Open,
            machine: Machine::new(config),
            now: Timestamp { mono: 1_000, wall: 1_000_000 },
            io: VecDeque::new(),
            broken: false,
            sends: BTreeMap::new(),
            inbox: Vec::new(),
            calls: BTreeMap::new(),
            bypassed: false,
            stale: None,
            owed: None,
            asked: BTreeSet::new(),
            started: 0,
        }
    }

    pub(crate) fn pass(&mut self, milliseconds: u64) {
        self.now.mono += milliseconds;
        self.now.wall += milliseconds;
    }

    /// It waits for what other tabs have written to arrive: time alone helps, and that is no fault.
    pub(crate) fn settles(&self) -> bool {
        let short = Config::default().acquire_key_settle;
        let waits = self.calls.values().any(Call::is_waiting) && self.sends.is_empty() && self.io.is_empty();
        waits && self.machine.poll_timeout().is_some_and(|at| at - self.now.mono <= short)
    }

    pub(crate) fn start(&mut self, call: Call) -> (u32, u64) {
        self.started += 1;
        self.calls.insert(self.started, call);
        (self.started, self.now.mono + PATIENCE)
    }
}

impl Call {
    pub(crate) fn is_waiting(&self) -> bool {
        matches!(self, Call::Waiting { .. } | Call::Asking | Call::Upgrading)
    }
}

/// Whether an event says that this visitor is no more.
pub(crate) fn speaks_of(event: &Event, id: Subject) -> bool {
    match *event {
        Event::Identity { old: Some(old), .. } => old == id,
        Event::SignedOut { id: Some(old), .. } => old == id,
        _ => false,
    }
}
