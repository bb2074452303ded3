//! The transaction: what the machine does with the storage and the server, one at a time.
//!
//! lock → load → (send → load again and compare) → store → release → publish.
//!
//! A transaction owns its step, with the op that the step waits for and its deadline, and the lock. The machine decides which step
//! comes next (`steps.rs`, `renewal.rs`, `sign_out.rs`).

use super::backoff::delay;
use super::context::Context;
use crate::{Credential, Effect, Handle, Op, Record, Request, SessionError, Timestamp, Version};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Transaction {
    kind: TransactionKind,
    /// Of the lock that was requested or granted.
    lock: Option<Op>,
    /// What another tab has written may not be visible yet: it had the lock first, or has announced a commit.
    contended: bool,
    step: Step,
    /// Of the effect that the step waits for.
    op: Op,
    /// Of the step: monotonic time.
    deadline: u64,
    /// The deadline is the second one of this step.
    extended: bool,
    /// The last load has failed: nothing is stored, because it could replace what cannot be read.
    blind: bool,
    /// The acquire key is not stored: no other tab can get the guest.
    apart: bool,
    /// The version that the request starts from. A commit needs it unchanged (C7).
    base: Version,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum TransactionKind {
    /// Results in a usable credential.
    Renew,
    /// Results in a stored sign-out.
    SignOut,
    /// Results in a response to the account request; after an upgrade, in the credential of the member.
    AccountRequest,
    /// Results in a storage that is not behind this tab: a sign-out was overwritten, or the record was deleted.
    Repair,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Step {
    Locking,
    Reading,
    MakingKey,
    StoringKey,
    /// Waits until what other tabs have written is visible: without the lock, their acquire keys; after waiting for the
    /// lock, their commit.
    AwaitingVisibility,
    ReadingAgain,
    Sending(Request),
    /// Answers a challenge of the server for this acquire key.
    Solving(Handle),
    /// Waits before the account request is sent again.
    Pausing,
    Comparing(Received),
    Committing(Credential),
    StoringOwn,
}

/// What the server has responded, to be compared with the storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Received {
    Credential(Credential),
    /// The session has ended.
    Ended,
}

/// What follows the deadline of a step.
pub(super) enum Overdue {
    /// The step goes on until a second deadline.
    Extended,
    Read(Step),
    Failed(SessionError),
    StorageFailed,
}

impl Transaction {
    /// Requests the lock if the storage is shared; otherwise the next step is [`Step::Reading`].
    pub(super) fn begin(
        now: Timestamp,
        kind: TransactionKind,
        base: Version,
        shared: bool,
        context: &mut Context,
    ) -> Self {
        let op = context.next_op();
        let deadline = now.mono.saturating_add(context.config.lock_wait);
        let lock = shared.then_some(op);
        if shared {
            context.effect(Effect::TakeLock { op });
        }
        Self {
            kind,
            lock,
            contended: false,
            step: Step::Locking,
            op,
            deadline,
            extended: false,
            blind: false,
            apart: false,
            base,
        }
    }

    pub(super) fn kind(&self) -> TransactionKind {
        self.kind
    }

    pub(super) fn step(&self) -> Step {
        self.step
    }

    pub(super) fn op(&self) -> Op {
        self.op
    }

    pub(super) fn deadline(&self) -> u64 {
        self.deadline
    }

    pub(super) fn base(&self) -> Version {
        self.base
    }

    /// Another tab has committed, and this transaction goes on.
    pub(super) fn rebase(&mut self, base: Version) {
        self.base = base;
    }

    pub(super) fn has_lock(&self) -> bool {
        self.lock.is_some()
    }

    pub(super) fn is_blind(&self) -> bool {
        self.blind
    }

    pub(super) fn set_blind(&mut self, blind: bool) {
        self.blind = blind;
    }

    pub(super) fn is_apart(&self) -> bool {
        self.apart
    }

    pub(super) fn set_apart(&mut self) {
        self.apart = true;
    }

    /// Whether the server may respond to the request, or has responded.
    pub(super) fn awaits_response_or_commit(&self) -> bool {
        matches!(self.step, Step::Sending(_) | Step::Comparing(_) | Step::Committing(_))
    }

    /// The credential of an upgrade, if it may not be stored.
    pub(super) fn uncommitted(&self) -> Option<Credential> {
        match self.step {
            Step::Comparing(Received::Credential(credential)) | Step::Committing(credential)
                if self.kind == TransactionKind::AccountRequest =>
            {
                Some(credential)
            }
            _ => None,
        }
    }

    /// The request that this op sent, if the transaction waits for its response.
    pub(super) fn request(&self, op: Op) -> Option<Request> {
        match self.step {
            Step::Sending(request) if self.op == op => Some(request),
            _ => None,
        }
    }

    pub(super) fn is_solving(&self) -> bool {
        matches!(self.step, Step::Solving(_))
    }

    /// The acquire key of the challenge that this op answers, if the transaction waits for its answer.
    pub(super) fn solving(&self, op: Op) -> Option<Handle> {
        match self.step {
            Step::Solving(key) if self.op == op => Some(key),
            _ => None,
        }
    }

    /// Whether a newer version has made the renewal that is under way unnecessary.
    pub(super) fn is_overtaken(&self, version: Version) -> bool {
        self.kind == TransactionKind::Renew
            && matches!(self.step, Step::Sending(_) | Step::Solving(_))
            && version > self.base
    }

    /// Whether the acquire keys of other tabs are visible: under the lock, or after waiting for them.
    pub(super) fn sees_acquire_keys(&self) -> bool {
        self.lock.is_some() || matches!(self.step, Step::ReadingAgain)
    }

    /// Whether the granted lock begins the first read. A lock that the transaction does not wait for is released.
    pub(super) fn on_lock_granted(&mut self, op: Op, contended: bool, context: &mut Context) -> bool {
        if self.op == op && matches!(self.step, Step::Locking) {
            self.contended = contended;
            return true;
        }
        if self.lock != Some(op) {
            context.effect(Effect::ReleaseLock { op });
        }
        false
    }

    /// The lock is not available, or lost: the transaction goes on without it. Returns whether that begins the first read.
    pub(super) fn on_lock_unavailable(&mut self, op: Op) -> bool {
        if self.lock != Some(op) {
            return false;
        }
        self.lock = None;
        matches!(self.step, Step::Locking)
    }

    /// Ends the step that has come to its deadline. A page that was busy or asleep could not take the completion of a load
    /// or store in time, so these have a second deadline.
    pub(super) fn on_deadline(&mut self, now: Timestamp, context: &mut Context) -> Overdue {
        match self.step {
            // Without the lock, another tab could ask for the session that an upgrade ends.
            Step::Locking if self.kind == TransactionKind::AccountRequest => {
                self.deadline = now.mono.saturating_add(context.config.lock_wait.max(1));
                Overdue::Extended
            }
            Step::Locking => {
                self.release(context);
                Overdue::Read(Step::Reading)
            }
            Step::AwaitingVisibility | Step::Pausing => Overdue::Read(Step::ReadingAgain),
            Step::Sending(_) => {
                context.effect(Effect::Cancel { op: self.op });
                Overdue::Failed(SessionError::Timeout)
            }
            Step::Solving(_) => {
                context.effect(Effect::Cancel { op: self.op });
                Overdue::Failed(SessionError::UNSOLVED)
            }
            Step::MakingKey => Overdue::Failed(SessionError::Timeout),
            _ if !self.extended => {
                self.extended = true;
                self.deadline = context.storage_deadline(now);
                Overdue::Extended
            }
            _ => {
                context.effect(Effect::Cancel { op: self.op });
                Overdue::StorageFailed
            }
        }
    }

    /// Begins a step that waits at most `limit` milliseconds for a completion; returns the op of that completion.
    fn enter(&mut self, now: Timestamp, step: Step, limit: u64, context: &mut Context) -> Op {
        self.step = step;
        self.op = context.next_op();
        self.deadline = now.mono.saturating_add(limit.max(1));
        self.extended = false;
        self.op
    }

    /// `available`: the storage can be asked.
    pub(super) fn load(&mut self, now: Timestamp, step: Step, available: bool, context: &mut Context) {
        let op = self.enter(now, step, context.config.storage_timeout, context);
        if available {
            context.effect(Effect::Load { op });
        }
    }

    /// `available`: the storage can be asked.
    pub(super) fn store(&mut self, now: Timestamp, step: Step, record: Record, available: bool, context: &mut Context) {
        let op = self.enter(now, step, context.config.storage_timeout, context);
        if available {
            context.effect(Effect::Store { op, record });
        }
    }

    pub(super) fn make_key(&mut self, now: Timestamp, context: &mut Context) {
        let op = self.enter(now, Step::MakingKey, context.config.storage_timeout, context);
        context.effect(Effect::MakeKey { op });
    }

    /// Waits for the acquire keys of other tabs.
    pub(super) fn await_acquire_keys(&mut self, now: Timestamp, context: &mut Context) {
        self.enter(now, Step::AwaitingVisibility, context.config.acquire_key_settle, context);
    }

    /// After the first read: waits for what another tab has written, if that may not be visible yet.
    pub(super) fn await_commit(&mut self, now: Timestamp, context: &mut Context) -> bool {
        let waits = self.contended && matches!(self.step, Step::Reading);
        if waits {
            self.enter(now, Step::AwaitingVisibility, context.config.storage_lag, context);
        }
        waits
    }

    pub(super) fn send(&mut self, now: Timestamp, request: Request, base: Version, context: &mut Context) {
        let op = self.enter(now, Step::Sending(request), context.config.http_timeout, context);
        self.base = base;
        context.effect(Effect::Send { op, request });
    }

    pub(super) fn solve(&mut self, now: Timestamp, key: Handle, problem: Handle, context: &mut Context) {
        let op = self.enter(now, Step::Solving(key), context.config.solve_timeout, context);
        context.effect(Effect::Solve { op, problem });
    }

    /// Keeps the lock, and waits before the next attempt.
    pub(super) fn pause(&mut self, now: Timestamp, failures: u32, retry_after: Option<u64>, context: &mut Context) {
        let delay = delay(failures, retry_after, context);
        self.enter(now, Step::Pausing, delay, context);
    }

    /// Ends a pause.
    pub(super) fn retry_now(&mut self, now: Timestamp) {
        if matches!(self.step, Step::Pausing) {
            self.deadline = now.mono;
        }
    }

    /// Cancels what is under way and releases the lock. Completions that come later belong to no step.
    pub(super) fn cancel(&mut self, context: &mut Context) {
        if let Step::Sending(_) | Step::Solving(_) = self.step {
            context.effect(Effect::Cancel { op: self.op });
        }
        self.release(context);
    }

    /// Releases the lock, or stops waiting for it.
    pub(super) fn release(&mut self, context: &mut Context) {
        if let Some(op) = self.lock.take() {
            context.effect(Effect::ReleaseLock { op });
        }
    }

    pub(super) fn references(&self, handle: Handle) -> bool {
        match self.step {
            Step::Comparing(Received::Credential(credential)) | Step::Committing(credential) => {
                credential.references(handle)
            }
            _ => false,
        }
    }
}
