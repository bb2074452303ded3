//! The listeners of a session.

use std::cell::RefCell;
use std::rc::{Rc, Weak};

use crate::session_event::SessionEvent;
use crate::snapshot::Snapshot;

/// Called with each change: with the snapshot if it has changed, and with an event if there is one.
pub(crate) type OnChange = dyn Fn(Option<&Snapshot>, Option<&SessionEvent>);

/// A listener that is subscribed to a session. Drop it to unsubscribe.
///
/// It owns the listener, and does not keep the session alive.
#[must_use = "dropping a subscription unsubscribes the listener"]
pub struct Subscription(Rc<OnChange>);

impl Subscription {
    pub(crate) fn new(listener: Rc<OnChange>) -> Self {
        Self(listener)
    }
}

impl core::fmt::Debug for Subscription {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Subscription({:p})", self.0)
    }
}

/// The subscribed listeners of a session. A trait, so that only a program that calls `Session::subscribe` contains the code:
/// the npm package, which does not call it, is 200 bytes smaller.
pub(crate) trait Subscribers {
    fn add(&self, listener: &Rc<OnChange>);
    fn emit(&self, snapshot: Option<&Snapshot>, event: Option<&SessionEvent>);
}

/// The subscribed listeners, in the order of their subscription.
#[derive(Default)]
pub(crate) struct SubscriberList(RefCell<Vec<Weak<OnChange>>>);

impl Subscribers for SubscriberList {
    fn add(&self, listener: &Rc<OnChange>) {
        let mut listeners = self.0.borrow_mut();
        listeners.retain(|listener| listener.strong_count() > 0);
        listeners.push(Rc::downgrade(listener));
    }

    /// A listener may subscribe others, which are called from the next change on, and unsubscribe others, which are not called
    /// again.
    fn emit(&self, snapshot: Option<&Snapshot>, event: Option<&SessionEvent>) {
        let listeners = self.0.borrow().clone();
        for listener in listeners.iter().filter_map(Weak::upgrade) {
            listener(snapshot, event);
        }
    }
}
