//! The snapshot: the state of the session as subscribers see it.

use super::{Machine, Phase};
use crate::{Snapshot, Status, Timestamp};

/// The snapshot of a machine that has had no input.
pub(super) const IDLE: Snapshot = empty(Status::Idle);

const fn empty(status: Status) -> Snapshot {
    Snapshot { status, id: None, expires_at: None, error: None, retry_at: None }
}

impl Machine {
    pub(super) fn update_snapshot(&mut self, now: Timestamp) {
        if self.phase == Phase::Closed {
            self.snapshot = empty(Status::Closed);
            return;
        }
        let error = self.backoff.error();
        let credential = self.identity.credential();
        let status = match self.phase {
            Phase::Ended => Status::Ended,
            _ if error.is_some() && !self.identity.is_usable(now, false) => Status::Unavailable,
            _ if self.is_renewing() && credential.is_some() && !self.identity.is_usable(now, false) => {
                Status::Refreshing
            }
            _ if credential.is_some() => Status::Active,
            Phase::SignedOut => Status::SignedOut,
            _ if self.reload.is_loading() && !self.storage.is_loaded() => Status::Loading,
            _ if self.waits_for_token() || self.is_renewing() => Status::Acquiring,
            _ => Status::Idle,
        };
        let retry_at = match self.next_attempt() {
            Some(at) if error.is_some() => Some(now.wall.saturating_add(at.saturating_sub(now.mono))),
            _ => None,
        };
        let expires_at = credential.and_then(|credential| credential.expiry).map(|expiry| expiry.end.wall);
        let id = credential.and_then(|credential| credential.subject);
        self.snapshot = Snapshot { status, id, expires_at, error, retry_at };
    }
}
