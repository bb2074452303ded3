//! Lists of items: the history and the favourites of a guest, each item with a time.

use super::ItemRow;
use crate::clock::Timestamp;

/// The greatest number of items in a history. The item viewed longest ago is removed first.
pub(crate) const MAX_HISTORY: u32 = 100;

/// The greatest number of favourites of a guest.
pub(crate) const MAX_FAVORITES: u32 = 500;

/// Which list of a guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ItemList {
    /// The items that the guest has viewed, each with the time of the last view.
    History,
    /// The items that the guest has marked, each with the time of the marking.
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

/// One page of a list, which has the newest item first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Page {
    pub(crate) limit: u32,
    pub(crate) after: Option<Position>,
}

impl Page {
    /// The whole list.
    pub(crate) const ALL: Self = Self { limit: u32::MAX, after: None };
}

/// The position of an item in a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) at: Timestamp,
    pub(crate) item: i64,
}

impl Position {
    /// Before every item.
    pub(crate) const START: Self = Self { at: Timestamp::from_millis(i64::MAX), item: i64::MAX };
}
