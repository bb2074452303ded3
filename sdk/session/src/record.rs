//! The record as text: the JSON that is stored.

use guestpass_core::{Credential, EndReason, Expiry, Handle, Record, Stored, Version};
use js_sys::{JSON, JsString};
use serde::Serialize;
use serde_wasm_bindgen::{Serializer, preserve};
use wasm_bindgen::prelude::*;

use crate::clock;
use crate::handles::Handles;
use crate::js::{get, is_missing, number, parse_object, whole_number};

/// Raised when older code could misread a record. What is only added does not raise it.
const FORMAT: u8 = 1;

#[derive(Serialize)]
struct StoredRecord {
    v: u8,
    epoch: f64,
    generation: f64,
    end_reason: u8,
    #[serde(with = "preserve")]
    claim: JsValue,
    credential: Option<StoredCredential>,
}

#[derive(Serialize)]
struct StoredCredential {
    #[serde(with = "preserve")]
    access_token: JsValue,
    #[serde(with = "preserve")]
    refresh_token: JsValue,
    id: Option<String>,
    lifetime: Option<f64>,
    expires_at: Option<f64>,
}

/// As an object, as JavaScript would have written it: what is missing is null.
pub(crate) fn to_js(value: &impl Serialize) -> JsValue {
    const SERIALIZER: Serializer = Serializer::new().serialize_missing_as_null(true);
    value.serialize(&SERIALIZER).unwrap_or_default()
}

pub(crate) fn encode(handles: &Handles, record: &Record) -> JsString {
    let text_or_null = |handle: Option<Handle>| handle.map_or(JsValue::NULL, |handle| handles.text(handle).into());
    let stored = StoredRecord {
        v: FORMAT,
        epoch: number(record.version.epoch),
        generation: number(record.version.generation),
        end_reason: record.end_reason as u8,
        acquire_key: text_or_null(record.acquire_key),
        credential: record.credential.map(|credential| StoredCredential {
            access_token: text_or_null(Some(credential.access_token)),
            refresh_token: text_or_null(credential.refresh_token),
            id: credential.subject.map(|subject| handles.id(subject)),
            lifetime: credential.expiry.map(|expiry| number(expiry.lifetime)),
            expires_at: credential.expiry.map(|expiry| number(expiry.end.wall)),
        }),
    };
    JSON::stringify(&to_js(&stored)).unwrap_or_else(|_| JsString::from(""))
}

/// What a stored text holds. `None` where a newer Guestpass in another tab wrote it: that is neither read nor replaced.
pub(crate) fn decode(handles: &Handles, stored: &JsValue) -> Option<Stored> {
    if is_missing(stored) {
        return Some(Stored::Empty);
    }
    let Some(json) = parse_object(stored) else { return Some(Stored::Corrupt) };
    match get(&json, "v").as_f64() {
        Some(format) if format > f64::from(FORMAT) => None,
        Some(format) if format == f64::from(FORMAT) => {
            Some(record(handles, &json).map_or(Stored::Corrupt, Stored::Record))
        }
        _ => Some(Stored::Corrupt),
    }
}

/// `None` where the record is not sound.
fn record(handles: &Handles, json: &JsValue) -> Option<Record> {
    let credential = get(json, "credential");
    Some(Record {
        version: Version {
            epoch: whole_number(&get(json, "epoch"))?,
            generation: whole_number(&get(json, "generation"))?,
        },
        end_reason: decode_end_reason(number_or_none(&get(json, "end_reason"))?),
        acquire_key: handle_or_none(handles, get(json, "claim"))?,
        credential: if is_missing(&credential) { None } else { Some(decode_credential(handles, &credential)?) },
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

/// As `end_reason as u8` wrote it; older records have none.
pub(crate) fn decode_end_reason(end_reason: Option<u64>) -> EndReason {
    match end_reason {
        Some(1) => EndReason::Erased,
        Some(2) => EndReason::Permanent,
        _ => EndReason::SignedOut,
    }
}

/// `None` for what is there and is no text.
fn handle_or_none(handles: &Handles, value: JsValue) -> Option<Option<Handle>> {
    if is_missing(&value) { Some(None) } else { value.is_string().then(|| handles.handle(value)) }
}

/// `None` for what is there and is no whole number.
fn number_or_none(value: &JsValue) -> Option<Option<u64>> {
    if is_missing(value) { Some(None) } else { whole_number(value).map(Some) }
}
