//! The loop: take an input, handle, drain effects and events, arm one timer.

use std::cell::{Cell, RefCell};

use guestpass_core::{Config, Effect, Input, Machine, News, Op, Outcome, Record, Request, Secret, Snapshot, Timestamp};
use wasm_bindgen::JsValue;

use crate::effects::{Effects, monotonic};
use crate::http::{self, Post};
use crate::number::write;
use crate::{number, view};

/// One session: the machine and what it acts on.
pub(crate) struct Driver {
    effects: Effects,
    machine: RefCell<Machine>,
    /// A handful at most, so a list will do.
    inputs: RefCell<Vec<Input>>,
    running: Cell<bool>,
    /// The snapshot that was last told.
    told: RefCell<Snapshot>,
}

impl Driver {
    pub(crate) fn new(effects: Effects, config: Config) -> Self {
        let machine = Machine::new(config);
        Self {
            effects,
            told: RefCell::new(machine.snapshot().clone()),
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
        self.effects.arm(at.map_or(f64::NAN, write), write(until.mono), write(until.wall));
        self.running.set(false);
    }

    fn next_input(&self) -> Option<Input> {
        let mut inputs = self.inputs.borrow_mut();
        if inputs.is_empty() { None } else { Some(inputs.remove(0)) }
    }

    fn next_effect(&self) -> Option<Effect> {
        self.machine.borrow_mut().poll_effect()
    }

    fn perform(&self, effect: Effect) {
        let (name, op) = match effect {
            Effect::Load { op } => ("load", op),
            Effect::TakeLock { op } => ("take-lock", op),
            Effect::ReleaseLock { op } => ("release-lock", op),
            Effect::MakeKey { op } => ("make-key", op),
            Effect::Cancel { op } => ("cancel", op),
            Effect::Shutdown => ("shutdown", Op(0)),
            Effect::Store { op, record } => return self.store(op, &record),
            Effect::Send { op, request } => return self.send(op, &request),
            Effect::Publish(News::Committed(version)) => {
                return self.effects.publish(write(version.epoch), Some(write(version.generation)), 0);
            }
            Effect::Publish(News::SignedOut { epoch, parting }) => {
                return self.effects.publish(write(epoch), None, parting as u8);
            }
            Effect::Settle { waiter, outcome } => {
                let (outcome, message) = match &outcome {
                    Outcome::Token(grant) => {
                        let (epoch, generation) = (write(grant.version.epoch), write(grant.version.generation));
                        let token = grant.access_token.expose();
                        return self.effects.grant(waiter.0, token, epoch, generation, grant.attempt);
                    }
                    Outcome::Refused { status, reason } => return self.effects.refuse(waiter.0, *status, reason),
                    Outcome::Deliver => ("deliver", ""),
                    Outcome::Done => ("done", ""),
                    Outcome::Member(text) => ("member", text.expose()),
                    Outcome::Failed(failure) => {
                        return self.effects.settle(waiter.0, failure.code(), &failure.message());
                    }
                };
                return self.effects.settle(waiter.0, outcome, message);
            }
        };
        self.effects.effect(name, write(op.0));
    }

    fn store(&self, op: Op, record: &Record) {
        let credential = record.credential.as_ref();
        let expiry = credential.and_then(|credential| credential.expiry);
        self.effects.store(
            write(op.0),
            write(record.version.epoch),
            write(record.version.generation),
            record.parting as u8,
            record.claim.as_ref().map(Secret::expose),
            credential.map(|credential| credential.access_token.expose()),
            credential.and_then(|credential| credential.refresh_token.as_ref()).map(Secret::expose),
            credential.and_then(|credential| credential.subject.as_deref()),
            expiry.map(|expiry| write(expiry.lifetime)),
            expiry.map(|expiry| write(expiry.end.wall)),
        );
    }

    fn send(&self, op: Op, request: &Request) {
        let Post { kind, path, headers, body } = http::post(request);
        self.effects.send(write(op.0), kind, path, headers.into_raw(), &body);
    }

    /// Tells what changed: once for each event, or once for the snapshot alone.
    fn tell(&self, wall: u64) {
        let mut untold = self.told.borrow().ne(self.machine.borrow().snapshot());
        let mut snapshot = JsValue::UNDEFINED;
        if untold {
            let now = self.machine.borrow().snapshot().clone();
            snapshot = view::snapshot(&now);
            self.told.replace(now);
        }
        self.effects.step(&snapshot);
        loop {
            let Some(event) = self.machine.borrow_mut().poll_event() else { break };
            self.effects.tell(&view::event(&event), number::write(wall));
            untold = false;
        }
        if untold {
            self.effects.tell(&JsValue::UNDEFINED, f64::NAN);
        }
    }
}

/// This moment on the monotonic and the wall clock.
pub(crate) fn now() -> Timestamp {
    Timestamp { mono: number::count(monotonic()), wall: number::count(js_sys::Date::now()) }
}
