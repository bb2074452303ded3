//! Snapshots and events as JavaScript sees them: plain objects, of the shapes in `npm/src/types.ts`.

use guestpass_core::{Event, Failure, IdentityReason, Kind, Parting, SignedOutBy, Snapshot, Trouble};
use serde::ser::{Serialize, SerializeMap, Serializer};
use wasm_bindgen::JsValue;

use crate::number;

/// An object, member by member. One type for all shapes: each further one would cost its own serialiser.
struct Object<'a>(&'a [(&'static str, Member<'a>)]);

enum Member<'a> {
    Absent,
    Null,
    Number(f64),
    Text(&'a str),
    Object(&'a Object<'a>),
}

use Member::{Absent, Null, Number, Text};

impl Serialize for Object<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, member) in self.0 {
            if !matches!(member, Absent) {
                map.serialize_entry(name, member)?;
            }
        }
        map.end()
    }
}

impl Serialize for Member<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Absent | Null => serializer.serialize_unit(),
            Number(number) => serializer.serialize_f64(*number),
            Text(text) => serializer.serialize_str(text),
            Member::Object(object) => object.serialize(serializer),
        }
    }
}

/// The snapshot as an object.
pub(crate) fn snapshot(snapshot: &Snapshot) -> JsValue {
    let kind = snapshot.kind().map(|kind| match kind {
        Kind::Guest => "guest",
        Kind::User => "user",
    });
    let message = snapshot.failure.map(|failure| failure.to_string()).unwrap_or_default();
    let error = [
        ("code", Text(snapshot.failure.map_or("", Failure::code))),
        ("message", Text(&message)),
        ("retryAt", number_or_null(snapshot.retry_at)),
    ];
    let error = Object(&error);
    object(&[
        ("status", Text(snapshot.status.name())),
        ("id", text_or_null(snapshot.id.as_deref())),
        ("kind", text_or_null(kind)),
        ("expiresAt", number_or_null(snapshot.expires_at)),
        ("error", snapshot.failure.map_or(Absent, |_| Member::Object(&error))),
    ])
}

/// The event as an object; `at` is wall-clock milliseconds.
pub(crate) fn event(event: &Event, at: u64) -> JsValue {
    let message;
    let (name, first, second, third) = match event {
        Event::Restored { id } => ("restored", of_id(id), NONE, NONE),
        Event::Acquired { id } => ("acquired", of_id(id), NONE, NONE),
        Event::Refreshed { id, generation } => ("refreshed", of_id(id), of_generation(*generation), NONE),
        Event::Adopted { id, generation } => ("adopted", of_id(id), of_generation(*generation), NONE),
        Event::Unauthorized { generation } => ("unauthorized", of_generation(*generation), NONE, NONE),
        Event::Retrying { failure, delay } => {
            message = failure.to_string();
            let delay = ("delay", Number(number::write(*delay)));
            ("retrying", ("code", Text(failure.code())), ("message", Text(&message)), delay)
        }
        Event::Identity { old, new, reason } => {
            let reason = match reason {
                IdentityReason::InvalidGrant => "invalid_grant",
                IdentityReason::Unauthorized => "unauthorized",
                IdentityReason::Expired => "expired",
                IdentityReason::AnotherTab => "another_tab",
                IdentityReason::Registered => "registered",
                IdentityReason::LoggedIn => "logged_in",
            };
            let (old, new) = (text_or_null(old.as_deref()), text_or_null(new.as_deref()));
            ("identity", ("oldId", old), ("newId", new), ("reason", Text(reason)))
        }
        Event::SignedOut { id, by, parting } => {
            let by = match by {
                SignedOutBy::ThisTab => "this_tab",
                SignedOutBy::AnotherTab => "another_tab",
            };
            let reason = if *parting == Parting::Erased { "erased" } else { "signed_out" };
            ("signed_out", of_id(id), ("by", Text(by)), ("reason", Text(reason)))
        }
        Event::Storage(trouble) => {
            let (state, message) = match trouble {
                Trouble::Memory => (
                    "memory",
                    "the storage failed, or holds what a newer Guestpass wrote; the session lives in this page's memory",
                ),
                Trouble::Corrupt => ("corrupt", "what was stored could not be read, and is ignored"),
            };
            ("storage", ("state", Text(state)), ("message", Text(message)), NONE)
        }
    };
    object(&[("type", Text(name)), ("at", Number(number::write(at))), first, second, third])
}

const NONE: (&str, Member<'static>) = ("", Absent);

fn of_id(id: &Option<String>) -> (&'static str, Member<'_>) {
    ("id", text_or_null(id.as_deref()))
}

fn of_generation(generation: u64) -> (&'static str, Member<'static>) {
    ("generation", Number(number::write(generation)))
}

fn text_or_null(text: Option<&str>) -> Member<'_> {
    text.map_or(Null, Text)
}

fn number_or_null(number: Option<u64>) -> Member<'static> {
    number.map_or(Null, |number| Number(number::write(number)))
}

/// What holds texts and doubles only always serialises.
fn object(members: &[(&'static str, Member<'_>)]) -> JsValue {
    const PLAIN: serde_wasm_bindgen::Serializer =
        serde_wasm_bindgen::Serializer::new().serialize_missing_as_null(true).serialize_maps_as_objects(true);
    Object(members).serialize(&PLAIN).unwrap_or(JsValue::NULL)
}
