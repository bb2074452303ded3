//! Pages of lists: `?limit=` and `?after=`, and the items in a page.

use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequestParts, Query};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::clock::Timestamp;
use crate::routes::error::Problem;
use crate::store::{ItemRow, ListedItem, Page, Position};

const LIMIT: u32 = 50;
const MAX_LIMIT: u32 = 100;

/// Which page of a list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct PageQuery {
    /// The greatest number of items in the page.
    #[param(minimum = 1, maximum = 100, default = 50, nullable = false)]
    limit: Option<u32>,
    /// The `next` of the previous page. Omit it for the first page.
    #[param(pattern = r"^[0-9]{1,18}\.[0-9]{1,18}$", nullable = false, example = "1800000000250.2")]
    after: Option<String>,
}

/// The page of a list that a request asks for.
#[derive(Debug)]
pub(super) struct Paging(Page);

impl<S: Send + Sync> FromRequestParts<S> for Paging {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let query = Query::<PageQuery>::from_request_parts(parts, state).await;
        let invalid = |detail: String| Problem::new(StatusCode::BAD_REQUEST, detail);
        let Query(PageQuery { limit, after }) = query.map_err(|error: QueryRejection| invalid(error.body_text()))?;
        let limit = limit.unwrap_or(LIMIT);
        if !(1..=MAX_LIMIT).contains(&limit) {
            return Err(invalid(format!("limit must be from 1 to {MAX_LIMIT}.")));
        }
        let after = match after {
            Some(cursor) => Some(
                position(&cursor)
                    .ok_or_else(|| invalid("after must be the value of next of a previous page.".into()))?,
            ),
            None => None,
        };
        Ok(Self(Page { limit, after }))
    }
}

impl Paging {
    /// The page to read from the store: with one more item, which tells whether another page follows.
    pub(super) fn page(&self) -> Page {
        Page { limit: self.0.limit + 1, ..self.0 }
    }

    /// The items of the page and the cursor of the next one, from the items that the store returned.
    pub(super) fn page_of(&self, mut found: Vec<ListedItem>) -> (Vec<ListedItem>, Option<String>) {
        let limit = self.0.limit as usize;
        let more = found.len() > limit;
        found.truncate(limit);
        let next = found.last().filter(|_| more).map(|last| cursor(Position { at: last.at, item: last.item.id }));
        (found, next)
    }
}

pub(in crate::routes) fn cursor(position: Position) -> String {
    format!("{}.{}", position.at.as_millis(), position.item)
}

pub(in crate::routes) fn position(cursor: &str) -> Option<Position> {
    let (at, item) = cursor.split_once('.')?;
    Some(Position { at: Timestamp::from_millis(at.parse().ok()?), item: item.parse().ok()? })
}

/// An item of a list, with the data of the item.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ShownItem {
    item_id: i64,
    name: String,
    description: String,
    /// In hundredths of the currency.
    #[schema(minimum = 0)]
    price_cents: i64,
    /// ISO 4217.
    #[schema(pattern = "^[A-Z]{3}$", example = "EUR")]
    currency: String,
    emoji: String,
    #[schema(example = "kitchen")]
    category: String,
}

impl From<ItemRow> for ShownItem {
    fn from(item: ItemRow) -> Self {
        let ItemRow { id: item_id, name, description, price_cents, currency, emoji, category } = item;
        Self { item_id, name, description, price_cents, currency, emoji, category }
    }
}
