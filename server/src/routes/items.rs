//! `GET /items/`: the catalogue, personal to the caller.

use std::collections::HashMap;

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::error::Problem;
use super::extract::{AcceptLanguage, Language};
use super::openapi::GuestErrors;
use crate::auth::Guest;
use crate::catalogue::{Item, Members, PersonalItem};
use crate::clock::Timestamp;
use crate::recommend::{Reason, Recommendation, recently_viewed, recommended};
use crate::server::Guestpass;

/// The catalogue, personal to the caller.
#[derive(Serialize, ToSchema)]
#[schema(as = Items)]
pub(super) struct ItemsResponse<'a> {
    /// Greets the caller by the `sub` of the token, in English or Chinese.
    #[schema(example = "Hello, anonymous_0198c1d2-5f3e-7a10-9c55-0d8e6a4b2f11!")]
    message: String,
    /// All items in the order of the catalogue.
    #[schema(value_type = Vec<PersonalItemBody>)]
    items: &'a [PersonalItemBody<'a>],
    /// The same as `items`, for clients that expect the list under this name.
    #[schema(value_type = Vec<PersonalItemBody>)]
    data: &'a [PersonalItemBody<'a>],
    /// The `id`s of the items that the caller has viewed, the latest first, and at most ten.
    #[schema(value_type = Vec<ItemId>)]
    recently_seen: Vec<&'a RawValue>,
    /// Recommendations from the categories of the items that the caller has viewed or marked; at most four.
    #[schema(value_type = Vec<RecommendationBody>)]
    recommended: Vec<RecommendationBody<'a>>,
}

/// A text or a whole number.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "documents ids, which are sent as they are in the catalogue")]
enum ItemId {
    Text(String),
    Number(i64),
}

/// One item of the catalogue. Its further members are as they are in the catalogue.
#[derive(Serialize, ToSchema)]
#[schema(as = Item)]
struct ItemBody {
    /// The id as text is the key of the item's entries in collections.
    id: ItemId,
    #[schema(example = "Morning mug")]
    name: String,
    /// Recommendations are made by category.
    #[schema(nullable = false, example = "kitchen")]
    category: Option<String>,
    #[serde(flatten)]
    further: HashMap<String, Value>,
}

/// One item of the catalogue, with what the caller has done with it.
#[derive(Serialize, ToSchema)]
#[schema(as = ShopItem)]
struct PersonalItemBody<'a> {
    #[serde(flatten)]
    #[schema(value_type = ItemBody)]
    item: &'a Members,
    /// Whether it is a favourite of the caller.
    favorite: bool,
    /// When the caller last viewed it. Null: never, or too long ago to be in the history.
    #[schema(format = DateTime, example = "2027-01-15T08:00:00.250Z")]
    viewed_at: Option<String>,
}

/// An item that the caller may like.
#[derive(Serialize, ToSchema)]
#[schema(as = Recommendation)]
struct RecommendationBody<'a> {
    #[schema(value_type = ItemId)]
    item_id: &'a RawValue,
    /// The item of the same category that the caller viewed or marked last.
    #[schema(value_type = ItemId)]
    because: &'a RawValue,
    /// The reason as a text, in English or Chinese.
    #[schema(example = "Because you looked at Morning mug.")]
    reason: String,
}

impl<'a> From<PersonalItem<'a>> for PersonalItemBody<'a> {
    fn from(PersonalItem { item, viewed_at, favorite_since, .. }: PersonalItem<'a>) -> Self {
        let favorite = favorite_since.is_some();
        Self { item: &item.members, favorite, viewed_at: viewed_at.map(Timestamp::rfc3339) }
    }
}

impl<'a> RecommendationBody<'a> {
    fn new(Recommendation { item, because, reason }: Recommendation<'a>, language: Language) -> Self {
        Self { item_id: &item.id, because: &because.id, reason: sentence(because, reason, language) }
    }
}

/// The reason of a recommendation as a text.
fn sentence(Item { name, .. }: &Item, reason: Reason, language: Language) -> String {
    match (language, reason) {
        (Language::English, Reason::Favorite) => format!("Because {name} is one of your favourites."),
        (Language::English, Reason::Viewed) => format!("Because you looked at {name}."),
        (Language::Chinese, Reason::Favorite) => format!("因为您收藏了“{name}”。"),
        (Language::Chinese, Reason::Viewed) => format!("因为您看过“{name}”。"),
    }
}

fn greeting(guest: Guest, language: Language) -> String {
    match language {
        Language::English => format!("Hello, {}!", guest.subject()),
        Language::Chinese => format!("您好，{}！", guest.subject()),
    }
}

/// The catalogue
///
/// The items of the operator's catalogue (`--catalogue`), personal to the caller: each item has whether it is a favourite of the
/// caller and when the caller last viewed it. The entries of the collections `favorites`, `history` and `cart`, or of those that
/// the catalogue names, refer to an item by its id as key.
///
/// The recommendations are items that the caller has not viewed, marked or put into the cart, from the categories with the
/// greatest weight: each viewed item weighs 1 and each favourite 2; of two categories with the same weight, the one with the
/// later view or mark comes first. The same history gives the same recommendations.
#[utoipa::path(get, path = "/items/", tag = "shop", security(("guest" = [])),
    params(AcceptLanguage),
    responses(
        (status = 200, description = "All items.", body = ItemsResponse, headers(
            ("Content-Language" = String, description = "`en` or `zh`: the language of the greeting and the reasons."),
        )),
        GuestErrors,
    ),
)]
pub(super) async fn items(
    guest: Guest,
    language: Language,
    State(Guestpass { inner }): State<Guestpass>,
) -> Result<impl IntoResponse, Problem> {
    let catalogue = inner.catalogue.load_full();
    let marks = inner.store.marks(guest.id(), catalogue.collections.names()).await??;
    let items = catalogue.personal(&marks);
    let recommended = recommended(&items).into_iter();
    let bodies: Vec<_> = items.iter().copied().map(PersonalItemBody::from).collect();
    let response = ItemsResponse {
        message: greeting(guest, language),
        items: &bodies,
        data: &bodies,
        recently_seen: recently_viewed(&items).into_iter().map(|item| &*item.id).collect(),
        recommended: recommended.map(|one| RecommendationBody::new(one, language)).collect(),
    };
    Ok((language.headers(), Json(response).into_response()))
}
