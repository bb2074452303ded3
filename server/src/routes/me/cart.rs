//! `/me/cart`: the guest's cart. Every change answers with the cart as it is after it.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::{IntoResponses, ToSchema};

use super::conditional::{IfMatch, IfNoneMatch, Tagged};
use crate::auth::Guest;
use crate::error::Problem;
use crate::etag::{Conditions, EntityTag};
use crate::routes::body::{JsonBody, integer};
use crate::routes::idempotency_key::idempotency_key;
use crate::routes::openapi::{BodyErrors, ConditionErrors, FullErrors, GuestErrors, ItemErrors};
use crate::secret::sha256;
use crate::server::Guestpass;
use crate::store::{CartChange, CartKey, CartLine, MAX_QUANTITY, Quantity, DataError};

/// What an empty cart is counted in.
const CURRENCY: &str = "EUR";

/// A guest's cart.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Cart {
    /// What is in it, the oldest line first.
    lines: Vec<CartLine>,
    /// The sum over all lines, in hundredths of the currency.
    #[schema(minimum = 0, example = 6980)]
    total_cents: i64,
    /// What it is counted in (ISO 4217).
    #[schema(pattern = "^[A-Z]{3}$", example = "EUR")]
    currency: String,
}

/// What every change answers.
#[derive(IntoResponses)]
#[response(
    status = 200,
    description = "The cart after it.",
    headers(("ETag" = String, description = "Of the cart after it."))
)]
#[expect(dead_code, reason = "the handlers answer with `Tagged`; this describes it")]
struct CartAfter(#[to_schema] Cart);

/// What to add.
#[derive(Debug, Deserialize, ToSchema)]
pub(in crate::routes) struct NewLine {
    /// An item of the catalogue.
    #[serde(deserialize_with = "integer")]
    #[schema(example = 1)]
    pub(in crate::routes) item_id: i64,
    /// How many more. A line holds 99 at most; what goes beyond is dropped.
    #[serde(deserialize_with = "integer")]
    #[schema(minimum = 1, example = 2)]
    pub(in crate::routes) quantity: i64,
}

/// How many there are to be.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = Quantity)]
pub(in crate::routes) struct NewQuantity {
    #[serde(deserialize_with = "integer")]
    #[schema(minimum = 1, maximum = 99, example = 2)]
    pub(in crate::routes) quantity: i64,
}

/// The cart
#[utoipa::path(
    get,
    path = "/me/cart",
    tag = "guest",
    security(("guest" = [])),
    params(IfNoneMatch),
    responses(
        (status = 200, description = "The cart.", body = Cart, headers(("ETag" = String, description = "Of the cart."))),
        (status = 304, description = "It is still the same.", headers(("ETag" = String, description = "Of the cart."))),
        GuestErrors,
    )
)]
pub(super) async fn cart(
    guest: Guest,
    conditions: Conditions,
    State(Guestpass { inner }): State<Guestpass>,
) -> Result<Response, Problem> {
    let lines = inner.store.cart(guest.id()).await??;
    Ok(Cart::of(lines).unless_known(&conditions))
}

/// Add to the cart
///
/// Adds to what is there already, up to 99 of one item, and up to 100 different items.
#[utoipa::path(
    post,
    path = "/me/cart",
    tag = "guest",
    security(("guest" = [])),
    params(
        IfMatch,
        (
            "Idempotency-Key" = Option<String>,
            Header,
            description = "128 or more random bits in base64url. The same key again within 24 hours adds nothing more, and is \
                answered with the cart as it is then: send it with every retry. The latest 500 keys of a guest are remembered.",
            min_length = 22,
            max_length = 128,
            nullable = false,
            pattern = "^[A-Za-z0-9_-]{22,128}$",
        ),
    ),
    request_body = NewLine,
    responses(
        CartAfter,
        ItemErrors,
        FullErrors,
        ConditionErrors,
        GuestErrors,
        BodyErrors,
    )
)]
pub(super) async fn add(
    guest: Guest,
    conditions: Conditions,
    State(server): State<Guestpass>,
    headers: HeaderMap,
    JsonBody(NewLine { item_id, quantity }): JsonBody<NewLine>,
) -> Result<Tagged<Cart>, Problem> {
    if quantity < 1 {
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "quantity must be at least 1."));
    }
    let key = idempotency_key(&headers)?.map(|key| CartKey {
        hash: sha256(key.as_bytes()),
        request: sha256(format!("add {quantity} of {item_id}").as_bytes()),
    });
    change(&server, guest, conditions, key, item_id, Quantity::Add(quantity)).await
}

/// Set how many of an item the cart has
#[utoipa::path(
    put,
    path = "/me/cart/{item_id}",
    tag = "guest",
    security(("guest" = [])),
    params(("item_id" = i64, Path, description = "An item of the catalogue.", example = 1), IfMatch),
    request_body = NewQuantity,
    responses(
        CartAfter,
        ItemErrors,
        FullErrors,
        ConditionErrors,
        GuestErrors,
        BodyErrors,
    )
)]
pub(super) async fn set(
    guest: Guest,
    conditions: Conditions,
    State(server): State<Guestpass>,
    item: Result<Path<i64>, PathRejection>,
    JsonBody(NewQuantity { quantity }): JsonBody<NewQuantity>,
) -> Result<Tagged<Cart>, Problem> {
    if !(1..=MAX_QUANTITY).contains(&quantity) {
        let detail = format!("quantity must be from 1 to {MAX_QUANTITY}.");
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail));
    }
    let Path(item) = item.map_err(|_| DataError::NoItem)?;
    change(&server, guest, conditions, None, item, Quantity::Set(quantity)).await
}

/// Take an item out of the cart
///
/// Taking out what is not there is no error, so that a retry is none.
#[utoipa::path(
    delete,
    path = "/me/cart/{item_id}",
    tag = "guest",
    security(("guest" = [])),
    params(("item_id" = i64, Path, description = "An item of the catalogue.", example = 1), IfMatch),
    responses(
        CartAfter,
        ItemErrors,
        ConditionErrors,
        GuestErrors,
    )
)]
pub(super) async fn remove(
    guest: Guest,
    conditions: Conditions,
    State(server): State<Guestpass>,
    item: Result<Path<i64>, PathRejection>,
) -> Result<Tagged<Cart>, Problem> {
    let Path(item) = item.map_err(|_| DataError::NoItem)?;
    change(&server, guest, conditions, None, item, Quantity::Remove).await
}

async fn change(
    Guestpass { inner }: &Guestpass,
    guest: Guest,
    conditions: Conditions,
    key: Option<CartKey>,
    item: i64,
    quantity: Quantity,
) -> Result<Tagged<Cart>, Problem> {
    let change = CartChange { item, quantity, conditions, key, now: inner.clock.now() };
    let lines = inner.store.change_cart(guest.id(), change).await??;
    Ok(Cart::of(lines))
}

impl Cart {
    fn of(lines: Vec<CartLine>) -> Tagged<Self> {
        Tagged {
            tag: EntityTag::of(&lines),
            body: Self {
                total_cents: lines.iter().map(|line| line.price_cents.saturating_mul(line.quantity)).sum(),
                currency: lines.first().map_or_else(|| CURRENCY.to_owned(), |line| line.currency.clone()),
                lines,
            },
        }
    }
}
