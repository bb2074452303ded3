//! `GET /items/`: the catalogue, personal to the caller.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::error::Problem;
use super::openapi::GuestErrors;
use crate::auth::Guest;
use crate::clock::Timestamp;
use crate::recommend::{Recommendation, recently_viewed, recommended};
use crate::server::Guestpass;
use crate::store::{ItemRow, PersonalItem};

/// The catalogue, personal to the caller.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Items)]
pub(super) struct ItemsResponse {
    items: Vec<PersonalItemBody>,
    /// The `id`s of the items that the caller has viewed, the latest first, and at most ten.
    recently_seen: Vec<i64>,
    /// Recommendations from the categories of the items that the caller has viewed or marked; at most four.
    recommended: Vec<RecommendationBody>,
}

/// One item of the catalogue.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Item)]
struct ItemBody {
    id: i64,
    name: String,
    description: String,
    /// In hundredths of the currency.
    #[schema(minimum = 0)]
    price_cents: i64,
    /// ISO 4217.
    #[schema(pattern = "^[A-Z]{3}$", example = "EUR")]
    currency: String,
    emoji: String,
    /// The category. Recommendations are made by category.
    #[schema(example = "kitchen")]
    category: String,
}

/// One item of the catalogue, with what the caller has done with it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ShopItem)]
struct PersonalItemBody {
    #[serde(flatten)]
    item: ItemBody,
    /// Whether it is a favourite of the caller.
    favorite: bool,
    /// When the caller last viewed it. Null: never, or too long ago to be in the history.
    #[schema(format = DateTime, example = "2027-01-15T08:00:00.250Z")]
    viewed_at: Option<String>,
}

/// An item that the caller may like.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Recommendation)]
struct RecommendationBody {
    item_id: i64,
    /// The item of the same category that the caller viewed or marked last.
    because: i64,
    /// The reason as a text.
    #[schema(example = "Because you looked at Morning mug.")]
    reason: String,
}

impl From<ItemRow> for ItemBody {
    fn from(item: ItemRow) -> Self {
        let ItemRow { id, name, description, price_cents, currency, emoji, category } = item;
        Self { id, name, description, price_cents, currency, emoji, category }
    }
}

impl From<PersonalItem> for PersonalItemBody {
    fn from(PersonalItem { item, viewed_at, favorite_since, .. }: PersonalItem) -> Self {
        Self { item: item.into(), favorite: favorite_since.is_some(), viewed_at: viewed_at.map(Timestamp::rfc3339) }
    }
}

impl From<Recommendation> for RecommendationBody {
    fn from(Recommendation { item_id, because, reason }: Recommendation) -> Self {
        Self { item_id, because, reason }
    }
}

/// The catalogue
///
/// An example of a resource that needs a token. The response is personal: each item has whether it is a favourite of the caller
/// and when the caller last viewed it. The recommendations are items that the caller has not viewed, marked or put into the
/// cart, from the categories with the greatest weight: each viewed item weighs 1 and each favourite 2; of two categories with
/// the same weight, the one with the later view or mark comes first. The same history gives the same recommendations.
#[utoipa::path(get, path = "/items/", tag = "shop", security(("guest" = [])), responses(
    (status = 200, description = "All items.", body = ItemsResponse),
    GuestErrors,
))]
pub(super) async fn items(
    guest: Guest,
    State(Guestpass { inner }): State<Guestpass>,
) -> Result<Json<ItemsResponse>, Problem> {
    let items = inner.store.items(guest.id()).await??;
    Ok(Json(ItemsResponse {
        recently_seen: recently_viewed(&items),
        recommended: recommended(&items).into_iter().map(RecommendationBody::from).collect(),
        items: items.into_iter().map(PersonalItemBody::from).collect(),
    }))
}
