//! Token revocations at the server (RFC 7009). No call waits for them. They are stored until the server has answered (C22), so
//! that any tab can send them, also after the tab that has signed out is closed.

use super::context::Context;
use crate::{Credential, Effect, Handle, MAX_REVOCATIONS, Op, PendingRevocation, Record, Request, Timestamp};

/// While a revocation that no other tab can send has had fewer tries, the session manager is kept alive for it.
const TRIES_OF_DROPPED_SESSION: u32 = 3;

/// At most [`MAX_REVOCATIONS`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Revocations(Vec<Revocation>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Revocation {
    pending: PendingRevocation,
    state: State,
    tries: u32,
    /// Of the request that is under way; `None` while it waits for the next try.
    sent: Option<Op>,
    /// When the request times out, or the next try starts: monotonic time.
    at: u64,
    /// No try before this time: the server has asked for that.
    not_before: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum State {
    Unstored,
    Stored,
    /// The server has answered, or the token has expired. The storage may still have it.
    Done,
    /// The record without it is being stored.
    Removing,
}

impl Revocation {
    fn is_pending(&self) -> bool {
        matches!(self.state, State::Unstored | State::Stored)
    }
}

impl Revocations {
    /// Whether the session manager has to be kept alive.
    pub(super) fn is_busy(&self) -> bool {
        let few = |it: &Revocation| it.state == State::Unstored && it.tries < TRIES_OF_DROPPED_SESSION;
        self.0.iter().any(|it| it.sent.is_some() || few(it))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the server has answered one that the storage may still have.
    pub(super) fn has_done(&self) -> bool {
        self.0.iter().any(|it| it.state == State::Done)
    }

    pub(super) fn contains(&self, token: Handle) -> bool {
        self.0.iter().any(|it| it.pending.token == token)
    }

    /// When to call [`Self::expire`]: monotonic time.
    pub(super) fn deadline(&self) -> Option<u64> {
        self.0.iter().filter(|it| it.is_pending()).map(|it| it.at).min()
    }

    /// Revokes the session of a credential, unless that is under way.
    pub(super) fn start(&mut self, now: Timestamp, credential: &Credential, context: &mut Context) {
        let token = credential.revocable();
        let end = credential.expiry.filter(|_| credential.refresh_token.is_none()).map(|expiry| expiry.end.wall);
        let until = end.unwrap_or(now.wall.saturating_add(context.config.revocation_lifetime));
        if !self.contains(token) {
            let revocation = self.add(PendingRevocation { token, until }, State::Unstored, 0);
            revocation.send(now, context);
        }
    }

    fn add(&mut self, pending: PendingRevocation, state: State, at: u64) -> &mut Revocation {
        if self.0.len() >= MAX_REVOCATIONS {
            self.0.remove(0);
        }
        self.0.push(Revocation { pending, state, tries: 0, sent: None, at, not_before: 0 });
        let last = self.0.len() - 1;
        &mut self.0[last]
    }

    /// The server has answered if the status is not a temporary error: an unknown token counts as revoked (RFC 7009 §2.2).
    /// Returns whether one is done.
    pub(super) fn on_response(
        &mut self,
        now: Timestamp,
        op: Op,
        status: u16,
        retry_after: Option<u64>,
        context: &mut Context,
    ) -> bool {
        if status >= 500 || matches!(status, 408 | 425 | 429) {
            self.on_failure(now, op, retry_after, context);
            return false;
        }
        let Some(revocation) = self.find(op) else { return false };
        revocation.sent = None;
        revocation.state = State::Done;
        true
    }

    /// The next try starts after an exponential back-off with jitter, and not before the server has asked for it.
    pub(super) fn on_failure(&mut self, now: Timestamp, op: Op, retry_after: Option<u64>, context: &mut Context) {
        let Some(revocation) = self.find(op) else { return };
        let cap = context.config.retry_after_cap;
        let ceiling = (context.config.backoff_base << revocation.tries.min(20)).min(cap);
        revocation.sent = None;
        revocation.not_before = now.mono.saturating_add(retry_after.unwrap_or(0).min(cap));
        revocation.at = revocation.not_before.max(now.mono + ceiling.max(1) + context.jitter.below(ceiling));
    }

    fn find(&mut self, op: Op) -> Option<&mut Revocation> {
        self.0.iter_mut().find(|it| it.sent == Some(op))
    }

    /// Starts the tries that are due. Returns whether one is done: its token has expired.
    pub(super) fn expire(&mut self, now: Timestamp, context: &mut Context) -> bool {
        let mut done = false;
        // Each gets a later deadline or is done, so the loop ends.
        while let Some(revocation) = self.0.iter_mut().find(|it| it.is_pending() && it.at <= now.mono) {
            if let Some(op) = revocation.sent {
                context.effect(Effect::Cancel { op });
                self.on_failure(now, op, None, context);
            } else if revocation.pending.until <= now.wall {
                revocation.state = State::Done;
                done = true;
            } else {
                revocation.send(now, context);
            }
        }
        done
    }

    /// Tries again those that wait, unless the server has asked for more time.
    pub(super) fn retry_now(&mut self, now: Timestamp) {
        for revocation in self.0.iter_mut().filter(|it| it.sent.is_none()) {
            revocation.at = revocation.at.min(revocation.not_before.max(now.mono));
        }
    }

    /// Takes over the revocations of a loaded record, to be sent at the time `at` unless another tab is faster. One that was in
    /// the storage and is no longer there is done by another tab; an `outdated` record says nothing about that.
    pub(super) fn merge(&mut self, record: &Record, outdated: bool, at: u64) {
        for pending in record.revocations.iter().flatten() {
            match self.0.iter_mut().find(|it| it.pending.token == pending.token) {
                Some(known) => {
                    known.pending = *pending;
                    if known.state == State::Unstored {
                        known.state = State::Stored;
                    }
                }
                None => {
                    self.add(*pending, State::Stored, at);
                }
            }
        }
        self.0.retain(|it| match it.state {
            State::Unstored => true,
            State::Stored => outdated || is_listed(record, it),
            State::Done | State::Removing => is_listed(record, it),
        });
    }

    /// Whether the record lacks a revocation, or has one that is done.
    pub(super) fn differ_from(&self, record: &Record) -> bool {
        self.0.iter().any(|it| it.is_pending() != is_listed(record, it))
    }

    /// The revocations for the record that is about to be stored.
    pub(super) fn begin_storing(&mut self) -> [Option<PendingRevocation>; MAX_REVOCATIONS] {
        let mut list = [None; MAX_REVOCATIONS];
        let mut places = list.iter_mut();
        for revocation in &mut self.0 {
            if !revocation.is_pending() {
                revocation.state = State::Removing;
            } else if let Some(place) = places.next() {
                *place = Some(revocation.pending);
            }
        }
        list
    }

    /// The record with the revocations of [`Self::begin_storing`] is stored.
    pub(super) fn stored(&mut self) {
        self.0.retain(|it| it.state != State::Removing);
        for revocation in self.0.iter_mut().filter(|it| it.is_pending()) {
            revocation.state = State::Stored;
        }
    }

    pub(super) fn remove_done(&mut self) {
        self.0.retain(Revocation::is_pending);
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

fn is_listed(record: &Record, revocation: &Revocation) -> bool {
    record.revocations.iter().flatten().any(|listed| *listed == revocation.pending)
}

impl Revocation {
    fn send(&mut self, now: Timestamp, context: &mut Context) {
        self.tries += 1;
        self.sent = Some(context.send(Request::Revoke { token: self.pending.token }));
        self.at = now.mono.saturating_add(context.config.http_timeout.max(1));
    }
}
