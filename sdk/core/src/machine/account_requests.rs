//! Account requests: the visitor's requests that need the refresh token, such as to become a member or to be erased. One at a
//! time, each in a transaction of its own.

use crate::{AccountRequestKind, Handle, WaiterId};

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct AccountRequests(Option<AccountRequest>);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct AccountRequest {
    pub(super) waiter: WaiterId,
    pub(super) kind: AccountRequestKind,
    /// The idempotency key of an upgrade: the same for all of its attempts.
    pub(super) key: Option<Handle>,
    /// The body of the response to an upgrade, without its tokens.
    pub(super) response: Option<Handle>,
    /// Attempts without a usable response.
    pub(super) failures: u32,
    /// One of them was sent: the server may have done what was asked.
    pub(super) may_be_done: bool,
}

impl AccountRequests {
    pub(super) fn current(&self) -> Option<&AccountRequest> {
        self.0.as_ref()
    }

    pub(super) fn current_mut(&mut self) -> Option<&mut AccountRequest> {
        self.0.as_mut()
    }

    pub(super) fn begin(&mut self, waiter: WaiterId, kind: AccountRequestKind) {
        self.0 = Some(AccountRequest { waiter, kind, key: None, response: None, failures: 0, may_be_done: false });
    }

    pub(super) fn clear(&mut self) {
        self.0 = None;
    }

    /// Whether the server may have erased the visitor although no response said so.
    pub(super) fn may_have_erased(&self) -> bool {
        self.0.as_ref().is_some_and(|request| request.kind == AccountRequestKind::Erase && request.may_be_done)
    }

    pub(super) fn references(&self, handle: Handle) -> bool {
        self.0.as_ref().is_some_and(|request| request.key == Some(handle) || request.response == Some(handle))
    }
}
