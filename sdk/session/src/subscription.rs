//! The subscribers of a session.

use std::cell::RefCell;
use std::rc::{Rc, Weak};

use crate::session_event::SessionEvent;
use crate::snapshot::Snapshot;

type Listener = dyn Fn(Option<&Snapshot>, Option<&SessionEvent>);

/// Keeps a listener subscribed to a session. Drop it to unsubscribe.
///
/// It owns the listener and does not keep the session alive.
#[must_use = "a subscription that is dropped is unsubscribed"]
pub struct Subscription(#[expect(dead_code, reason = "keeps the listener alive")] Rc<Listener>);

impl core::fmt::Debug for Subscription {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Subscription")
    }
}

/// The listeners of one session, in the order of their subscription.
#[derive(Default)]
pub(crate) struct Subscribers(RefCell<Vec<Weak<Listener>>>);

impl Subscribers {
    pub(crate) fn add(&self, listener: Rc<Listener>) -> Subscription {
        let mut listeners = self.0.borrow_mut();
        listeners.retain(|listener| listener.strong_count() > 0);
        listeners.push(Rc::downgrade(&listener));
        Subscription(listener)
    }

    /// Calls each listener. A listener may subscribe others, which are first called the next time, and unsubscribe others,
    /// which are not called again.
    pub(crate) fn emit(&self, snapshot: Option<&Snapshot>, event: Option<&SessionEvent>) {
        let listeners = self.0.borrow().clone();
        for listener in listeners {
            if let Some(listener) = listener.upgrade() {
                listener(snapshot, event);
            }
        }
    }
}
