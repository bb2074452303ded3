use guestpass_core::{
    Answer, Body, Config, Credential, Expiry, Input, Member, News, OnIdentityLost, Op, Record, Sharing, Stored, Token,
    Upgrade, Version, WaiterId,
};
use wasm_bindgen::prelude::*;

use crate::border::{count, read, read_parting, read_subject, read_text};
use crate::driver::{Driver, now};
use crate::effects::Effects;

/// A session, as the shell in `npm/src/shell` holds it: `Machine` in `npm/src/machine.ts`.
#[wasm_bindgen]
pub struct WasmSession {
    /// Lives as long as the page, as a session does: the code that would drop it weighs more than what one leaves.
    driver: &'static Driver,
}

impl core::fmt::Debug for WasmSession {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("WasmSession")
    }
}

#[wasm_bindgen]
impl WasmSession {
    /// A session that does nothing yet. `stored`: there is a storage; `shared`: all tabs see it; `stop`: what to do when
    /// the server has ended the session; `seed`: where jitter starts.
    #[wasm_bindgen(constructor)]
    pub fn new(effects: Effects, stored: bool, shared: bool, stop: bool, seed: f64) -> Self {
        let config = Config {
            sharing: match (stored, shared) {
                (false, _) => Sharing::Nobody,
                (true, false) => Sharing::OneTab,
                (true, true) => Sharing::Tabs,
            },
            on_identity_lost: if stop { OnIdentityLost::Stop } else { OnIdentityLost::Reacquire },
            seed: count(seed),
            ..Config::default()
        };
        Self { driver: Box::leak(Box::new(Driver::new(effects, config))) }
    }

    /// Takes a call, the end of an effect, or news: whatever carries no more than a number.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the shell counts its waiters from 0")]
    pub fn input(&self, kind: u32, number: f64) {
        let (op, waiter) = (Op(count(number)), WaiterId(number as u32));
        self.driver.feed(match kind {
            0 => Input::Start { waiter, anew: false },
            1 => Input::Start { waiter, anew: true },
            2 => Input::SignOut { waiter, for_good: false },
            3 => Input::SignOut { waiter, for_good: true },
            4 => Input::Abandon { waiter },
            5 => Input::Saved { op },
            6 => Input::StorageFailed { op },
            7 => Input::LockGranted { op, contended: false },
            8 => Input::LockGranted { op, contended: true },
            9 => Input::LockUnavailable { op },
            10 => Input::SendFailed { op },
            11 => Input::Expire,
            12 => Input::Close,
            13 => Input::Online,
            14 => Input::Offline,
            15 => Input::Visible,
            _ => Input::Tick,
        });
    }

    /// A call wants a token.
    #[wasm_bindgen(js_name = tokenWanted)]
    pub fn token_wanted(&self, waiter: u32, deadline: f64, fresh: bool) {
        self.driver.feed(Input::TokenWanted { waiter: WaiterId(waiter), deadline: count(deadline), fresh });
    }

    /// The visitor wants to become a member, with this body, or to be erased.
    pub fn errand(&self, waiter: u32, deadline: f64, request: u32, body: u32) {
        let (waiter, deadline) = (WaiterId(waiter), count(deadline));
        let upgrade = match request {
            4 => Upgrade::Register,
            5 => Upgrade::Login,
            _ => Upgrade::Link,
        };
        self.driver.feed(match read_text(body) {
            Some(body) => Input::Upgrade { waiter, deadline, upgrade, body },
            None => Input::Erase { waiter, deadline },
        });
    }

    /// A request was answered with 401.
    pub fn unauthorized(&self, waiter: u32, deadline: f64, epoch: f64, generation: f64, attempt: u8, replayable: bool) {
        let version = Version { epoch: count(epoch), generation: count(generation) };
        let (waiter, deadline) = (WaiterId(waiter), count(deadline));
        self.driver.feed(Input::Unauthorized { waiter, deadline, version, attempt, replayable });
    }

    /// The storage has been read. Without an `epoch` there was no record.
    #[expect(clippy::too_many_arguments, reason = "fields one by one: an object would cost an import for each")]
    pub fn loaded(
        &self,
        op: f64,
        corrupt: bool,
        epoch: f64,
        generation: f64,
        parting: f64,
        claim: u32,
        access_token: u32,
        refresh_token: u32,
        subject: u32,
        lifetime: f64,
        expires_at: f64,
    ) {
        let stored = match read(epoch) {
            None if corrupt => Stored::Corrupt,
            None => Stored::Empty,
            Some(epoch) => Stored::Record(Record {
                version: Version { epoch, generation: count(generation) },
                parting: read_parting(parting),
                claim: read_text(claim),
                credential: read_text(access_token).map(|access_token| Credential {
                    access_token,
                    refresh_token: read_text(refresh_token),
                    subject: read_subject(subject),
                    expiry: read(lifetime)
                        .zip(read(expires_at))
                        .map(|(lifetime, end)| Expiry::restored(now(), lifetime, end)),
                }),
            }),
        };
        self.driver.feed(Input::Loaded { op: Op(count(op)), stored });
    }

    /// An idempotency key has been made.
    #[wasm_bindgen(js_name = keyMade)]
    pub fn key_made(&self, op: f64, key: u32) {
        if let Some(key) = read_text(key) {
            self.driver.feed(Input::KeyMade { op: Op(count(op)), key });
        }
    }

    /// The server has answered: `text` is an access token where `token` says so, else with a subject the answer to an
    /// upgrade, and without one an error code.
    #[expect(clippy::too_many_arguments, reason = "fields one by one: an object would cost an import for each")]
    pub fn answered(
        &self,
        op: f64,
        status: u16,
        retry_after: f64,
        token: bool,
        text: u32,
        subject: u32,
        refresh_token: u32,
        expires_in: f64,
    ) {
        let subject = read_subject(subject);
        let body = match (read_text(text), subject) {
            (Some(access_token), _) if token => Body::Token(Token {
                access_token,
                expires_in: read(expires_in),
                refresh_token: read_text(refresh_token),
                subject,
            }),
            (Some(text), Some(subject)) => Body::Member(Member { subject, text }),
            (Some(code), None) => Body::Error(code),
            (None, _) => Body::Other,
        };
        let answer = Answer { status, retry_after: read(retry_after), body };
        self.driver.feed(Input::Answered { op: Op(count(op)), answer });
    }

    /// News of another tab: a commit, or without a `generation` a sign-out.
    pub fn heard(&self, epoch: f64, generation: f64, parting: f64) {
        let epoch = count(epoch);
        self.driver.feed(Input::Heard(match read(generation) {
            Some(generation) => News::Committed(Version { epoch, generation }),
            None => News::SignedOut { epoch, parting: read_parting(parting) },
        }));
    }

    /// Whether a text may still be named; those that may not are the shell's to forget.
    pub fn holds(&self, text: u32) -> bool {
        read_text(text).is_some_and(|text| self.driver.holds(text))
    }
}
