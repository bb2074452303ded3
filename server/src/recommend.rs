//! Recommendations from the items that a guest has viewed and marked: simple, explained, and the same for the same history.
//!
//! 1. Each category has a weight: 1 for each viewed item and 2 for each favourite. The category with the greatest weight comes
//!    first; of two with the same weight, the one with the later view or mark; of two with the same time, by their names.
//! 2. From the first category on, and within it in the order of the catalogue, each item is recommended that the guest has not
//!    viewed, marked or put into the cart, up to [`MAX_RECOMMENDATIONS`].
//! 3. The reason is the item of the category that the guest viewed or marked last.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::clock::Timestamp;
use crate::store::PersonalItem;

/// The greatest number of recommendations.
const MAX_RECOMMENDATIONS: usize = 4;
/// The greatest number of recently viewed items.
const MAX_RECENTLY_VIEWED: usize = 10;

const WEIGHT_VIEWED: u32 = 1;
const WEIGHT_FAVORITE: u32 = 2;

/// An item that the guest may like.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Recommendation {
    pub(crate) item_id: i64,
    /// The item of the same category that the guest viewed or marked last.
    pub(crate) because: i64,
    /// The reason as a text.
    pub(crate) reason: String,
}

/// The items that the guest has viewed, the latest first.
pub(crate) fn recently_viewed(items: &[PersonalItem]) -> Vec<i64> {
    let mut viewed: Vec<_> = items.iter().filter_map(|item| Some((item.viewed_at?, item.item.id))).collect();
    viewed.sort_unstable_by_key(|latest| Reverse(*latest));
    viewed.into_iter().map(|(_, item)| item).take(MAX_RECENTLY_VIEWED).collect()
}

/// The recommendations, the best first. `items` is the catalogue in its order.
pub(crate) fn recommended(items: &[PersonalItem]) -> Vec<Recommendation> {
    let mut interests = BTreeMap::<&str, Interest<'_>>::new();
    for item in items.iter().filter(|item| !item.item.category.is_empty()) {
        if let Some(last_at) = item.viewed_at.max(item.favorite_since) {
            let viewed = item.viewed_at.map_or(0, |_| WEIGHT_VIEWED);
            let favorite = item.favorite_since.map_or(0, |_| WEIGHT_FAVORITE);
            let of_item = Interest { weight: viewed + favorite, last_at, item };
            interests.entry(&item.item.category).and_modify(|interest| interest.add(&of_item)).or_insert(of_item);
        }
    }
    let mut interests: Vec<_> = interests.into_iter().collect();
    // A stable sort, so that equal categories stay in the order of their names.
    interests.sort_by_key(|(_, interest)| Reverse((interest.weight, interest.last_at)));
    interests
        .into_iter()
        .flat_map(|(category, interest)| {
            let unknown = items.iter().filter(move |item| item.item.category == category && is_unknown(item));
            unknown.map(move |item| interest.recommend(item))
        })
        .take(MAX_RECOMMENDATIONS)
        .collect()
}

fn is_unknown(item: &PersonalItem) -> bool {
    item.viewed_at.is_none() && item.favorite_since.is_none() && !item.in_cart
}

/// The interest of a guest in a category.
#[derive(Clone, Copy)]
struct Interest<'a> {
    weight: u32,
    /// The last view or mark in the category, and its item.
    last_at: Timestamp,
    item: &'a PersonalItem,
}

impl Interest<'_> {
    fn recommend(&self, item: &PersonalItem) -> Recommendation {
        let name = &self.item.item.name;
        let reason = match self.item.favorite_since {
            Some(_) => format!("Because {name} is one of your favourites."),
            None => format!("Because you looked at {name}."),
        };
        Recommendation { item_id: item.item.id, because: self.item.item.id, reason }
    }
}

impl<'a> Interest<'a> {
    fn add(&mut self, other: &Interest<'a>) {
        self.weight += other.weight;
        if other.last_at > self.last_at {
            (self.last_at, self.item) = (other.last_at, other.item);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::ItemRow;

    /// Twelve items; each three in a row have one category, and the categories are in alphabetical order.
    fn catalogue() -> Vec<PersonalItem> {
        let item = |id: i64| ItemRow {
            id,
            name: format!("Thing {id}"),
            description: String::new(),
            price_cents: 100,
            currency: "EUR".to_owned(),
            emoji: String::new(),
            category: ["books", "garden", "kitchen", ""][usize::try_from((id - 1) / 3).unwrap()].to_owned(),
        };
        let unknown = |item| PersonalItem { item, viewed_at: None, favorite_since: None, in_cart: false };
        (1..=12).map(item).map(unknown).collect()
    }

    fn at(secs: i64) -> Option<Timestamp> {
        Some(Timestamp::from_secs(secs))
    }

    fn ids(items: &[PersonalItem]) -> Vec<(i64, i64)> {
        recommended(items).into_iter().map(|one| (one.item_id, one.because)).collect()
    }

    #[test]
    fn a_guest_without_history_gets_no_recommendations() {
        assert_eq!(ids(&catalogue()), []);
        assert_eq!(recently_viewed(&catalogue()), [0_i64; 0]);
    }

    #[test]
    fn the_other_items_of_a_category_are_recommended_because_of_the_last_view() {
        let mut items = catalogue();
        items[3].viewed_at = at(10);

        assert_eq!(ids(&items), [(5, 4), (6, 4)]);
        items[4].viewed_at = at(11);
        assert_eq!(ids(&items), [(6, 5)]);
        assert_eq!(recommended(&items)[0].reason, "Because you looked at Thing 5.");
    }

    #[test]
    fn favourites_weigh_more_than_views_and_the_later_time_decides_between_equals() {
        let mut items = catalogue();
        items[0].viewed_at = at(20);
        items[3].favorite_since = at(10);
        assert_eq!(ids(&items), [(5, 4), (6, 4), (2, 1), (3, 1)]);
        assert_eq!(recommended(&items)[0].reason, "Because Thing 4 is one of your favourites.");

        items[3] = catalogue().remove(3);
        items[6].viewed_at = at(21);
        assert_eq!(ids(&items), [(8, 7), (9, 7), (2, 1), (3, 1)]);
        items[6].viewed_at = at(20);
        assert_eq!(ids(&items), [(2, 1), (3, 1), (8, 7), (9, 7)], "the names decide");
    }

    #[test]
    fn items_in_the_cart_are_not_recommended_and_there_are_at_most_four() {
        let mut items = catalogue();
        for viewed in [0, 3, 6] {
            items[viewed].viewed_at = at(10);
        }
        assert_eq!(ids(&items), [(2, 1), (3, 1), (5, 4), (6, 4)]);

        items[1].in_cart = true;
        assert_eq!(ids(&items), [(3, 1), (5, 4), (6, 4), (8, 7)]);
    }

    #[test]
    fn an_item_without_a_category_leads_to_no_recommendation() {
        let mut items = catalogue();
        items[9].viewed_at = at(10);

        assert_eq!(ids(&items), []);
    }

    #[test]
    fn the_last_viewed_item_is_first() {
        let mut items = catalogue();
        for (index, item) in items.iter_mut().enumerate() {
            item.viewed_at = at(i64::try_from(index / 2).unwrap());
        }

        assert_eq!(recently_viewed(&items), [12, 11, 10, 9, 8, 7, 6, 5, 4, 3]);
    }
}
