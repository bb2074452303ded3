//! `GET /items/`: the catalogue, as it is for the caller.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::openapi::GuestErrors;
use crate::auth::Guest;
use crate::clock::Timestamp;
use crate::error::Problem;
use crate::recommend::{Recommendation, recently_seen, recommended};
use crate::server::Guestpass;
use crate::store::{ItemRow, PersonalItem};

/// The catalogue, as it is for the caller.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Items {
    items: Vec<ShopItem>,
    /// What the caller has looked at, the latest first, and at most ten: `id`s of items.
    recently_seen: Vec<i64>,
    /// What the caller may like, from the categories of what they have seen and marked; at most four.
    recommended: Vec<Recommendation>,
}

/// One thing in the catalogue, and what it is to the caller.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ShopItem {
    #[serde(flatten)]
    item: ItemRow,
    /// Whether it is one of the caller's favourites.
    favorite: bool,
    /// When the caller last looked at it. Null: never, or long ago.
    #[schema(format = DateTime, example = "2027-01-15T08:00:00.250Z")]
    viewed_at: Option<String>,
}

impl From<PersonalItem> for ShopItem {
    fn from(PersonalItem { item, viewed_at, favorite_since, .. }: PersonalItem) -> Self {
        Self { item, favorite: favorite_since.is_some(), viewed_at: viewed_at.map(Timestamp::rfc3339) }
    }
}

/// The catalogue
///
/// For guests: it stands for whatever an application shows only to those who have a token. It is personal: each item says
/// whether it is a favourite and when it was last seen. Recommended is what the caller has neither seen nor marked nor put
/// into the cart, from the categories that they care for most: an item seen counts 1 and a favourite 2, and of two
/// categories that count the same, the one turned to later comes first. The same history gives the same recommendations.
#[utoipa::path(get, path = "/items/", tag = "shop", security(("guest" = [])), responses(
    (status = 200, description = "All items.", body = Items),
    GuestErrors,
))]
pub(super) async fn items(guest: Guest, State(Guestpass { inner }): State<Guestpass>) -> Result<Json<Items>, Problem> {
    let items = inner.store.items(guest.id()).await??;
    Ok(Json(Items {
        recently_seen: recently_seen(&items),
        recommended: recommended(&items),
        items: items.into_iter().map(ShopItem::from).collect(),
    }))
}
