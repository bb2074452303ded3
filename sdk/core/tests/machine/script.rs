//! Runs transcripts against the session machine.
//!
//! A line of a transcript is `input -> effects; events | status`. The effects and events must be exactly those of the line.
//! Only the bar and the status may be left out. A completion belongs to the last effect of its kind, unless it names another
//! op: `saved@7`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use guestpass_core::wire::{GUEST_PREFIX, USER_PREFIX};
use guestpass_core::{
    AccountRequestKind, Config, Credential, Effect, EndReason, Expiry, Input, Kind, MAX_REVOCATIONS, Machine,
    OnIdentityLost, Op, Outcome, PendingRevocation, Record, Response, ResponseBody, Stored, Subject, TabMessage,
    Timestamp, TokenResponse, Version, WaiterId,
};

use crate::handles::{handle, unreferenced};
use crate::render::{render_effect, render_event};

/// The deadline of every call in a transcript, in milliseconds after its start.
pub(crate) const CALL_TIMEOUT: u64 = 30_000;

/// When a revocation that begins at the start of a transcript is dropped: wall clock, in milliseconds.
const REVOCATION_END: u64 = 1_000_000 + 30 * 86_400_000;

/// A machine, its clock, and the last op of each kind of effect.
#[derive(Clone)]
pub(crate) struct Tab {
    pub(crate) machine: Machine,
    pub(crate) now: Timestamp,
    ops: BTreeMap<&'static str, Op>,
}

/// A first visit, up to a credential of generation 1 that lasts 900 seconds. Waiter 1 has used it once.
pub(crate) const FIRST_VISIT: &str = "
    want 1                    -> load | loading
    loaded empty              -> publish 0.0, lock | acquiring
    granted                   -> load
    loaded empty              -> key
    key k1                    -> store 0.0 acquire_key k1
    saved                     -> send acquire k1
    responded a1/r1 as g1 900 -> load
    loaded 0.0 acquire_key k1 -> store 0.1 a1/r1
    saved                     -> unlock, publish 0.1, settle 1 a1; acquired g1 | active
";

/// A refresh under the lock, up to the commit of generation 2.
pub(crate) const REFRESHED: &str = "
    granted                    -> load
    loaded 0.1 a1/r1 as g1 900 -> send refresh r1
    responded a2/r2 as g1 900  -> load
    loaded 0.1 a1/r1 as g1 900 -> store 0.2 a2/r2
";

/// An upgrade of an active tab, up to its request.
pub(crate) const UPGRADE_SENT: &str = "
    upgrade 2                  -> lock
    granted                    -> load
    loaded 0.1 a1/r1 as g1 900 -> key
    key k2                     -> store 0.1 acquire_key k2 a1/r1
    saved                      -> send account 2 r1 key k2
";

/// A sign-out of an active tab.
pub(crate) const SIGNED_OUT: &str = "
    signout 2                  -> send revoke r1, publish signout 1, lock; signed_out g1 this_tab | signed_out
    granted                    -> load
    loaded 0.1 a1/r1 as g1 900 -> store 1.0 revoke r1
    saved                      -> unlock, publish signout 1, settle 2 done | signed_out
";

pub(crate) fn tab() -> Tab {
    tab_with(Config::default())
}

pub(crate) fn tab_with(config: Config) -> Tab {
    Tab { machine: Machine::new(config), now: Timestamp { mono: 1_000, wall: 1_000_000 }, ops: BTreeMap::new() }
}

/// A tab after [`FIRST_VISIT`].
pub(crate) fn active() -> Tab {
    active_with(Config::default())
}

pub(crate) fn active_with(config: Config) -> Tab {
    let mut tab = tab_with(config);
    tab.run(FIRST_VISIT);
    tab
}

/// A tab whose session the server has ended, with the policy [`OnIdentityLost::Stop`].
pub(crate) fn ended() -> Tab {
    let mut tab = active_with(Config { on_identity_lost: OnIdentityLost::Stop, ..Config::default() });
    tab.run(
        "
        expire                      ->
        want 2                      -> lock
        granted                     -> load
        loaded 0.1 a1/r1 as g1 900  -> send refresh r1
        responded 400 invalid_grant -> load
        loaded 0.1 a1/r1 as g1 900  -> settle 2 session_ended, unlock; identity g1 - invalid_grant | ended
        ",
    );
    tab
}

impl Tab {
    /// Runs a transcript and compares each line with what the machine does.
    pub(crate) fn run(&mut self, transcript: &str) {
        for line in transcript.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (input, expected) = line.split_once("->").unwrap_or((line, ""));
            let (expected, status) = match expected.split_once('|') {
                Some((expected, status)) => (expected.trim(), Some(status.trim())),
                None => (expected.trim(), None),
            };
            let output = self.feed(input.trim());
            assert_eq!(output, expected, "after `{}`, in:\n{transcript}", input.trim());
            if let Some(expected) = status {
                assert_eq!(self.status(), expected, "status after `{}`, in:\n{transcript}", input.trim());
            }
        }
    }

    /// Hands one input to the machine, and renders its effects and events.
    pub(crate) fn feed(&mut self, input: &str) -> String {
        let input = self.parse(input);
        let before = self.machine.clone();
        let timer_was_due = input != Input::Tick || before.poll_timeout().is_some_and(|at| at <= self.now.mono);
        self.machine.handle(self.now, input);
        let effects: Vec<_> = std::iter::from_fn(|| self.machine.poll_effect()).collect();
        let events: Vec<_> = std::iter::from_fn(|| self.machine.poll_event()).collect();
        assert_eq!(unreferenced(&before, &input, &effects, &events), None, "is named, but was not referenced before");
        let mut output = effects.into_iter().map(|effect| self.effect(&effect)).collect::<Vec<_>>().join(", ");
        for event in events {
            write!(output, "; {}", render_event(&event)).unwrap();
        }
        assert!(self.machine.poll_timeout().is_none_or(|at| at > self.now.mono), "C17: a deadline is left armed");
        assert!(timer_was_due || output.is_empty(), "`{output}` results from a timer that was not armed");
        self.check_serves_until();
        output
    }

    /// Before [`Machine::serves_until`], every call gets a token at once, and the machine does not change.
    fn check_serves_until(&self) {
        let Some(until) = self.machine.serves_until() else { return };
        if self.now.mono >= until.mono || self.now.wall >= until.wall {
            return;
        }
        for fresh in [false, true] {
            let mut asked = self.machine.clone();
            asked.handle(self.now, Input::TokenWanted { waiter: WaiterId(99), deadline: self.now.mono + 1, fresh });
            assert!(matches!(
                asked.poll_effect(),
                Some(Effect::Settle { waiter: WaiterId(99), outcome: Outcome::Token(_) })
            ));
            assert_eq!(asked, self.machine, "the call has changed the machine");
        }
    }

    pub(crate) fn status(&self) -> String {
        self.machine.snapshot().status.name().to_owned()
    }

    /// Milliseconds until the time that [`Machine::poll_timeout`] returns.
    pub(crate) fn timer(&self) -> Option<u64> {
        self.machine.poll_timeout().map(|at| at - self.now.mono)
    }

    /// The op of the last effect of a kind.
    pub(crate) fn last(&self, kind: &str) -> Op {
        self.ops[kind]
    }

    fn parse(&mut self, line: &str) -> Input {
        let words: Vec<_> = line.split_whitespace().collect();
        let (name, at) = words[0].split_once('@').map_or((words[0], None), |(name, at)| (name, Some(at)));
        let op = |kind: &'static str| match at {
            Some(at) => Op(at.parse().unwrap()),
            None => self.ops.get(kind).copied().unwrap_or(Op(0)),
        };
        let waiter = || WaiterId(words[1].parse().unwrap());
        let deadline = self.now.mono + CALL_TIMEOUT;
        match (name, &words[1..]) {
            ("start", rest) => Input::Start { waiter: waiter(), reset: rest.contains(&"reset") },
            ("want", rest) => Input::TokenWanted { waiter: waiter(), deadline, fresh: rest.get(1) == Some(&"fresh") },
            ("401", rest) => Input::Unauthorized {
                waiter: waiter(),
                deadline,
                version: version(rest[1]),
                attempt: u8::from(rest.contains(&"replay")),
                replayable: !rest.contains(&"stream"),
            },
            ("abort", _) => Input::Abandon { waiter: waiter() },
            ("expire", _) => Input::Expire,
            ("signout", rest) => Input::SignOut { waiter: waiter(), permanent: rest.contains(&"permanent") },
            ("upgrade", _) => Input::AccountRequest { waiter: waiter(), deadline, kind: AccountRequestKind::Upgrade },
            ("erase", _) => Input::AccountRequest { waiter: waiter(), deadline, kind: AccountRequestKind::Erase },
            ("export", _) => Input::AccountRequest { waiter: waiter(), deadline, kind: AccountRequestKind::Other },
            ("close", _) => Input::Close,
            ("loaded", rest) => Input::Loaded { op: op("load"), stored: self.stored(rest) },
            ("saved", _) => Input::Saved { op: op("store") },
            ("storage", ["failed", "load"]) => Input::StorageFailed { op: op("load") },
            ("storage", _) => Input::StorageFailed { op: op("store") },
            ("granted", rest) => Input::LockGranted { op: op("lock"), contended: !rest.is_empty() },
            ("nolock", _) => Input::LockUnavailable { op: op("lock") },
            ("key", [key]) => Input::KeyMade { op: op("key"), key: handle(key) },
            ("responded", rest) => Input::Responded { op: op("send"), response: response(rest) },
            ("solved", [answer]) => Input::Solved { op: op("solve"), answer: handle(answer) },
            ("unsolved", _) => Input::SolveFailed { op: op("solve") },
            ("unsent", _) => Input::SendFailed { op: op("send") },
            ("message", ["signout", epoch, rest @ ..]) => {
                Input::TabMessage(TabMessage::SignedOut { epoch: epoch.parse().unwrap(), end_reason: end_reason(rest) })
            }
            ("message", [at]) => Input::TabMessage(TabMessage::Committed(version(at))),
            ("online", _) => Input::Online,
            ("offline", _) => Input::Offline,
            ("visible", _) => Input::Visible,
            ("hidden", _) => Input::Hidden,
            ("after", [milliseconds]) => {
                let milliseconds: u64 = milliseconds.parse().unwrap();
                self.now = Timestamp { mono: self.now.mono + milliseconds, wall: self.now.wall + milliseconds };
                Input::Tick
            }
            _ => panic!("no such input: {line}"),
        }
    }

    /// `empty`, `corrupt`, or `E.G [erased | permanent] [acquire_key K] [A/R as ID SECONDS] [revoke R]…`. A revocation lasts as
    /// long as if it had begun at the start of the transcript.
    fn stored(&self, words: &[&str]) -> Stored {
        let rest = match words {
            ["empty"] => return Stored::Empty,
            ["corrupt"] => return Stored::Corrupt,
            rest => rest,
        };
        let acquire_key = rest.iter().position(|word| *word == "acquire_key").map(|at| handle(rest[at + 1]));
        let credential = rest.iter().position(|word| word.contains('/')).map(|at| {
            let token = token(&rest[at..]);
            Credential {
                access_token: token.access_token,
                refresh_token: token.refresh_token,
                subject: token.subject,
                expiry: token.expires_in.map(|seconds| Expiry::received(self.now, seconds * 1_000)),
            }
        });
        let mut revocations = [None; MAX_REVOCATIONS];
        let tokens = rest.iter().skip_while(|word| **word != "revoke").filter(|word| **word != "revoke");
        for (place, token) in revocations.iter_mut().zip(tokens) {
            *place = Some(PendingRevocation { token: handle(token), until: REVOCATION_END });
        }
        Stored::Record(Record {
            version: version(rest[0]),
            end_reason: end_reason(&rest[1..]),
            acquire_key,
            credential,
            revocations,
        })
    }

    /// Renders an effect, and keeps its op for the completion.
    fn effect(&mut self, effect: &Effect) -> String {
        let named = match effect {
            Effect::Load { op } => Some(("load", *op)),
            Effect::Store { op, .. } => Some(("store", *op)),
            Effect::TakeLock { op } => Some(("lock", *op)),
            Effect::MakeKey { op } => Some(("key", *op)),
            Effect::Send { op, .. } => Some(("send", *op)),
            Effect::Solve { op, .. } => Some(("solve", *op)),
            _ => None,
        };
        if let Some((kind, op)) = named {
            assert!(self.ops.values().all(|known| *known < op), "an op names one effect only");
            self.ops.insert(kind, op);
        }
        render_effect(effect)
    }
}

fn version(text: &str) -> Version {
    let (epoch, generation) = text.split_once('.').unwrap();
    Version { epoch: epoch.parse().unwrap(), generation: generation.parse().unwrap() }
}

fn end_reason(words: &[&str]) -> EndReason {
    match words.first() {
        Some(&"erased") => EndReason::Erased,
        Some(&"permanent") => EndReason::Permanent,
        _ => EndReason::SignedOut,
    }
}

/// A whole subject: `anonymous_…` or `user_…`.
pub(crate) fn subject(id: &str) -> Subject {
    let (kind, visitor) = match (id.strip_prefix(GUEST_PREFIX), id.strip_prefix(USER_PREFIX)) {
        (Some(visitor), _) => (Some(Kind::Guest), visitor),
        (_, Some(visitor)) => (Some(Kind::User), visitor),
        _ => (None, id),
    };
    Subject { kind, visitor: handle(visitor) }
}

/// A subject as the transcripts write it: `g1` for a guest, `user:g1` for a member.
fn short_subject(id: &str) -> Subject {
    match id.strip_prefix("user:") {
        Some(id) => subject(&format!("user_{id}")),
        None => subject(&format!("anonymous_{id}")),
    }
}

/// `A/R as ID SECONDS`; `-` for each part that the response leaves out.
fn token(words: &[&str]) -> TokenResponse {
    let given = |word: &&str| (*word != "-").then(|| (**word).to_owned());
    let (access, refresh) = words[0].split_once('/').unwrap();
    TokenResponse {
        access_token: handle(access),
        refresh_token: given(&refresh).map(|refresh| handle(&refresh)),
        subject: words.get(2).and_then(given).map(|id| short_subject(&id)),
        expires_in: words.get(3).and_then(given).map(|seconds| seconds.parse().unwrap()),
    }
}

/// A token, `member` and a token, `text TEXT`, `428 PROBLEM`, or `STATUS [retry MS] [ERROR_CODE]`; `200` alone has a body of another shape.
fn response(words: &[&str]) -> Response {
    let (status, retry_after) = (200, None);
    match words {
        ["member", rest @ ..] => {
            let (body, text) = (ResponseBody::Token(token(rest)), Some(handle("member")));
            return Response { status, retry_after, body, text };
        }
        ["428", problem] => {
            let (body, text) = (ResponseBody::Error(handle("proof_required")), Some(handle(problem)));
            return Response { status: 428, retry_after, body, text };
        }
        ["text", text] => {
            return Response { status, retry_after, body: ResponseBody::Other, text: Some(handle(text)) };
        }
        [token_words, ..] if token_words.contains('/') => {
            let (body, text) = (ResponseBody::Token(token(words)), Some(handle("text")));
            return Response { status, retry_after, body, text };
        }
        _ => {}
    }
    let retry = words.iter().position(|word| *word == "retry");
    let code = words[1..].iter().find(|word| word.contains('_'));
    Response {
        status: words[0].parse().unwrap(),
        retry_after: retry.map(|at| words[at + 1].parse().unwrap()),
        body: code.map_or(ResponseBody::Other, |code| ResponseBody::Error(handle(code))),
        text: None,
    }
}
