//! What a guest has, the same for every database: its shapes, its limits, and what may be refused.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::etag::{Conditions, EntityTag};
use crate::store::{GuestRow, Identity, Preferences, PreferencesError, SessionRow};

/// The most of one item that a cart holds.
pub(crate) const MAX_QUANTITY: i64 = 99;

/// The most lines that a cart has.
pub(crate) const MAX_LINES: usize = 100;

/// The most items that a history has: what was seen longest ago makes room.
pub(crate) const MAX_HISTORY: u32 = 100;

/// The most favourites that a guest has.
pub(crate) const MAX_FAVORITES: u32 = 500;

/// For how long an addition to a cart under one idempotency key adds once.
pub(crate) const CART_KEY_WINDOW: Duration = Duration::from_secs(24 * 60 * 60);

/// The most idempotency keys that are remembered for a guest: the oldest makes room. Nobody retries an addition after having
/// made so many others; and to refuse the next one would punish a shopper for what they cannot see.
pub(crate) const MAX_CART_KEYS: u32 = 500;

/// Why something of a guest's was not done. Nothing has been changed then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DataError {
    /// There is no such guest, or no longer.
    NoGuest,
    /// The catalogue has no such item.
    NoItem,
    /// The conditions of the request do not hold.
    Changed,
    /// There is no room for one more line in the cart.
    CartFull,
    /// There is no room for one more favourite.
    FavoritesFull,
    /// The idempotency key came with another request before.
    OtherRequest,
    /// The preferences would not be what they may be.
    Preferences(PreferencesError),
}

/// What came of something that is asked of a guest's data.
pub(crate) type DataResult<T> = Result<T, DataError>;

/// Why something was not done, inside of a store: `?` serves for both.
#[derive(Debug)]
pub(super) enum TransactionError<E> {
    Data(DataError),
    Database(E),
}

impl<E> From<DataError> for TransactionError<E> {
    fn from(refusal: DataError) -> Self {
        Self::Data(refusal)
    }
}

/// Tells a refusal, which is an answer, from a failure.
pub(super) fn outcome<T, E>(done: Result<T, TransactionError<E>>) -> Result<DataResult<T>, E> {
    match done {
        Ok(value) => Ok(Ok(value)),
        Err(TransactionError::Data(refusal)) => Ok(Err(refusal)),
        Err(TransactionError::Database(error)) => Err(error),
    }
}

/// One thing in the catalogue.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[schema(as = Item)]
pub(crate) struct ItemRow {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) description: String,
    /// In hundredths of the currency.
    #[schema(minimum = 0)]
    pub(crate) price_cents: i64,
    /// ISO 4217.
    #[schema(pattern = "^[A-Z]{3}$", example = "EUR")]
    pub(crate) currency: String,
    pub(crate) emoji: String,
    /// What kind of thing it is. Recommendations go by it.
    #[schema(example = "kitchen")]
    pub(crate) category: String,
}

/// One thing in the catalogue, and what it is to a guest.
#[derive(Debug, Clone)]
pub(crate) struct PersonalItem {
    pub(crate) item: ItemRow,
    /// When the guest last looked at it.
    pub(crate) viewed_at: Option<Timestamp>,
    /// Since when it has been a favourite.
    pub(crate) favorite_since: Option<Timestamp>,
    pub(crate) in_cart: bool,
}

/// One line of a cart, with what a page needs to show it.
#[derive(Debug, Clone, serde::Serialize, utoipa::ToSchema)]
pub(crate) struct CartLine {
    pub(crate) item_id: i64,
    pub(crate) name: String,
    /// The price of one, in hundredths of the currency.
    #[schema(minimum = 0)]
    pub(crate) price_cents: i64,
    /// ISO 4217.
    #[schema(pattern = "^[A-Z]{3}$", example = "EUR")]
    pub(crate) currency: String,
    pub(crate) emoji: String,
    #[schema(minimum = 1, maximum = 99)]
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
    /// Of the idempotency key, if there is one.
    pub(crate) key: Option<CartKey>,
    pub(crate) now: Timestamp,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Quantity {
    /// So many more, up to [`MAX_QUANTITY`].
    Add(i64),
    Set(i64),
    Remove,
}

/// An idempotency key of an addition.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CartKey {
    /// SHA-256 of the key.
    pub(crate) hash: [u8; 32],
    /// SHA-256 of what is to be added: the same key with something else is a mistake.
    pub(crate) request: [u8; 32],
}

impl CartKey {
    /// Whether this is a repetition, given the request that came under the same key at `made_at`.
    pub(crate) fn repeats(&self, request: &[u8], made_at: Timestamp, now: Timestamp) -> DataResult<bool> {
        if now >= made_at + CART_KEY_WINDOW {
            Ok(false)
        } else if request == self.request {
            Ok(true)
        } else {
            Err(DataError::OtherRequest)
        }
    }
}

impl CartChange {
    /// How many of the item are to be in the cart that has `lines` now. Zero: none.
    pub(crate) fn decide(&self, lines: &[CartLine]) -> DataResult<i64> {
        if !self.conditions.allow_change(&EntityTag::of(&lines)) {
            return Err(DataError::Changed);
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

/// A list of items, each with a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ItemList {
    /// What the guest has looked at, and when last.
    History,
    /// What the guest likes, and since when.
    Favorites,
}

impl ItemList {
    pub(crate) const fn table(self) -> &'static str {
        match self {
            Self::History => "history_item",
            Self::Favorites => "favorite_item",
        }
    }

    /// The column of the time.
    pub(crate) const fn time(self) -> &'static str {
        match self {
            Self::History => "viewed_at",
            Self::Favorites => "added_at",
        }
    }
}

/// An item of a list.
#[derive(Debug, Clone)]
pub(crate) struct ListedItem {
    pub(crate) item: ItemRow,
    pub(crate) at: Timestamp,
}

/// A part of a list, which has the newest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Page {
    pub(crate) limit: u32,
    pub(crate) after: Option<Position>,
}

impl Page {
    /// Everything there may be.
    pub(crate) const ALL: Self = Self { limit: u32::MAX, after: None };
}

/// Where an item stands in a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) at: Timestamp,
    pub(crate) item: i64,
}

impl Position {
    /// Before every item.
    pub(crate) const START: Self = Self { at: Timestamp::from_millis(i64::MAX), item: i64::MAX };
}

/// Everything that is kept about a guest, but for the hashes of idempotency keys.
#[derive(Debug)]
pub(crate) struct Export {
    pub(crate) guest: GuestRow,
    pub(crate) identities: Vec<Identity>,
    pub(crate) sessions: Vec<SessionRow>,
    pub(crate) cart: Vec<CartLine>,
    pub(crate) history: Vec<ListedItem>,
    pub(crate) favorites: Vec<ListedItem>,
    pub(crate) preferences: Preferences,
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
    fn a_full_cart_takes_more_of_what_is_in_it_and_nothing_else() {
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
        assert_eq!(key.repeats(&[3; 32], made_at, made_at), Err(DataError::OtherRequest));
        assert_eq!(key.repeats(&[2; 32], made_at, end), Ok(false));
        assert_eq!(key.repeats(&[3; 32], made_at, end), Ok(false));
    }
}
