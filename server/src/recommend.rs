//! Recommendations from what a guest has seen and likes: simple, explained, and the same for the same history.
//!
//! 1. Each category weighs as much as the guest cares for it: 1 for each item seen, 2 for each favourite. Of two that weigh
//!    the same, the one that the guest turned to later comes first, then the one whose name does.
//! 2. From the first category on, and in it in the order of the catalogue, everything is recommended that the guest has
//!    neither seen nor marked nor put into the cart, up to [`MOST`].
//! 3. The reason is the item of the category that the guest turned to last.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::store::PersonalItem;

/// The most recommendations.
const MOST: usize = 4;
/// The most items among those seen last.
const MOST_SEEN: usize = 10;

const WEIGHT_SEEN: u32 = 1;
const WEIGHT_FAVORITE: u32 = 2;

/// Something that the guest may like.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Recommendation {
    pub(crate) item_id: i64,
    /// The item of the same category that the guest turned to last.
    pub(crate) because: i64,
    /// The same in words.
    #[schema(example = "Because you looked at Morning mug.")]
    pub(crate) reason: String,
}

/// What the guest has looked at, the latest first.
pub(crate) fn recently_seen(items: &[PersonalItem]) -> Vec<i64> {
    let mut seen: Vec<_> = items.iter().filter_map(|item| Some((item.viewed_at?, item.item.id))).collect();
    seen.sort_unstable_by_key(|latest| Reverse(*latest));
    seen.into_iter().map(|(_, item)| item).take(MOST_SEEN).collect()
}

/// What the guest may like, the likeliest first. `items` is the catalogue in its order.
pub(crate) fn recommended(items: &[PersonalItem]) -> Vec<Recommendation> {
    let mut interests = BTreeMap::<&str, Interest<'_>>::new();
    for item in items.iter().filter(|item| !item.item.category.is_empty()) {
        if let Some(turned_to) = item.viewed_at.max(item.favorite_since) {
            let seen = item.viewed_at.map_or(0, |_| WEIGHT_SEEN);
            let favorite = item.favorite_since.map_or(0, |_| WEIGHT_FAVORITE);
            let of_item = Interest { weight: seen + favorite, turned_to, item };
            interests.entry(&item.item.category).and_modify(|interest| interest.add(&of_item)).or_insert(of_item);
        }
    }
    let mut interests: Vec<_> = interests.into_iter().collect();
    // Stable: what is equal stays in the order of the names.
    interests.sort_by_key(|(_, interest)| Reverse((interest.weight, interest.turned_to)));
    interests
        .into_iter()
        .flat_map(|(category, interest)| {
            let unknown = items.iter().filter(move |item| item.item.category == category && is_unknown(item));
            unknown.map(move |item| interest.recommend(item))
        })
        .take(MOST)
        .collect()
}

fn is_unknown(item: &PersonalItem) -> bool {
    item.viewed_at.is_none() && item.favorite_since.is_none() && !item.in_cart
}

/// How much a guest cares for a category.
#[derive(Clone, Copy)]
struct Interest<'a> {
    weight: u32,
    /// When the guest turned to it last, and to which item.
    turned_to: Timestamp,
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
        if other.turned_to > self.turned_to {
            (self.turned_to, self.item) = (other.turned_to, other.item);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::ItemRow;

    /// Items by number; of each three there is one category, in the order of the alphabet.
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
    fn who_has_seen_nothing_gets_no_recommendation() {
        assert_eq!(ids(&catalogue()), []);
        assert_eq!(recently_seen(&catalogue()), [0_i64; 0]);
    }

    #[test]
    fn the_rest_of_a_category_is_recommended_because_of_what_was_seen_last() {
        let mut items = catalogue();
        items[3].viewed_at = at(10);

        assert_eq!(ids(&items), [(5, 4), (6, 4)]);
        items[4].viewed_at = at(11);
        assert_eq!(ids(&items), [(6, 5)]);
        assert_eq!(recommended(&items)[0].reason, "Because you looked at Thing 5.");
    }

    #[test]
    fn favourites_weigh_more_than_views_and_a_later_turn_decides_between_equals() {
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
    fn what_is_in_the_cart_is_not_recommended_and_there_are_four_at_most() {
        let mut items = catalogue();
        for seen in [0, 3, 6] {
            items[seen].viewed_at = at(10);
        }
        assert_eq!(ids(&items), [(2, 1), (3, 1), (5, 4), (6, 4)]);

        items[1].in_cart = true;
        assert_eq!(ids(&items), [(3, 1), (5, 4), (6, 4), (8, 7)]);
    }

    #[test]
    fn without_a_category_there_is_nothing_to_go_by() {
        let mut items = catalogue();
        items[9].viewed_at = at(10);

        assert_eq!(ids(&items), []);
    }

    #[test]
    fn the_latest_is_first_among_what_was_seen() {
        let mut items = catalogue();
        for (index, item) in items.iter_mut().enumerate() {
            item.viewed_at = at(i64::try_from(index / 2).unwrap());
        }

        assert_eq!(recently_seen(&items), [12, 11, 10, 9, 8, 7, 6, 5, 4, 3]);
    }
}
