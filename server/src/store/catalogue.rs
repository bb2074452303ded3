//! The items of the catalogue.

use crate::clock::Timestamp;

/// One item of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ItemRow {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) description: String,
    /// In hundredths of the currency.
    pub(crate) price_cents: i64,
    /// ISO 4217.
    pub(crate) currency: String,
    pub(crate) emoji: String,
    /// Recommendations are made by category.
    pub(crate) category: String,
}

/// One item of the catalogue, with what a guest has done with it.
#[derive(Debug, Clone)]
pub(crate) struct PersonalItem {
    pub(crate) item: ItemRow,
    /// When the guest last viewed it.
    pub(crate) viewed_at: Option<Timestamp>,
    /// Since when it has been a favourite.
    pub(crate) favorite_since: Option<Timestamp>,
    pub(crate) in_cart: bool,
}
