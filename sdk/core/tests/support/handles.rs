//! The handles of the texts that the tests give to machines. Equal texts have one handle, in all tabs and threads.

#![expect(clippy::unwrap_used, reason = "a lock is poisoned by a failed test only")]

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{LazyLock, RwLock};

use guestpass_core::wire::{GUEST_PREFIX, USER_PREFIX, error_code, problem_code};
use guestpass_core::{
    Credential, Effect, Event, Handle, Input, Kind, Machine, Outcome, Record, Request, Response, ResponseBody, Stored,
    Subject,
};

#[derive(Default)]
struct Texts {
    texts: Vec<String>,
    places: HashMap<String, u32>,
}

static TEXTS: LazyLock<RwLock<Texts>> = LazyLock::new(RwLock::default);

/// The handle of a text, as the session manager numbers them: the first two are constants of [`Handle`].
pub(crate) fn handle(text: &str) -> Handle {
    if text == error_code::INVALID_GRANT {
        return Handle::INVALID_GRANT;
    }
    if text == problem_code::REFRESH_TOKEN_REQUIRED {
        return Handle::REFRESH_TOKEN_REQUIRED;
    }
    let known = TEXTS.read().unwrap().places.get(text).copied();
    let place = known.unwrap_or_else(|| {
        let mut all = TEXTS.write().unwrap();
        let Texts { texts, places } = &mut *all;
        *places.entry(text.to_owned()).or_insert_with(|| {
            texts.push(text.to_owned());
            texts.len() as u32 - 1
        })
    });
    Handle(NonZeroU32::MIN.saturating_add(place + 2))
}

/// The text of a handle.
pub(crate) fn text_of(Handle(number): Handle) -> String {
    match number.get() {
        1 => error_code::INVALID_GRANT.to_owned(),
        2 => problem_code::REFRESH_TOKEN_REQUIRED.to_owned(),
        number => TEXTS.read().unwrap().texts[number as usize - 3].clone(),
    }
}

/// A subject as text: `anonymous_…` or `user_…`.
pub(crate) fn id_of(subject: Subject) -> String {
    let prefix = match subject.kind {
        Some(Kind::Guest) => GUEST_PREFIX,
        Some(Kind::User) => USER_PREFIX,
        None => "",
    };
    format!("{prefix}{}", text_of(subject.visitor))
}

/// The first text in an effect or event whose handle the machine did not reference before the input, and which is not in
/// the input. The session manager may have dropped such a text.
pub(crate) fn unreferenced(before: &Machine, input: &Input, effects: &[Effect], events: &[Event]) -> Option<String> {
    let mut known = of_input(input);
    known.push(Handle::REFRESH_TOKEN_REQUIRED);
    let named = effects.iter().flat_map(of_effect).chain(events.iter().flat_map(of_event));
    named.filter(|handle| !known.contains(handle) && !before.references(*handle)).map(text_of).next()
}

fn of_input(input: &Input) -> Vec<Handle> {
    match *input {
        Input::KeyMade { key, .. } => vec![key],
        Input::Solved { answer, .. } => vec![answer],
        Input::Loaded { stored: Stored::Record(record), .. } => of_record(record),
        Input::Responded { response: Response { body, text, .. }, .. } => match body {
            ResponseBody::Token(token) => {
                let tokens = [token.access_token].into_iter().chain(token.refresh_token);
                tokens.chain(of_subject(token.subject)).chain(text).collect()
            }
            ResponseBody::Error(code) => [code].into_iter().chain(text).collect(),
            ResponseBody::Other => text.into_iter().collect(),
        },
        _ => Vec::new(),
    }
}

fn of_effect(effect: &Effect) -> Vec<Handle> {
    match *effect {
        Effect::Store { record, .. } => of_record(record),
        Effect::Send { request, .. } => match request {
            Request::Acquire { key, answer } => [key].into_iter().chain(answer).collect(),
            Request::Refresh { refresh_token } => vec![refresh_token],
            Request::Revoke { token } => vec![token],
            Request::Account { refresh_token, key, .. } => [refresh_token].into_iter().chain(key).collect(),
        },
        Effect::Solve { problem, .. } => vec![problem],
        Effect::Settle { outcome, .. } => match outcome {
            Outcome::Token(grant) => vec![grant.access_token],
            Outcome::Response(text) | Outcome::Refused { reason: text, .. } => vec![text],
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}

fn of_event(event: &Event) -> Vec<Handle> {
    match *event {
        Event::Restored { id }
        | Event::Acquired { id }
        | Event::Refreshed { id, .. }
        | Event::Adopted { id, .. }
        | Event::SignedOut { id, .. } => of_subject(id).collect(),
        Event::Identity { old, new, .. } => of_subject(old).chain(of_subject(new)).collect(),
        Event::Unauthorized { .. } | Event::Retrying { .. } | Event::Storage(_) => Vec::new(),
    }
}

fn of_record(record: Record) -> Vec<Handle> {
    let of_credential = |Credential { access_token, refresh_token, subject, .. }| {
        [access_token].into_iter().chain(refresh_token).chain(of_subject(subject))
    };
    let revocations = record.revocations.into_iter().flatten().map(|pending| pending.token);
    let credential = record.credential.into_iter().flat_map(of_credential);
    record.acquire_key.into_iter().chain(credential).chain(revocations).collect()
}

fn of_subject(subject: Option<Subject>) -> impl Iterator<Item = Handle> {
    subject.map(|subject| subject.visitor).into_iter()
}
