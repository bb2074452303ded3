//! `GET /items/`: the catalogue, for guests.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::openapi::GuestErrors;
use crate::auth::Guest;
use crate::error::Problem;
use crate::server::Guestpass;
use crate::store::ItemRow;

/// The catalogue.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Items {
    items: Vec<ItemRow>,
}

/// The catalogue
///
/// For guests: it stands for whatever an application shows only to those who have a token.
#[utoipa::path(get, path = "/items/", tag = "shop", security(("guest" = [])), responses(
    (status = 200, description = "All items.", body = Items),
    GuestErrors,
))]
pub(super) async fn items(_: Guest, State(Guestpass { inner }): State<Guestpass>) -> Result<Json<Items>, Problem> {
    let items = inner.store.items().await?;
    Ok(Json(Items { items }))
}
