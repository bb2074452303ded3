mod account_requests;
mod backoff;
mod handles;
mod identity;
mod queue;
mod reload;
mod renewal;
mod revocations;
mod transaction;
mod waiters;

use self::queue::Queue;

use self::account_requests::{AccountRequest, AccountRequestKind};
use self::backoff::Backoff;
use self::identity::{Current, PreviousIdentity, StaleReason};
use self::reload::{Reload, UnseenCommit};
use self::revocations::Revocation;
use self::transaction::{Transaction, TransactionKind};
use self::waiters::{Waiter, Want};
use crate::{
    Config, Effect, EndReason, Event, Handle, Input, Op, Outcome, SessionError, Sharing, Snapshot, Status,
    StorageFault, TabMessage, Timestamp, Version, WaiterId,
};

/// The session of one tab. See the crate's first page for the loop around it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Machine {
    config: Config,
    phase: Phase,
    /// The storage is not shared, or has failed: the machine itself is the storage.
    memory: bool,
    /// The storage has been read once.
    loaded: bool,
    /// Of the newest credential that this tab has seen, held or lost since.
    version: Version,
    /// How the epoch before that one has ended.
    end_reason: EndReason,
    /// The key under which a guest is being acquired.
    acquire_key: Option<Handle>,
    /// A key that the server will not take again.
    rejected_acquire_key: Option<Handle>,
    current: Option<Current>,
    /// The identity that the next one replaces.
    previous: Option<PreviousIdentity>,
    transaction: Option<Transaction>,
    reload: Option<Reload>,
    unseen: Option<UnseenCommit>,
    revocations: Vec<Revocation>,
    account_request: Option<AccountRequest>,
    waiters: Vec<Waiter>,
    backoff: Backoff,
    next_op: u64,
    effects: Queue<Effect>,
    events: Queue<Event>,
    snapshot: Snapshot,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Phase {
    Open,
    SignedOut,
    Ended,
    Closed,
}

impl Machine {
    /// A machine that knows nothing yet and does nothing by itself.
    pub fn new(config: Config) -> Self {
        Self {
            backoff: Backoff::new(config.seed),
            memory: config.sharing == Sharing::Nobody,
            config,
            phase: Phase::Open,
            loaded: false,
            version: Version::default(),
            end_reason: EndReason::default(),
            acquire_key: None,
            rejected_acquire_key: None,
            current: None,
            previous: None,
            transaction: None,
            reload: None,
            unseen: None,
            revocations: Vec::new(),
            account_request: None,
            waiters: Vec::new(),
            next_op: 0,
            effects: Queue::default(),
            events: Queue::default(),
            snapshot: Snapshot { status: Status::Idle, id: None, expires_at: None, error: None, retry_at: None },
        }
    }

    /// Takes one input. Drain [`Self::poll_effect`] and [`Self::poll_event`] before the next.
    pub fn handle(&mut self, now: Timestamp, input: Input) {
        if self.phase == Phase::Closed {
            self.handle_closed(input);
            return;
        }
        match input {
            Input::Start { waiter, reset } => self.on_start(waiter, reset),
            Input::TokenWanted { waiter, deadline, fresh } => {
                self.on_token_wanted(waiter, deadline, Want::Token { attempt: 0, fresh });
            }
            Input::Unauthorized { waiter, deadline, version, attempt, replayable } => {
                self.on_unauthorized(now, waiter, deadline, version, attempt, replayable);
            }
            Input::Abandon { waiter } => self.settle(waiter, Outcome::Failed(SessionError::Aborted)),
            Input::Expire => self.mark_stale(StaleReason::Expired),
            Input::SignOut { waiter, permanent } => self.on_sign_out(now, waiter, permanent),
            Input::Upgrade { waiter, deadline, upgrade, body } => {
                self.on_account_request(waiter, deadline, AccountRequestKind::Upgrade(upgrade, body));
            }
            Input::Erase { waiter, deadline } => self.on_account_request(waiter, deadline, AccountRequestKind::Erase),
            Input::Close => self.close(),

            Input::Loaded { op, stored } => self.on_loaded(now, op, stored),
            Input::Saved { op } => self.on_saved(now, op),
            Input::StorageFailed { op } => self.on_storage_failed(now, op),
            Input::LockGranted { op, contended } => self.on_lock_granted(now, op, contended),
            Input::LockUnavailable { op } => self.on_lock_unavailable(now, op),
            Input::KeyMade { op, key } => self.on_key_made(now, op, key),
            Input::Responded { op, response } => self.on_response(now, op, response),
            Input::SendFailed { op } => self.on_send_failed(now, op),

            Input::TabMessage(message) => self.on_tab_message(now, message),
            Input::Online => self.on_online(now),
            Input::Offline => self.backoff.offline(now, &self.config),
            Input::Visible => self.on_visible(now),
            Input::Tick => {}
        }
        self.settle_ready(now);
        self.expire(now);
        self.advance(now);
        self.refresh_snapshot(now);
    }

    /// The next thing to do; `None` when all is drained.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// The next thing to tell; `None` when all is drained.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// The monotonic time at which to send [`Input::Tick`]; `None` when nothing is pending. Always in the future.
    pub fn poll_timeout(&self) -> Option<u64> {
        if self.phase == Phase::Closed {
            return None;
        }
        let waiters = self.waiters.iter().filter_map(|waiter| waiter.deadline);
        let parts = [
            self.reload.as_ref().map(|reload| reload.deadline),
            self.transaction.as_ref().map(|transaction| transaction.deadline),
        ];
        let revoking = self.revocations.iter().map(Revocation::deadline);
        let account_request = self.account_request.as_ref().and_then(AccountRequest::deadline);
        let late = self.unseen.map(|late| late.check_at).filter(|at| *at < u64::MAX);
        waiters
            .chain(parts.into_iter().flatten())
            .chain(revoking)
            .chain(account_request)
            .chain(late)
            .chain(self.next_attempt())
            .min()
    }

    /// What the session looks like.
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// The version of the newest credential that this tab has seen.
    pub fn version(&self) -> Version {
        self.version
    }

    /// Whether something is under way that must come to its end. A session manager that its app has dropped goes on until
    /// then.
    pub fn is_busy(&self) -> bool {
        // An account_request has a waiter for as long as it lasts.
        !self.waiters.is_empty() || self.transaction.is_some() || self.reload.is_some() || !self.revocations.is_empty()
    }

    fn on_start(&mut self, waiter: WaiterId, reset: bool) {
        if self.phase == Phase::Ended || (reset && self.is_barred()) {
            self.phase = Phase::Open;
        }
        self.wait(waiter, Want::Started, None);
    }

    fn on_token_wanted(&mut self, waiter: WaiterId, deadline: u64, want: Want) {
        if self.phase == Phase::SignedOut && !self.is_barred() {
            self.phase = Phase::Open;
        }
        self.wait(waiter, want, Some(deadline));
    }

    /// The visitor has signed out, wants nobody to follow, and nobody has.
    fn is_barred(&self) -> bool {
        self.phase == Phase::SignedOut && self.end_reason == EndReason::Permanent && self.version.generation == 0
    }

    fn on_online(&mut self, now: Timestamp) {
        self.backoff.online(now);
        self.retry_account_request_now();
    }

    /// A 401: at most one replay for each request (C3), and none for what cannot be sent twice (C20).
    fn on_unauthorized(
        &mut self,
        now: Timestamp,
        waiter: WaiterId,
        deadline: u64,
        version: Version,
        attempt: u8,
        replayable: bool,
    ) {
        self.wait(waiter, Want::Token { attempt: attempt.saturating_add(1), fresh: false }, Some(deadline));
        if attempt > 0 || !self.refuse(now, version) || !replayable {
            self.settle(waiter, Outcome::PassThrough);
        }
    }

    /// A token of this version was refused: whether there is or will be another one for the same visitor.
    fn refuse(&mut self, now: Timestamp, version: Version) -> bool {
        if version.epoch != self.version.epoch || self.phase != Phase::Open {
            return false;
        }
        self.events.push_back(Event::Unauthorized { generation: version.generation });
        if version == self.version {
            if self.current.as_ref().is_some_and(|current| current.trusted_until > now.mono) {
                return false;
            }
            self.mark_stale(StaleReason::Refused);
        }
        true
    }

    /// Ends whatever has come to its deadline.
    fn expire(&mut self, now: Timestamp) {
        self.settle_overdue(now);
        if self.reload.as_ref().is_some_and(|reload| reload.deadline <= now.mono) {
            self.on_reload_timeout(now);
        }
        if self.transaction.as_ref().is_some_and(|transaction| transaction.deadline <= now.mono) {
            self.on_transaction_timeout(now);
        }
        self.expire_revoking(now);
        self.check_unseen_commit(now);
    }

    /// Starts what is wanted and may start.
    fn advance(&mut self, now: Timestamp) {
        self.settle_ready(now);
        if !self.loaded && self.reload.is_none() && self.transaction.is_none() && !self.waiters.is_empty() {
            self.reload(now);
            self.settle_ready(now);
        }
        if self.loaded
            && self.transaction.is_none()
            && self.wants_renewal(now)
            && self.backoff.next_attempt_at() <= now.mono
        {
            self.begin(now, TransactionKind::Renew);
        }
    }

    /// Somebody waits for a token, the one there is nears its end, or the last attempt failed and is to be repeated.
    fn wants_renewal(&self, now: Timestamp) -> bool {
        self.phase == Phase::Open
            && (self.backoff.repeats()
                || !self.can_serve_all(now)
                || self.refresh_at().is_some_and(|at| at <= now.mono))
    }

    /// When the token that is held should be refreshed ahead of its end, if it is in use at all.
    fn refresh_at(&self) -> Option<u64> {
        self.current
            .as_ref()
            .filter(|current| current.used && current.stale.is_none())
            .and_then(|current| current.refresh_at)
    }

    fn next_attempt(&self) -> Option<u64> {
        if self.phase != Phase::Open || self.transaction.is_some() || !self.loaded {
            return None;
        }
        if self.backoff.repeats() || self.waits_for_token() {
            return Some(self.backoff.next_attempt_at());
        }
        self.refresh_at().map(|at| at.max(self.backoff.next_attempt_at()))
    }

    fn close(&mut self) {
        self.drop_transaction();
        self.drop_account_request();
        self.reload = None;
        self.revocations.clear();
        self.settle_all(Outcome::Failed(SessionError::Closed), &|_| true);
        self.phase = Phase::Closed;
        self.current = None;
        self.effects.push_back(Effect::Shutdown);
        self.snapshot = Snapshot { status: Status::Closed, id: None, expires_at: None, error: None, retry_at: None };
    }

    fn handle_closed(&mut self, input: Input) {
        let (waiter, outcome) = match input {
            Input::Start { waiter, .. }
            | Input::TokenWanted { waiter, .. }
            | Input::SignOut { waiter, .. }
            | Input::Upgrade { waiter, .. }
            | Input::Erase { waiter, .. } => (waiter, Outcome::Failed(SessionError::Closed)),
            Input::Unauthorized { waiter, .. } => (waiter, Outcome::PassThrough),
            Input::LockGranted { op, .. } => return self.effects.push_back(Effect::ReleaseLock { op }),
            _ => return,
        };
        self.effects.push_back(Effect::Settle { waiter, outcome });
    }

    fn refresh_snapshot(&mut self, now: Timestamp) {
        if self.phase == Phase::Closed {
            return;
        }
        let usable = self.current.as_ref().is_some_and(|current| current.usable(now, false));
        let credential = self.current.as_ref().map(|current| &current.credential);
        let status = match self.phase {
            Phase::Ended => Status::Ended,
            _ if self.backoff.error.is_some() && !usable => Status::Unavailable,
            _ if self.transaction.as_ref().is_some_and(Transaction::is_renewal) && credential.is_some() => {
                Status::Refreshing
            }
            _ if credential.is_some() => Status::Active,
            Phase::SignedOut => Status::SignedOut,
            _ if self.reload.is_some() && !self.loaded => Status::Loading,
            _ if self.waits_for_token() || self.transaction.as_ref().is_some_and(Transaction::is_renewal) => {
                Status::Acquiring
            }
            _ => Status::Idle,
        };
        let retry_at = match self.next_attempt() {
            Some(at) if self.backoff.error.is_some() => Some(now.wall.saturating_add(at.saturating_sub(now.mono))),
            _ => None,
        };
        let expires_at = credential.and_then(|credential| credential.expiry).map(|expiry| expiry.end.wall);
        let id = credential.and_then(|credential| credential.subject);
        self.snapshot = Snapshot { status, id, expires_at, error: self.backoff.error, retry_at };
    }

    fn op(&mut self) -> Op {
        self.next_op += 1;
        Op(self.next_op)
    }

    /// The storage has failed: the machine goes on without, and says so once (C14).
    fn fall_back_to_memory(&mut self) {
        if !self.memory {
            self.memory = true;
            self.events.push_back(Event::Storage(StorageFault::Memory));
        }
    }

    /// No other tab sees the storage: there is nobody to lock out, and nobody to tell.
    fn is_alone(&self) -> bool {
        self.memory || self.config.sharing != Sharing::Tabs
    }

    fn publish(&mut self, message: TabMessage) {
        if !self.is_alone() {
            self.effects.push_back(Effect::Publish(message));
        }
    }
}
