//! Renders effects and events as the transcripts write them.

use std::fmt::Write as _;

use guestpass_core::{Effect, EndReason, Event, Outcome, Record, Request, Subject, TabMessage, Version};

use crate::handles::{id_of, text_of};

pub(crate) fn render_effect(effect: &Effect) -> String {
    match effect {
        Effect::Load { .. } => "load".to_owned(),
        Effect::Store { record, .. } => format!("store {}", render_record(record)),
        Effect::TakeLock { .. } => "lock".to_owned(),
        Effect::MakeKey { .. } => "key".to_owned(),
        Effect::Send { request, .. } => format!("send {}", render_request(request)),
        Effect::ReleaseLock { .. } => "unlock".to_owned(),
        Effect::Cancel { .. } => "cancel".to_owned(),
        Effect::Solve { problem, .. } => format!("solve {}", text_of(*problem)),
        Effect::Publish(TabMessage::Committed(version)) => format!("publish {}", render_version(*version)),
        Effect::Publish(TabMessage::SignedOut { epoch, end_reason }) => {
            format!("publish signout {epoch}{}", render_end_reason(*end_reason))
        }
        Effect::Settle { waiter, outcome } => format!("settle {} {}", waiter.0, render_outcome(outcome)),
        Effect::Shutdown => "shutdown".to_owned(),
    }
}

fn render_version(version: Version) -> String {
    format!("{}.{}", version.epoch, version.generation)
}

fn render_end_reason(end_reason: EndReason) -> &'static str {
    match end_reason {
        EndReason::SignedOut => "",
        EndReason::Erased => " erased",
        EndReason::Permanent => " permanent",
    }
}

fn render_record(record: &Record) -> String {
    let mut line = render_version(record.version) + render_end_reason(record.end_reason);
    if let Some(acquire_key) = record.acquire_key {
        write!(line, " acquire_key {}", text_of(acquire_key)).unwrap();
    }
    if let Some(credential) = &record.credential {
        let refresh = credential.refresh_token.map_or("-".to_owned(), text_of);
        write!(line, " {}/{refresh}", text_of(credential.access_token)).unwrap();
    }
    for pending in record.revocations.iter().flatten() {
        write!(line, " revoke {}", text_of(pending.token)).unwrap();
    }
    line
}

fn render_request(request: &Request) -> String {
    match *request {
        Request::Acquire { key, answer: None } => format!("acquire {}", text_of(key)),
        Request::Acquire { key, answer: Some(answer) } => {
            format!("acquire {} answer {}", text_of(key), text_of(answer))
        }
        Request::Refresh { refresh_token } => format!("refresh {}", text_of(refresh_token)),
        Request::Revoke { token } => format!("revoke {}", text_of(token)),
        Request::Account { waiter, refresh_token, key: None } => {
            format!("account {} {}", waiter.0, text_of(refresh_token))
        }
        Request::Account { waiter, refresh_token, key: Some(key) } => {
            format!("account {} {} key {}", waiter.0, text_of(refresh_token), text_of(key))
        }
    }
}

fn render_outcome(outcome: &Outcome) -> String {
    match *outcome {
        Outcome::Token(grant) if grant.attempt == 0 => text_of(grant.access_token),
        Outcome::Token(grant) => format!("{} replay", text_of(grant.access_token)),
        Outcome::PassThrough => "401".to_owned(),
        Outcome::Done => "done".to_owned(),
        Outcome::Response(text) => format!("response {}", text_of(text)),
        Outcome::Refused { status, reason } => format!("refused {status} {}", text_of(reason)),
        Outcome::Failed(error) => error.code().to_owned(),
    }
}

pub(crate) fn render_event(event: &Event) -> String {
    let id = |subject: Option<Subject>| match subject {
        Some(subject) => id_of(subject).trim_start_matches("anonymous_").to_owned(),
        None => "-".to_owned(),
    };
    match *event {
        Event::Restored { id: subject } => format!("restored {}", id(subject)),
        Event::Acquired { id: subject } => format!("acquired {}", id(subject)),
        Event::Refreshed { id: subject, .. } => format!("refreshed {}", id(subject)),
        Event::Adopted { id: subject, .. } => format!("adopted {}", id(subject)),
        Event::Unauthorized { .. } => "unauthorized".to_owned(),
        Event::Retrying { error, .. } => format!("retrying {}", error.code()),
        Event::Identity { old, new, reason } => {
            format!("identity {} {} {}", id(old), id(new), snake(&format!("{reason:?}")))
        }
        Event::SignedOut { id: subject, by, end_reason } => {
            format!("signed_out {} {}{}", id(subject), snake(&format!("{by:?}")), render_end_reason(end_reason))
        }
        Event::Storage(fault) => format!("storage {}", snake(&format!("{fault:?}"))),
    }
}

/// `SignedOut` as `signed_out`.
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
