//! The visitor's identity: the credential of this tab, the identity that it replaced, its version, and the acquire keys.

use super::context::Context;
use super::current::{Current, StaleReason};
use crate::{
    Credential, EndReason, Event, Handle, IdentityReason, OnIdentityLost, Record, Subject, Timestamp, Version,
};
use IdentityReason::{LoggedIn, Registered};

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Identity {
    /// Of the newest credential that this tab has seen, even if it has none now.
    version: Version,
    /// How the epoch before that of the version has ended.
    end_reason: EndReason,
    /// The idempotency key of the acquisition that is under way.
    acquire_key: Option<Handle>,
    /// The key that the server has rejected with 409.
    rejected_acquire_key: Option<Handle>,
    current: Option<Current>,
    keeping: Keeping,
    previous: Option<PreviousIdentity>,
}

/// Where the credential is, besides this tab.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) enum Keeping {
    /// In the storage, or it was: other tabs may have it, so it is renewed only with the storage.
    #[default]
    Stored,
    /// Nowhere: the storage failed before it was stored.
    Unstored,
    /// Nowhere, and the storage may have another guest, which then replaces that of this tab.
    Apart,
}

/// The identity that the server has ended, until the next one replaces it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct PreviousIdentity {
    id: Option<Subject>,
    reason: IdentityReason,
}

impl Identity {
    pub(super) fn version(&self) -> Version {
        self.version
    }

    pub(super) fn end_reason(&self) -> EndReason {
        self.end_reason
    }

    pub(super) fn current(&self) -> Option<&Current> {
        self.current.as_ref()
    }

    pub(super) fn credential(&self) -> Option<&Credential> {
        self.current.as_ref().map(Current::credential)
    }

    pub(super) fn mark_stale(&mut self, reason: StaleReason) {
        if let Some(current) = &mut self.current {
            current.mark_stale(reason);
        }
    }

    pub(super) fn mark_used(&mut self) {
        if let Some(current) = &mut self.current {
            current.mark_used();
        }
    }

    pub(super) fn is_usable(&self, now: Timestamp, fresh: bool) -> bool {
        self.current.as_ref().is_some_and(|current| current.is_usable(now, fresh))
    }

    /// See [`Current::refresh_at`].
    pub(super) fn refresh_at(&self) -> Option<u64> {
        self.current.as_ref().and_then(Current::refresh_at)
    }

    /// The record that this tab would store.
    pub(super) fn record(&self) -> Record {
        Record {
            version: self.version,
            end_reason: self.end_reason,
            acquire_key: self.acquire_key,
            credential: self.credential().copied(),
            ..Record::default()
        }
    }

    /// Whether no storage has the credential.
    pub(super) fn is_unstored(&self) -> bool {
        self.keeping != Keeping::Stored
    }

    pub(super) fn keeping(&self) -> Keeping {
        self.keeping
    }

    pub(super) fn keep(&mut self, keeping: Keeping) {
        self.keeping = keeping;
    }

    /// Whether a stored record of this epoch replaces the state of this tab: it is newer, or it has another guest, and this tab
    /// is apart from the storage or has a record of the same version.
    pub(super) fn yields_to(&self, record: &Record) -> bool {
        let is_another = record.credential.is_some_and(|stored| {
            let differs = |current: &Current| current.subject() != stored.subject;
            self.keeping == Keeping::Apart
                || (record.version == self.version && self.current.as_ref().is_some_and(differs))
        });
        record.version > self.version || (record.version.epoch == self.version.epoch && is_another)
    }

    /// Whether the stored record is older than the state of this tab.
    pub(super) fn is_newer_than(&self, stored: &Record) -> bool {
        (stored.version, stored.end_reason) < (self.version, self.end_reason)
    }

    /// Sets the version, and how its epoch has begun.
    pub(super) fn advance(&mut self, version: Version, end_reason: EndReason) {
        self.version = version;
        self.end_reason = end_reason;
    }

    /// Two tabs may sign out at once, into the same epoch: the stricter reason counts.
    pub(super) fn strengthen_end_reason(&mut self, version: Version, end_reason: EndReason) {
        if version == self.version {
            self.end_reason = self.end_reason.max(end_reason);
        }
    }

    /// Replaces the credential, and reports if the visitor has another identity (C10). `reason`: why, unless the visitor
    /// has become a member. Returns whether that is another visitor.
    pub(super) fn replace(
        &mut self,
        now: Timestamp,
        credential: Credential,
        reason: IdentityReason,
        context: &mut Context,
    ) -> bool {
        let after_refusal = self.current.as_ref().is_some_and(|current| current.stale() == Some(StaleReason::Refused))
            || self.previous.is_some_and(|previous| previous.reason == IdentityReason::Unauthorized);
        let before = match (self.previous.take(), self.current.take()) {
            (Some(previous), _) => Some((true, previous)),
            (None, Some(current)) => Some((false, PreviousIdentity { id: current.subject(), reason })),
            (None, None) => None,
        };
        let mut is_another = false;
        if let Some((ended, old)) = before {
            let new = credential.subject;
            let change = match (old.id, new) {
                (Some(old), Some(new)) if old.visitor == new.visitor => old.is_upgrade(new).then_some(Registered),
                (Some(old), Some(new)) if !ended && old.is_upgrade(new) => Some(LoggedIn),
                (Some(_), Some(_)) => Some(old.reason),
                // After the end of a session, a guest is always another one, even if the server sends no subjects.
                _ => ended.then_some(old.reason),
            };
            if let Some(reason) = change {
                context.event(Event::Identity { old: old.id, new, reason });
            }
            is_another = !ended && change == Some(old.reason);
        }
        self.current = Some(Current::new(now, credential, after_refusal, context));
        self.keeping = Keeping::Stored;
        self.acquire_key = None;
        is_another
    }

    /// The server has ended the session; returns its subject.
    pub(super) fn end(&mut self, reason: IdentityReason, policy: OnIdentityLost) -> Option<Subject> {
        let id = self.current.take().and_then(|current| current.subject());
        if policy == OnIdentityLost::Reacquire {
            self.previous = Some(PreviousIdentity { id, reason });
        }
        id
    }

    /// Whether there is an identity, or was one that the next replaces.
    pub(super) fn is_known(&self) -> bool {
        self.current.is_some() || self.previous.is_some()
    }

    /// Begins an epoch without a credential; returns the subject of the one before.
    pub(super) fn begin_epoch(&mut self, epoch: u64, end_reason: EndReason) -> Option<Subject> {
        self.advance(Version { epoch, generation: 0 }, end_reason);
        self.acquire_key = None;
        self.keeping = Keeping::Stored;
        let previous = self.previous.take().and_then(|previous| previous.id);
        self.current.take().and_then(|current| current.subject()).or(previous)
    }

    pub(super) fn forget_credential(&mut self) {
        self.current = None;
    }

    /// The acquire key in a stored record, if it is of this epoch and the server may accept it.
    pub(super) fn usable_acquire_key(&self, record: &Record) -> Option<Handle> {
        let usable = record.version.epoch == self.version.epoch
            && record.credential.is_none()
            && record.acquire_key != self.rejected_acquire_key;
        record.acquire_key.filter(|_| usable)
    }

    /// The acquire key to use: the stored one, or else the own one, so that all tabs use the same (C19). `None`: make one.
    pub(super) fn choose_acquire_key(&mut self, stored: Option<Handle>) -> Option<Handle> {
        let rejected = self.rejected_acquire_key;
        self.acquire_key = stored.or(self.acquire_key).filter(|key| rejected != Some(*key));
        self.acquire_key
    }

    /// The next acquisition uses another key.
    pub(super) fn drop_acquire_key(&mut self) {
        self.acquire_key = None;
    }

    pub(super) fn set_acquire_key(&mut self, key: Handle) {
        self.acquire_key = Some(key);
    }

    /// The server has responded with 409: the guest of this key has been used since.
    pub(super) fn reject_acquire_key(&mut self) {
        self.rejected_acquire_key = self.acquire_key.take();
    }

    pub(super) fn references(&self, handle: Handle) -> bool {
        self.acquire_key == Some(handle)
            || self.rejected_acquire_key == Some(handle)
            || self.credential().is_some_and(|credential| credential.references(handle))
            || self.previous.and_then(|previous| previous.id).is_some_and(|id| id.visitor == handle)
    }
}
