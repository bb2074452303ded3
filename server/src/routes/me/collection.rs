//! `/me/{collection}`: the entries that the app keeps about the caller in a declared collection.

use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequestParts, Query, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::auth::Guest;
use crate::clock::Timestamp;
use crate::collections::Entry;
use crate::etag::Conditions;
use crate::routes::error::Problem;
use crate::routes::extract::DeclaredCollection;
use crate::routes::openapi::{CollectionErrors, ConditionErrors, GuestErrors};
use crate::routes::tagged::{IfMatch, IfNoneMatch, Tagged};
use crate::server::Guestpass;
use crate::store::{MAX_PAGE, Page, Position};

/// One page of a collection.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Entries {
    /// The entry that was changed last is the first one.
    entries: Vec<EntryBody>,
    /// The value of `after` for the next page. Null: this is the last page.
    #[schema(example = "1800000000250.bXVn")]
    next: Option<String>,
}

/// An entry of a collection.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Entry)]
pub(super) struct EntryBody {
    /// Chosen by the app, such as the number of an article or a path.
    #[schema(example = "mug")]
    key: String,
    /// Any JSON value that the declaration of the collection allows.
    #[schema(example = json!({ "quantity": 2 }))]
    value: Value,
    #[schema(format = DateTime, example = "2027-01-15T08:00:00.250Z")]
    created_at: String,
    /// When the value was last written, even if it was equal.
    #[schema(format = DateTime, example = "2027-01-15T08:30:00.250Z")]
    updated_at: String,
}

impl From<Entry> for EntryBody {
    fn from(Entry { key, value, created_at, updated_at }: Entry) -> Self {
        Self { key, value, created_at: created_at.rfc3339(), updated_at: updated_at.rfc3339() }
    }
}

/// Which page of a collection.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct PageQuery {
    /// The greatest number of entries in the page.
    #[param(minimum = 1, maximum = 100, default = 100, nullable = false)]
    limit: Option<u32>,
    /// The `next` of the previous page. Omit it for the first page.
    #[param(pattern = r"^[0-9]{1,18}\.[A-Za-z0-9_-]*$", nullable = false, example = "1800000000250.bXVn")]
    after: Option<String>,
}

impl<S: Send + Sync> FromRequestParts<S> for Page {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let query = Query::<PageQuery>::from_request_parts(parts, state).await;
        let invalid = |detail: String| Problem::new(StatusCode::BAD_REQUEST, detail);
        let Query(PageQuery { limit, after }) = query.map_err(|error: QueryRejection| invalid(error.body_text()))?;
        let limit = limit.unwrap_or(MAX_PAGE);
        if !(1..=MAX_PAGE).contains(&limit) {
            return Err(invalid(format!("limit must be from 1 to {MAX_PAGE}.")));
        }
        let position = |cursor: String| {
            position(&cursor).ok_or_else(|| invalid("after must be the value of next of a previous page.".to_owned()))
        };
        Ok(Self { limit, after: after.map(position).transpose()? })
    }
}

pub(in crate::routes) fn cursor(position: &Position) -> String {
    format!("{}.{}", position.updated_at.as_millis(), URL_SAFE_NO_PAD.encode(&position.key))
}

pub(in crate::routes) fn position(cursor: &str) -> Option<Position> {
    let (updated_at, key) = cursor.split_once('.')?;
    let key = String::from_utf8(URL_SAFE_NO_PAD.decode(key).ok()?).ok()?;
    // PostgreSQL refuses U+0000 in a text.
    let is_text = !key.contains('\0');
    is_text.then_some(Position { updated_at: Timestamp::from_millis(updated_at.parse().ok()?), key })
}

/// The entries of a collection
///
/// The entry that was changed last is the first one; of two that were changed at the same time, the one with the greater key.
#[utoipa::path(
    get,
    path = "/me/{collection}",
    tag = "guest",
    security(("guest" = [])),
    params(("collection" = String, Path, description = "A declared collection.", example = "cart"), PageQuery, IfNoneMatch),
    responses(
        (
            status = 200,
            description = "One page of the collection.",
            body = Entries,
            headers(("ETag" = String, description = "The entity tag of this page."))
        ),
        (status = 304, description = "The page is unchanged.", headers(("ETag" = String, description = "The entity tag of this page."))),
        CollectionErrors,
        GuestErrors,
    )
)]
pub(super) async fn list(
    guest: Guest,
    DeclaredCollection(collection): DeclaredCollection,
    page: Page,
    conditions: Conditions,
    State(Guestpass { inner }): State<Guestpass>,
) -> Result<Response, Problem> {
    let list = inner.store.entries(guest.id(), collection.name.clone(), page).await??;
    let tag = list.tag();
    let next = list.next().as_ref().map(cursor);
    let entries = list.entries.into_iter().map(EntryBody::from).collect();
    Ok(Tagged { tag, body: Entries { entries, next } }.unless_current(&conditions))
}

/// Remove all entries of a collection
///
/// `If-Match` compares with the `ETag` of the collection's first page, requested without a query.
#[utoipa::path(
    delete,
    path = "/me/{collection}",
    tag = "guest",
    security(("guest" = [])),
    params(("collection" = String, Path, description = "A declared collection.", example = "cart"), IfMatch),
    responses(
        (status = 204, description = "The collection is empty."),
        CollectionErrors,
        ConditionErrors,
        GuestErrors,
    )
)]
pub(super) async fn clear(
    guest: Guest,
    DeclaredCollection(collection): DeclaredCollection,
    conditions: Conditions,
    State(Guestpass { inner }): State<Guestpass>,
) -> Result<StatusCode, Problem> {
    inner.store.clear(guest.id(), collection.name.clone(), conditions).await??;
    Ok(StatusCode::NO_CONTENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_the_position_of_an_entry() {
        for key in ["1", "/products/12?size=L", "Größe", ""] {
            let wanted = Position { updated_at: Timestamp::from_millis(1_800_000_000_250), key: key.to_owned() };
            assert_eq!(position(&cursor(&wanted)), Some(wanted));
        }
        for cursor in ["", ".", "1", "a.bXVn", "1.bXV", "1.bX=n", "1._w", "1.AA", "99999999999999999999.bXVn"] {
            assert_eq!(position(cursor), None, "{cursor}");
        }
    }
}
