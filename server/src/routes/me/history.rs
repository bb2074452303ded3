//! `/me/history`: what the caller has looked at. Each item is in it once, and 100 at most: what was seen longest ago makes
//! room.

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::paging::{PageQuery, Paging, ShownItem};
use crate::auth::Guest;
use crate::error::Problem;
use crate::routes::openapi::{GuestErrors, ItemErrors};
use crate::server::Guestpass;
use crate::store::{ItemList, ListedItem, DataError};

/// A part of the history.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct History {
    /// What was seen last is first.
    items: Vec<SeenItem>,
    /// What to ask for the next part `after`. Null: there is no more.
    #[schema(example = "1800000000250.2")]
    next: Option<String>,
}

/// Something that the caller has looked at.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SeenItem {
    #[serde(flatten)]
    item: ShownItem,
    /// When last.
    #[schema(format = DateTime, example = "2027-01-15T08:00:00.250Z")]
    viewed_at: String,
}

impl From<ListedItem> for SeenItem {
    fn from(ListedItem { item, at }: ListedItem) -> Self {
        Self { item: item.into(), viewed_at: at.rfc3339() }
    }
}

/// What the caller has looked at
#[utoipa::path(get, path = "/me/history", tag = "guest", security(("guest" = [])), params(PageQuery), responses(
    (status = 200, description = "A part of the history.", body = History),
    GuestErrors,
))]
pub(super) async fn history(
    guest: Guest,
    paging: Paging,
    State(Guestpass { inner }): State<Guestpass>,
) -> Result<Json<History>, Problem> {
    let (items, next) = paging.part(inner.store.list(ItemList::History, guest.id(), paging.page()).await??);
    Ok(Json(History { items: items.into_iter().map(SeenItem::from).collect(), next }))
}

/// Note that the caller looks at an item now
///
/// The history has each item once, with the latest time, and the 100 that were seen last.
#[utoipa::path(
    put,
    path = "/me/history/{item_id}",
    tag = "guest",
    security(("guest" = [])),
    params(("item_id" = i64, Path, description = "An item of the catalogue.", example = 1)),
    responses(
        (status = 204, description = "It is the latest of the history."),
        ItemErrors,
        GuestErrors,
    )
)]
pub(super) async fn see(
    guest: Guest,
    State(Guestpass { inner }): State<Guestpass>,
    item: Result<Path<i64>, PathRejection>,
) -> Result<StatusCode, Problem> {
    let Path(item) = item.map_err(|_| DataError::NoItem)?;
    inner.store.add_item(ItemList::History, guest.id(), item, inner.clock.now()).await??;
    Ok(StatusCode::NO_CONTENT)
}

/// Forget that the caller has looked at an item
///
/// Forgetting what was not seen is no error, so that a retry is none.
#[utoipa::path(
    delete,
    path = "/me/history/{item_id}",
    tag = "guest",
    security(("guest" = [])),
    params(("item_id" = i64, Path, description = "An item of the catalogue.", example = 1)),
    responses(
        (status = 204, description = "It is not in the history."),
        ItemErrors,
        GuestErrors,
    )
)]
pub(super) async fn forget(
    guest: Guest,
    State(Guestpass { inner }): State<Guestpass>,
    item: Result<Path<i64>, PathRejection>,
) -> Result<StatusCode, Problem> {
    let Path(item) = item.map_err(|_| DataError::NoItem)?;
    inner.store.remove_item(ItemList::History, guest.id(), Some(item)).await??;
    Ok(StatusCode::NO_CONTENT)
}

/// Forget all that the caller has looked at
#[utoipa::path(delete, path = "/me/history", tag = "guest", security(("guest" = [])), responses(
    (status = 204, description = "The history is empty."),
    GuestErrors,
))]
pub(super) async fn clear(guest: Guest, State(Guestpass { inner }): State<Guestpass>) -> Result<StatusCode, Problem> {
    inner.store.remove_item(ItemList::History, guest.id(), None).await??;
    Ok(StatusCode::NO_CONTENT)
}
