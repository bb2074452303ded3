//! `/me/preferences`: a flat JSON object whose members the application chooses.

use std::borrow::Cow;

use axum::extract::State;
use axum::response::Response;
use serde_json::{Map, Value};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{AdditionalProperties, ObjectBuilder, OneOfBuilder, Schema, Type};
use utoipa::{IntoResponses, PartialSchema, ToSchema};

use crate::auth::Guest;
use crate::etag::Conditions;
use crate::routes::error::Problem;
use crate::routes::extract::{JsonBody, MergePatchBody};
use crate::routes::openapi::{BodyErrors, ConditionErrors, GuestErrors};
use crate::routes::tagged::{IfMatch, IfNoneMatch, Tagged};
use crate::server::Guestpass;
use crate::store::{
    MAX_PREFERENCE_KEYS, MAX_PREFERENCE_TEXT, MergePatch, Preferences, PreferencesChange, PreferencesEdit,
};

impl PartialSchema for Preferences {
    fn schema() -> RefOr<Schema> {
        let object = flat_object(OneOfBuilder::new()).max_properties(Some(MAX_PREFERENCE_KEYS));
        object.description(Some("The preferences of the caller, by name.")).into()
    }
}

impl ToSchema for Preferences {
    fn name() -> Cow<'static, str> {
        "Preferences".into()
    }
}

impl PartialSchema for MergePatch {
    fn schema() -> RefOr<Schema> {
        let null = ObjectBuilder::new().schema_type(Type::Null);
        flat_object(OneOfBuilder::new().item(null)).description(Some("The changes: null removes a member.")).into()
    }
}

impl ToSchema for MergePatch {
    fn name() -> Cow<'static, str> {
        "PreferencesPatch".into()
    }
}

/// An object of texts, numbers and booleans, and of the other types in `values`.
fn flat_object(values: OneOfBuilder) -> ObjectBuilder {
    let text = ObjectBuilder::new().schema_type(Type::String).max_length(Some(MAX_PREFERENCE_TEXT));
    let values = values
        .item(text)
        .item(ObjectBuilder::new().schema_type(Type::Number))
        .item(ObjectBuilder::new().schema_type(Type::Boolean));
    ObjectBuilder::new().additional_properties(Some(AdditionalProperties::RefOr(values.into())))
}

/// The response to a change.
#[derive(IntoResponses)]
#[response(
    status = 200,
    description = "The preferences after the change.",
    headers(("ETag" = String, description = "The entity tag of the changed preferences."))
)]
#[expect(dead_code, reason = "the handlers respond with `Tagged`; this type documents it")]
struct PreferencesAfter(#[to_schema] Preferences);

/// The preferences
#[utoipa::path(
    get,
    path = "/me/preferences",
    tag = "guest",
    security(("guest" = [])),
    params(IfNoneMatch),
    responses(
        (
            status = 200,
            description = "The preferences. A new guest has `{}`.",
            body = Preferences,
            headers(("ETag" = String, description = "The entity tag of the preferences."))
        ),
        (status = 304, description = "The preferences are unchanged.", headers(("ETag" = String, description = "The entity tag of the preferences."))),
        GuestErrors,
    )
)]
pub(super) async fn preferences(
    guest: Guest,
    conditions: Conditions,
    State(Guestpass { inner }): State<Guestpass>,
) -> Result<Response, Problem> {
    let preferences = inner.store.preferences(guest.id()).await??;
    Ok(tagged(preferences).unless_current(&conditions))
}

/// Replace the preferences
///
/// Up to 64 texts (of up to 512 characters), numbers and booleans by name, and 8 KiB of JSON in total.
#[utoipa::path(
    put,
    path = "/me/preferences",
    tag = "guest",
    security(("guest" = [])),
    params(IfMatch),
    request_body = Preferences,
    responses(
        PreferencesAfter,
        ConditionErrors,
        GuestErrors,
        BodyErrors,
    )
)]
pub(super) async fn replace(
    guest: Guest,
    conditions: Conditions,
    State(server): State<Guestpass>,
    JsonBody(members): JsonBody<Map<String, Value>>,
) -> Result<Tagged<Preferences>, Problem> {
    change(&server, guest, conditions, PreferencesEdit::Replace(members.try_into()?)).await
}

/// Change some preferences
///
/// A JSON merge patch (RFC 7396): sets the named members, removes those whose value is null, and keeps the others. The limits
/// are the same as for replacing.
#[utoipa::path(
    patch,
    path = "/me/preferences",
    tag = "guest",
    security(("guest" = [])),
    params(IfMatch),
    request_body(content((MergePatch = "application/merge-patch+json"), (MergePatch = "application/json"))),
    responses(
        PreferencesAfter,
        ConditionErrors,
        GuestErrors,
        BodyErrors,
    )
)]
pub(super) async fn merge(
    guest: Guest,
    conditions: Conditions,
    State(server): State<Guestpass>,
    MergePatchBody(members): MergePatchBody<Map<String, Value>>,
) -> Result<Tagged<Preferences>, Problem> {
    change(&server, guest, conditions, PreferencesEdit::Merge(members.try_into()?)).await
}

async fn change(
    Guestpass { inner }: &Guestpass,
    guest: Guest,
    conditions: Conditions,
    edit: PreferencesEdit,
) -> Result<Tagged<Preferences>, Problem> {
    let change = PreferencesChange { edit, conditions };
    Ok(tagged(inner.store.change_preferences(guest.id(), change).await??))
}

fn tagged(preferences: Preferences) -> Tagged<Preferences> {
    Tagged { tag: preferences.tag(), body: preferences }
}
