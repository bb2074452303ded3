//! Who the visitor is: what is held, what replaces it, and what is said about that.

use super::job::Goal;
use super::waiters::Want;
use super::{Machine, Phase};
use crate::{
    Credential, Event, Failure, IdentityReason, News, OnIdentityLost, Outcome, Parting, Record, SignedOutBy, Subject,
    Text, Timestamp, Version, WaiterId,
};
use IdentityReason::{LoggedIn, Registered};

/// The credential of this tab.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Held {
    pub(super) credential: Credential,
    /// Why it is not to be used any more, whatever the clock says.
    pub(super) spent: Option<Spent>,
    /// Somebody has used it: worth a refresh ahead of its end.
    pub(super) used: bool,
    /// When to refresh it ahead of its end: monotonic time.
    pub(super) ahead: Option<u64>,
    /// Until then, a 401 is not taken for its fault: it has just replaced a refused one.
    pub(super) trusted_until: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Spent {
    Refused,
    Expired,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Lost {
    pub(super) id: Option<Subject>,
    reason: IdentityReason,
}

impl Held {
    pub(super) fn usable(&self, now: Timestamp, fresh: bool) -> bool {
        let alive = self.credential.expiry.is_none_or(|expiry| !expiry.within(now, expiry.travel_margin()));
        let early = !fresh || self.ahead.is_none_or(|at| now.mono < at);
        self.spent.is_none() && alive && early
    }

    /// Until when it stays usable for everybody, if nothing happens. Not known where nobody said when it ends.
    pub(super) fn serves_until(&self) -> Option<Timestamp> {
        let expiry = self.credential.expiry.filter(|_| self.spent.is_none())?;
        let margin = expiry.travel_margin();
        let mono = expiry.end.mono.saturating_sub(margin);
        Some(Timestamp {
            mono: self.ahead.map_or(mono, |at| at.min(mono)),
            wall: expiry.end.wall.saturating_sub(margin),
        })
    }
}

impl Machine {
    /// Marks the credential: the next use renews it.
    pub(super) fn spend(&mut self, why: Spent) {
        if let Some(held) = &mut self.held {
            held.spent = Some(why);
        }
    }

    /// Takes over what was found in the storage, where it is newer than what is known (C7).
    pub(super) fn observe(&mut self, now: Timestamp, record: Record) {
        self.learn_parting(record.version, record.parting);
        if record.version > self.version {
            self.version = record.version;
            self.parting = record.parting;
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

    /// Replaces what is held; says so when that changes who the visitor is (C10).
    pub(super) fn hold(&mut self, now: Timestamp, credential: Credential, reason: IdentityReason) {
        let after_refusal = self.held.as_ref().is_some_and(|held| held.spent == Some(Spent::Refused))
            || self.lost.as_ref().is_some_and(|lost| lost.reason == IdentityReason::Unauthorized);
        let before = match (self.lost.take(), self.held.take()) {
            (Some(lost), _) => Some((true, lost)),
            (None, Some(held)) => Some((false, Lost { id: held.credential.subject, reason })),
            (None, None) => None,
        };
        if let Some((lost, old)) = before {
            let new = credential.subject;
            let change = match (old.id, new) {
                (Some(old), Some(new)) if old.visitor == new.visitor => old.is_raised(new).then_some(Registered),
                (Some(old), Some(new)) if !lost && old.is_raised(new) => Some(LoggedIn),
                (Some(_), Some(_)) => Some(old.reason),
                // Where the server tells no ids, a guest that was acquired anew still is another one.
                _ => lost.then_some(old.reason),
            };
            if let Some(reason) = change {
                self.events.push_back(Event::Identity { old: old.id, new, reason });
            }
            if !lost && change == Some(old.reason) {
                self.restart_errand();
            }
        }
        let ahead = self.ahead_of(&credential);
        let trusted_until = if after_refusal { now.mono.saturating_add(self.config.refusal_cooldown) } else { 0 };
        self.held = Some(Held { credential, spent: None, used: false, ahead, trusted_until });
        self.claim = None;
        self.phase = Phase::Open;
        self.pace.succeeded();
    }

    /// Between 80 and 90 percent of the lifetime; tabs and visitors spread over it.
    fn ahead_of(&mut self, credential: &Credential) -> Option<u64> {
        let expiry = credential.expiry.filter(|expiry| expiry.lifetime >= 1_000)?;
        credential.refresh_token.as_ref()?;
        let tenth = expiry.lifetime / 10;
        Some(expiry.end.mono.saturating_sub(tenth + self.pace.below(tenth)))
    }

    /// The server ended the session. Whether a fresh guest follows is the policy's to say.
    pub(super) fn lose(&mut self, reason: IdentityReason) -> OnIdentityLost {
        let id = self.held.take().and_then(|held| held.credential.subject);
        self.restart_errand();
        match self.config.on_identity_lost {
            OnIdentityLost::Reacquire => self.lost = Some(Lost { id, reason }),
            OnIdentityLost::Stop => {
                self.phase = Phase::Ended;
                self.pace.succeeded();
                self.events.push_back(Event::Identity { old: id, new: None, reason });
                self.fail_session_waiters(Failure::SessionEnded);
            }
        }
        self.config.on_identity_lost
    }

    /// How the epoch of this version has begun, by the word of another tab.
    pub(super) fn learn_parting(&mut self, version: Version, parting: Parting) {
        if version.epoch > self.version.epoch {
            self.enter_epoch(version, parting);
        } else if version == self.version {
            self.parting = self.parting.max(parting); // two tabs have signed out at once
        }
    }

    /// Another tab has signed out: no older credential counts, and no late answer brings it back (C8).
    fn enter_epoch(&mut self, version: Version, parting: Parting) {
        let known = self.held.is_some() || self.lost.is_some();
        let id = self.leave_epoch(version.epoch, parting);
        self.signed_out(); // a sign-out of this tab that was still under way has been overtaken by its like
        if known || (parting == Parting::ForGood && version.generation == 0) {
            self.phase = Phase::SignedOut;
        }
        if known {
            self.events.push_back(Event::SignedOut { id, by: SignedOutBy::AnotherTab, parting });
            if parting == Parting::Erased {
                self.settle_erasures(Outcome::Done);
            }
            self.fail_session_waiters(Failure::SignedOut);
        }
    }

    pub(super) fn on_sign_out(&mut self, now: Timestamp, waiter: WaiterId, for_good: bool) {
        self.wait(waiter, Want::SignedOut, None);
        if let Some(token) = self.held.as_ref().map(|held| held.credential.revocable()) {
            self.revoke(now, token);
        }
        self.leave(now, if for_good { Parting::ForGood } else { Parting::SignedOut });
    }

    /// Ends the session in every tab. Whoever wants it to end is told once that is stored.
    pub(super) fn leave(&mut self, now: Timestamp, parting: Parting) {
        let id = self.leave_epoch(self.version.epoch.saturating_add(1), parting);
        self.drop_errand();
        self.phase = Phase::SignedOut;
        self.events.push_back(Event::SignedOut { id, by: SignedOutBy::ThisTab, parting });
        self.fail_session_waiters(Failure::SignedOut);
        // At once, so that a tab which holds the lock lets go of it.
        self.publish_sign_out();
        self.begin(now, Goal::Forget);
    }

    pub(super) fn publish_sign_out(&mut self) {
        self.publish(News::SignedOut { epoch: self.version.epoch, parting: self.parting });
    }

    /// The sign-out is done: whoever waits for it is told.
    pub(super) fn signed_out(&mut self) {
        self.settle_all(Outcome::Done, &|waiter| waiter.want == Want::SignedOut);
    }

    /// Forgets everything of this epoch; answers with who it was.
    fn leave_epoch(&mut self, epoch: u64, parting: Parting) -> Option<Subject> {
        self.drop_job();
        self.version = Version { epoch, generation: 0 };
        self.parting = parting;
        self.claim = None;
        self.pace.succeeded();
        let lost = self.lost.take().and_then(|lost| lost.id);
        self.held.take().and_then(|held| held.credential.subject).or(lost)
    }

    /// Whether what is stored is older than what this tab knows.
    pub(super) fn is_behind(&self, stored: &Record) -> bool {
        (stored.version, stored.parting) < (self.version, self.parting)
    }

    /// What this tab would store.
    pub(super) fn record(&self) -> Record {
        Record {
            version: self.version,
            parting: self.parting,
            claim: self.claim,
            credential: self.held.as_ref().map(|held| held.credential),
        }
    }
}

impl Credential {
    /// The token whose revocation ends the session.
    pub(super) fn revocable(&self) -> Text {
        self.refresh_token.unwrap_or(self.access_token)
    }
}
