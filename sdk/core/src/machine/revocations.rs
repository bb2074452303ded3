//! Token revocations at the server (RFC 7009): best effort, three tries; no call waits for them.

use super::context::Context;
use crate::{Effect, Handle, Op, Request, Timestamp};

const MAX_TRIES: u8 = 3;

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Revocations(Vec<Revocation>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Revocation {
    token: Handle,
    tries: u8,
    /// Of the request that is under way; `None` while it waits for the next try.
    sent: Option<Op>,
    /// When the request times out, or the next try starts: monotonic time.
    until: u64,
}

impl Revocations {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn contains(&self, token: Handle) -> bool {
        self.0.iter().any(|revocation| revocation.token == token)
    }

    /// When to call [`Self::expire`]: monotonic time.
    pub(super) fn deadline(&self) -> Option<u64> {
        self.0.iter().map(|revocation| revocation.until).min()
    }

    pub(super) fn start(&mut self, now: Timestamp, token: Handle, context: &mut Context) {
        let mut revocation = Revocation { token, tries: 0, sent: None, until: 0 };
        revocation.send(now, context);
        self.0.push(revocation);
    }

    /// Every status that is not a temporary error ends the revocation: an unknown token counts as revoked (RFC 7009 §2.2).
    pub(super) fn on_response(&mut self, now: Timestamp, op: Op, status: u16, context: &mut Context) {
        if status >= 500 || matches!(status, 408 | 429) {
            self.on_failure(now, op, context);
        } else {
            self.remove(op);
        }
    }

    pub(super) fn on_failure(&mut self, now: Timestamp, op: Op, context: &mut Context) {
        let Some(revocation) = self.0.iter_mut().find(|revocation| revocation.sent == Some(op)) else { return };
        if revocation.tries >= MAX_TRIES {
            return self.remove(op);
        }
        let ceiling = context.config.backoff_base << revocation.tries;
        revocation.sent = None;
        revocation.until = now.mono + ceiling.max(1) + context.jitter.below(ceiling);
    }

    pub(super) fn expire(&mut self, now: Timestamp, context: &mut Context) {
        // Each gets a later deadline or is removed, so the loop ends.
        while let Some(revocation) = self.0.iter_mut().find(|revocation| revocation.until <= now.mono) {
            if let Some(op) = revocation.sent {
                context.effect(Effect::Cancel { op });
                self.on_failure(now, op, context);
            } else {
                revocation.send(now, context);
            }
        }
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    fn remove(&mut self, op: Op) {
        if let Some(index) = self.0.iter().position(|revocation| revocation.sent == Some(op)) {
            self.0.remove(index);
        }
    }
}

impl Revocation {
    fn send(&mut self, now: Timestamp, context: &mut Context) {
        self.tries += 1;
        self.sent = Some(context.send(Request::Revoke { token: self.token }));
        self.until = now.mono.saturating_add(context.config.http_timeout.max(1));
    }
}
