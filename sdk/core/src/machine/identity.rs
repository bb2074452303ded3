//! Who the visitor is: what is current, what replaces it, and what is said about that.

use super::transaction::TransactionKind;
use super::waiters::Want;
use super::{Machine, Phase};
use crate::{
    Credential, EndReason, Event, Handle, IdentityReason, OnIdentityLost, Outcome, Record, SessionError, SignedOutBy,
    Subject, TabMessage, Timestamp, Version, WaiterId,
};
use IdentityReason::{LoggedIn, Registered};

/// The credential of this tab.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Current {
    pub(super) credential: Credential,
    /// Why it is not to be used any more, whatever the clock says.
    pub(super) stale: Option<StaleReason>,
    /// Somebody has used it: worth a refresh ahead of its end.
    pub(super) used: bool,
    /// When to refresh it ahead of its end: monotonic time.
    pub(super) refresh_at: Option<u64>,
    /// Until then, a 401 is not taken for its fault: it has just replaced a refused one.
    pub(super) trusted_until: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum StaleReason {
    Refused,
    Expired,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct PreviousIdentity {
    pub(super) id: Option<Subject>,
    reason: IdentityReason,
}

impl Current {
    pub(super) fn usable(&self, now: Timestamp, fresh: bool) -> bool {
        let alive = self.credential.expiry.is_none_or(|expiry| !expiry.within(now, expiry.travel_margin()));
        let early = !fresh || self.refresh_at.is_none_or(|at| now.mono < at);
        self.stale.is_none() && alive && early
    }

    /// Until when it stays usable for everybody, if nothing happens. Not known where nobody said when it ends.
    pub(super) fn serves_until(&self) -> Option<Timestamp> {
        let expiry = self.credential.expiry.filter(|_| self.stale.is_none())?;
        let margin = expiry.travel_margin();
        let mono = expiry.end.mono.saturating_sub(margin);
        Some(Timestamp {
            mono: self.refresh_at.map_or(mono, |at| at.min(mono)),
            wall: expiry.end.wall.saturating_sub(margin),
        })
    }
}

impl Machine {
    /// Marks the credential: the next use renews it.
    pub(super) fn mark_stale(&mut self, why: StaleReason) {
        if let Some(current) = &mut self.current {
            current.stale = Some(why);
        }
    }

    /// Takes over what was found in the storage, where it is newer than what is known (C7).
    pub(super) fn observe(&mut self, now: Timestamp, record: Record) {
        self.learn_end_reason(record.version, record.end_reason);
        if record.version > self.version {
            self.version = record.version;
            self.end_reason = record.end_reason;
            if let Some(credential) = record.credential {
                let id = credential.subject;
                let generation = record.version.generation;
                self.hold(now, credential, IdentityReason::AnotherTab);
                self.events.push_back(if self.loaded {
                    Event::Adopted { id, generation }
                } else {
                    Event::Restored { id }
                });
            }
        }
        self.loaded = true;
    }

    /// Replaces what is current; says so when that changes who the visitor is (C10).
    pub(super) fn hold(&mut self, now: Timestamp, credential: Credential, reason: IdentityReason) {
        let after_refusal = self.current.as_ref().is_some_and(|current| current.stale == Some(StaleReason::Refused))
            || self.previous.as_ref().is_some_and(|lost| lost.reason == IdentityReason::Unauthorized);
        let before = match (self.previous.take(), self.current.take()) {
            (Some(lost), _) => Some((true, lost)),
            (None, Some(current)) => Some((false, PreviousIdentity { id: current.credential.subject, reason })),
            (None, None) => None,
        };
        if let Some((lost, old)) = before {
            let new = credential.subject;
            let change = match (old.id, new) {
                (Some(old), Some(new)) if old.visitor == new.visitor => old.is_upgrade(new).then_some(Registered),
                (Some(old), Some(new)) if !lost && old.is_upgrade(new) => Some(LoggedIn),
                (Some(_), Some(_)) => Some(old.reason),
                // Where the server tells no ids, a guest that was acquired reset still is another one.
                _ => lost.then_some(old.reason),
            };
            if let Some(reason) = change {
                self.events.push_back(Event::Identity { old: old.id, new, reason });
            }
            if !lost && change == Some(old.reason) {
                self.restart_account_request();
            }
        }
        let refresh_at = self.refresh_time_of(&credential);
        let trusted_until = if after_refusal { now.mono.saturating_add(self.config.refusal_cooldown) } else { 0 };
        self.current = Some(Current { credential, stale: None, used: false, refresh_at, trusted_until });
        self.acquire_key = None;
        self.phase = Phase::Open;
        self.backoff.succeeded();
    }

    /// Between 80 and 90 percent of the lifetime; tabs and visitors spread over it.
    fn refresh_time_of(&mut self, credential: &Credential) -> Option<u64> {
        let expiry = credential.expiry.filter(|expiry| expiry.lifetime >= 1_000)?;
        credential.refresh_token.as_ref()?;
        let tenth = expiry.lifetime / 10;
        Some(expiry.end.mono.saturating_sub(tenth + self.backoff.below(tenth)))
    }

    /// The server ended the session. Whether a fresh guest follows is the policy's to say.
    pub(super) fn end_session(&mut self, reason: IdentityReason) -> OnIdentityLost {
        let id = self.current.take().and_then(|current| current.credential.subject);
        self.restart_account_request();
        match self.config.on_identity_lost {
            OnIdentityLost::Reacquire => self.previous = Some(PreviousIdentity { id, reason }),
            OnIdentityLost::Stop => {
                self.phase = Phase::Ended;
                self.backoff.succeeded();
                self.events.push_back(Event::Identity { old: id, new: None, reason });
                self.fail_session_waiters(SessionError::SessionEnded);
            }
        }
        self.config.on_identity_lost
    }

    /// How the epoch of this version has begun, by the word of another tab.
    pub(super) fn learn_end_reason(&mut self, version: Version, end_reason: EndReason) {
        if version.epoch > self.version.epoch {
            self.enter_epoch(version, end_reason);
        } else if version == self.version {
            self.end_reason = self.end_reason.max(end_reason); // two tabs have signed out at once
        }
    }

    /// Another tab has signed out: no older credential counts, and no late answer brings it back (C8).
    fn enter_epoch(&mut self, version: Version, end_reason: EndReason) {
        let known = self.current.is_some() || self.previous.is_some();
        let id = self.leave_epoch(version.epoch, end_reason);
        self.signed_out(); // a sign-out of this tab that was still under way has been overtaken by its like
        if known || (end_reason == EndReason::Permanent && version.generation == 0) {
            self.phase = Phase::SignedOut;
        }
        if known {
            self.events.push_back(Event::SignedOut { id, by: SignedOutBy::AnotherTab, end_reason });
            if end_reason == EndReason::Erased {
                self.settle_erasures(Outcome::Done);
            }
            self.fail_session_waiters(SessionError::SignedOut);
        }
    }

    pub(super) fn on_sign_out(&mut self, now: Timestamp, waiter: WaiterId, permanent: bool) {
        self.wait(waiter, Want::SignedOut, None);
        if let Some(token) = self.current.as_ref().map(|current| current.credential.revocable()) {
            self.revoke(now, token);
        }
        self.leave(now, if permanent { EndReason::Permanent } else { EndReason::SignedOut });
    }

    /// Ends the session in every tab. Whoever wants it to end is told once that is stored.
    pub(super) fn leave(&mut self, now: Timestamp, end_reason: EndReason) {
        let id = self.leave_epoch(self.version.epoch.saturating_add(1), end_reason);
        self.drop_account_request();
        self.phase = Phase::SignedOut;
        self.events.push_back(Event::SignedOut { id, by: SignedOutBy::ThisTab, end_reason });
        self.fail_session_waiters(SessionError::SignedOut);
        // At once, so that a tab which holds the lock lets go of it.
        self.publish_sign_out();
        self.begin(now, TransactionKind::SignOut);
    }

    pub(super) fn publish_sign_out(&mut self) {
        self.publish(TabMessage::SignedOut { epoch: self.version.epoch, end_reason: self.end_reason });
    }

    /// The sign-out is done: whoever waits for it is told.
    pub(super) fn signed_out(&mut self) {
        self.settle_all(Outcome::Done, &|waiter| waiter.want == Want::SignedOut);
    }

    /// Forgets everything of this epoch; answers with who it was.
    fn leave_epoch(&mut self, epoch: u64, end_reason: EndReason) -> Option<Subject> {
        self.drop_transaction();
        self.version = Version { epoch, generation: 0 };
        self.end_reason = end_reason;
        self.acquire_key = None;
        self.backoff.succeeded();
        let lost = self.previous.take().and_then(|lost| lost.id);
        self.current.take().and_then(|current| current.credential.subject).or(lost)
    }

    /// Whether what is stored is older than what this tab knows.
    pub(super) fn is_behind(&self, stored: &Record) -> bool {
        (stored.version, stored.end_reason) < (self.version, self.end_reason)
    }

    /// What this tab would store.
    pub(super) fn record(&self) -> Record {
        Record {
            version: self.version,
            end_reason: self.end_reason,
            acquire_key: self.acquire_key,
            credential: self.current.as_ref().map(|current| current.credential),
        }
    }
}

impl Credential {
    /// The token whose revocation ends the session.
    pub(super) fn revocable(&self) -> Handle {
        self.refresh_token.unwrap_or(self.access_token)
    }
}
