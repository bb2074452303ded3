//! Which texts the machine still names, so that the session manager forgets the others: above all, tokens.

use super::Machine;
use super::errand::Task;
use super::job::{Found, Step};
use super::waiters::Want;
use crate::{Credential, Subject, Text};

impl Machine {
    /// Whether an effect or event to come may name this text. Of a text that has not come in again since this was denied,
    /// none does.
    pub fn holds(&self, text: Text) -> bool {
        self.claim == Some(text)
            || self.spent_claim == Some(text)
            || self.held.is_some_and(|held| held.credential.holds(text))
            || self.lost.as_ref().is_some_and(|lost| names(lost.id, text))
            || self.job.as_ref().is_some_and(|job| match job.step {
                Step::Comparing(Found::Credential(credential)) | Step::Committing(credential) => credential.holds(text),
                _ => false,
            })
            || self.is_revoking(text)
            || self.errand.is_some_and(|errand| errand.holds(text))
            || self.waiters.iter().any(|waiter| matches!(waiter.want, Want::Errand(task) if task.holds(text)))
    }
}

impl Credential {
    fn holds(&self, text: Text) -> bool {
        self.access_token == text || self.refresh_token == Some(text) || names(self.subject, text)
    }
}

impl Task {
    pub(super) fn holds(&self, text: Text) -> bool {
        matches!(*self, Self::Upgrade(_, body) if body == text)
    }
}

fn names(subject: Option<Subject>, text: Text) -> bool {
    subject.is_some_and(|subject| subject.visitor == text)
}
