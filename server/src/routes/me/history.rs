//! `/me/history`: the items that the caller has viewed. Each item is in it once, and it has at most 100 items: the item viewed
//! longest ago is removed first.

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::paging::{PageQuery, Paging, ShownItem};
use crate::auth::Guest;
use crate::routes::error::Problem;
use crate::routes::openapi::{GuestErrors, ItemErrors};
use crate::server::Guestpass;
use crate::store::{DataError, ItemList, ListedItem};

/// One page of the history.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct History {
    /// The last viewed item first.
    items: Vec<SeenItem>,
    /// The value of `after` for the next page. Null: this is the last page.
    #[schema(example = "1800000000250.2")]
    next: Option<String>,
}

/// An item that the caller has viewed.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SeenItem {
    #[serde(flatten)]
    item: ShownItem,
    /// When the caller last viewed it.
    #[schema(format = DateTime, example = "2027-01-15T08:00:00.250Z")]
    viewed_at: String,
}

impl From<ListedItem> for SeenItem {
    fn from(ListedItem { item, at }: ListedItem) -> Self {
        Self { item: item.into(), viewed_at: at.rfc3339() }
    }
}

/// The history
#[utoipa::path(get, path = "/me/history", tag = "guest", security(("guest" = [])), params(PageQuery), responses(
    (status = 200, description = "One page of the history.", body = History),
    GuestErrors,
))]
pub(super) async fn history(
    guest: Guest,
    paging: Paging,
    State(Guestpass { inner }): State<Guestpass>,
) -> Result<Json<History>, Problem> {
    let (items, next) = paging.page_of(inner.store.list(ItemList::History, guest.id(), paging.page()).await??);
    Ok(Json(History { items: items.into_iter().map(SeenItem::from).collect(), next }))
}

/// Record that the caller views an item
///
/// The history has each item once, with the time of the last view, and the 100 items that were viewed last.
#[utoipa::path(
    put,
    path = "/me/history/{item_id}",
    tag = "guest",
    security(("guest" = [])),
    params(("item_id" = i64, Path, description = "An item of the catalogue.", example = 1)),
    responses(
        (status = 204, description = "The item is the newest in the history."),
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

/// Remove an item from the history
///
/// Removing an item that is not in the history succeeds, so a retry does too.
#[utoipa::path(
    delete,
    path = "/me/history/{item_id}",
    tag = "guest",
    security(("guest" = [])),
    params(("item_id" = i64, Path, description = "An item of the catalogue.", example = 1)),
    responses(
        (status = 204, description = "The item is not in the history."),
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

/// Remove all items from the history
#[utoipa::path(delete, path = "/me/history", tag = "guest", security(("guest" = [])), responses(
    (status = 204, description = "The history is empty."),
    GuestErrors,
))]
pub(super) async fn clear(guest: Guest, State(Guestpass { inner }): State<Guestpass>) -> Result<StatusCode, Problem> {
    inner.store.remove_item(ItemList::History, guest.id(), None).await??;
    Ok(StatusCode::NO_CONTENT)
}
