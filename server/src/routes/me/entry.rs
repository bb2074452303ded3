//! `/me/{collection}/{key}`: one entry of a collection. Its representation is the value itself.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use utoipa::{IntoParams, IntoResponses, ToSchema};

use crate::auth::Guest;
use crate::collections::{Addition, AdditionKey, Collection, Edit, EntryChange, Key};
use crate::etag::Conditions;
use crate::routes::error::Problem;
use crate::routes::extract::{EntryKey, JsonBody, JsonValue, MergePatchValue, idempotency_key};
use crate::routes::openapi::{
    BodyErrors, CollectionErrors, ConditionErrors, EntryErrors, FullErrors, GuestErrors, ValueErrors,
};
use crate::routes::tagged::{IfMatch, IfNoneMatch, Tagged};
use crate::secret::sha256;
use crate::server::Guestpass;
use crate::store::{DataError, Written};

/// The path of an entry.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "`EntryKey` reads the path; this type documents it")]
struct EntryPath {
    /// A declared collection.
    #[param(example = "cart")]
    collection: String,
    /// The key of the entry, percent-encoded.
    #[param(min_length = 1, example = "mug")]
    key: String,
}

/// The condition that an entry is new.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "`Conditions` reads the header; this type documents it")]
struct IfNew {
    /// `*`: only a new entry.
    #[param(rename = "If-None-Match", nullable = false, example = "*")]
    if_none_match: Option<String>,
}

/// The response to a change.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "the handlers respond with `Tagged`; this type documents it")]
enum Stored {
    /// The value after the change.
    #[response(status = 200, headers(("ETag" = String, description = "The entity tag of the entry.")))]
    Changed(#[to_schema] Value),
    /// The value of the new entry.
    #[response(status = 201, headers(("ETag" = String, description = "The entity tag of the entry.")))]
    Created(#[to_schema] Value),
}

/// An addition to members of a value.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = Addition)]
pub(in crate::routes) struct AdditionBody {
    /// The numbers to add, by the name of the member. An entry or a member that is missing counts as zero. A sum is cut to the
    /// bounds of the member.
    #[schema(value_type = BTreeMap<String, f64>, example = json!({ "quantity": 2 }))]
    pub(in crate::routes) add: Map<String, Value>,
}

/// An entry of a collection
///
/// The body is the value of the entry: any JSON.
#[utoipa::path(
    get,
    path = "/me/{collection}/{key}",
    tag = "guest",
    security(("guest" = [])),
    params(
        EntryPath,
        IfNoneMatch,
    ),
    responses(
        (
            status = 200,
            description = "The value of the entry.",
            body = Value,
            headers(("ETag" = String, description = "The entity tag of the entry."))
        ),
        (status = 304, description = "The entry is unchanged.", headers(("ETag" = String, description = "The entity tag of the entry."))),
        EntryErrors,
        GuestErrors,
    )
)]
pub(super) async fn entry(
    guest: Guest,
    EntryKey(collection, key): EntryKey,
    conditions: Conditions,
    State(Guestpass { inner }): State<Guestpass>,
) -> Result<Response, Problem> {
    let entry = inner.store.entry(guest.id(), collection.name.clone(), key.as_str().to_owned()).await??;
    Ok(Tagged { tag: entry.tag(), body: entry.value }.unless_current(&conditions))
}

/// Set an entry
///
/// Creates the entry or replaces its value. An equal value, too, makes the entry the newest of the collection.
#[utoipa::path(
    put,
    path = "/me/{collection}/{key}",
    tag = "guest",
    security(("guest" = [])),
    params(
        EntryPath,
        IfMatch,
        IfNew,
    ),
    request_body(content = Value, description = "The value.", example = json!({ "quantity": 2 })),
    responses(
        Stored,
        CollectionErrors,
        FullErrors,
        ConditionErrors,
        GuestErrors,
        BodyErrors,
        ValueErrors,
    )
)]
pub(super) async fn put(
    guest: Guest,
    EntryKey(collection, key): EntryKey,
    conditions: Conditions,
    State(server): State<Guestpass>,
    JsonValue(value): JsonValue,
) -> Result<Response, Problem> {
    store(&server, guest, change(&server, collection, key, Edit::Put(value), conditions)).await
}

/// Change a part of an entry
///
/// A JSON merge patch (RFC 7396) of the value: sets the named members, removes those whose value is null, and keeps the others. If
/// there is no entry, it is created from the patch; with `If-Match: *`, only an existing entry is changed.
#[utoipa::path(
    patch,
    path = "/me/{collection}/{key}",
    tag = "guest",
    security(("guest" = [])),
    params(
        EntryPath,
        IfMatch,
        IfNew,
    ),
    request_body(content(
        (Value = "application/merge-patch+json", example = json!({ "quantity": 2 })),
        (Value = "application/json", example = json!({ "quantity": 2 }))
    )),
    responses(
        Stored,
        CollectionErrors,
        FullErrors,
        ConditionErrors,
        GuestErrors,
        BodyErrors,
        ValueErrors,
    )
)]
pub(super) async fn patch(
    guest: Guest,
    EntryKey(collection, key): EntryKey,
    conditions: Conditions,
    State(server): State<Guestpass>,
    MergePatchValue(patch): MergePatchValue,
) -> Result<Response, Problem> {
    store(&server, guest, change(&server, collection, key, Edit::Patch(patch), conditions)).await
}

/// Add to an entry
///
/// Adds numbers to members of the value, which is an object.
#[utoipa::path(
    post,
    path = "/me/{collection}/{key}",
    tag = "guest",
    security(("guest" = [])),
    params(
        EntryPath,
        IfMatch,
        (
            "Idempotency-Key" = Option<String>,
            Header,
            description = "At least 128 random bits in base64url. Within 24 hours, a request with the same key adds nothing, and \
                its response has the current value, or is 404 if the entry has been removed: send the key with every retry. The \
                latest 500 keys of a guest are remembered.",
            min_length = 22,
            max_length = 128,
            nullable = false,
            pattern = "^[A-Za-z0-9_-]{22,128}$",
        ),
    ),
    request_body = AdditionBody,
    responses(
        Stored,
        EntryErrors,
        FullErrors,
        ConditionErrors,
        GuestErrors,
        BodyErrors,
        ValueErrors,
    )
)]
pub(super) async fn add(
    guest: Guest,
    EntryKey(collection, key): EntryKey,
    conditions: Conditions,
    State(server): State<Guestpass>,
    headers: HeaderMap,
    JsonBody(AdditionBody { add }): JsonBody<AdditionBody>,
) -> Result<Response, Problem> {
    // The order of members makes no other request.
    let sorted: BTreeMap<_, _> = add.iter().collect();
    let addition_key = idempotency_key(&headers)?.map(|text| AdditionKey {
        hash: sha256(text.as_bytes()),
        request: sha256(json!([collection.name, key.as_str(), sorted]).to_string().as_bytes()),
    });
    let change = change(&server, collection, key, Edit::Add(Addition(add)), conditions);
    store(&server, guest, EntryChange { addition_key, ..change }).await
}

/// Remove an entry
///
/// Removing an entry that does not exist succeeds, so a retry does too.
#[utoipa::path(
    delete,
    path = "/me/{collection}/{key}",
    tag = "guest",
    security(("guest" = [])),
    params(
        EntryPath,
        IfMatch,
    ),
    responses(
        (status = 204, description = "There is no such entry."),
        CollectionErrors,
        ConditionErrors,
        GuestErrors,
    )
)]
pub(super) async fn remove(
    guest: Guest,
    EntryKey(collection, key): EntryKey,
    conditions: Conditions,
    State(server): State<Guestpass>,
) -> Result<StatusCode, Problem> {
    let change = change(&server, collection, key, Edit::Remove, conditions);
    server.inner.store.change_entry(guest.id(), change).await??;
    Ok(StatusCode::NO_CONTENT)
}

fn change(
    Guestpass { inner }: &Guestpass,
    collection: Arc<Collection>,
    key: Key,
    edit: Edit,
    conditions: Conditions,
) -> EntryChange {
    EntryChange { collection, key, edit, conditions, addition_key: None, now: inner.clock.now() }
}

async fn store(Guestpass { inner }: &Guestpass, guest: Guest, change: EntryChange) -> Result<Response, Problem> {
    let written = inner.store.change_entry(guest.id(), change).await??;
    let Written { entry, is_new } = written.ok_or(DataError::NoEntry)?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Tagged { tag: entry.tag(), body: entry.value }).into_response())
}
