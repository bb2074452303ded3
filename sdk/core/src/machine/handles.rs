//! Which texts the machine still names, so that the session manager forgets the others: above all, tokens.

use super::Machine;
use super::account_requests::AccountRequestKind;
use super::transaction::{Found, Step};
use super::waiters::Want;
use crate::{Credential, Handle, Subject};

impl Machine {
    /// Whether an effect or event to come may name this text. Of a text that has not come in again since this was denied,
    /// none does.
    pub fn references(&self, text: Handle) -> bool {
        self.acquire_key == Some(text)
            || self.rejected_acquire_key == Some(text)
            || self.current.is_some_and(|current| current.credential.references(text))
            || self.previous.as_ref().is_some_and(|lost| names(lost.id, text))
            || self.transaction.as_ref().is_some_and(|transaction| match transaction.step {
                Step::Comparing(Found::Credential(credential)) | Step::Committing(credential) => {
                    credential.references(text)
                }
                _ => false,
            })
            || self.is_revoking(text)
            || self.account_request.is_some_and(|account_request| account_request.references(text))
            || self
                .waiters
                .iter()
                .any(|waiter| matches!(waiter.want, Want::AccountRequest(task) if task.references(text)))
    }
}

impl Credential {
    fn references(&self, text: Handle) -> bool {
        self.access_token == text || self.refresh_token == Some(text) || names(self.subject, text)
    }
}

impl AccountRequestKind {
    pub(super) fn references(&self, text: Handle) -> bool {
        matches!(*self, Self::Upgrade(_, body) if body == text)
    }
}

fn names(subject: Option<Subject>, text: Handle) -> bool {
    subject.is_some_and(|subject| subject.visitor == text)
}
