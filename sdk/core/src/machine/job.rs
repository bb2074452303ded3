//! The one thing at a time that a machine does with the storage and the server:
//! lock → load → (send → load again and compare) → store → release → publish.

use super::Machine;
use crate::{Credential, Effect, Failure, News, Op, Record, Request, Timestamp, Version};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Job {
    goal: Goal,
    /// The lock that was asked for or is held.
    pub(super) lock: Option<Op>,
    /// Another tab had the lock first, or has told of what cannot be read yet.
    pub(super) contended: bool,
    pub(super) step: Step,
    /// Of the effect that the step waits for.
    pub(super) op: Op,
    pub(super) deadline: u64,
    /// The deadline is the second one of this step.
    waited: bool,
    /// The version that what is sent starts from; a commit needs it unchanged (C7).
    pub(super) base: Version,
    /// Of what was sent last.
    pub(super) sent: Op,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Goal {
    /// A usable credential.
    Renew,
    /// A stored sign-out.
    Forget,
    /// A storage that is not behind what this tab knows: a sign-out that was overwritten, or a record that was cleared.
    Repair,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Step {
    Locking,
    Reading,
    MakingKey,
    StoringClaim,
    /// What other tabs have written is arriving: without the lock, their claims; after waiting for it, their commit.
    Settling,
    ReadingAgain,
    Sending(Request),
    Comparing(Found),
    Committing(Credential),
    StoringOwn,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Found {
    Credential(Credential),
    Ended,
}

impl Job {
    pub(super) fn is_renewal(&self) -> bool {
        self.goal == Goal::Renew
    }

    pub(super) fn is_sign_out(&self) -> bool {
        self.goal == Goal::Forget
    }
}

impl Machine {
    /// Begins a job; there is one at a time.
    pub(super) fn begin(&mut self, now: Timestamp, goal: Goal) {
        let op = self.op();
        let deadline = now.mono.saturating_add(self.config.lock_wait);
        let (step, base) = (Step::Locking, self.version);
        self.job = Some(Job { goal, lock: None, contended: false, step, op, deadline, waited: false, base, sent: op });
        if self.is_alone() {
            return self.load_for(now, Step::Reading);
        }
        if let Some(job) = &mut self.job {
            job.lock = Some(op);
        }
        self.effects.push_back(Effect::TakeLock { op });
    }

    pub(super) fn is_job(&self, op: Op) -> bool {
        self.job.as_ref().is_some_and(|job| job.op == op)
    }

    /// Ends the job, whatever it waits for; late completions of it find no job with their op.
    pub(super) fn drop_job(&mut self) {
        if let Some(Job { op, step: Step::Sending(_), .. }) = self.job {
            self.effects.push_back(Effect::Cancel { op });
        }
        self.end_job();
    }

    /// Another tab has got what this one has sent for. Were the answer waited for all the same, its failure would be
    /// repeated: with a credential that needs no refresh.
    pub(super) fn drop_overtaken_send(&mut self, now: Timestamp) {
        if let Some(Job { step: Step::Sending(_), base, .. }) = self.job
            && self.version > base
            && !self.wants_renewal(now)
        {
            self.drop_job();
        }
    }

    /// Ends a job that has nothing under way but the lock.
    pub(super) fn end_job(&mut self) {
        if let Some(op) = self.job.take().and_then(|job| job.lock) {
            self.effects.push_back(Effect::ReleaseLock { op });
        }
    }

    pub(super) fn on_lock_granted(&mut self, now: Timestamp, op: Op, contended: bool) {
        match &mut self.job {
            Some(job) if job.op == op && matches!(job.step, Step::Locking) => {
                job.contended = contended || self.late.is_some();
                self.load_for(now, Step::Reading);
            }
            Some(job) if job.lock == Some(op) => {} // doubled: it is held already
            _ => self.effects.push_back(Effect::ReleaseLock { op }),
        }
    }

    pub(super) fn on_lock_unavailable(&mut self, now: Timestamp, op: Op) {
        let Some(job) = self.job.as_mut().filter(|job| job.lock == Some(op)) else {
            return;
        };
        job.lock = None;
        if matches!(job.step, Step::Locking) {
            self.load_for(now, Step::Reading);
        }
    }

    pub(super) fn on_job_loaded(&mut self, now: Timestamp, record: Option<Record>) {
        let Some(job) = &self.job else { return };
        match (job.goal, &job.step) {
            (Goal::Renew, Step::Reading | Step::ReadingAgain) => self.renew(now, record),
            (Goal::Renew, Step::Comparing(found)) => {
                let found = *found;
                self.compare(now, record, found);
            }
            (Goal::Forget, Step::Reading | Step::ReadingAgain) => self.forget(now, record),
            (Goal::Repair, Step::Reading) => self.repair(now, record),
            _ => {}
        }
    }

    pub(super) fn on_saved(&mut self, now: Timestamp, op: Op) {
        let Some(job) = self.job.as_ref().filter(|job| job.op == op) else {
            return;
        };
        match &job.step {
            Step::StoringClaim => self.claim_stored(now),
            Step::Committing(credential) => {
                let credential = *credential;
                self.commit(now, credential);
            }
            Step::StoringOwn => self.own_stored(),
            _ => {}
        }
    }

    pub(super) fn on_job_storage_failed(&mut self, now: Timestamp) {
        self.fall_back_to_memory();
        self.proceed_in_memory(now);
    }

    pub(super) fn on_job_timeout(&mut self, now: Timestamp) {
        let Some(job) = &mut self.job else { return };
        match job.step {
            Step::Locking => {
                if let Some(op) = job.lock.take() {
                    self.effects.push_back(Effect::ReleaseLock { op });
                }
                self.load_for(now, Step::Reading);
            }
            Step::Settling => self.load_for(now, Step::ReadingAgain),
            Step::Sending(_) => {
                self.effects.push_back(Effect::Cancel { op: job.op });
                self.fail(now, Failure::Timeout, None);
            }
            Step::MakingKey => self.fail(now, Failure::Timeout, None),
            _ if !job.waited => {
                job.waited = true;
                job.deadline = now.mono.saturating_add(self.config.storage_timeout);
            }
            _ => self.on_job_storage_failed(now),
        }
    }

    /// After another tab has had the lock, or has told something: it has most likely stored something, which this one may not see yet.
    pub(super) fn lets_storage_settle(&mut self, now: Timestamp) -> bool {
        let settles = self.job.as_ref().is_some_and(|job| job.contended && matches!(job.step, Step::Reading));
        if settles {
            self.step(now, Step::Settling, self.config.storage_lag);
        }
        settles
    }

    /// Moves on to a step that waits at most `limit` milliseconds for the completion of what it asks for.
    pub(super) fn step(&mut self, now: Timestamp, step: Step, limit: u64) -> Op {
        let op = self.op();
        if let Some(job) = &mut self.job {
            job.step = step;
            job.op = op;
            job.deadline = now.mono.saturating_add(limit.max(1));
            job.waited = false;
        }
        op
    }

    pub(super) fn load_for(&mut self, now: Timestamp, step: Step) {
        let op = self.step(now, step, self.config.storage_timeout);
        if self.memory {
            return self.proceed_in_memory(now);
        }
        self.effects.push_back(Effect::Load { op });
    }

    pub(super) fn store_for(&mut self, now: Timestamp, step: Step, record: Record) {
        let op = self.step(now, step, self.config.storage_timeout);
        if self.memory {
            return self.proceed_in_memory(now);
        }
        self.effects.push_back(Effect::Store { op, record });
    }

    /// Completes a storage step without a storage.
    fn proceed_in_memory(&mut self, now: Timestamp) {
        self.loaded = true;
        match self.job.as_ref().map(|job| (&job.step, job.op)) {
            Some((Step::StoringClaim | Step::Committing(_) | Step::StoringOwn, op)) => self.on_saved(now, op),
            Some(_) => self.on_job_loaded(now, None),
            None => {}
        }
    }

    fn forget(&mut self, now: Timestamp, record: Option<Record>) {
        if self.lets_storage_settle(now) {
            return;
        }
        if let Some(record) = record {
            if !self.is_behind(&record) {
                // Another tab has heard of this sign-out, or has signed out by itself: what is stored came after.
                self.drop_job();
                self.signed_out();
                return self.observe(now, record);
            }
            let stored = record.credential.map(|credential| credential.revocable());
            if let Some(token) = stored.filter(|token| !self.is_revoking(*token)) {
                self.revoke(now, token);
            }
        }
        self.loaded = true;
        let own = self.record();
        self.store_for(now, Step::StoringOwn, own);
    }

    fn repair(&mut self, now: Timestamp, record: Option<Record>) {
        let behind = record.as_ref().is_some_and(|record| self.is_behind(record));
        self.observe_for_job(now, record);
        if behind {
            let own = self.record();
            self.store_for(now, Step::StoringOwn, own);
        } else {
            self.drop_job();
        }
    }

    fn own_stored(&mut self) {
        let goal = self.job.as_ref().map(|job| job.goal);
        self.drop_job();
        if goal == Some(Goal::Forget) {
            self.publish_sign_out();
            self.signed_out();
        } else {
            self.publish(News::Committed(self.version));
        }
    }
}
