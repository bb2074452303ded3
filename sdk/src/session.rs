use guestpass_core::{
    Answer, Body, Config, Credential, Expiry, Input, Member, News, OnIdentityLost, Op, Parting, Record, Secret,
    Sharing, Stored, Upgrade, Version, WaiterId, wire::TokenAnswer,
};
use wasm_bindgen::prelude::*;

use crate::driver::{Driver, now};
use crate::effects::Effects;
use crate::number;

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
            seed: number::count(seed),
            ..Config::default()
        };
        Self { driver: Box::leak(Box::new(Driver::new(effects, config))) }
    }

    /// Takes a call, the end of an effect, or news: whatever carries no more than a number.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the shell counts its waiters from 0")]
    pub fn input(&self, name: &str, number: f64) {
        let (op, waiter) = (Op(number::count(number)), WaiterId(number as u32));
        self.driver.feed(match name {
            "start" => Input::Start { waiter, anew: false },
            "start-anew" => Input::Start { waiter, anew: true },
            "sign-out" => Input::SignOut { waiter, for_good: false },
            "sign-out-for-good" => Input::SignOut { waiter, for_good: true },
            "abandon" => Input::Abandon { waiter },
            "saved" => Input::Saved { op },
            "storage-failed" => Input::StorageFailed { op },
            "lock-granted" => Input::LockGranted { op },
            "lock-unavailable" => Input::LockUnavailable { op },
            "send-failed" => Input::SendFailed { op },
            "expire" => Input::Expire,
            "close" => Input::Close,
            "online" => Input::Online,
            "offline" => Input::Offline,
            "visible" => Input::Visible,
            _ => Input::Tick,
        });
    }

    /// A call wants a token.
    #[wasm_bindgen(js_name = tokenWanted)]
    pub fn token_wanted(&self, waiter: u32, deadline: f64, fresh: bool) {
        self.driver.feed(Input::TokenWanted { waiter: WaiterId(waiter), deadline: number::count(deadline), fresh });
    }

    /// The visitor wants to become a member, in the way that `kind` names, or to be erased.
    pub fn errand(&self, waiter: u32, deadline: f64, kind: &str, body: String) {
        let (waiter, deadline, body) = (WaiterId(waiter), number::count(deadline), Secret::new(body));
        let upgrade = match kind {
            "register" => Upgrade::Register,
            "login" => Upgrade::Login,
            "link" => Upgrade::Link,
            _ => return self.driver.feed(Input::Erase { waiter, deadline }),
        };
        self.driver.feed(Input::Upgrade { waiter, deadline, upgrade, body });
    }

    /// A request was answered with 401.
    pub fn unauthorized(&self, waiter: u32, deadline: f64, epoch: f64, generation: f64, attempt: u8, replayable: bool) {
        let version = Version { epoch: number::count(epoch), generation: number::count(generation) };
        let (waiter, deadline) = (WaiterId(waiter), number::count(deadline));
        self.driver.feed(Input::Unauthorized { waiter, deadline, version, attempt, replayable });
    }

    /// The storage has been read. Without an `epoch` (not a number) there was no record.
    #[expect(clippy::too_many_arguments, reason = "fields one by one: an object would cost an import for each")]
    pub fn loaded(
        &self,
        op: f64,
        corrupt: bool,
        #[wasm_bindgen(unchecked_param_type = "number | undefined")] epoch: f64,
        #[wasm_bindgen(unchecked_param_type = "number | undefined")] generation: f64,
        #[wasm_bindgen(unchecked_param_type = "number | undefined")] parting: f64,
        claim: Option<String>,
        access_token: Option<String>,
        refresh_token: Option<String>,
        id: Option<String>,
        #[wasm_bindgen(unchecked_param_type = "number | undefined")] lifetime: f64,
        #[wasm_bindgen(unchecked_param_type = "number | undefined")] expires_at: f64,
    ) {
        let stored = match number::read(epoch) {
            None if corrupt => Stored::Corrupt,
            None => Stored::Empty,
            Some(epoch) => {
                let expiry = number::read(lifetime).zip(number::read(expires_at));
                Stored::Record(Record {
                    version: Version { epoch, generation: number::count(generation) },
                    parting: read_parting(parting),
                    claim: claim.map(Secret::new),
                    credential: access_token.map(|access_token| Credential {
                        access_token: Secret::new(access_token),
                        refresh_token: refresh_token.map(Secret::new),
                        subject: id,
                        expiry: expiry.map(|(lifetime, end)| Expiry::restored(now(), lifetime, end)),
                    }),
                })
            }
        };
        self.driver.feed(Input::Loaded { op: Op(number::count(op)), stored });
    }

    /// An idempotency key has been made.
    #[wasm_bindgen(js_name = keyMade)]
    pub fn key_made(&self, op: f64, key: String) {
        self.driver.feed(Input::KeyMade { op: Op(number::count(op)), key: Secret::new(key) });
    }

    /// The server has answered. Numbers that are none were not in the answer.
    #[expect(clippy::too_many_arguments, reason = "fields one by one: an object would cost an import for each")]
    pub fn answered(
        &self,
        op: f64,
        status: u16,
        #[wasm_bindgen(unchecked_param_type = "number | undefined")] retry_after: f64,
        error: Option<String>,
        access_token: Option<String>,
        refresh_token: Option<String>,
        id: Option<String>,
        #[wasm_bindgen(unchecked_param_type = "number | undefined")] expires_in: f64,
        member: Option<String>,
    ) {
        let body = if let Some(access_token) = access_token {
            Body::Token(TokenAnswer {
                access_token,
                token_type: String::new(),
                expires_in: number::read(expires_in),
                refresh_token,
                anonymous_id: id,
            })
        } else if let (Some(id), Some(text)) = (id, member) {
            Body::Member(Member { id, text: Secret::new(text) })
        } else {
            error.map_or(Body::Other, Body::Error)
        };
        let answer = Answer { status, retry_after: number::read(retry_after), body };
        self.driver.feed(Input::Answered { op: Op(number::count(op)), answer });
    }

    /// News of another tab: a commit, or without a `generation` (not a number) a sign-out.
    pub fn heard(
        &self,
        epoch: f64,
        #[wasm_bindgen(unchecked_param_type = "number | undefined")] generation: f64,
        #[wasm_bindgen(unchecked_param_type = "number | undefined")] parting: f64,
    ) {
        let epoch = number::count(epoch);
        self.driver.feed(Input::Heard(match number::read(generation) {
            Some(generation) => News::Committed(Version { epoch, generation }),
            None => News::SignedOut { epoch, parting: read_parting(parting) },
        }));
    }
}

/// As `parting as u8` wrote it; older records have none.
fn read_parting(number: f64) -> Parting {
    match number::count(number) {
        1 => Parting::Erased,
        2 => Parting::ForGood,
        _ => Parting::SignedOut,
    }
}
