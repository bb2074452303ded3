//! Revocation at the server: best effort, a few tries, nobody waits for it.

use super::Machine;
use crate::{Effect, Handle, Op, Request, Response, Timestamp};

const TRIES: u8 = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Revocation {
    token: Handle,
    tries: u8,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum State {
    Sending { op: Op, until: u64 },
    Waiting { until: u64 },
}

impl Revocation {
    pub(super) fn deadline(&self) -> u64 {
        match self.state {
            State::Sending { until, .. } | State::Waiting { until } => until,
        }
    }
}

impl Machine {
    pub(super) fn revoke(&mut self, now: Timestamp, token: Handle) {
        let state = self.send_revocation(now, token);
        self.revocations.push(Revocation { token, tries: 1, state });
    }

    pub(super) fn is_revoking(&self, token: Handle) -> bool {
        self.revocations.iter().any(|revoking| revoking.token == token)
    }

    /// RFC 7009: whatever is not a temporary error settles it; an unknown token is a revoked one.
    pub(super) fn on_revocation_response(&mut self, now: Timestamp, op: Op, response: &Response) {
        if response.status >= 500 || matches!(response.status, 408 | 429) {
            self.on_revocation_failed(now, op);
        } else {
            self.revocations.retain(|revoking| !revoking.is_sent_as(op));
        }
    }

    pub(super) fn on_revocation_failed(&mut self, now: Timestamp, op: Op) {
        let Some(index) = self.revocations.iter().position(|revoking| revoking.is_sent_as(op)) else {
            return;
        };
        if self.revocations[index].tries >= TRIES {
            self.revocations.remove(index);
            return;
        }
        let revoking = &mut self.revocations[index];
        let ceiling = self.config.backoff_base << revoking.tries;
        revoking.state = State::Waiting { until: now.mono + ceiling.max(1) + self.backoff.below(ceiling) };
    }

    pub(super) fn expire_revoking(&mut self, now: Timestamp) {
        // Each of them gets a deadline that has not come, or goes: the next one is another.
        while let Some(index) = self.revocations.iter().position(|revoking| revoking.deadline() <= now.mono) {
            match self.revocations[index].state {
                State::Sending { op, .. } => {
                    self.effects.push_back(Effect::Cancel { op });
                    self.on_revocation_failed(now, op);
                }
                State::Waiting { .. } => {
                    let state = self.send_revocation(now, self.revocations[index].token);
                    let waiting = &mut self.revocations[index];
                    waiting.tries += 1;
                    waiting.state = state;
                }
            }
        }
    }

    fn send_revocation(&mut self, now: Timestamp, token: Handle) -> State {
        let op = self.op();
        self.effects.push_back(Effect::Send { op, request: Request::Revoke { token } });
        State::Sending { op, until: now.mono.saturating_add(self.config.http_timeout.max(1)) }
    }
}

impl Revocation {
    fn is_sent_as(&self, op: Op) -> bool {
        matches!(self.state, State::Sending { op: sent, .. } if sent == op)
    }
}
