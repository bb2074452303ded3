mod errand;
mod identity;
mod job;
mod pace;
mod queue;
mod renewal;
mod revoke;
mod sync;
mod texts;
mod waiters;

use self::queue::Queue;

use self::errand::{Errand, Task};
use self::identity::{Held, Lost, Spent};
use self::job::{Goal, Job};
use self::pace::Pace;
use self::revoke::Revoking;
use self::sync::{Late, Reload};
use self::waiters::{Waiter, Want};
use crate::{
    Config, Effect, Event, Failure, Input, News, Op, Outcome, Parting, Sharing, Snapshot, Status, Text, Timestamp,
    Trouble, Version, WaiterId,
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
    parting: Parting,
    /// The key under which a guest is being acquired.
    claim: Option<Text>,
    /// A key that the server will not take again.
    spent_claim: Option<Text>,
    held: Option<Held>,
    /// The identity that the next one replaces.
    lost: Option<Lost>,
    job: Option<Job>,
    reload: Option<Reload>,
    late: Option<Late>,
    revoking: Vec<Revoking>,
    errand: Option<Errand>,
    waiters: Vec<Waiter>,
    pace: Pace,
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
            pace: Pace::new(config.seed),
            memory: config.sharing == Sharing::Nobody,
            config,
            phase: Phase::Open,
            loaded: false,
            version: Version::default(),
            parting: Parting::default(),
            claim: None,
            spent_claim: None,
            held: None,
            lost: None,
            job: None,
            reload: None,
            late: None,
            revoking: Vec::new(),
            errand: None,
            waiters: Vec::new(),
            next_op: 0,
            effects: Queue::default(),
            events: Queue::default(),
            snapshot: Snapshot { status: Status::Idle, id: None, expires_at: None, failure: None, retry_at: None },
        }
    }

    /// Takes one input. Drain [`Self::poll_effect`] and [`Self::poll_event`] before the next.
    pub fn handle(&mut self, now: Timestamp, input: Input) {
        if self.phase == Phase::Closed {
            self.handle_closed(input);
            return;
        }
        match input {
            Input::Start { waiter, anew } => self.on_start(waiter, anew),
            Input::TokenWanted { waiter, deadline, fresh } => {
                self.on_token_wanted(waiter, deadline, Want::Token { attempt: 0, fresh });
            }
            Input::Unauthorized { waiter, deadline, version, attempt, replayable } => {
                self.on_unauthorized(now, waiter, deadline, version, attempt, replayable);
            }
            Input::Abandon { waiter } => self.settle(waiter, Outcome::Failed(Failure::Aborted)),
            Input::Expire => self.spend(Spent::Expired),
            Input::SignOut { waiter, for_good } => self.on_sign_out(now, waiter, for_good),
            Input::Upgrade { waiter, deadline, upgrade, body } => {
                self.on_errand(waiter, deadline, Task::Upgrade(upgrade, body));
            }
            Input::Erase { waiter, deadline } => self.on_errand(waiter, deadline, Task::Erase),
            Input::Close => self.close(),

            Input::Loaded { op, stored } => self.on_loaded(now, op, stored),
            Input::Saved { op } => self.on_saved(now, op),
            Input::StorageFailed { op } => self.on_storage_failed(now, op),
            Input::LockGranted { op, contended } => self.on_lock_granted(now, op, contended),
            Input::LockUnavailable { op } => self.on_lock_unavailable(now, op),
            Input::KeyMade { op, key } => self.on_key_made(now, op, key),
            Input::Answered { op, answer } => self.on_answered(now, op, answer),
            Input::SendFailed { op } => self.on_send_failed(now, op),

            Input::Heard(news) => self.on_heard(now, news),
            Input::Online => self.on_online(now),
            Input::Offline => self.pace.offline(now, &self.config),
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
        let parts = [self.reload.as_ref().map(|reload| reload.deadline), self.job.as_ref().map(|job| job.deadline)];
        let revoking = self.revoking.iter().map(Revoking::deadline);
        let errand = self.errand.as_ref().and_then(Errand::deadline);
        let late = self.late.map(|late| late.look_at).filter(|at| *at < u64::MAX);
        waiters
            .chain(parts.into_iter().flatten())
            .chain(revoking)
            .chain(errand)
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
        // An errand has a waiter for as long as it lasts.
        !self.waiters.is_empty() || self.job.is_some() || self.reload.is_some() || !self.revoking.is_empty()
    }

    fn on_start(&mut self, waiter: WaiterId, anew: bool) {
        if self.phase == Phase::Ended || (anew && self.is_barred()) {
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
        self.phase == Phase::SignedOut && self.parting == Parting::ForGood && self.version.generation == 0
    }

    fn on_online(&mut self, now: Timestamp) {
        self.pace.online(now);
        self.hurry_errand();
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
            self.settle(waiter, Outcome::Deliver);
        }
    }

    /// A token of this version was refused: whether there is or will be another one for the same visitor.
    fn refuse(&mut self, now: Timestamp, version: Version) -> bool {
        if version.epoch != self.version.epoch || self.phase != Phase::Open {
            return false;
        }
        self.events.push_back(Event::Unauthorized { generation: version.generation });
        if version == self.version {
            if self.held.as_ref().is_some_and(|held| held.trusted_until > now.mono) {
                return false;
            }
            self.spend(Spent::Refused);
        }
        true
    }

    /// Ends whatever has come to its deadline.
    fn expire(&mut self, now: Timestamp) {
        self.settle_overdue(now);
        if self.reload.as_ref().is_some_and(|reload| reload.deadline <= now.mono) {
            self.on_reload_timeout(now);
        }
        if self.job.as_ref().is_some_and(|job| job.deadline <= now.mono) {
            self.on_job_timeout(now);
        }
        self.expire_revoking(now);
        self.look_again(now);
    }

    /// Starts what is wanted and may start.
    fn advance(&mut self, now: Timestamp) {
        self.settle_ready(now);
        if !self.loaded && self.reload.is_none() && self.job.is_none() && !self.waiters.is_empty() {
            self.reload(now);
            self.settle_ready(now);
        }
        if self.loaded && self.job.is_none() && self.wants_renewal(now) && self.pace.gate() <= now.mono {
            self.begin(now, Goal::Renew);
        }
    }

    /// Somebody waits for a token, the one there is nears its end, or the last attempt failed and is to be repeated.
    fn wants_renewal(&self, now: Timestamp) -> bool {
        self.phase == Phase::Open
            && (self.pace.repeats() || !self.can_serve_all(now) || self.ahead().is_some_and(|at| at <= now.mono))
    }

    /// When the token that is held should be refreshed ahead of its end, if it is in use at all.
    fn ahead(&self) -> Option<u64> {
        self.held.as_ref().filter(|held| held.used && held.spent.is_none()).and_then(|held| held.ahead)
    }

    fn next_attempt(&self) -> Option<u64> {
        if self.phase != Phase::Open || self.job.is_some() || !self.loaded {
            return None;
        }
        if self.pace.repeats() || self.waits_for_token() {
            return Some(self.pace.gate());
        }
        self.ahead().map(|at| at.max(self.pace.gate()))
    }

    fn close(&mut self) {
        self.drop_job();
        self.drop_errand();
        self.reload = None;
        self.revoking.clear();
        self.settle_all(Outcome::Failed(Failure::Closed), &|_| true);
        self.phase = Phase::Closed;
        self.held = None;
        self.effects.push_back(Effect::Shutdown);
        self.snapshot = Snapshot { status: Status::Closed, id: None, expires_at: None, failure: None, retry_at: None };
    }

    fn handle_closed(&mut self, input: Input) {
        let (waiter, outcome) = match input {
            Input::Start { waiter, .. }
            | Input::TokenWanted { waiter, .. }
            | Input::SignOut { waiter, .. }
            | Input::Upgrade { waiter, .. }
            | Input::Erase { waiter, .. } => (waiter, Outcome::Failed(Failure::Closed)),
            Input::Unauthorized { waiter, .. } => (waiter, Outcome::Deliver),
            Input::LockGranted { op, .. } => return self.effects.push_back(Effect::ReleaseLock { op }),
            _ => return,
        };
        self.effects.push_back(Effect::Settle { waiter, outcome });
    }

    fn refresh_snapshot(&mut self, now: Timestamp) {
        if self.phase == Phase::Closed {
            return;
        }
        let usable = self.held.as_ref().is_some_and(|held| held.usable(now, false));
        let credential = self.held.as_ref().map(|held| &held.credential);
        let status = match self.phase {
            Phase::Ended => Status::Ended,
            _ if self.pace.failure.is_some() && !usable => Status::Unavailable,
            _ if self.job.as_ref().is_some_and(Job::is_renewal) && credential.is_some() => Status::Refreshing,
            _ if credential.is_some() => Status::Active,
            Phase::SignedOut => Status::SignedOut,
            _ if self.reload.is_some() && !self.loaded => Status::Loading,
            _ if self.waits_for_token() || self.job.as_ref().is_some_and(Job::is_renewal) => Status::Acquiring,
            _ => Status::Idle,
        };
        let retry_at = match self.next_attempt() {
            Some(at) if self.pace.failure.is_some() => Some(now.wall.saturating_add(at.saturating_sub(now.mono))),
            _ => None,
        };
        let expires_at = credential.and_then(|credential| credential.expiry).map(|expiry| expiry.end.wall);
        let id = credential.and_then(|credential| credential.subject);
        self.snapshot = Snapshot { status, id, expires_at, failure: self.pace.failure, retry_at };
    }

    fn op(&mut self) -> Op {
        self.next_op += 1;
        Op(self.next_op)
    }

    /// The storage has failed: the machine goes on without, and says so once (C14).
    fn fall_back_to_memory(&mut self) {
        if !self.memory {
            self.memory = true;
            self.events.push_back(Event::Storage(Trouble::Memory));
        }
    }

    /// No other tab sees the storage: there is nobody to lock out, and nobody to tell.
    fn is_alone(&self) -> bool {
        self.memory || self.config.sharing != Sharing::Tabs
    }

    fn publish(&mut self, news: News) {
        if !self.is_alone() {
            self.effects.push_back(Effect::Publish(news));
        }
    }
}
