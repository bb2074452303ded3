//! `GET /public-data`: data that needs no token.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::error::Problem;
use crate::server::Guestpass;

/// Data that needs no token.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PublicData {
    /// The name of the shop.
    name: &'static str,
    /// The number of items in the catalogue.
    items: u64,
}

/// Data that needs no token
#[utoipa::path(get, path = "/public-data", tag = "shop", responses(
    (status = 200, description = "The data, without anything personal.", body = PublicData),
))]
pub(super) async fn public_data(State(Guestpass { inner }): State<Guestpass>) -> Result<Json<PublicData>, Problem> {
    let items = inner.store.item_count().await?;
    Ok(Json(PublicData { name: "Guestpass demo shop", items }))
}
