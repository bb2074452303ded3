//! `/me/favorites`: the items that the caller has marked, at most 500.

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::paging::{PageQuery, Paging, ShownItem};
use crate::auth::Guest;
use crate::routes::error::Problem;
use crate::routes::openapi::{FullErrors, GuestErrors, ItemErrors};
use crate::server::Guestpass;
use crate::store::{DataError, ItemList, ListedItem};

/// One page of the favourites.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Favorites {
    /// The last marked item first.
    items: Vec<FavoriteItem>,
    /// The value of `after` for the next page. Null: this is the last page.
    #[schema(example = "1800000000250.2")]
    next: Option<String>,
}

/// An item that the caller has marked.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FavoriteItem {
    #[serde(flatten)]
    item: ShownItem,
    /// When the caller marked it.
    #[schema(format = DateTime, example = "2027-01-15T08:00:00.250Z")]
    added_at: String,
}

impl From<ListedItem> for FavoriteItem {
    fn from(ListedItem { item, at }: ListedItem) -> Self {
        Self { item: item.into(), added_at: at.rfc3339() }
    }
}

/// The favourites
#[utoipa::path(get, path = "/me/favorites", tag = "guest", security(("guest" = [])), params(PageQuery), responses(
    (status = 200, description = "One page of the favourites.", body = Favorites),
    GuestErrors,
))]
pub(super) async fn favorites(
    guest: Guest,
    paging: Paging,
    State(Guestpass { inner }): State<Guestpass>,
) -> Result<Json<Favorites>, Problem> {
    let (items, next) = paging.page_of(inner.store.list(ItemList::Favorites, guest.id(), paging.page()).await??);
    Ok(Json(Favorites { items: items.into_iter().map(FavoriteItem::from).collect(), next }))
}

/// Mark an item as a favourite
///
/// An item that is a favourite already keeps its time, so a retry changes nothing.
#[utoipa::path(
    put,
    path = "/me/favorites/{item_id}",
    tag = "guest",
    security(("guest" = [])),
    params(("item_id" = i64, Path, description = "An item of the catalogue.", example = 1)),
    responses(
        (status = 204, description = "The item is a favourite."),
        ItemErrors,
        FullErrors,
        GuestErrors,
    )
)]
pub(super) async fn mark(
    guest: Guest,
    State(Guestpass { inner }): State<Guestpass>,
    item: Result<Path<i64>, PathRejection>,
) -> Result<StatusCode, Problem> {
    let Path(item) = item.map_err(|_| DataError::NoItem)?;
    inner.store.add_item(ItemList::Favorites, guest.id(), item, inner.clock.now()).await??;
    Ok(StatusCode::NO_CONTENT)
}

/// Remove an item from the favourites
///
/// Removing an item that is not a favourite succeeds, so a retry does too.
#[utoipa::path(
    delete,
    path = "/me/favorites/{item_id}",
    tag = "guest",
    security(("guest" = [])),
    params(("item_id" = i64, Path, description = "An item of the catalogue.", example = 1)),
    responses(
        (status = 204, description = "The item is not a favourite."),
        ItemErrors,
        GuestErrors,
    )
)]
pub(super) async fn unmark(
    guest: Guest,
    State(Guestpass { inner }): State<Guestpass>,
    item: Result<Path<i64>, PathRejection>,
) -> Result<StatusCode, Problem> {
    let Path(item) = item.map_err(|_| DataError::NoItem)?;
    inner.store.remove_item(ItemList::Favorites, guest.id(), Some(item)).await??;
    Ok(StatusCode::NO_CONTENT)
}
