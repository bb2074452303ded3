//! Runs a transcript: a line is `input -> effects; events | status`. What is left of the bar is compared whole; the
//! bar and the status may be left out. An input whose effect is not the last of its kind names the op: `saved@7`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use guestpass_core::wire::{GUEST_PREFIX, USER_PREFIX};
use guestpass_core::{
    Config, Credential, Effect, EndReason, Event, Expiry, Input, Kind, Machine, MembershipResponse, OnIdentityLost, Op,
    Outcome, Record, Request, Response, ResponseBody, Stored, Subject, TabMessage, Timestamp, TokenResponse, Upgrade,
    Version, WaiterId,
};

use crate::texts::{forgotten, id, text, words};

/// How long a waiter of a transcript waits, in milliseconds.
pub(crate) const PATIENCE: u64 = 30_000;

/// A machine with a clock, and a memory of the ops that it has handed out.
#[derive(Clone)]
pub(crate) struct Tab {
    pub(crate) machine: Machine,
    pub(crate) now: Timestamp,
    ops: BTreeMap<&'static str, Op>,
}

/// A first visit, up to a credential of generation 1 that lasts 900 seconds, unused but by waiter 1.
pub(crate) const FIRST_VISIT: &str = "
    want 1                     -> load | loading
    loaded empty               -> lock | acquiring
    granted                    -> load
    loaded empty               -> key
    key k1                     -> store 0.0 acquire_key k1
    saved                      -> send acquire k1
    answered a1/r1 as g1 900   -> load
    loaded 0.0 acquire_key k1        -> store 0.1 a1/r1
    saved                      -> unlock, publish 0.1, settle 1 a1; acquired g1 | active
";

/// A refresh under the lock, up to the commit of generation 2.
pub(crate) const REFRESHED: &str = "
    granted                    -> load
    loaded 0.1 a1/r1 as g1 900 -> send refresh r1
    answered a2/r2 as g1 900   -> load
    loaded 0.1 a1/r1 as g1 900 -> store 0.2 a2/r2
";

/// From an active tab.
pub(crate) const SIGNED_OUT: &str = "
    signout 2                   -> send revoke r1, publish signout 1, lock; signed_out g1 this_tab | signed_out
    granted                     -> load
    loaded 0.1 a1/r1 as g1 900  -> store 1.0
    saved                       -> unlock, publish signout 1, settle 2 done | signed_out
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

/// A tab whose session the server has ended, and whose application wants nobody to follow.
pub(crate) fn ended() -> Tab {
    let mut tab = active_with(Config { on_identity_lost: OnIdentityLost::Stop, ..Config::default() });
    tab.run(
        "
        expire                      ->
        want 2                      -> lock
        granted                     -> load
        loaded 0.1 a1/r1 as g1 900  -> send refresh r1
        answered 400 invalid_grant  -> load
        loaded 0.1 a1/r1 as g1 900  -> settle 2 session_ended, unlock; identity g1 - invalid_grant | ended
        ",
    );
    tab
}

impl Tab {
    /// Runs a transcript and compares it.
    pub(crate) fn run(&mut self, transcript: &str) {
        for line in transcript.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (input, expected) = line.split_once("->").unwrap_or((line, ""));
            let (expected, status) = match expected.split_once('|') {
                Some((expected, status)) => (expected.trim(), Some(status.trim())),
                None => (expected.trim(), None),
            };
            let said = self.say(input.trim());
            assert_eq!(said, expected, "after `{}`, in:\n{transcript}", input.trim());
            if let Some(expected) = status {
                assert_eq!(self.status(), expected, "status after `{}`, in:\n{transcript}", input.trim());
            }
        }
    }

    /// Takes one input and renders what came of it.
    pub(crate) fn say(&mut self, input: &str) -> String {
        let input = self.parse(input);
        let before = self.machine.clone();
        let timely = input != Input::Tick || before.poll_timeout().is_some_and(|at| at <= self.now.mono);
        self.machine.handle(self.now, input);
        let effects: Vec<_> = std::iter::from_fn(|| self.machine.poll_effect()).collect();
        let events: Vec<_> = std::iter::from_fn(|| self.machine.poll_event()).collect();
        assert_eq!(forgotten(&before, &input, &effects, &events), None, "is named, but was not held");
        let mut said = effects.into_iter().map(|effect| self.effect(effect)).collect::<Vec<_>>().join(", ");
        for event in events {
            write!(said, "; {}", render_event(&event)).unwrap();
        }
        assert!(self.machine.poll_timeout().is_none_or(|at| at > self.now.mono), "C17: a deadline is left armed");
        assert!(timely || said.is_empty(), "`{said}` comes of a timer that was not armed");
        self.serves_as_it_says();
        said
    }

    /// Until [`Machine::serves_until`], whoever asks gets a token, and nothing else comes of it.
    fn serves_as_it_says(&self) {
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
            assert_eq!(asked, self.machine, "asking changes nothing");
        }
    }

    pub(crate) fn status(&self) -> String {
        self.machine.snapshot().status.name().to_owned()
    }

    /// Milliseconds until the timer that the machine wants.
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
        let deadline = self.now.mono + PATIENCE;
        match (name, &words[1..]) {
            ("start", rest) => Input::Start { waiter: waiter(), reset: rest.contains(&"anew") },
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
            ("register", rest) => self.upgrade(waiter(), Upgrade::Register, rest[1]),
            ("login", rest) => self.upgrade(waiter(), Upgrade::Login, rest[1]),
            ("link", rest) => self.upgrade(waiter(), Upgrade::Link, rest[1]),
            ("erase", _) => Input::Erase { waiter: waiter(), deadline },
            ("close", _) => Input::Close,
            ("loaded", rest) => Input::Loaded { op: op("load"), stored: self.stored(rest) },
            ("saved", _) => Input::Saved { op: op("store") },
            ("storage", ["failed", "load"]) => Input::StorageFailed { op: op("load") },
            ("storage", _) => Input::StorageFailed { op: op("store") },
            ("granted", rest) => Input::LockGranted { op: op("lock"), contended: !rest.is_empty() },
            ("refused", _) => Input::LockUnavailable { op: op("lock") },
            ("key", [key]) => Input::KeyMade { op: op("key"), key: text(key) },
            ("answered", rest) => Input::Responded { op: op("send"), response: answer(rest) },
            ("unsent", _) => Input::SendFailed { op: op("send") },
            ("heard", ["signout", epoch, rest @ ..]) => {
                Input::TabMessage(TabMessage::SignedOut { epoch: epoch.parse().unwrap(), end_reason: end_reason(rest) })
            }
            ("heard", [at]) => Input::TabMessage(TabMessage::Committed(version(at))),
            ("online", _) => Input::Online,
            ("offline", _) => Input::Offline,
            ("visible", _) => Input::Visible,
            ("after", [milliseconds]) => {
                let milliseconds: u64 = milliseconds.parse().unwrap();
                self.now = Timestamp { mono: self.now.mono + milliseconds, wall: self.now.wall + milliseconds };
                Input::Tick
            }
            _ => panic!("no such input: {line}"),
        }
    }

    fn upgrade(&self, waiter: WaiterId, upgrade: Upgrade, body: &str) -> Input {
        Input::Upgrade { waiter, deadline: self.now.mono + PATIENCE, upgrade, body: text(body) }
    }

    /// `empty`, `corrupt`, or `E.G [erased | permanent] [acquire_key K] [A/R as ID SECONDS]`.
    fn stored(&self, words: &[&str]) -> Stored {
        let rest = match words {
            ["empty"] => return Stored::Empty,
            ["corrupt"] => return Stored::Corrupt,
            rest => rest,
        };
        let acquire_key = rest.iter().position(|word| *word == "acquire_key").map(|at| text(rest[at + 1]));
        let credential = rest.iter().position(|word| word.contains('/')).map(|at| {
            let token = token(&rest[at..]);
            Credential {
                access_token: token.access_token,
                refresh_token: token.refresh_token,
                subject: token.subject,
                expiry: token.expires_in.map(|seconds| Expiry::received(self.now, seconds * 1_000)),
            }
        });
        Stored::Record(Record {
            version: version(rest[0]),
            end_reason: end_reason(&rest[1..]),
            acquire_key,
            credential,
        })
    }

    fn effect(&mut self, effect: Effect) -> String {
        let (kind, op, said) = match effect {
            Effect::Load { op } => ("load", op, "load".to_owned()),
            Effect::Store { op, record } => ("store", op, format!("store {}", render_record(&record))),
            Effect::TakeLock { op } => ("lock", op, "lock".to_owned()),
            Effect::MakeKey { op } => ("key", op, "key".to_owned()),
            Effect::Send { op, request } => ("send", op, format!("send {}", render_request(&request))),
            Effect::ReleaseLock { .. } => return "unlock".to_owned(),
            Effect::Cancel { .. } => return "cancel".to_owned(),
            Effect::Publish(TabMessage::Committed(version)) => return format!("publish {}", render_version(version)),
            Effect::Publish(TabMessage::SignedOut { epoch, end_reason }) => {
                return format!("publish signout {epoch}{}", render_parting(end_reason));
            }
            Effect::Settle { waiter, outcome } => return format!("settle {} {}", waiter.0, render_outcome(&outcome)),
            Effect::Shutdown => return "shutdown".to_owned(),
        };
        assert!(self.ops.values().all(|known| *known < op), "an op names one effect only");
        self.ops.insert(kind, op);
        said
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

/// `anonymous_…` or `user_…`.
pub(crate) fn subject(id: &str) -> Subject {
    let (kind, visitor) = match (id.strip_prefix(GUEST_PREFIX), id.strip_prefix(USER_PREFIX)) {
        (Some(visitor), _) => (Some(Kind::Guest), visitor),
        (_, Some(visitor)) => (Some(Kind::User), visitor),
        _ => (None, id),
    };
    Subject { kind, visitor: text(visitor) }
}

/// `g1` or `user:g1`.
fn who(id: &str) -> Subject {
    match id.strip_prefix("user:") {
        Some(id) => subject(&format!("user_{id}")),
        None => subject(&format!("anonymous_{id}")),
    }
}

/// `A/R as ID SECONDS`; `-` for what is missing.
fn token(words: &[&str]) -> Token {
    let given = |word: &&str| (*word != "-").then(|| (**word).to_owned());
    let (access, refresh) = words[0].split_once('/').unwrap();
    Token {
        access_token: text(access),
        refresh_token: given(&refresh).map(|refresh| text(&refresh)),
        subject: words.get(2).and_then(given).map(|id| who(&id)),
        expires_in: words.get(3).and_then(given).map(|seconds| seconds.parse().unwrap()),
    }
}

/// A token, `member ID`, or `STATUS [retry MS] [ERROR_CODE]`; `200` alone is a body that is none of them.
fn answer(words: &[&str]) -> Response {
    if words[0].contains('/') {
        return Response { status: 200, retry_after: None, body: ResponseBody::Token(token(words)) };
    }
    if let ["member", id] = words {
        let member = Member { subject: who(id), text: text(id) };
        return Response { status: 200, retry_after: None, body: ResponseBody::Member(member) };
    }
    let retry = words.iter().position(|word| *word == "retry");
    let code = words[1..].iter().find(|word| word.contains('_'));
    Response {
        status: words[0].parse().unwrap(),
        retry_after: retry.map(|at| words[at + 1].parse().unwrap()),
        body: code.map_or(ResponseBody::Other, |code| ResponseBody::Error(text(code))),
    }
}

fn render_version(version: Version) -> String {
    format!("{}.{}", version.epoch, version.generation)
}

fn render_parting(end_reason: EndReason) -> &'static str {
    match end_reason {
        EndReason::SignedOut => "",
        EndReason::Erased => " erased",
        EndReason::Permanent => " permanent",
    }
}

fn render_record(record: &Record) -> String {
    let mut said = render_version(record.version) + render_parting(record.end_reason);
    if let Some(acquire_key) = record.acquire_key {
        write!(said, " acquire_key {}", words(acquire_key)).unwrap();
    }
    if let Some(credential) = &record.credential {
        let refresh = credential.refresh_token.map_or("-".to_owned(), words);
        write!(said, " {}/{refresh}", words(credential.access_token)).unwrap();
    }
    said
}

fn render_request(request: &Request) -> String {
    match *request {
        Request::Acquire { key } => format!("acquire {}", words(key)),
        Request::Refresh { refresh_token } => format!("refresh {}", words(refresh_token)),
        Request::Revoke { token } => format!("revoke {}", words(token)),
        Request::Upgrade { upgrade, access_token, body } => {
            format!("{} {} {}", snake(&format!("{upgrade:?}")), words(access_token), words(body))
        }
        Request::Erase { access_token } => format!("erase {}", words(access_token)),
    }
}

fn render_outcome(outcome: &Outcome) -> String {
    match *outcome {
        Outcome::Token(grant) if grant.attempt == 0 => words(grant.access_token),
        Outcome::Token(grant) => format!("{} replay", words(grant.access_token)),
        Outcome::PassThrough => "401".to_owned(),
        Outcome::Done => "done".to_owned(),
        Outcome::Member(text) => format!("member {}", words(text)),
        Outcome::Refused { status, reason } => format!("refused {status} {}", words(reason)),
        Outcome::Failed(error) => error.code().to_owned(),
    }
}

fn render_event(event: &Event) -> String {
    let id = |who: Option<Subject>| match who {
        Some(who) => id(who).trim_start_matches("anonymous_").to_owned(),
        None => "-".to_owned(),
    };
    match *event {
        Event::Restored { id: who } => format!("restored {}", id(who)),
        Event::Acquired { id: who } => format!("acquired {}", id(who)),
        Event::Refreshed { id: who, .. } => format!("refreshed {}", id(who)),
        Event::Adopted { id: who, .. } => format!("adopted {}", id(who)),
        Event::Unauthorized { .. } => "unauthorized".to_owned(),
        Event::Retrying { error, .. } => format!("retrying {}", error.code()),
        Event::Identity { old, new, reason } => {
            format!("identity {} {} {}", id(old), id(new), snake(&format!("{reason:?}")))
        }
        Event::SignedOut { id: who, by, end_reason } => {
            format!("signed_out {} {}{}", id(who), snake(&format!("{by:?}")), render_parting(end_reason))
        }
        Event::Storage(trouble) => format!("storage {}", snake(&format!("{trouble:?}"))),
    }
}

fn snake(name: &str) -> String {
    let mut snake = String::new();
    for (index, letter) in name.char_indices() {
        if letter.is_uppercase() && index > 0 {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}
