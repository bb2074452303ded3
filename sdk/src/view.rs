//! Snapshots and events on their way to JavaScript: rows, that is the names of the members, and then each member.
//! `npm/src/shell/row.ts` makes objects of them, of the shapes in `npm/src/types.ts`. An object made here would weigh
//! twice as much.

use guestpass_core::{Event, IdentityReason, Kind, Parting, SignedOutBy, Snapshot, Trouble};
use serde::ser::{Serialize, SerializeSeq, Serializer};
use wasm_bindgen::JsValue;

use crate::number;

enum Member<'a> {
    Null,
    Number(f64),
    Text(&'a str),
}

use Member::{Null, Number, Text};

struct Row<'a>(&'a [Member<'a>]);

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut row = serializer.serialize_seq(None)?;
        for member in self.0 {
            row.serialize_element(member)?;
        }
        row.end()
    }
}

impl Serialize for Member<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Null => serializer.serialize_unit(),
            Number(number) => serializer.serialize_f64(*number),
            Text(text) => serializer.serialize_str(text),
        }
    }
}

/// The snapshot. The last three members are those of its `error`.
pub(crate) fn snapshot(snapshot: &Snapshot) -> JsValue {
    let kind = snapshot.kind().map(|kind| match kind {
        Kind::Guest => "guest",
        Kind::User => "user",
    });
    let message = snapshot.failure.map(|failure| failure.message()).unwrap_or_default();
    row(&[
        Text("status id kind expiresAt code message retryAt"),
        Text(snapshot.status.name()),
        text_or_null(snapshot.id.as_deref()),
        text_or_null(kind),
        number_or_null(snapshot.expires_at),
        text_or_null(snapshot.failure.map(guestpass_core::Failure::code)),
        Text(&message),
        number_or_null(snapshot.retry_at),
    ])
}

/// The event. Its type comes before the names of its members.
pub(crate) fn event(event: &Event) -> JsValue {
    let message;
    let (names, first, second, third) = match event {
        Event::Restored { id } => ("restored id", of_id(id), Null, Null),
        Event::Acquired { id } => ("acquired id", of_id(id), Null, Null),
        Event::Refreshed { id, generation } => ("refreshed id generation", of_id(id), of(*generation), Null),
        Event::Adopted { id, generation } => ("adopted id generation", of_id(id), of(*generation), Null),
        Event::Unauthorized { generation } => ("unauthorized generation", of(*generation), Null, Null),
        Event::Retrying { failure, delay } => {
            message = failure.message();
            ("retrying code message delay", Text(failure.code()), Text(&message), of(*delay))
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
            ("identity oldId newId reason", of_id(old), of_id(new), Text(reason))
        }
        Event::SignedOut { id, by, parting } => {
            let by = match by {
                SignedOutBy::ThisTab => "this_tab",
                SignedOutBy::AnotherTab => "another_tab",
            };
            let reason = if *parting == Parting::Erased { "erased" } else { "signed_out" };
            ("signed_out id by reason", of_id(id), Text(by), Text(reason))
        }
        Event::Storage(trouble) => {
            let (state, message) = match trouble {
                Trouble::Memory => (
                    "memory",
                    "the storage failed, or holds what a newer Guestpass wrote; the session lives in this page's memory",
                ),
                Trouble::Corrupt => ("corrupt", "what was stored could not be read, and is ignored"),
            };
            ("storage state message", Text(state), Text(message), Null)
        }
    };
    row(&[Text(names), first, second, third])
}

fn of_id(id: &Option<String>) -> Member<'_> {
    text_or_null(id.as_deref())
}

fn of(number: u64) -> Member<'static> {
    Number(number::write(number))
}

fn text_or_null(text: Option<&str>) -> Member<'_> {
    text.map_or(Null, Text)
}

fn number_or_null(number: Option<u64>) -> Member<'static> {
    number.map_or(Null, of)
}

/// What holds texts and doubles only always serialises.
fn row(members: &[Member<'_>]) -> JsValue {
    const PLAIN: serde_wasm_bindgen::Serializer = serde_wasm_bindgen::Serializer::new().serialize_missing_as_null(true);
    Row(members).serialize(&PLAIN).unwrap_or(JsValue::NULL)
}
