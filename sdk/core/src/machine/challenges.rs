//! The challenges of the server: what a client must do before the server makes a guest.

use crate::Handle;

/// How many challenges one acquisition answers. A proof of work and a CAPTCHA are two; more follow if an answer comes too late.
const MOST: u8 = 6;

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Challenges {
    /// The acquire key that the challenges belong to.
    key: Option<Handle>,
    count: u8,
    /// The answer to the last challenge.
    answer: Option<Handle>,
}

impl Challenges {
    /// The server has challenged the acquisition with this key. Returns whether to answer.
    pub(super) fn on_challenge(&mut self, key: Handle) -> bool {
        if self.key != Some(key) {
            *self = Self { key: Some(key), ..Self::default() };
        }
        self.answer = None;
        self.count += 1;
        self.count <= MOST
    }

    pub(super) fn on_answer(&mut self, answer: Handle) {
        self.answer = Some(answer);
    }

    /// The answer to send with this key, also when the acquisition is repeated.
    pub(super) fn answer(&self, key: Handle) -> Option<Handle> {
        self.answer.filter(|_| self.key == Some(key))
    }

    pub(super) fn references(&self, handle: Handle) -> bool {
        self.answer == Some(handle)
    }
}
