//! A usable credential: adopted, refreshed or acquired.

use super::Machine;
use super::identity::Spent;
use super::job::{Found, Goal, Job, Step};
use crate::answer::Token;
use crate::answer::Verdict;
use crate::{
    Answer, Credential, Effect, Event, Expiry, Failure, IdentityReason, News, OnIdentityLost, Op, Record, Request,
    Text, Timestamp, Version,
};

impl Machine {
    /// With what is stored, under the lock or after the claims have settled: adopt it, refresh, or acquire.
    pub(super) fn renew(&mut self, now: Timestamp, record: Option<Record>) {
        let claim = self.observe_for_job(now, record);
        if self.job.is_none() {
            return;
        }
        if !self.wants_renewal(now) {
            return self.drop_job();
        }
        if self.lets_storage_settle(now) {
            return;
        }
        let Some(held) = &self.held else {
            return self.acquire(now, claim);
        };
        let reason = match held.spent {
            Some(Spent::Refused) => IdentityReason::Unauthorized,
            _ => IdentityReason::Expired,
        };
        match held.credential.refresh_token {
            Some(refresh_token) => self.send(now, Request::Refresh { refresh_token }),
            None => self.replace(now, reason, claim),
        }
    }

    /// The session is over for good.
    fn replace(&mut self, now: Timestamp, reason: IdentityReason, claim: Option<Text>) {
        if self.may_be_erased() {
            return self.erased(now);
        }
        match self.lose(reason) {
            OnIdentityLost::Reacquire => self.acquire(now, claim),
            OnIdentityLost::Stop => self.drop_job(),
        }
    }

    /// Makes a guest under the claim that all tabs use, so that all end with one (C19).
    fn acquire(&mut self, now: Timestamp, stored_claim: Option<Text>) {
        let job = self.job.as_ref();
        let settled =
            self.is_alone() || job.is_some_and(|job| job.lock.is_some() || matches!(job.step, Step::ReadingAgain));
        self.claim = stored_claim.or_else(|| self.claim.take()).filter(|claim| self.spent_claim != Some(*claim));
        match self.claim {
            Some(key) if settled => self.send(now, Request::Acquire { key }),
            Some(_) => {
                self.step(now, Step::Settling, self.config.claim_settle);
            }
            None => {
                let op = self.step(now, Step::MakingKey, self.config.storage_timeout);
                self.effects.push_back(Effect::MakeKey { op });
            }
        }
    }

    pub(super) fn claim_stored(&mut self, now: Timestamp) {
        let claim = self.claim.take();
        self.acquire(now, claim);
    }

    fn send(&mut self, now: Timestamp, request: Request) {
        let base = self.version;
        let op = self.step(now, Step::Sending(request), self.config.http_timeout);
        if let Some(job) = &mut self.job {
            job.base = base;
            job.sent = op;
        }
        self.effects.push_back(Effect::Send { op, request });
    }

    fn sent(&self, op: Op) -> Option<Request> {
        match &self.job {
            Some(Job { op: sent, step: Step::Sending(request), .. }) if *sent == op => Some(*request),
            _ => None,
        }
    }

    /// The answer is here: it only counts if nobody has committed since it was asked for (C7).
    pub(super) fn compare(&mut self, now: Timestamp, record: Option<Record>, found: Found) {
        let claim = self.observe_for_job(now, record);
        let Some(job) = &self.job else { return };
        if self.version > job.base {
            return self.drop_job();
        }
        match found {
            Found::Ended => self.replace(now, IdentityReason::InvalidGrant, claim),
            Found::Credential(credential) => {
                let version = next(job.base);
                let (parting, claim) = (self.parting, None);
                let record = Record { version, parting, claim, credential: Some(credential) };
                self.store_for(now, Step::Committing(credential), record);
            }
        }
    }

    /// Store → release → publish → settle: nothing of the caller's runs under the lock (C6).
    pub(super) fn commit(&mut self, now: Timestamp, credential: Credential) {
        let Some(job) = &self.job else { return };
        let (base, sent) = (job.base, job.sent);
        self.drop_job();
        if self.version > base {
            return self.begin(now, Goal::Repair); // overtaken while it was stored, so what is stored now is the older one
        }
        let acquired = self.held.is_none();
        let id = credential.subject;
        self.version = next(base);
        self.hold(now, credential, IdentityReason::InvalidGrant);
        self.publish(News::Committed(self.version));
        self.events.push_back(if acquired {
            Event::Acquired { id }
        } else {
            Event::Refreshed { id, generation: self.version.generation }
        });
        // Whoever waited is served with it even if its lifetime is next to nothing: else they would wait for ever.
        self.grant(&|_| true);
        self.send_errand(now);
        self.finish_errand(sent);
    }

    pub(super) fn fail(&mut self, now: Timestamp, failure: Failure, retry_after: Option<u64>) {
        self.end_job();
        let delay = self.pace.failed(now, &self.config, failure, retry_after);
        self.events.push_back(Event::Retrying { failure, delay });
    }

    pub(super) fn on_key_made(&mut self, now: Timestamp, op: Op, key: Text) {
        let Some(job) = &mut self.job else { return };
        if job.op != op || !matches!(job.step, Step::MakingKey) {
            return;
        }
        self.claim = Some(key);
        let record = self.record();
        self.store_for(now, Step::StoringClaim, record);
    }

    pub(super) fn on_answered(&mut self, now: Timestamp, op: Op, answer: Answer) {
        let Some(request) = self.sent(op) else {
            return match self.is_errand(op) {
                true => self.on_errand_answered(now, answer),
                false => self.on_revocation_answered(now, op, &answer),
            };
        };
        let retry_after = answer.retry_after;
        match answer.verdict(&request) {
            Verdict::Token(token) => {
                let before = self.held.as_ref().map(|held| &held.credential);
                let credential = received(now, token, &request, before);
                self.load_for(now, Step::Comparing(Found::Credential(credential)));
            }
            Verdict::Ended => self.load_for(now, Step::Comparing(Found::Ended)),
            Verdict::KeySpent => {
                self.spent_claim = self.claim.take();
                self.fail(now, Failure::Unavailable { status: 409 }, retry_after);
            }
            Verdict::Transient(failure) => self.fail(now, failure, retry_after),
            Verdict::Rejected(failure) => {
                self.fail(now, failure, retry_after);
                self.fail_stuck_errand(failure);
            }
        }
    }

    pub(super) fn on_send_failed(&mut self, now: Timestamp, op: Op) {
        if self.sent(op).is_some() {
            self.fail(now, Failure::Network, None);
        } else if self.is_errand(op) {
            self.on_errand_failed(now);
        } else {
            self.on_revocation_failed(now, op);
        }
    }

    /// Observes what a step of the job has read; answers with the claim in it, if it is of this epoch.
    pub(super) fn observe_for_job(&mut self, now: Timestamp, record: Option<Record>) -> Option<Text> {
        let record = record?;
        let epoch = record.version.epoch;
        self.observe(now, record);
        record.claim.filter(|claim| epoch == self.version.epoch && self.spent_claim != Some(*claim))
    }
}

fn next(base: Version) -> Version {
    Version { epoch: base.epoch, generation: base.generation.saturating_add(1) }
}

/// The longest lifetime that is believed: three hundred years. A saturating product would weigh more than this.
const MOST_SECONDS: u64 = 10_000_000_000;

/// What a token answer gives. A refresh that says no new refresh token or subject keeps the old (RFC 6749 §6).
fn received(now: Timestamp, token: Token, request: &Request, before: Option<&Credential>) -> Credential {
    let (kept_token, kept_subject) = match (request, before) {
        (Request::Refresh { refresh_token }, Some(before)) => (Some(*refresh_token), before.subject),
        _ => (None, None),
    };
    Credential {
        access_token: token.access_token,
        refresh_token: token.refresh_token.or(kept_token),
        subject: token.subject.or(kept_subject),
        expiry: token.expires_in.map(|seconds| Expiry::received(now, seconds.min(MOST_SECONDS) * 1_000)),
    }
}
