//! The log of the option `on_step`: a line for each step, `input → effects | status`, with names, numbers and versions, never
//! a token (C13).

use std::cell::RefCell;

use guestpass_core::{
    AccountRequestKind, Effect, Input, Op, Outcome, Request, Status, Stored, TabMessage, Version, WaiterId,
};

use crate::options::OnStep;
use crate::text_builder::TextBuilder;

pub(crate) struct DebugLog {
    listener: OnStep,
    /// The descriptions of the inputs that are queued.
    inputs: RefCell<Vec<String>>,
    effects: RefCell<String>,
}

impl DebugLog {
    pub(crate) fn new(listener: OnStep) -> Self {
        Self { listener, inputs: RefCell::default(), effects: RefCell::default() }
    }

    /// An input was queued.
    pub(crate) fn input(&self, input: &Input) {
        self.inputs.borrow_mut().push(describe_input(input).into_string());
    }

    pub(crate) fn effect(&self, effect: &Effect) {
        let mut effects = self.effects.borrow_mut();
        effects.push(' ');
        effects.push_str(&describe_effect(effect).into_string());
    }

    /// The first input of the queue was handled, and its effects were performed.
    pub(crate) fn end(&self, status: Status) {
        let input = self.inputs.borrow_mut().remove(0);
        let line = TextBuilder::new(&input).text(" →").text(&self.effects.take()).text(" | ").text(status.name());
        (self.listener)(&line.into_string());
    }
}

fn describe_input(input: &Input) -> TextBuilder {
    match *input {
        Input::Start { waiter, reset } => of_waiter(if reset { "start-reset" } else { "start" }, waiter),
        Input::TokenWanted { waiter, fresh, .. } => {
            of_waiter("token-wanted", waiter).text(if fresh { ":fresh" } else { "" })
        }
        Input::Unauthorized { waiter, version, .. } => at(of_waiter("unauthorized", waiter), version),
        Input::Abandon { waiter } => of_waiter("abandon", waiter),
        Input::Expire => TextBuilder::new("expire"),
        Input::SignOut { waiter, permanent } => {
            of_waiter(if permanent { "sign-out-permanent" } else { "sign-out" }, waiter)
        }
        Input::AccountRequest { waiter, kind, .. } => of_waiter(
            match kind {
                AccountRequestKind::Upgrade => "upgrade",
                AccountRequestKind::Erase => "erase",
                AccountRequestKind::Other => ACCOUNT,
            },
            waiter,
        ),
        Input::Close => TextBuilder::new("close"),
        Input::Loaded { op, stored } => {
            let loaded = of_op("loaded", op);
            match stored {
                Stored::Empty => loaded.text(":empty"),
                Stored::Corrupt => loaded.text(":corrupt"),
                Stored::Record(record) => at(loaded, record.version),
            }
        }
        Input::Saved { op } => of_op("saved", op),
        Input::StorageFailed { op } => of_op("storage-failed", op),
        Input::LockGranted { op, contended } => of_op(if contended { "lock-handed-over" } else { "lock-granted" }, op),
        Input::LockUnavailable { op } => of_op("lock-unavailable", op),
        Input::KeyMade { op, .. } => of_op("key-made", op),
        Input::Responded { op, response } => of_op("responded", op).text(":").number(response.status.into()),
        Input::SendFailed { op } => of_op("send-failed", op),
        Input::Solved { op, .. } => of_op("solved", op),
        Input::SolveFailed { op } => of_op("solve-failed", op),
        Input::TabMessage(message) => of_message("tab-message", message),
        Input::Online => TextBuilder::new("online"),
        Input::Offline => TextBuilder::new("offline"),
        Input::Visible => TextBuilder::new("visible"),
        Input::Hidden => TextBuilder::new("hidden"),
        Input::Tick => TextBuilder::new("tick"),
    }
}

fn describe_effect(effect: &Effect) -> TextBuilder {
    match *effect {
        Effect::Load { op } => of_op("load", op),
        Effect::Store { op, record } => at(of_op("store", op), record.version),
        Effect::TakeLock { op } => of_op("take-lock", op),
        Effect::ReleaseLock { op } => of_op("release-lock", op),
        Effect::MakeKey { op } => of_op("make-key", op),
        Effect::Send { op, request } => of_op("send", op).text(":").text(request_name(&request)),
        Effect::Solve { op, .. } => of_op("solve", op),
        Effect::Cancel { op } => of_op("cancel", op),
        Effect::Publish(message) => of_message("publish", message),
        Effect::Settle { waiter, outcome } => of_waiter("settle", waiter).text(":").text(outcome_name(&outcome)),
        Effect::Shutdown => TextBuilder::new("shutdown"),
    }
}

fn of_waiter(name: &str, WaiterId(waiter): WaiterId) -> TextBuilder {
    TextBuilder::new(name).text("~").number(waiter.into())
}

fn of_op(name: &str, Op(op): Op) -> TextBuilder {
    TextBuilder::new(name).text("#").number(op)
}

fn at(line: TextBuilder, Version { epoch, generation }: Version) -> TextBuilder {
    line.text("@").number(epoch).text(".").number(generation)
}

fn of_message(name: &str, message: TabMessage) -> TextBuilder {
    match message {
        TabMessage::Committed(version) => at(TextBuilder::new(name), version).text(":committed"),
        TabMessage::SignedOut { epoch, .. } => {
            at(TextBuilder::new(name), Version { epoch, generation: 0 }).text(":signed-out")
        }
    }
}

fn request_name(request: &Request) -> &'static str {
    match request {
        Request::Acquire { .. } => "acquire",
        Request::Refresh { .. } => "refresh",
        Request::Revoke { .. } => "revoke",
        Request::Account { .. } => ACCOUNT,
    }
}

const ACCOUNT: &str = "account";

fn outcome_name(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Token(_) => "token",
        Outcome::PassThrough => "pass-through",
        Outcome::Done => "done",
        Outcome::Response(_) => "response",
        Outcome::Refused { .. } => "refused",
        Outcome::Failed(error) => error.code(),
    }
}
