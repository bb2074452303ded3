//! Carts: their data, their limits, and the result of a change, the same for every database.

use std::time::Duration;

use serde::Serialize;

use super::{DataError, DataResult};
use crate::clock::Timestamp;
use crate::etag::{Conditions, EntityTag};

/// The greatest quantity of one item in a cart.
pub(crate) const MAX_QUANTITY: i64 = 99;

/// The greatest number of lines in a cart.
pub(crate) const MAX_LINES: usize = 100;

/// How long an idempotency key of an addition to a cart is kept. Repeated within that time, an addition is made once.
pub(crate) const CART_KEY_WINDOW: Duration = Duration::from_secs(24 * 60 * 60);

/// The greatest number of idempotency keys that are kept for one guest. The oldest key is deleted first: no client
/// retries an addition after 500 later ones, and refusing a new addition would block a guest for a reason that the guest
/// cannot see.
pub(crate) const MAX_CART_KEYS: u32 = 500;

/// One line of a cart, with the data of its item. The entity tag of a cart is made from the JSON of its lines.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct CartLine {
    pub(crate) item_id: i64,
    pub(crate) name: String,
    /// The price of one piece, in hundredths of the currency.
    pub(crate) price_cents: i64,
    /// ISO 4217.
    pub(crate) currency: String,
    pub(crate) emoji: String,
    pub(crate) quantity: i64,
    #[serde(skip)]
    pub(crate) added_at: Timestamp,
}

/// A change of one line of a cart.
#[derive(Debug, Clone)]
pub(crate) struct CartChange {
    pub(crate) item: i64,
    pub(crate) quantity: Quantity,
    pub(crate) conditions: Conditions,
    /// The idempotency key of an addition, if the client sent one.
    pub(crate) key: Option<CartKey>,
    pub(crate) now: Timestamp,
}

/// What a change does to the quantity of its item.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Quantity {
    /// Adds to the quantity, up to [`MAX_QUANTITY`].
    Add(i64),
    /// Sets the quantity.
    Set(i64),
    /// Removes the line.
    Remove,
}

/// An idempotency key of an addition.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CartKey {
    /// SHA-256 of the key.
    pub(crate) hash: [u8; 32],
    /// SHA-256 of the addition: the same key with another addition is an error of the client.
    pub(crate) request: [u8; 32],
}

impl CartKey {
    /// Whether this addition repeats an earlier one, given the request that came with the same key at `made_at`.
    ///
    /// # Errors
    /// The key was used with another addition.
    pub(crate) fn repeats(&self, request: &[u8], made_at: Timestamp, now: Timestamp) -> DataResult<bool> {
        if now >= made_at + CART_KEY_WINDOW {
            Ok(false)
        } else if request == self.request {
            Ok(true)
        } else {
            Err(DataError::KeyReused)
        }
    }
}

impl CartChange {
    /// The quantity of the item after the change, given the current `lines` of the cart. Zero: the line is removed.
    pub(crate) fn decide(&self, lines: &[CartLine]) -> DataResult<i64> {
        if !self.conditions.allow_change(&EntityTag::of(&lines)) {
            return Err(DataError::PreconditionFailed);
        }
        let present = lines.iter().find(|line| line.item_id == self.item);
        let quantity = match self.quantity {
            Quantity::Add(more) => present.map_or(0, |line| line.quantity).saturating_add(more),
            Quantity::Set(quantity) => quantity,
            Quantity::Remove => return Ok(0),
        };
        if present.is_none() && lines.len() >= MAX_LINES {
            return Err(DataError::CartFull);
        }
        Ok(quantity.min(MAX_QUANTITY))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(item_id: i64, quantity: i64) -> CartLine {
        CartLine {
            item_id,
            name: "Tea".to_owned(),
            price_cents: 100,
            currency: "EUR".to_owned(),
            emoji: "🍵".to_owned(),
            quantity,
            added_at: Timestamp::from_secs(1),
        }
    }

    fn change(item: i64, quantity: Quantity) -> CartChange {
        let now = Timestamp::from_secs(2);
        CartChange { item, quantity, conditions: Conditions::default(), key: None, now }
    }

    #[test]
    fn quantities_are_added_up_and_capped() {
        let lines = [line(1, 98)];

        assert_eq!(change(1, Quantity::Add(1)).decide(&lines), Ok(99));
        assert_eq!(change(1, Quantity::Add(i64::MAX)).decide(&lines), Ok(99));
        assert_eq!(change(2, Quantity::Add(3)).decide(&lines), Ok(3));
        assert_eq!(change(1, Quantity::Set(3)).decide(&lines), Ok(3));
        assert_eq!(change(1, Quantity::Remove).decide(&lines), Ok(0));
    }

    #[test]
    fn a_full_cart_accepts_more_of_its_items_and_no_other_item() {
        let lines: Vec<_> = (1..=100).map(|item| line(item, 1)).collect();

        assert_eq!(change(100, Quantity::Add(1)).decide(&lines), Ok(2));
        assert_eq!(change(101, Quantity::Add(1)).decide(&lines), Err(DataError::CartFull));
        assert_eq!(change(101, Quantity::Set(1)).decide(&lines), Err(DataError::CartFull));
        assert_eq!(change(101, Quantity::Remove).decide(&lines), Ok(0));
    }

    #[test]
    fn a_key_repeats_its_own_request_for_a_day() {
        let key = CartKey { hash: [1; 32], request: [2; 32] };
        let made_at = Timestamp::from_secs(0);
        let end = made_at + CART_KEY_WINDOW;

        assert_eq!(key.repeats(&[2; 32], made_at, end - Duration::from_millis(1)), Ok(true));
        assert_eq!(key.repeats(&[3; 32], made_at, made_at), Err(DataError::KeyReused));
        assert_eq!(key.repeats(&[2; 32], made_at, end), Ok(false));
        assert_eq!(key.repeats(&[3; 32], made_at, end), Ok(false));
    }
}
