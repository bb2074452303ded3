//! The session machine: routes each input to the part that it concerns, and decides what concerns several parts.
//!
//! Each part owns its state, in private fields, and returns what the machine must decide:
//!
//! | File | Part |
//! | --- | --- |
//! | `identity.rs`, `current.rs` | the credential, its version, the acquire keys |
//! | `transaction.rs` | the transaction: its step, its deadline, the lock |
//! | `reload.rs`, `storage.rs` | reads outside of a transaction; whether the storage works |
//! | `waiters.rs` | the calls that wait |
//! | `account_requests.rs` | the requests that need the refresh token |
//! | `challenges.rs` | what the server demands before it makes a guest |
//! | `revocations.rs` | tokens to be revoked |
//! | `backoff.rs`, `jitter.rs` | when the next attempt may start |
//! | `context.rs`, `queue.rs` | what all parts share: the configuration, effects and events |
//!
//! The decisions of the machine:
//!
//! | File | Decision |
//! | --- | --- |
//! | `tokens.rs` | which calls the current token serves; what a 401 means |
//! | `steps.rs` | how the transaction goes on after a completion or a deadline |
//! | `renewal.rs` | when to refresh, acquire or commit |
//! | `adoption.rs` | what the records and messages of other tabs change |
//! | `sign_out.rs` | how an epoch ends |
//! | `membership.rs` | how the account requests go on |
//! | `status.rs` | the snapshot |

mod account_requests;
mod adoption;
mod backoff;
mod challenges;
mod context;
mod current;
mod identity;
mod jitter;
mod membership;
mod queue;
mod reload;
mod renewal;
mod revocations;
mod sign_out;
mod status;
mod steps;
mod storage;
mod tokens;
mod transaction;
mod waiters;

use self::account_requests::AccountRequests;
use self::backoff::Backoff;
use self::challenges::Challenges;
use self::context::Context;
use self::current::{Current, StaleReason};
use self::identity::Identity;
use self::reload::Reload;
use self::revocations::Revocations;
use self::storage::Storage;
use self::transaction::{Transaction, TransactionKind};
use self::waiters::{Waiters, Want};
use crate::{
    Config, Effect, Event, Handle, Input, Op, Outcome, Request, Response, SessionError, Snapshot, TabMessage,
    Timestamp, Version, WaiterId,
};

/// The session of one tab. The crate's first page shows the loop that runs it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Machine {
    context: Context,
    phase: Phase,
    identity: Identity,
    storage: Storage,
    transaction: Option<Transaction>,
    reload: Reload,
    waiters: Waiters,
    account_requests: AccountRequests,
    challenges: Challenges,
    revocations: Revocations,
    backoff: Backoff,
    /// The newest version whose refusal was reported.
    reported_refusal: Version,
    snapshot: Snapshot,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Phase {
    Open,
    SignedOut,
    /// The server has ended the session, and the policy is [`OnIdentityLost::Stop`](crate::OnIdentityLost::Stop).
    Ended,
    Closed,
}

impl Machine {
    /// A machine that has not read the storage. It does nothing before its first input.
    pub fn new(config: Config) -> Self {
        Self {
            storage: Storage::new(config.sharing),
            context: Context::new(config),
            phase: Phase::Open,
            identity: Identity::default(),
            transaction: None,
            reload: Reload::default(),
            waiters: Waiters::default(),
            account_requests: AccountRequests::default(),
            challenges: Challenges::default(),
            revocations: Revocations::default(),
            backoff: Backoff::default(),
            reported_refusal: Version::default(),
            snapshot: status::IDLE,
        }
    }

    /// Takes one input. Before the next one, drain [`Self::poll_effect`] and [`Self::poll_event`].
    pub fn handle(&mut self, now: Timestamp, input: Input) {
        if self.phase == Phase::Closed {
            return self.handle_closed(input);
        }
        match input {
            Input::Start { waiter, reset } => self.on_start(waiter, reset),
            Input::TokenWanted { waiter, deadline, fresh } => self.on_token_wanted(waiter, deadline, fresh),
            Input::Unauthorized { waiter, deadline, version, attempt, replayable } => {
                self.on_unauthorized(now, waiter, deadline, version, attempt, replayable);
            }
            Input::Abandon { waiter } => self.on_abandon(waiter),
            Input::Expire => self.identity.mark_stale(StaleReason::Expired),
            Input::SignOut { waiter, permanent } => self.on_sign_out(now, waiter, permanent),
            Input::AccountRequest { waiter, deadline, kind } => self.on_account_request(waiter, deadline, kind),
            Input::Close => self.close(),

            Input::Loaded { op, stored } => self.on_loaded(now, op, stored),
            Input::Saved { op } => self.on_saved(now, op),
            Input::StorageFailed { op } => self.on_storage_failed(now, op),
            Input::LockGranted { op, contended } => self.on_lock_granted(now, op, contended),
            Input::LockUnavailable { op } => self.on_lock_unavailable(now, op),
            Input::KeyMade { op, key } => self.on_key_made(now, op, key),
            Input::Responded { op, response } => self.on_response(now, op, response),
            Input::SendFailed { op } => self.on_send_failed(now, op),
            Input::Solved { op, answer } => self.on_solved(now, op, answer),
            Input::SolveFailed { op } => self.on_solve_failed(now, op),

            Input::TabMessage(message) => self.on_tab_message(now, message),
            Input::Online => {
                self.backoff.online(now);
                self.retry_account_request(now);
                self.revocations.retry_now(now);
                if self.storage.has_failed() {
                    self.retry_storage(now);
                }
            }
            Input::Offline => self.backoff.offline(now, &self.context.config),
            Input::Visible => {
                self.backoff.retry_now(now);
                self.retry_account_request(now);
                self.revocations.retry_now(now);
                self.retry_storage(now);
            }
            Input::Hidden => self.start_reload(now),
            Input::Tick => {}
        }
        self.settle_ready(now);
        self.expire(now);
        self.advance(now);
        self.update_snapshot(now);
    }

    /// The next effect to perform; `None` when there are no more.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        self.context.poll_effect()
    }

    /// The next event for subscribers; `None` when there are no more.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.context.poll_event()
    }

    /// The monotonic time at which to send [`Input::Tick`]; `None` when nothing is pending. Always in the future.
    pub fn poll_timeout(&self) -> Option<u64> {
        if self.phase == Phase::Closed {
            return None;
        }
        let deadlines = [
            self.waiters.deadline(),
            self.reload.deadline(),
            self.transaction.as_ref().map(Transaction::deadline),
            self.revocations.deadline(),
            self.next_attempt(),
        ];
        // `min` of the iterator would add a hundred bytes to the WebAssembly.
        let mut next = None;
        for at in deadlines.into_iter().flatten() {
            next = Some(next.map_or(at, |next: u64| next.min(at)));
        }
        next
    }

    /// The state of the session, as subscribers see it.
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// The version of the newest credential that this tab has seen.
    pub fn version(&self) -> Version {
        self.identity.version()
    }

    /// Whether a call, a read, a transaction or a revocation is under way. A session manager that its app has dropped keeps
    /// running until none is.
    pub fn is_busy(&self) -> bool {
        // An account request has a waiter for as long as it lasts.
        !self.waiters.is_empty() || self.transaction.is_some() || self.reload.is_loading() || self.revocations.is_busy()
    }

    /// The time until which every [`Input::TokenWanted`] is granted the token that was granted last and has no other effect,
    /// provided that no other input comes before. Until then, the session manager need not ask.
    pub fn serves_until(&self) -> Option<Timestamp> {
        self.identity.current().filter(|_| self.phase == Phase::Open).and_then(Current::serves_until)
    }

    /// Whether a later effect or event may name this handle. If not, none does before the handle comes in again.
    pub fn references(&self, handle: Handle) -> bool {
        self.identity.references(handle)
            || self.transaction.as_ref().is_some_and(|transaction| transaction.references(handle))
            || self.revocations.contains(handle)
            || self.account_requests.references(handle)
            || self.challenges.references(handle)
    }

    fn on_start(&mut self, waiter: WaiterId, reset: bool) {
        if self.phase == Phase::Ended || (reset && self.is_permanently_signed_out()) {
            self.phase = Phase::Open;
        }
        self.waiters.add(waiter, Want::Started, None);
    }

    /// A token request goes on without its callers; a challenge is answered only while a call waits.
    fn on_abandon(&mut self, waiter: WaiterId) {
        self.settle(waiter, Outcome::Failed(SessionError::Aborted));
        self.drive_account_requests();
        if self.transaction.as_ref().is_some_and(Transaction::is_solving) && !self.waits_for_token() {
            self.cancel_transaction();
        }
    }

    /// A response belongs to the transaction or to a revocation.
    fn on_response(&mut self, now: Timestamp, op: Op, response: Response) {
        match self.transaction.as_ref().and_then(|transaction| transaction.request(op)) {
            Some(Request::Account { .. }) => self.on_account_response(now, response),
            Some(request) => self.on_token_response(now, &request, response),
            None => {
                let Response { status, retry_after, .. } = response;
                if self.revocations.on_response(now, op, status, retry_after, &mut self.context) {
                    self.on_revocation_done(now);
                }
            }
        }
    }

    fn on_send_failed(&mut self, now: Timestamp, op: Op) {
        if self.transaction.as_ref().is_some_and(|transaction| transaction.request(op).is_some()) {
            self.fail(now, SessionError::Network, None);
        } else {
            self.revocations.on_failure(now, op, None, &mut self.context);
        }
    }

    /// The server has answered, or a token has expired: the storage need not have the revocation any more.
    fn on_revocation_done(&mut self, now: Timestamp) {
        if self.storage.is_in_memory() {
            self.revocations.remove_done();
        } else if self.transaction.is_none() {
            self.start_reload(now);
        }
    }

    /// Settles the calls whose outcome is known.
    fn settle_ready(&mut self, now: Timestamp) {
        if self.storage.is_loaded() {
            self.waiters.settle_started(&mut self.context);
        }
        if self.phase == Phase::Ended {
            self.waiters.fail_session(SessionError::SessionEnded, &mut self.context);
        }
        if self.is_permanently_signed_out() {
            self.waiters.fail_tokens(SessionError::SignedOut, &mut self.context);
        }
        self.drive_account_requests();
        if self.can_serve(now, false) {
            self.grant(self.can_serve(now, true));
        }
        if let Some(error) = self.backoff.rejection(now) {
            self.waiters.fail_tokens(error, &mut self.context);
        }
        if let Some((until, error)) = self.backoff.asked_to_wait(now) {
            let account_requests = self.account_request_wants_token();
            self.waiters.fail_before(until, account_requests, error, &mut self.context);
        }
    }

    /// Ends what has come to its deadline.
    fn expire(&mut self, now: Timestamp) {
        let error = self.backoff.error().unwrap_or(SessionError::Timeout);
        self.waiters.settle_overdue(now, error, &mut self.context);
        if self.reload.is_overdue(now, &mut self.context) {
            self.storage.pause(now, &self.context);
            self.on_reload_failed();
        }
        if self.transaction.as_ref().is_some_and(|transaction| transaction.deadline() <= now.mono) {
            self.on_transaction_deadline(now);
        }
        if self.revocations.expire(now, &mut self.context) {
            self.on_revocation_done(now);
        }
        if self.reload.is_check_due(now) {
            self.start_reload(now);
        }
    }

    /// Starts what is wanted and may start.
    fn advance(&mut self, now: Timestamp) {
        self.settle_ready(now);
        if !self.storage.is_loaded()
            && !self.reload.is_loading()
            && self.transaction.is_none()
            && !self.waiters.is_empty()
        {
            self.start_reload(now);
            self.settle_ready(now);
        }
        if !self.storage.is_loaded() || self.transaction.is_some() {
            return;
        }
        if self.wants_renewal(now) && self.backoff.next_attempt_at() <= now.mono {
            self.begin(now, TransactionKind::Renew);
        } else if self.can_send_account_request() {
            self.begin(now, TransactionKind::AccountRequest);
        }
    }

    /// When the next renewal starts by itself: monotonic time.
    fn next_attempt(&self) -> Option<u64> {
        if self.phase != Phase::Open || self.transaction.is_some() || !self.storage.is_loaded() {
            return None;
        }
        let not_before = self.backoff.next_attempt_at();
        if self.backoff.repeats() || self.waits_for_token() {
            return Some(not_before);
        }
        self.identity.refresh_at().map(|at| at.max(not_before))
    }

    /// Settles a call, if it still waits.
    fn settle(&mut self, waiter: WaiterId, outcome: Outcome) {
        self.waiters.settle(waiter, outcome, &mut self.context);
    }

    fn publish(&mut self, message: TabMessage) {
        if self.storage.is_shared() {
            self.context.effect(Effect::Publish(message));
        }
    }

    fn close(&mut self) {
        self.cancel_transaction();
        self.account_requests.clear();
        self.challenges = Challenges::default();
        self.reload = Reload::default();
        self.revocations.clear();
        self.waiters.settle_all(Outcome::Failed(SessionError::Closed), &mut self.context);
        self.phase = Phase::Closed;
        self.identity.forget_credential();
        self.context.effect(Effect::Shutdown);
    }

    /// A closed machine settles every call at once, and ignores every other input.
    fn handle_closed(&mut self, input: Input) {
        let (waiter, outcome) = match input {
            Input::Start { waiter, .. }
            | Input::TokenWanted { waiter, .. }
            | Input::SignOut { waiter, .. }
            | Input::AccountRequest { waiter, .. } => (waiter, Outcome::Failed(SessionError::Closed)),
            Input::Unauthorized { waiter, .. } => (waiter, Outcome::PassThrough),
            Input::LockGranted { op, .. } => return self.context.effect(Effect::ReleaseLock { op }),
            _ => return,
        };
        self.context.settle(waiter, outcome);
    }
}
