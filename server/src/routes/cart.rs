//! `/me/cart`: the guest's cart. Every change answers with the cart as it is after it.

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::body::{JsonBody, integer};
use super::openapi::{BodyErrors, GuestErrors};
use crate::auth::Guest;
use crate::error::{Problem, ProblemBody};
use crate::server::Guestpass;
use crate::store::{CartChange, CartLine, MAX_QUANTITY};

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

/// What to add.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct NewLine {
    /// An item of the catalogue.
    #[serde(deserialize_with = "integer")]
    #[schema(example = 1)]
    pub(super) item_id: i64,
    /// How many more. A line holds 99 at most; what goes beyond is dropped.
    #[serde(deserialize_with = "integer")]
    #[schema(minimum = 1, example = 2)]
    pub(super) quantity: i64,
}

/// How many there are to be.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct Quantity {
    #[serde(deserialize_with = "integer")]
    #[schema(minimum = 1, maximum = 99, example = 2)]
    pub(super) quantity: i64,
}

/// The cart
#[utoipa::path(get, path = "/me/cart", tag = "guest", security(("guest" = [])), responses(
    (status = 200, description = "The cart.", body = Cart),
    GuestErrors,
))]
pub(super) async fn cart(guest: Guest, State(server): State<Guestpass>) -> Result<Json<Cart>, Problem> {
    let lines = server.inner.store.cart(guest.id()).await?;
    Ok(Json(Cart::of(lines)))
}

/// Add to the cart
///
/// Adds to what is there already, up to 99 of one item.
#[utoipa::path(
    post,
    path = "/me/cart",
    tag = "guest",
    security(("guest" = [])),
    request_body = NewLine,
    responses(
        (status = 200, description = "The cart after it.", body = Cart),
        (status = 404, description = "There is no such item.", body = ProblemBody, content_type = "application/problem+json"),
        GuestErrors,
        BodyErrors,
    )
)]
pub(super) async fn add(
    guest: Guest,
    State(server): State<Guestpass>,
    JsonBody(line): JsonBody<NewLine>,
) -> Result<Json<Cart>, Problem> {
    if line.quantity < 1 {
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "quantity must be at least 1."));
    }
    change(&server, guest, line.item_id, CartChange::Add(line.quantity)).await
}

/// Set how many of an item the cart has
#[utoipa::path(
    put,
    path = "/me/cart/{item_id}",
    tag = "guest",
    security(("guest" = [])),
    params(("item_id" = i64, Path, description = "An item of the catalogue.", example = 1)),
    request_body = Quantity,
    responses(
        (status = 200, description = "The cart after it.", body = Cart),
        (status = 404, description = "There is no such item.", body = ProblemBody, content_type = "application/problem+json"),
        GuestErrors,
        BodyErrors,
    )
)]
pub(super) async fn set(
    guest: Guest,
    State(server): State<Guestpass>,
    item: Result<Path<i64>, PathRejection>,
    JsonBody(Quantity { quantity }): JsonBody<Quantity>,
) -> Result<Json<Cart>, Problem> {
    if !(1..=MAX_QUANTITY).contains(&quantity) {
        let detail = format!("quantity must be from 1 to {MAX_QUANTITY}.");
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail));
    }
    let Path(item) = item.map_err(|_| unknown_item())?;
    change(&server, guest, item, CartChange::Set(quantity)).await
}

/// Take an item out of the cart
///
/// Taking out what is not there is no error, so that a retry is none.
#[utoipa::path(
    delete,
    path = "/me/cart/{item_id}",
    tag = "guest",
    security(("guest" = [])),
    params(("item_id" = i64, Path, description = "An item of the catalogue.", example = 1)),
    responses(
        (status = 200, description = "The cart after it.", body = Cart),
        (status = 404, description = "There is no such item.", body = ProblemBody, content_type = "application/problem+json"),
        GuestErrors,
    )
)]
pub(super) async fn remove(
    guest: Guest,
    State(server): State<Guestpass>,
    item: Result<Path<i64>, PathRejection>,
) -> Result<Json<Cart>, Problem> {
    let Path(item) = item.map_err(|_| unknown_item())?;
    change(&server, guest, item, CartChange::Remove).await
}

async fn change(server: &Guestpass, guest: Guest, item: i64, change: CartChange) -> Result<Json<Cart>, Problem> {
    let now = server.inner.clock.now();
    let lines = server.inner.store.change_cart(guest.id(), item, change, now).await?.ok_or_else(unknown_item)?;
    Ok(Json(Cart::of(lines)))
}

fn unknown_item() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "There is no such item.")
}

impl Cart {
    fn of(lines: Vec<CartLine>) -> Self {
        Self {
            total_cents: lines.iter().map(|line| line.price_cents.saturating_mul(line.quantity)).sum(),
            currency: lines.first().map_or_else(|| CURRENCY.to_owned(), |line| line.currency.clone()),
            lines,
        }
    }
}
