//! `/me/cart`: the cart of the guest. The response to a change has the changed cart.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::{IntoResponses, ToSchema};

use crate::auth::Guest;
use crate::etag::{Conditions, EntityTag};
use crate::routes::error::Problem;
use crate::routes::extract::{JsonBody, idempotency_key, integer};
use crate::routes::openapi::{BodyErrors, ConditionErrors, FullErrors, GuestErrors, ItemErrors};
use crate::routes::tagged::{IfMatch, IfNoneMatch, Tagged};
use crate::secret::sha256;
use crate::server::Guestpass;
use crate::store::{CartChange, CartKey, CartLine, DataError, MAX_QUANTITY, Quantity};

/// The currency of an empty cart.
const CURRENCY: &str = "EUR";

/// The cart of a guest.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Cart {
    /// The lines, the oldest first.
    lines: Vec<CartLineBody>,
    /// The sum over all lines, in hundredths of the currency.
    #[schema(minimum = 0, example = 6980)]
    total_cents: i64,
    /// The currency of the sum (ISO 4217).
    #[schema(pattern = "^[A-Z]{3}$", example = "EUR")]
    currency: String,
}

/// One line of a cart, with the data of its item.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CartLine)]
pub(super) struct CartLineBody {
    item_id: i64,
    name: String,
    /// The price of one piece, in hundredths of the currency.
    #[schema(minimum = 0)]
    price_cents: i64,
    /// ISO 4217.
    #[schema(pattern = "^[A-Z]{3}$", example = "EUR")]
    currency: String,
    emoji: String,
    #[schema(minimum = 1, maximum = 99)]
    quantity: i64,
}

impl From<CartLine> for CartLineBody {
    fn from(line: CartLine) -> Self {
        let CartLine { item_id, name, price_cents, currency, emoji, quantity, added_at: _ } = line;
        Self { item_id, name, price_cents, currency, emoji, quantity }
    }
}

/// The response to a change.
#[derive(IntoResponses)]
#[response(
    status = 200,
    description = "The cart after the change.",
    headers(("ETag" = String, description = "The entity tag of the changed cart."))
)]
#[expect(dead_code, reason = "the handlers respond with `Tagged`; this type documents it")]
struct CartAfter(#[to_schema] Cart);

/// The addition.
#[derive(Debug, Deserialize, ToSchema)]
pub(in crate::routes) struct NewLine {
    /// An item of the catalogue.
    #[serde(deserialize_with = "integer")]
    #[schema(example = 1)]
    pub(in crate::routes) item_id: i64,
    /// The quantity to add. A line has at most 99; a greater sum is cut to 99.
    #[serde(deserialize_with = "integer")]
    #[schema(minimum = 1, example = 2)]
    pub(in crate::routes) quantity: i64,
}

/// The quantity of an item.
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
        (status = 200, description = "The cart.", body = Cart, headers(("ETag" = String, description = "The entity tag of the cart."))),
        (status = 304, description = "The cart is unchanged.", headers(("ETag" = String, description = "The entity tag of the cart."))),
        GuestErrors,
    )
)]
pub(super) async fn cart(
    guest: Guest,
    conditions: Conditions,
    State(Guestpass { inner }): State<Guestpass>,
) -> Result<Response, Problem> {
    let lines = inner.store.cart(guest.id()).await??;
    Ok(Cart::of(lines).unless_current(&conditions))
}

/// Add to the cart
///
/// Adds to the quantity in the cart, up to 99 of one item. A cart has up to 100 different items.
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
            description = "At least 128 random bits in base64url. Within 24 hours, a request with the same key adds nothing, and \
                its response has the current cart: send the key with every retry. The latest 500 keys of a guest are remembered.",
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

/// Set the quantity of an item in the cart
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

/// Remove an item from the cart
///
/// Removing an item that is not in the cart succeeds, so a retry does too.
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
                lines: lines.into_iter().map(CartLineBody::from).collect(),
            },
        }
    }
}
