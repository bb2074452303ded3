//! `GET /public-data`: what anybody may see, without a token.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::error::Problem;
use crate::server::Guestpass;

/// What anybody may see.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PublicData {
    /// The shop.
    name: &'static str,
    /// How many items the catalogue has.
    items: u64,
}

/// What anybody may see
#[utoipa::path(get, path = "/public-data", tag = "shop", responses(
    (status = 200, description = "Nothing personal.", body = PublicData),
))]
pub(super) async fn public_data(State(Guestpass { inner }): State<Guestpass>) -> Result<Json<PublicData>, Problem> {
    let items = inner.store.item_count().await?;
    Ok(Json(PublicData { name: "Guestpass demo shop", items }))
}
