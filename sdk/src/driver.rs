//! The loop: take an input, handle, drain effects and events, arm one timer.

use std::cell::{Cell, RefCell};

use guestpass_core::{
    Config, Effect, Event, Input, Machine, News, Op, Outcome, Record, Request, Snapshot, Text, Timestamp, Upgrade,
    WaiterId,
};

use crate::border::{self, subject, text, write, write_or_nan};
use crate::effects::{Effects, monotonic};

/// One session: the machine and what it acts on.
pub(crate) struct Driver {
    effects: Effects,
    machine: RefCell<Machine>,
    /// A handful at most, so a list will do.
    inputs: RefCell<Vec<Input>>,
    running: Cell<bool>,
    /// The snapshot that was last told.
    told: Cell<Snapshot>,
}

impl Driver {
    pub(crate) fn new(effects: Effects, config: Config) -> Self {
        let machine = Machine::new(config);
        Self {
            effects,
            told: Cell::new(*machine.snapshot()),
            machine: RefCell::new(machine),
            inputs: RefCell::default(),
            running: Cell::new(false),
        }
    }

    /// Takes an input, and everything that follows from it. An input that arrives meanwhile is taken afterwards.
    pub(crate) fn feed(&self, input: Input) {
        self.inputs.borrow_mut().push(input);
        if self.running.replace(true) {
            return;
        }
        while let Some(input) = self.next_input() {
            let now = now();
            self.machine.borrow_mut().handle(now, input);
            while let Some(effect) = self.next_effect() {
                self.perform(effect);
            }
            self.tell(now.wall);
        }
        let machine = self.machine.borrow();
        let until = machine.serves_until().unwrap_or_default();
        let at = machine.poll_timeout();
        drop(machine);
        self.effects.arm(write_or_nan(at), write(until.mono), write(until.wall));
        self.running.set(false);
    }

    pub(crate) fn holds(&self, text: Text) -> bool {
        self.machine.borrow().holds(text)
    }

    fn next_input(&self) -> Option<Input> {
        let mut inputs = self.inputs.borrow_mut();
        if inputs.is_empty() { None } else { Some(inputs.remove(0)) }
    }

    fn next_effect(&self) -> Option<Effect> {
        self.machine.borrow_mut().poll_effect()
    }

    fn perform(&self, effect: Effect) {
        let (kind, op) = match effect {
            Effect::Load { op } => (0, op),
            Effect::TakeLock { op } => (1, op),
            Effect::ReleaseLock { op } => (2, op),
            Effect::MakeKey { op } => (3, op),
            Effect::Cancel { op } => (4, op),
            Effect::Shutdown => (5, Op(0)),
            Effect::Store { op, record } => return self.store(op, record),
            Effect::Send { op, request } => return self.send(op, request),
            Effect::Publish(News::Committed(version)) => {
                return self.effects.publish(write(version.epoch), write(version.generation), 0);
            }
            Effect::Publish(News::SignedOut { epoch, parting }) => {
                return self.effects.publish(write(epoch), f64::NAN, parting as u32);
            }
            Effect::Settle { waiter, outcome } => return self.settle(waiter, outcome),
        };
        self.effects.effect(kind, write(op.0));
    }

    fn settle(&self, waiter: WaiterId, outcome: Outcome) {
        let (outcome, status, named) = match outcome {
            Outcome::Token(grant) => {
                let (epoch, generation) = (write(grant.version.epoch), write(grant.version.generation));
                let token = text(Some(grant.access_token));
                return self.effects.grant(waiter.0, token, epoch, generation, grant.attempt.into());
            }
            Outcome::Failed(failure) => {
                let (code, status) = border::failure(Some(failure));
                (code, status, None)
            }
            Outcome::Refused { status, reason } => (9, status.into(), Some(reason)),
            Outcome::Member(answer) => (10, 0, Some(answer)),
            Outcome::Done => (11, 0, None),
            Outcome::Deliver => (12, 0, None),
        };
        self.effects.settle(waiter.0, outcome, status, text(named));
    }

    fn store(&self, op: Op, record: Record) {
        let credential = record.credential;
        let expiry = credential.and_then(|credential| credential.expiry);
        self.effects.store(
            write(op.0),
            write(record.version.epoch),
            write(record.version.generation),
            record.parting as u32,
            text(record.claim),
            text(credential.map(|credential| credential.access_token)),
            text(credential.and_then(|credential| credential.refresh_token)),
            subject(credential.and_then(|credential| credential.subject)),
            write_or_nan(expiry.map(|expiry| expiry.lifetime)),
            write_or_nan(expiry.map(|expiry| expiry.end.wall)),
        );
    }

    fn send(&self, op: Op, request: Request) {
        let (kind, about, body) = match request {
            Request::Acquire { key } => (0, key, None),
            Request::Refresh { refresh_token } => (1, refresh_token, None),
            Request::Revoke { token } => (2, token, None),
            Request::Erase { access_token } => (3, access_token, None),
            Request::Upgrade { upgrade, access_token, body } => {
                let kind = match upgrade {
                    Upgrade::Register => 4,
                    Upgrade::Login => 5,
                    Upgrade::Link => 6,
                };
                (kind, access_token, Some(body))
            }
        };
        self.effects.send(write(op.0), kind, text(Some(about)), text(body));
    }

    /// Tells what changed: once for each event, or once for the snapshot alone.
    fn tell(&self, wall: u64) {
        let snapshot = *self.machine.borrow().snapshot();
        let mut untold = self.told.replace(snapshot) != snapshot;
        if untold {
            let (failure, status) = border::failure(snapshot.failure);
            self.effects.show(
                snapshot.status as u32,
                subject(snapshot.id),
                write_or_nan(snapshot.expires_at),
                failure,
                status,
                write_or_nan(snapshot.retry_at),
            );
        }
        self.effects.step();
        loop {
            let Some(event) = self.machine.borrow_mut().poll_event() else { break };
            let (kind, first, second, third) = row(event);
            self.effects.tell(kind, write(wall), first, second, third);
            untold = false;
        }
        if untold {
            self.effects.tell(0, f64::NAN, f64::NAN, f64::NAN, f64::NAN);
        }
    }
}

/// The place of an event's type in its list, and what it tells.
fn row(event: Event) -> (u32, f64, f64, f64) {
    let id = |who| f64::from(subject(who));
    match event {
        Event::Restored { id: who } => (1, id(who), 0.0, 0.0),
        Event::Acquired { id: who } => (2, id(who), 0.0, 0.0),
        Event::Refreshed { id: who, generation } => (3, id(who), write(generation), 0.0),
        Event::Adopted { id: who, generation } => (4, id(who), write(generation), 0.0),
        Event::Unauthorized { generation } => (5, write(generation), 0.0, 0.0),
        Event::Retrying { failure, delay } => {
            let (code, status) = border::failure(Some(failure));
            (6, f64::from(code), f64::from(status), write(delay))
        }
        Event::Identity { old, new, reason } => (7, id(old), id(new), f64::from(reason as u32)),
        Event::SignedOut { id: who, by, parting } => (8, id(who), f64::from(by as u32), f64::from(parting as u32)),
        Event::Storage(trouble) => (9, f64::from(trouble as u32), 0.0, 0.0),
    }
}

/// This moment on the monotonic and the wall clock.
pub(crate) fn now() -> Timestamp {
    Timestamp { mono: border::count(monotonic()), wall: border::count(js_sys::Date::now()) }
}
