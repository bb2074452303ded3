//! The credential of this tab, and until when it may be used.

use super::context::Context;
use crate::{Credential, Handle, Subject, Timestamp};

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Current {
    credential: Credential,
    /// Why it must not be used, whatever its expiry.
    stale: Option<StaleReason>,
    /// A call has used it. Only a credential in use is refreshed before it expires.
    used: bool,
    /// When to refresh it before it expires: monotonic time.
    refresh_at: Option<u64>,
    /// Until this monotonic time, a 401 is not attributed to the credential: it has just replaced a refused one.
    trusted_until: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum StaleReason {
    /// A resource has responded with 401.
    Refused,
    /// The session manager treats it as expired.
    Expired,
}

impl Current {
    /// `after_refusal`: the credential replaces one that was refused.
    pub(super) fn new(now: Timestamp, credential: Credential, after_refusal: bool, context: &mut Context) -> Self {
        let refresh_at = refresh_time(&credential, context);
        let trusted_until = if after_refusal { now.mono.saturating_add(context.config.refusal_cooldown) } else { 0 };
        Self { credential, stale: None, used: false, refresh_at, trusted_until }
    }

    pub(super) fn credential(&self) -> &Credential {
        &self.credential
    }

    pub(super) fn subject(&self) -> Option<Subject> {
        self.credential.subject
    }

    pub(super) fn stale(&self) -> Option<StaleReason> {
        self.stale
    }

    /// The next call renews the credential.
    pub(super) fn mark_stale(&mut self, reason: StaleReason) {
        self.stale = Some(reason);
    }

    pub(super) fn mark_used(&mut self) {
        self.used = true;
    }

    pub(super) fn is_trusted(&self, now: Timestamp) -> bool {
        self.trusted_until > now.mono
    }

    /// Whether a request can be sent with it. `fresh`: also not about to end.
    pub(super) fn is_usable(&self, now: Timestamp, fresh: bool) -> bool {
        let alive = self.credential.expiry.is_none_or(|expiry| !expiry.ends_within(now, expiry.travel_margin()));
        let early = !fresh || self.refresh_at.is_none_or(|at| now.mono < at);
        self.stale.is_none() && alive && early
    }

    /// When to refresh it before it expires, if it is in use: monotonic time.
    pub(super) fn refresh_at(&self) -> Option<u64> {
        self.refresh_at.filter(|_| self.used && self.stale.is_none())
    }

    /// The time until which every call can use it, if no input comes before. `None` if the expiry is not known.
    pub(super) fn serves_until(&self) -> Option<Timestamp> {
        let expiry = self.credential.expiry.filter(|_| self.used && self.stale.is_none())?;
        let margin = expiry.travel_margin();
        let mono = expiry.end.mono.saturating_sub(margin);
        Some(Timestamp {
            mono: self.refresh_at.map_or(mono, |at| at.min(mono)),
            wall: expiry.end.wall.saturating_sub(margin),
        })
    }
}

/// Between 80 and 90 percent of the lifetime, so that tabs and visitors do not refresh at the same time.
fn refresh_time(credential: &Credential, context: &mut Context) -> Option<u64> {
    let expiry = credential.expiry.filter(|expiry| expiry.lifetime >= 1_000)?;
    credential.refresh_token?;
    let tenth = expiry.lifetime / 10;
    Some(expiry.end.mono.saturating_sub(tenth + context.jitter.below(tenth)))
}

impl Credential {
    /// The token whose revocation ends the session.
    pub(super) fn revocable(&self) -> Handle {
        self.refresh_token.unwrap_or(self.access_token)
    }

    pub(super) fn references(&self, handle: Handle) -> bool {
        self.access_token == handle
            || self.refresh_token == Some(handle)
            || self.subject.is_some_and(|subject| subject.visitor == handle)
    }
}
