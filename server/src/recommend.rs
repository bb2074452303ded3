//! Recommendations from the items that a guest has viewed and marked: simple, explained, and the same for the same history.
//!
//! 1. Each category has a weight: 1 for each viewed item and 2 for each favourite. The category with the greatest weight comes
//!    first; of two with the same weight, the one with the later view or mark; of two with the same time, by their names.
//! 2. From the first category on, and within it in the order of the catalogue, each item is recommended that the guest has not
//!    viewed, marked or taken (an entry in a collection of owned items, such as the cart), up to [`MAX_RECOMMENDATIONS`].
//! 3. The reason is the item of the category that the guest viewed or marked last.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::catalogue::{Item, PersonalItem};
use crate::clock::Timestamp;

/// The greatest number of recommendations.
const MAX_RECOMMENDATIONS: usize = 4;
/// The greatest number of recently viewed items.
const MAX_RECENTLY_VIEWED: usize = 10;

const WEIGHT_VIEWED: u32 = 1;
const WEIGHT_FAVORITE: u32 = 2;

/// An item that the guest may like.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Recommendation<'a> {
    pub(crate) item: &'a Item,
    /// The item of the same category that the guest viewed or marked last.
    pub(crate) because: &'a Item,
    pub(crate) reason: Reason,
}

/// What the guest did with the item that a recommendation follows from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    Favorite,
    Viewed,
}

/// The items that the guest has viewed, the latest first; of two with the same time, the later one of the catalogue.
pub(crate) fn recently_viewed<'a>(items: &[PersonalItem<'a>]) -> Vec<&'a Item> {
    let viewed = items.iter().enumerate();
    let mut viewed: Vec<_> = viewed.filter_map(|(index, item)| Some((item.viewed_at?, index, item.item))).collect();
    viewed.sort_unstable_by_key(|(viewed_at, index, _)| Reverse((*viewed_at, *index)));
    viewed.into_iter().map(|(.., item)| item).take(MAX_RECENTLY_VIEWED).collect()
}

/// The recommendations, the best first. `items` is the catalogue in its order.
pub(crate) fn recommended<'a>(items: &[PersonalItem<'a>]) -> Vec<Recommendation<'a>> {
    let mut interests = BTreeMap::<&str, Interest<'_>>::new();
    for item in items.iter().copied() {
        if let (Some(category), Some(last_at)) = (&item.item.category, item.viewed_at.max(item.favorite_since)) {
            let viewed = item.viewed_at.map_or(0, |_| WEIGHT_VIEWED);
            let favorite = item.favorite_since.map_or(0, |_| WEIGHT_FAVORITE);
            let of_item = Interest { weight: viewed + favorite, last_at, item };
            interests.entry(category).and_modify(|interest| interest.add(&of_item)).or_insert(of_item);
        }
    }
    let mut unknown = BTreeMap::<&str, Vec<&Item>>::new();
    for item in items.iter().filter(|item| is_unknown(item)) {
        if let Some(category) = item.item.category.as_deref().filter(|category| interests.contains_key(category)) {
            unknown.entry(category).or_default().push(item.item);
        }
    }
    let mut interests: Vec<_> = interests.into_iter().collect();
    // A stable sort, so that equal categories stay in the order of their names.
    interests.sort_by_key(|(_, interest)| Reverse((interest.weight, interest.last_at)));
    interests
        .into_iter()
        .flat_map(|(category, interest)| {
            let items = unknown.remove(category).unwrap_or_default();
            items.into_iter().map(move |item| interest.recommend(item))
        })
        .take(MAX_RECOMMENDATIONS)
        .collect()
}

fn is_unknown(item: &PersonalItem<'_>) -> bool {
    item.viewed_at.is_none() && item.favorite_since.is_none() && !item.owned
}

/// The interest of a guest in a category.
#[derive(Clone, Copy)]
struct Interest<'a> {
    weight: u32,
    /// The last view or mark in the category, and its item.
    last_at: Timestamp,
    item: PersonalItem<'a>,
}

impl<'a> Interest<'a> {
    fn add(&mut self, other: &Self) {
        self.weight += other.weight;
        if other.last_at > self.last_at {
            (self.last_at, self.item) = (other.last_at, other.item);
        }
    }

    fn recommend(&self, item: &'a Item) -> Recommendation<'a> {
        let reason = if self.item.favorite_since.is_some() { Reason::Favorite } else { Reason::Viewed };
        Recommendation { item, because: self.item.item, reason }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Catalogue;
    use crate::collections::Collections;

    /// Twelve items; each three in a row have one category, and the categories are in alphabetical order.
    fn catalogue() -> Catalogue {
        let item = |id: usize| {
            let category = ["books", "garden", "kitchen", ""][(id - 1) / 3];
            serde_json::json!({ "id": id, "name": format!("Thing {id}"), "category": category })
        };
        let file = serde_json::json!({ "name": "shop", "items": (1..=12).map(item).collect::<Vec<_>>() });
        Catalogue::parse(file.to_string().as_bytes(), &Collections::default()).unwrap()
    }

    fn at(secs: i64) -> Option<Timestamp> {
        Some(Timestamp::from_secs(secs))
    }

    fn id(item: &Item) -> u64 {
        item.id.get().parse().unwrap()
    }

    fn ids(items: &[PersonalItem<'_>]) -> Vec<(u64, u64)> {
        recommended(items).into_iter().map(|one| (id(one.item), id(one.because))).collect()
    }

    #[test]
    fn a_guest_without_history_gets_no_recommendations() {
        let catalogue = catalogue();
        assert_eq!(ids(&catalogue.personal(&[])), []);
        assert!(recently_viewed(&catalogue.personal(&[])).is_empty());
    }

    #[test]
    fn the_other_items_of_a_category_are_recommended_because_of_the_last_view() {
        let catalogue = catalogue();
        let mut items = catalogue.personal(&[]);
        items[3].viewed_at = at(10);

        assert_eq!(ids(&items), [(5, 4), (6, 4)]);
        items[4].viewed_at = at(11);
        assert_eq!(ids(&items), [(6, 5)]);
        assert_eq!(recommended(&items)[0].reason, Reason::Viewed);
    }

    #[test]
    fn favourites_weigh_more_than_views_and_the_later_time_decides_between_equals() {
        let catalogue = catalogue();
        let mut items = catalogue.personal(&[]);
        items[0].viewed_at = at(20);
        items[3].favorite_since = at(10);
        assert_eq!(ids(&items), [(5, 4), (6, 4), (2, 1), (3, 1)]);
        assert_eq!(recommended(&items)[0].reason, Reason::Favorite);

        items[3].favorite_since = None;
        items[6].viewed_at = at(21);
        assert_eq!(ids(&items), [(8, 7), (9, 7), (2, 1), (3, 1)]);
        items[6].viewed_at = at(20);
        assert_eq!(ids(&items), [(2, 1), (3, 1), (8, 7), (9, 7)], "the names decide");
    }

    #[test]
    fn owned_items_are_not_recommended_and_there_are_at_most_four() {
        let catalogue = catalogue();
        let mut items = catalogue.personal(&[]);
        for viewed in [0, 3, 6] {
            items[viewed].viewed_at = at(10);
        }
        assert_eq!(ids(&items), [(2, 1), (3, 1), (5, 4), (6, 4)]);

        items[1].owned = true;
        assert_eq!(ids(&items), [(3, 1), (5, 4), (6, 4), (8, 7)]);
    }

    #[test]
    fn an_item_without_a_category_leads_to_no_recommendation() {
        let catalogue = catalogue();
        let mut items = catalogue.personal(&[]);
        items[9].viewed_at = at(10);

        assert_eq!(ids(&items), []);
    }

    #[test]
    fn the_last_viewed_item_is_first() {
        let catalogue = catalogue();
        let mut items = catalogue.personal(&[]);
        for (index, item) in items.iter_mut().enumerate() {
            item.viewed_at = at(i64::try_from(index / 2).unwrap());
        }

        assert_eq!(recently_viewed(&items).into_iter().map(id).collect::<Vec<_>>(), [12, 11, 10, 9, 8, 7, 6, 5, 4, 3]);
    }
}
