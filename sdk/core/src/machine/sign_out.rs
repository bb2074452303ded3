//! Sign-out: how an epoch ends, by this tab or by another one, and how that is stored.

use super::identity::Keeping;
use super::transaction::{Step, Transaction, TransactionKind};
use super::waiters::Want;
use super::{Machine, Phase};
use crate::{
    EndReason, Event, Outcome, Record, SessionError, SignedOutBy, Subject, TabMessage, Timestamp, Version, WaiterId,
};

impl Machine {
    pub(super) fn on_sign_out(&mut self, now: Timestamp, waiter: WaiterId, permanent: bool) {
        self.waiters.add(waiter, Want::SignedOut, None);
        if let Some(credential) = self.identity.credential() {
            self.revocations.start(now, credential, &mut self.context);
        }
        self.sign_out(now, if permanent { EndReason::Permanent } else { EndReason::SignedOut });
    }

    /// Ends the session in every tab. The calls that wait for the sign-out are settled when it is stored.
    pub(super) fn sign_out(&mut self, now: Timestamp, end_reason: EndReason) {
        let id = self.begin_epoch(now, self.identity.version().epoch.saturating_add(1), end_reason);
        self.account_requests.clear();
        self.phase = Phase::SignedOut;
        self.context.event(Event::SignedOut { id, by: SignedOutBy::ThisTab, end_reason });
        self.waiters.fail_session(SessionError::SignedOut, &mut self.context);
        // Before the sign-out is stored, so that a tab that has the lock releases it.
        self.publish_sign_out();
        self.begin(now, TransactionKind::SignOut);
    }

    /// The server has erased the visitor. The calls that wait for that are settled when the sign-out is stored.
    pub(super) fn erased(&mut self, now: Timestamp) {
        self.waiters.await_sign_out_after_erasure();
        self.sign_out(now, EndReason::Erased);
    }

    /// A newer epoch in a message or record means that another tab has signed out.
    pub(super) fn learn_epoch(&mut self, now: Timestamp, version: Version, end_reason: EndReason) {
        if version.epoch > self.identity.version().epoch {
            self.follow_sign_out(now, version, end_reason);
        } else {
            self.identity.strengthen_end_reason(version, end_reason);
        }
    }

    /// Another tab has signed out: no older credential counts, and no late response brings it back (C8).
    fn follow_sign_out(&mut self, now: Timestamp, version: Version, end_reason: EndReason) {
        let known = self.identity.is_known();
        let id = self.begin_epoch(now, version.epoch, end_reason);
        // A sign-out of this tab that was under way has been overtaken by that of the other tab.
        self.waiters.settle_signed_out(&mut self.context);
        if known || (end_reason == EndReason::Permanent && version.generation == 0) {
            self.phase = Phase::SignedOut;
        }
        if known {
            self.context.event(Event::SignedOut { id, by: SignedOutBy::AnotherTab, end_reason });
            if end_reason == EndReason::Erased {
                self.waiters.settle_erasures(Outcome::Done, &mut self.context);
            }
            self.waiters.fail_session(SessionError::SignedOut, &mut self.context);
        }
    }

    /// Forgets everything of the epoch before; returns its subject.
    fn begin_epoch(&mut self, now: Timestamp, epoch: u64, end_reason: EndReason) -> Option<Subject> {
        // No tab has stored it, so no other tab can revoke it.
        if let Some(credential) = self.transaction.as_ref().and_then(Transaction::uncommitted) {
            self.revocations.start(now, &credential, &mut self.context);
        }
        self.cancel_transaction();
        self.backoff.succeeded();
        self.identity.begin_epoch(epoch, end_reason)
    }

    /// Whether the last sign-out was permanent, and no guest has been acquired since.
    pub(super) fn is_permanently_signed_out(&self) -> bool {
        self.phase == Phase::SignedOut
            && self.identity.end_reason() == EndReason::Permanent
            && self.identity.version().generation == 0
    }

    /// Replaces the stored session by the sign-out, unless what is stored came after it.
    pub(super) fn store_sign_out(&mut self, now: Timestamp, record: Option<Record>) {
        if self.awaits_commit(now) {
            return;
        }
        if let Some(record) = record {
            if !self.identity.is_newer_than(&record) {
                // Another tab has received this sign-out, or has signed out itself.
                self.cancel_transaction();
                self.waiters.settle_signed_out(&mut self.context);
                return self.adopt(now, &record);
            }
            self.merge_revocations(now, &record);
            self.revoke_stored(now, &record);
        }
        self.storage.set_loaded();
        self.store(now, Step::StoringOwn, self.identity.record());
    }

    /// The stored session was signed out, and is about to be replaced.
    pub(super) fn revoke_stored(&mut self, now: Timestamp, record: &Record) {
        if let Some(credential) = &record.credential
            && record.version.epoch < self.identity.version().epoch
        {
            self.revocations.start(now, credential, &mut self.context);
        }
    }

    /// Replaces a stored record that lacks what this tab knows.
    pub(super) fn repair(&mut self, now: Timestamp, record: Option<Record>) {
        self.adopt_in_transaction(now, record);
        match record.filter(|record| self.is_ahead_of(record)) {
            Some(record) if self.identity.is_newer_than(&record) => {
                self.store(now, Step::StoringOwn, self.identity.record());
            }
            // Only the revocations differ. The record may have the acquire key of another tab.
            Some(record) => self.store(now, Step::StoringOwn, record),
            None => self.cancel_transaction(),
        }
    }

    /// The sign-out is stored, or the storage is repaired.
    pub(super) fn on_own_record_stored(&mut self, now: Timestamp) {
        self.identity.keep(Keeping::Stored);
        if self.on_own_record_kept() != Some(TransactionKind::SignOut) {
            self.publish(TabMessage::Committed(self.identity.version()));
        }
        if self.revocations.has_done() {
            self.start_reload(now);
        }
    }

    /// Ends a sign-out or a repair; returns which of them.
    pub(super) fn on_own_record_kept(&mut self) -> Option<TransactionKind> {
        let kind = self.transaction.as_ref().map(Transaction::kind);
        self.cancel_transaction();
        if kind == Some(TransactionKind::SignOut) {
            self.publish_sign_out();
            self.waiters.settle_signed_out(&mut self.context);
        }
        kind
    }

    fn publish_sign_out(&mut self) {
        let (epoch, end_reason) = (self.identity.version().epoch, self.identity.end_reason());
        self.publish(TabMessage::SignedOut { epoch, end_reason });
    }
}
