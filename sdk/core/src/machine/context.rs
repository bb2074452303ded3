//! What every part is given: the configuration, the jitter, and the queues of effects and events.

use super::jitter::Jitter;
use super::queue::Queue;
use crate::{Config, Effect, Event, Op, Outcome, Request, Timestamp, WaiterId};

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Context {
    pub(super) config: Config,
    pub(super) jitter: Jitter,
    last_op: u64,
    effects: Queue<Effect>,
    events: Queue<Event>,
}

impl Context {
    pub(super) fn new(config: Config) -> Self {
        Self {
            jitter: Jitter::new(config.seed),
            config,
            last_op: 0,
            effects: Queue::default(),
            events: Queue::default(),
        }
    }

    pub(super) fn next_op(&mut self) -> Op {
        self.last_op += 1;
        Op(self.last_op)
    }

    pub(super) fn effect(&mut self, effect: Effect) {
        self.effects.push_back(effect);
    }

    pub(super) fn event(&mut self, event: Event) {
        self.events.push_back(event);
    }

    pub(super) fn settle(&mut self, waiter: WaiterId, outcome: Outcome) {
        self.effect(Effect::Settle { waiter, outcome });
    }

    /// Sends a request; returns the op of its completion.
    pub(super) fn send(&mut self, request: Request) -> Op {
        let op = self.next_op();
        self.effect(Effect::Send { op, request });
        op
    }

    /// When the storage, asked now, times out: monotonic time.
    pub(super) fn storage_deadline(&self, now: Timestamp) -> u64 {
        now.mono.saturating_add(self.config.storage_timeout)
    }

    pub(super) fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    pub(super) fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }
}
