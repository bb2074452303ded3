//! Account requests: the visitor's requests to become a member or to be erased. One at a time.
//!
//! An account request needs no lock, because each is idempotent: it is sent again until the server responds. An upgrade is
//! done when the credential shows the member, which takes a refresh.

use super::backoff::delay;
use super::context::Context;
use crate::response::AccountOutcome;
use crate::{
    Effect, Handle, MembershipResponse, Op, Outcome, Request, Response, SessionError, Timestamp, Upgrade, Version,
    WaiterId,
};

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct AccountRequests(Option<AccountRequest>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct AccountRequest {
    waiter: WaiterId,
    kind: AccountRequestKind,
    step: Step,
    /// The server has refused an access token of this request.
    refused: bool,
    /// Attempts without a usable response. The server may have done what was asked all the same.
    failures: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum AccountRequestKind {
    /// The handle is that of the body.
    Upgrade(Upgrade, Handle),
    Erase,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Step {
    AwaitingToken,
    Sending {
        op: Op,
        until: u64,
        version: Version,
    },
    Pausing {
        until: u64,
    },
    /// The server has done it. The credential of every request that is sent after the op `since` shows it.
    AwaitingRefresh {
        member: MembershipResponse,
        since: Op,
    },
}

/// What an account request waits for; see [`AccountRequests::progress`].
pub(super) enum Progress {
    Token,
    /// The server has made this member of the visitor.
    Refresh(MembershipResponse),
    /// The request that was sent has timed out.
    TimedOut,
    /// Its response or the end of its pause.
    Nothing,
}

/// What the machine does after the response to an account request.
pub(super) enum Decision {
    /// The request goes on.
    Continue,
    Settle(Outcome),
    /// The access token of this version was refused. If it can be renewed, the request goes on.
    Renew(Version),
    /// Whether the server has done it is unknown: ask again after a pause.
    Pause(SessionError),
    Erased,
}

/// The outcome of a request whose access token is refused and cannot be renewed.
pub(super) const UNAUTHORIZED: Outcome = Outcome::Failed(SessionError::Rejected { status: 401 });

impl AccountRequestKind {
    pub(super) fn references(self, handle: Handle) -> bool {
        matches!(self, Self::Upgrade(_, body) if body == handle)
    }
}

impl AccountRequests {
    /// The call that waits for the request, if there is a request.
    pub(super) fn waiter(&self) -> Option<WaiterId> {
        self.0.as_ref().map(|request| request.waiter)
    }

    pub(super) fn erases(&self) -> bool {
        self.0.as_ref().is_some_and(|request| request.kind == AccountRequestKind::Erase)
    }

    /// When to call [`Self::progress`]: monotonic time.
    pub(super) fn deadline(&self) -> Option<u64> {
        match self.0.as_ref()?.step {
            Step::Sending { until, .. } | Step::Pausing { until } => Some(until),
            Step::AwaitingToken | Step::AwaitingRefresh { .. } => None,
        }
    }

    pub(super) fn is_sent_as(&self, op: Op) -> bool {
        matches!(self.0, Some(AccountRequest { step: Step::Sending { op: sent, .. }, .. }) if sent == op)
    }

    pub(super) fn is_awaiting_token(&self) -> bool {
        matches!(self.0, Some(AccountRequest { step: Step::AwaitingToken, .. }))
    }

    pub(super) fn begin(&mut self, waiter: WaiterId, kind: AccountRequestKind) {
        self.0 = Some(AccountRequest { waiter, kind, step: Step::AwaitingToken, refused: false, failures: 0 });
    }

    /// Ends what has come to its deadline; returns what the request waits for.
    pub(super) fn progress(&mut self, now: Timestamp, context: &mut Context) -> Progress {
        let Some(request) = &mut self.0 else { return Progress::Nothing };
        match request.step {
            Step::Sending { op, until, .. } if until <= now.mono => {
                context.effect(Effect::Cancel { op });
                Progress::TimedOut
            }
            Step::Pausing { until } if until <= now.mono => {
                request.step = Step::AwaitingToken;
                Progress::Nothing
            }
            Step::AwaitingToken => Progress::Token,
            Step::AwaitingRefresh { member, .. } => Progress::Refresh(member),
            Step::Sending { .. } | Step::Pausing { .. } => Progress::Nothing,
        }
    }

    pub(super) fn send(&mut self, now: Timestamp, access_token: Handle, version: Version, context: &mut Context) {
        let Some(request) = &mut self.0 else { return };
        let op = context.send(match request.kind {
            AccountRequestKind::Upgrade(upgrade, body) => Request::Upgrade { upgrade, access_token, body },
            AccountRequestKind::Erase => Request::Erase { access_token },
        });
        request.step = Step::Sending { op, until: context.http_deadline(now), version };
    }

    pub(super) fn on_response(&mut self, response: Response, context: &Context) -> Decision {
        let Some(request) = &mut self.0 else { return Decision::Continue };
        let sent = std::mem::replace(&mut request.step, Step::AwaitingToken);
        match response.classify_account(request.kind == AccountRequestKind::Erase) {
            AccountOutcome::Member(member) => {
                request.step = Step::AwaitingRefresh { member, since: context.last_op() };
                Decision::Continue
            }
            AccountOutcome::Erased => Decision::Erased,
            AccountOutcome::Unauthorized => match sent {
                Step::Sending { version, .. } if !std::mem::replace(&mut request.refused, true) => {
                    Decision::Renew(version)
                }
                _ => Decision::Settle(UNAUTHORIZED),
            },
            AccountOutcome::Refused { status, reason } => Decision::Settle(Outcome::Refused { status, reason }),
            AccountOutcome::Rejected(error) => Decision::Settle(Outcome::Failed(error)),
            AccountOutcome::Unknown(error) => Decision::Pause(error),
        }
    }

    /// Waits before the request is sent again; returns the call that waits for it.
    pub(super) fn pause(
        &mut self,
        now: Timestamp,
        retry_after: Option<u64>,
        context: &mut Context,
    ) -> Option<WaiterId> {
        let request = self.0.as_mut()?;
        let delay = delay(request.failures, retry_after, context);
        request.failures = request.failures.saturating_add(1);
        request.step = Step::Pausing { until: now.mono.saturating_add(delay) };
        Some(request.waiter)
    }

    /// Ends a pause.
    pub(super) fn retry_now(&mut self) {
        if let Some(AccountRequest { step: step @ Step::Pausing { .. }, .. }) = &mut self.0 {
            *step = Step::AwaitingToken;
        }
    }

    /// A credential that was requested as `sent` is current. Returns the outcome if the credential shows what was done.
    pub(super) fn on_renewed(&self, sent: Op) -> Option<(WaiterId, Outcome)> {
        match self.0 {
            Some(AccountRequest { waiter, step: Step::AwaitingRefresh { member, since }, .. }) if sent > since => {
                Some((waiter, Outcome::Member(member.text)))
            }
            _ => None,
        }
    }

    /// The visitor has lost the identity. A request that is not done goes on with the next identity; the waiter of one that
    /// is done is returned, because its result is lost.
    pub(super) fn restart(&mut self, context: &mut Context) -> Option<WaiterId> {
        let request = self.0.as_mut()?;
        if let Step::AwaitingRefresh { .. } = request.step {
            return Some(request.waiter);
        }
        if let Step::Sending { op, .. } = std::mem::replace(&mut request.step, Step::AwaitingToken) {
            context.effect(Effect::Cancel { op });
        }
        None
    }

    /// Whether the server may have erased the visitor although no response said so.
    pub(super) fn may_have_erased(&self) -> bool {
        self.erases() && self.0.is_some_and(|request| request.failures > 0)
    }

    /// The call whose request needs a credential that cannot be renewed.
    pub(super) fn stuck_waiter(&self) -> Option<WaiterId> {
        match self.0 {
            Some(AccountRequest { waiter, step: Step::AwaitingToken | Step::AwaitingRefresh { .. }, .. }) => {
                Some(waiter)
            }
            _ => None,
        }
    }

    pub(super) fn cancel(&mut self, context: &mut Context) {
        if let Some(AccountRequest { step: Step::Sending { op, .. }, .. }) = self.0.take() {
            context.effect(Effect::Cancel { op });
        }
    }

    pub(super) fn references(&self, handle: Handle) -> bool {
        self.0.is_some_and(|request| {
            request.kind.references(handle)
                || matches!(request.step, Step::AwaitingRefresh { member, .. }
                    if member.text == handle || member.subject.visitor == handle)
        })
    }
}
