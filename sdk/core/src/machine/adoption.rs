//! Adoption: what other tabs have stored becomes the state of this tab. Also how an identity is replaced or ended.

use super::transaction::TransactionKind;
use super::{Machine, Phase};
use crate::{Credential, Event, IdentityReason, OnIdentityLost, Record, SessionError, TabMessage, Timestamp, Version};

impl Machine {
    pub(super) fn on_tab_message(&mut self, now: Timestamp, message: TabMessage) {
        match message {
            TabMessage::SignedOut { epoch, end_reason } => {
                self.learn_epoch(now, Version { epoch, generation: 0 }, end_reason);
                // If the other tab was closed before it stored its sign-out, or has stored it over a newer record, this tab
                // repairs the storage.
                self.start_reload(now);
            }
            // Also if the version is older: then a newer record was overwritten, or the storage was emptied.
            TabMessage::Committed(version) if version != self.identity.version() => {
                self.reload.expect(version);
                self.start_reload(now);
            }
            // The other tab may have done the revocations that wait.
            TabMessage::Committed(_) if !self.revocations.is_empty() => self.start_reload(now),
            TabMessage::Committed(_) => {}
        }
    }

    /// Reads the storage, once more if a load is under way.
    pub(super) fn start_reload(&mut self, now: Timestamp) {
        if self.storage.is_available(now) {
            self.reload.start(now, &mut self.context);
        } else {
            self.storage.set_loaded();
        }
    }

    pub(super) fn on_reloaded(&mut self, now: Timestamp, record: &Record) {
        let again = self.reload.finish();
        if self.transaction.as_ref().is_some_and(|transaction| transaction.kind() == TransactionKind::SignOut) {
            return self.storage.set_loaded(); // the stored session is about to be signed out
        }
        if !self.storage.is_loaded() && record.is_empty() {
            // Another tab that has a session writes it again.
            self.publish(TabMessage::Committed(record.version));
        }
        self.adopt(now, record);
        self.cancel_overtaken_request(now);
        if self.is_ahead_of(record) && self.transaction.is_none() {
            // An emptied storage is written without the lock: a tab that acquires a guest under the lock finds the session when
            // it compares.
            let emptied = record.credential.is_none() && self.identity.current().is_some();
            let shared = self.storage.is_shared() && !emptied;
            self.begin_with(now, TransactionKind::Repair, shared);
        }
        if again {
            return self.start_reload(now);
        }
        self.reload.plan_check(now, self.identity.version(), &self.context);
    }

    pub(super) fn on_reload_failed(&mut self) {
        self.reload.finish();
        self.storage.set_loaded();
        self.storage.failed(true, &mut self.context);
    }

    /// Whether the stored record lacks what this tab knows (C21, C22).
    pub(super) fn is_ahead_of(&self, record: &Record) -> bool {
        self.identity.is_newer_than(record) || self.revocations.differ_from(record)
    }

    /// Takes over the revocations of a record. Another tab has probably sent them, unless this is the first read of a page.
    pub(super) fn merge_revocations(&mut self, now: Timestamp, record: &Record) {
        let delay = if self.storage.is_loaded() { self.context.config.http_timeout } else { 1 };
        let outdated = record.version < self.identity.version();
        self.revocations.merge(record, outdated, now.mono.saturating_add(delay));
    }

    /// Adopts a stored record if it is newer (C7).
    pub(super) fn adopt(&mut self, now: Timestamp, record: &Record) {
        let version = record.version;
        self.merge_revocations(now, record);
        self.learn_epoch(now, version, record.end_reason);
        if self.identity.yields_to(record) {
            self.cancel_renewal_of_replaced_guest(version);
            self.identity.advance(version, record.end_reason);
            if let Some(credential) = record.credential {
                let (id, generation) = (credential.subject, version.generation);
                self.replace_credential(now, credential, IdentityReason::AnotherTab);
                self.context.event(if self.storage.is_loaded() {
                    Event::Adopted { id, generation }
                } else {
                    Event::Restored { id }
                });
            }
        }
        self.storage.set_loaded();
    }

    /// A stored guest that is not newer replaces that of this tab, which no storage had. A response for the replaced guest must not
    /// be stored over the stored one.
    fn cancel_renewal_of_replaced_guest(&mut self, stored: Version) {
        if stored <= self.identity.version()
            && self.transaction.as_ref().is_some_and(|transaction| {
                transaction.kind() == TransactionKind::Renew && transaction.awaits_response_or_commit()
            })
        {
            self.cancel_transaction();
        }
    }

    /// `reason`: why the visitor has another identity, if the credential is that of another visitor.
    pub(super) fn replace_credential(&mut self, now: Timestamp, credential: Credential, reason: IdentityReason) {
        if self.identity.replace(now, credential, reason, &mut self.context) {
            self.fail_erasures();
        }
        self.phase = Phase::Open;
        self.backoff.succeeded();
    }

    /// The server has ended the session. The policy decides whether a new guest follows.
    pub(super) fn end_session(&mut self, reason: IdentityReason) -> OnIdentityLost {
        let policy = self.context.config.on_identity_lost;
        let id = self.identity.end(reason, policy);
        self.fail_erasures();
        if policy == OnIdentityLost::Stop {
            self.phase = Phase::Ended;
            self.backoff.succeeded();
            self.context.event(Event::Identity { old: id, new: None, reason });
            self.waiters.fail_session(SessionError::SessionEnded, &mut self.context);
        }
        policy
    }
}
