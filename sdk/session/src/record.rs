//! The stored record: a JSON text.

use guestpass_core::{
    Credential, EndReason, Expiry, Handle, MAX_REVOCATIONS, PendingRevocation, Record, Stored, Version,
};
use js_sys::{Array, JsString, Object};
use wasm_bindgen::prelude::*;

use crate::clock;
use crate::handles::Handles;
use crate::js::{get, is_missing, number, parse_object, set, stringify, whole_number};

/// The format that is written: the member `v`. A change that an older version of this crate would misread raises it; a new
/// member does not.
const FORMAT: u8 = 2;

/// The oldest format that is read.
const OLDEST_FORMAT: u8 = 1;

/// The JSON text of a record.
pub(crate) fn encode(handles: &Handles, record: &Record) -> JsString {
    let text_or_null = |handle: Option<Handle>| handle.map_or(JsValue::NULL, |handle| handles.text(handle).into());
    let json = Object::new();
    set(&json, "v", FORMAT);
    set(&json, "epoch", number(record.version.epoch));
    set(&json, "generation", number(record.version.generation));
    set(&json, "end_reason", encode_end_reason(record.end_reason));
    set(&json, "acquire_key", text_or_null(record.acquire_key));
    let stored = record.credential.map(|credential| {
        let json = Object::new();
        set(&json, "access_token", handles.text(credential.access_token));
        set(&json, "refresh_token", text_or_null(credential.refresh_token));
        set(&json, "id", or_null(credential.subject.map(|subject| handles.id(subject))));
        // In milliseconds; the second one since the Unix epoch.
        set(&json, "lifetime", or_null(credential.expiry.map(|expiry| number(expiry.lifetime))));
        set(&json, "expires_at", or_null(credential.expiry.map(|expiry| number(expiry.end.wall))));
        json
    });
    set(&json, "credential", or_null(stored));
    let revocations = Array::new();
    for pending in record.revocations.iter().flatten() {
        let json = Object::new();
        set(&json, "token", handles.text(pending.token));
        // In milliseconds since the Unix epoch.
        set(&json, "until", number(pending.until));
        revocations.push(&json);
    }
    if revocations.length() > 0 {
        set(&json, "revocations", revocations);
    }
    stringify(&json, &JsValue::UNDEFINED)
}

fn or_null(value: Option<impl Into<JsValue>>) -> JsValue {
    value.map_or(JsValue::NULL, Into::into)
}

/// Decodes a stored text. `None` for a record of a newer format, which is neither read nor replaced.
pub(crate) fn decode(handles: &Handles, stored: &JsValue) -> Option<Stored> {
    if is_missing(stored) {
        return Some(Stored::Empty);
    }
    let Some(json) = parse_object(stored) else { return Some(Stored::Corrupt) };
    let format = get(&json, "v").as_f64().unwrap_or_default();
    if format > f64::from(FORMAT) {
        return None;
    }
    let record = if format < f64::from(OLDEST_FORMAT) { None } else { decode_record(handles, &json, format) };
    Some(record.map_or(Stored::Corrupt, Stored::Record))
}

/// `None` for a record with a wrong or missing member.
fn decode_record(handles: &Handles, json: &JsValue, format: f64) -> Option<Record> {
    let is_format_1 = format < f64::from(FORMAT);
    let credential = get(json, "credential");
    Some(Record {
        version: Version {
            epoch: whole_number(&get(json, "epoch"))?,
            generation: whole_number(&get(json, "generation"))?,
        },
        end_reason: decode_end_reason(&get(json, if is_format_1 { "parting" } else { "end_reason" })),
        acquire_key: handle_or_none(handles, get(json, if is_format_1 { "claim" } else { "acquire_key" }))?,
        credential: if is_missing(&credential) { None } else { Some(decode_credential(handles, &credential)?) },
        revocations: decode_revocations(handles, &get(json, "revocations")),
    })
}

/// The revocations that can be read. A record without the member has none.
fn decode_revocations(handles: &Handles, list: &JsValue) -> [Option<PendingRevocation>; MAX_REVOCATIONS] {
    ["0", "1", "2", "3"].map(|index| {
        let json = get(list, index);
        Some(PendingRevocation {
            token: handles.handle(get(&json, "token"))?,
            until: whole_number(&get(&json, "until"))?,
        })
    })
}

fn decode_credential(handles: &Handles, json: &JsValue) -> Option<Credential> {
    let id = get(json, "id");
    let times = number_or_none(&get(json, "lifetime"))?.zip(number_or_none(&get(json, "expires_at"))?);
    Some(Credential {
        access_token: handles.handle(get(json, "access_token"))?,
        refresh_token: handle_or_none(handles, get(json, "refresh_token"))?,
        subject: if is_missing(&id) { None } else { Some(handles.subject(&id)?) },
        expiry: times.map(|(lifetime, end)| Expiry::restored(clock::now(), lifetime, end)),
    })
}

pub(crate) fn encode_end_reason(end_reason: EndReason) -> &'static str {
    match end_reason {
        EndReason::SignedOut => "signed_out",
        EndReason::Erased => "erased",
        EndReason::Permanent => "permanent",
    }
}

/// Reads a text of [`encode_end_reason`], or a number of format 1. Any other value means `SignedOut`.
pub(crate) fn decode_end_reason(end_reason: &JsValue) -> EndReason {
    let is = |reason: EndReason| *end_reason == encode_end_reason(reason) || *end_reason == f64::from(reason as u8);
    if is(EndReason::Erased) {
        EndReason::Erased
    } else if is(EndReason::Permanent) {
        EndReason::Permanent
    } else {
        EndReason::SignedOut
    }
}

/// `None` for a value that is present and is not a text.
fn handle_or_none(handles: &Handles, value: JsValue) -> Option<Option<Handle>> {
    if is_missing(&value) { Some(None) } else { value.is_string().then(|| handles.handle(value)) }
}

/// `None` for a value that is present and is not a whole number.
fn number_or_none(value: &JsValue) -> Option<Option<u64>> {
    if is_missing(value) { Some(None) } else { whole_number(value).map(Some) }
}
