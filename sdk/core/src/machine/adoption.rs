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
            // Also if the version is older: then a tab has overwritten a newer record.
            TabMessage::Committed(version) if version != self.identity.version() => {
                self.reload.expect(version);
                self.start_reload(now);
            }
            TabMessage::Committed(_) => {}
        }
    }

    /// Reads the storage, once more if a load is under way.
    pub(super) fn start_reload(&mut self, now: Timestamp) {
        if self.storage.is_in_memory() {
            self.storage.set_loaded();
        } else {
            self.reload.start(now, &mut self.context);
        }
    }

    pub(super) fn on_reloaded(&mut self, now: Timestamp, record: &Record) {
        let again = self.reload.finish();
        if self.transaction.as_ref().is_some_and(|transaction| transaction.kind() == TransactionKind::SignOut) {
            return self.storage.set_loaded(); // the stored session is about to be signed out
        }
        let behind = self.identity.is_newer_than(record);
        self.adopt(now, record);
        self.cancel_overtaken_request(now);
        if behind && self.transaction.is_none() {
            self.begin(now, TransactionKind::Repair);
        }
        if again {
            return self.start_reload(now);
        }
        self.reload.plan_check(now, self.identity.version(), &self.context);
    }

    pub(super) fn on_reload_failed(&mut self) {
        self.reload.finish();
        self.storage.set_loaded();
        self.storage.fall_back_to_memory(&mut self.context);
    }

    /// Adopts a stored record if it is newer (C7).
    pub(super) fn adopt(&mut self, now: Timestamp, record: &Record) {
        let version = record.version;
        self.learn_epoch(now, version, record.end_reason);
        if version > self.identity.version() {
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
