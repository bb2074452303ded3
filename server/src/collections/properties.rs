//! Properties of changes and merges, on random declarations and data.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};

use super::change::merge_patch;
use super::{
    Addition, ChangeError, Collection, Decision, Edit, Entry, EntryChange, Full, Key, Merge, MergeRule, number, random,
};
use crate::clock::Timestamp;
use crate::etag::Conditions;

/// The entries of a guest in one collection, by their keys.
type Entries = BTreeMap<String, Entry>;

fn key() -> impl Strategy<Value = String> {
    prop_oneof![4 => "[a-f]", 1 => "[^\\x00-\\x1f\\x7f-\\x9f.]{1,6}"]
}

fn edit() -> impl Strategy<Value = Edit> {
    let addition = random::object().prop_map(|value| match value {
        Value::Object(members) => Edit::Add(Addition(members)),
        _ => Edit::Remove,
    });
    prop_oneof![
        3 => random::object().prop_map(Edit::Put),
        1 => random::json_value().prop_map(Edit::Put),
        2 => random::object().prop_map(Edit::Patch),
        1 => random::json_value().prop_map(Edit::Patch),
        3 => addition,
        1 => Just(Edit::Remove),
    ]
}

/// Applies changes in their order, one every three milliseconds, as a store does. Refused changes change nothing.
fn apply(collection: &Arc<Collection>, entries: &mut Entries, changes: &[(String, Edit)], begin: i64) {
    for ((key, edit), at) in changes.iter().zip((begin..).step_by(3)) {
        let change = EntryChange {
            collection: Arc::clone(collection),
            key: Key::try_from(key.clone()).unwrap(),
            edit: edit.clone(),
            conditions: Conditions::default(),
            addition_key: None,
            now: Timestamp::from_millis(at),
        };
        let current = entries.get(key).cloned();
        let other = entries.len() - usize::from(current.is_some());
        match change.decide(current.as_ref(), u32::try_from(other).unwrap()) {
            Ok(Decision::Write { entry, is_new, dropped }) => {
                assert_eq!(is_new, current.is_none());
                let mut oldest: Vec<_> = entries.values().filter(|entry| entry.key != *key).cloned().collect();
                oldest.sort_by_key(|entry| entry.updated_at);
                oldest.iter().take(usize::try_from(dropped).unwrap()).for_each(|entry| {
                    entries.remove(&entry.key);
                });
                entries.insert(key.clone(), entry);
            }
            Ok(Decision::Remove) => assert!(entries.remove(key).is_some()),
            Ok(Decision::Nothing) | Err(_) => {}
        }
    }
}

/// Merges the entries of a guest into those of an account, as a store does.
fn merge(collection: &Collection, account: &Entries, guest: &Entries) -> Entries {
    let mut merged = account.clone();
    for (key, of_guest) in guest {
        let entry = match account.get(key) {
            Some(of_account) => collection.merge(of_account, of_guest),
            None => of_guest.clone(),
        };
        merged.insert(key.clone(), entry);
    }
    if collection.full == Full::DropOldest {
        let mut newest: Vec<_> = merged.into_values().collect();
        newest.sort_by(|a, b| (b.updated_at, &b.key).cmp(&(a.updated_at, &a.key)));
        newest.truncate(usize::try_from(collection.entries).unwrap());
        merged = newest.into_iter().map(|entry| (entry.key.clone(), entry)).collect();
    }
    merged
}

/// A declaration with few entries, so that it is often full.
fn small() -> impl Strategy<Value = Arc<Collection>> {
    (random::collection(), 1..8_u32, 1..120_usize)
        .prop_map(|(collection, entries, value_bytes)| Arc::new(Collection { entries, value_bytes, ..collection }))
}

fn changes() -> impl Strategy<Value = Vec<(String, Edit)>> {
    vec((key(), edit()), 0..40)
}

/// The entries of two guests, who change nothing at the same time.
fn entries_of(collection: &Arc<Collection>, changes: &[Vec<(String, Edit)>; 2]) -> [Entries; 2] {
    let mut guests = [Entries::new(), Entries::new()];
    apply(collection, &mut guests[0], &changes[0], 1000);
    apply(collection, &mut guests[1], &changes[1], 1001);
    guests
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn a_stored_value_is_always_one_that_the_declaration_allows(collection in small(), changes in changes()) {
        let mut entries = Entries::new();
        for (index, change) in changes.iter().enumerate() {
            let before = entries.clone();
            apply(&collection, &mut entries, std::slice::from_ref(change), i64::try_from(index).unwrap());

            prop_assert!(entries.len() <= usize::try_from(collection.entries).unwrap());
            for (key, entry) in &entries {
                prop_assert_eq!(collection.check(&entry.value), Ok(()));
                prop_assert!(entry.created_at <= entry.updated_at);
                prop_assert!(key == &change.0 || before.get(key) == Some(entry), "another entry was changed");
            }
            let lost = before.keys().filter(|key| !entries.contains_key(*key)).count();
            prop_assert!(collection.full == Full::DropOldest || lost <= 1);
        }
    }

    #[test]
    fn s08_a_merge_loses_no_entry_but_the_oldest_ones(
        collection in small(), changes in [changes(), changes()],
    ) {
        let [account, guest] = entries_of(&collection, &changes);

        let merged = merge(&collection, &account, &guest);

        let all: BTreeSet<_> = account.keys().chain(guest.keys()).collect();
        prop_assert!(merged.keys().all(|key| all.contains(key)));
        let updated_at = |key: &String| {
            let side = |entries: &Entries| entries.get(key).map(|entry| entry.updated_at);
            side(&account).max(side(&guest)).unwrap()
        };
        let oldest_kept = merged.keys().map(updated_at).min();
        for key in all.into_iter().filter(|key| !merged.contains_key(*key)) {
            prop_assert_eq!(collection.full, Full::DropOldest);
            prop_assert_eq!(merged.len(), usize::try_from(collection.entries).unwrap());
            prop_assert!(Some(updated_at(key)) <= oldest_kept, "{} is newer than a kept entry", key);
        }
        for (key, entry) in &merged {
            match (account.get(key), guest.get(key)) {
                (Some(only), None) | (None, Some(only)) => prop_assert_eq!(entry, only),
                (Some(account), Some(guest)) => {
                    prop_assert_eq!(entry.updated_at, account.updated_at.max(guest.updated_at));
                    prop_assert_eq!(entry.created_at, account.created_at.min(guest.created_at));
                }
                (None, None) => prop_assert!(false, "{} is of neither side", key),
            }
        }
    }

    #[test]
    fn s08_a_merged_value_is_one_that_the_declaration_allows(
        collection in small(), changes in [changes(), changes()],
    ) {
        let [account, guest] = entries_of(&collection, &changes);

        for (key, entry) in merge(&collection, &account, &guest) {
            prop_assert_eq!(collection.check(&entry.value), Ok(()), "{}", key);
        }
    }

    #[test]
    fn s08_values_of_an_earlier_declaration_are_merged_and_kept(
        collection in small(), values in [random::json_value(), random::json_value()], times in [0..3_i64, 0..3_i64],
    ) {
        let [account, guest] = [0, 1].map(|side| entry(values[side].clone(), times[side]));

        let merged = collection.merge(&account, &guest);

        // The value that was changed last, unless the merged value is allowed.
        let newest = if times[0] >= times[1] { &account } else { &guest };
        let is_newest = merged.value == newest.value || (times[0] == times[1] && merged.value == guest.value);
        prop_assert!(is_newest || collection.check(&merged.value).is_ok(), "{:?}", merged);
    }

    #[test]
    fn s08_merging_a_guest_without_entries_changes_nothing(collection in small(), changes in [changes(), changes()]) {
        let [account, guest] = entries_of(&collection, &changes);
        let merged = merge(&collection, &account, &guest);

        prop_assert_eq!(merge(&collection, &merged, &Entries::new()), merged.clone());
        if merged.len() <= usize::try_from(collection.entries).unwrap() {
            prop_assert_eq!(merge(&collection, &Entries::new(), &merged), merged);
        }
    }

    #[test]
    fn s08_merging_the_same_entries_again_changes_nothing_unless_they_add_up(
        collection in idempotent(), changes in [changes(), changes()],
    ) {
        let [account, guest] = entries_of(&collection, &changes);
        let once = merge(&collection, &account, &guest);

        prop_assert_eq!(merge(&collection, &once, &guest), once.clone());
        prop_assert_eq!(merge(&collection, &once, &once), once);
    }

    #[test]
    fn s08_the_order_of_merges_does_not_matter_for_symmetric_rules(
        collection in symmetric(Full::Refuse), carts in [cart(0), cart(1), cart(2)],
    ) {
        let [account, a, b] = &carts;

        let a_first = merge(&collection, &merge(&collection, account, a), b);
        let b_first = merge(&collection, &merge(&collection, account, b), a);

        prop_assert_eq!(&a_first, &b_first);
        // Which side is the account does not matter, either.
        prop_assert_eq!(merge(&collection, account, a), merge(&collection, a, account));
    }

    #[test]
    fn s08_the_order_of_merges_does_not_matter_for_which_entries_are_dropped(
        collection in symmetric(Full::DropOldest), carts in [cart(0), cart(1), cart(2)],
    ) {
        let [account, a, b] = &carts;
        let kept = |entries: &Entries| entries.iter().map(|(key, entry)| (key.clone(), entry.updated_at)).collect::<Vec<_>>();

        let a_first = merge(&collection, &merge(&collection, account, a), b);
        let b_first = merge(&collection, &merge(&collection, account, b), a);

        prop_assert_eq!(kept(&a_first), kept(&b_first));
    }

    #[test]
    fn s08_a_sum_is_the_sum_of_both_sides_within_the_bounds(
        (low, more) in (-50..50_i64, 0..200_i64), quantities in [-300..300_i64, -300..300_i64],
    ) {
        let bounds = [("quantity".to_owned(), super::Bounds { low: low.into(), high: (low + more).into() })].into();
        let merge = Merge::Members([("quantity".to_owned(), MergeRule::Sum)].into());
        let collection = Collection { bounds, merge, ..Collection::named("a") };
        let [account, guest] = quantities.map(|quantity| entry(json!({ "quantity": quantity }), 0));

        let merged = collection.merge(&account, &guest);

        prop_assert_eq!(merged.value, json!({ "quantity": (quantities[0] + quantities[1]).clamp(low, low + more) }));
    }

    #[test]
    fn an_addition_is_the_sum_of_numbers_within_the_bounds_or_is_refused(
        collection in small(), before in random::object(), more in random::object(),
    ) {
        let current = entry(before.clone(), 0);
        let (Value::Object(before), Value::Object(more)) = (before, more) else { unreachable!() };
        let change = EntryChange {
            collection: Arc::clone(&collection),
            key: Key::try_from("a".to_owned()).unwrap(),
            edit: Edit::Add(Addition(more.clone())),
            conditions: Conditions::default(),
            addition_key: None,
            now: Timestamp::from_millis(1),
        };

        match change.decide(Some(&current), 0) {
            Ok(Decision::Write { entry, .. }) => {
                let Value::Object(after) = entry.value else { panic!("an addition makes an object") };
                let names: BTreeSet<_> = before.keys().chain(more.keys()).collect();
                prop_assert_eq!(names, after.keys().collect::<BTreeSet<_>>());
                for (name, value) in &after {
                    let expected = match more.get(name) {
                        None => before[name].clone(),
                        Some(more) => collection.cut(name, plus(before.get(name), more)).into(),
                    };
                    prop_assert_eq!(value, &expected, "{}", name);
                }
            }
            Ok(decision) => prop_assert!(false, "{:?}", decision),
            Err(error) => prop_assert!(matches!(error, ChangeError::Value(_)), "{:?}", error),
        }
    }

    #[test]
    fn a_merge_patch_sets_removes_and_keeps_members(target in random::json_value(), patch in random::json_value()) {
        let patched = merge_patch(target.clone(), &patch);

        match (&patch, &patched) {
            (Value::Object(patch), Value::Object(patched)) => {
                let empty = Map::new();
                let before = target.as_object().unwrap_or(&empty);
                for (name, change) in patch {
                    match change {
                        Value::Null => prop_assert!(!patched.contains_key(name)),
                        Value::Object(_) => prop_assert!(patched[name].is_object()),
                        change => prop_assert_eq!(&patched[name], change),
                    }
                }
                for (name, value) in before.iter().filter(|(name, _)| !patch.contains_key(*name)) {
                    prop_assert_eq!(&patched[name], value);
                }
            }
            (patch, patched) => prop_assert_eq!(patch, patched),
        }
        prop_assert_eq!(merge_patch(patched.clone(), &patch), patched, "a repeated patch changes nothing");
    }
}

fn entry(value: Value, at: i64) -> Entry {
    let at = Timestamp::from_millis(at);
    Entry { key: "a".to_owned(), value, created_at: at, updated_at: at }
}

fn plus(before: Option<&Value>, more: &Value) -> serde_json::Number {
    let zero = 0.into();
    match (before, more) {
        (None, Value::Number(more)) => number::sum(&zero, more),
        (Some(Value::Number(before)), Value::Number(more)) => number::sum(before, more),
        other => panic!("{other:?} must be refused"),
    }
}

/// A declaration without sums.
fn idempotent() -> impl Strategy<Value = Arc<Collection>> {
    small().prop_map(|mut collection| {
        if let Merge::Members(rules) = &mut Arc::make_mut(&mut collection).merge {
            rules.retain(|_, rule| *rule != MergeRule::Sum);
        }
        collection
    })
}

/// A declaration whose rules are symmetric, with bounds that are not negative, and that allows each merged value: a value that is
/// not allowed gives way to the newest one, which depends on the order.
fn symmetric(full: Full) -> impl Strategy<Value = Arc<Collection>> {
    let rule = select(vec![MergeRule::Sum, MergeRule::Max, MergeRule::Min]);
    let rules = btree_map(select(&["quantity", "points"][..]).prop_map(str::to_owned), rule, 1..3);
    let merge = prop_oneof![3 => rules.prop_map(Merge::Members), 1 => Just(Merge::Whole(MergeRule::Newest))];
    (merge, 0..5_i64, 50..100_i64, any::<bool>(), 1..8_u32).prop_map(move |(merge, low, high, is_bounded, entries)| {
        let bounds = super::Bounds { low: low.into(), high: high.into() };
        let bounds = is_bounded.then(|| ("quantity".to_owned(), bounds)).into_iter().collect();
        Arc::new(Collection { merge, bounds, full, entries, ..Collection::named("a") })
    })
}

/// Entries with whole numbers within the bounds of [`symmetric`]. No two guests change an entry at the same time.
fn cart(guest: i64) -> impl Strategy<Value = Entries> {
    let value = (5..50_i64, proptest::option::of(0..1000_i64), "[a-z]{0,3}").prop_map(|(quantity, points, note)| {
        let mut value = json!({ "quantity": quantity, "note": note });
        if let Some(points) = points {
            value["points"] = points.into();
        }
        value
    });
    btree_map("[a-f]", (value, 0..1000_i64, 0..1000_i64), 0..6).prop_map(move |entries| {
        let entry = |(index, (key, (value, created_at, age))): (usize, (String, (Value, i64, i64)))| {
            let index = i64::try_from(index).unwrap();
            // The last digits are of the guest and of the entry: no two times are equal.
            let created_at = created_at * 100 + guest * 10 + index;
            let [created_at, updated_at] = [created_at, created_at + age * 100].map(Timestamp::from_millis);
            (key.clone(), Entry { key, value, created_at, updated_at })
        };
        entries.into_iter().enumerate().map(entry).collect()
    })
}

#[test]
fn merge_patches_are_applied_as_in_the_examples_of_rfc_7396() {
    for (target, patch, expected) in [
        (json!({ "a": "b" }), json!({ "a": "c" }), json!({ "a": "c" })),
        (json!({ "a": "b" }), json!({ "b": "c" }), json!({ "a": "b", "b": "c" })),
        (json!({ "a": "b" }), json!({ "a": null }), json!({})),
        (json!({ "a": "b", "b": "c" }), json!({ "a": null }), json!({ "b": "c" })),
        (json!({ "a": ["b"] }), json!({ "a": "c" }), json!({ "a": "c" })),
        (json!({ "a": "c" }), json!({ "a": ["b"] }), json!({ "a": ["b"] })),
        (json!({ "a": { "b": "c" } }), json!({ "a": { "b": "d", "c": null } }), json!({ "a": { "b": "d" } })),
        (json!({ "a": [{ "b": "c" }] }), json!({ "a": [1] }), json!({ "a": [1] })),
        (json!(["a", "b"]), json!(["c", "d"]), json!(["c", "d"])),
        (json!({ "a": "b" }), json!(["c"]), json!(["c"])),
        (json!({ "a": "foo" }), json!(null), json!(null)),
        (json!({ "a": "foo" }), json!("bar"), json!("bar")),
        (json!({ "e": null }), json!({ "a": 1 }), json!({ "e": null, "a": 1 })),
        (json!([1, 2]), json!({ "a": "b", "c": null }), json!({ "a": "b" })),
        (json!({}), json!({ "a": { "bb": { "ccc": null } } }), json!({ "a": { "bb": {} } })),
    ] {
        assert_eq!(merge_patch(target.clone(), &patch), expected, "{target} {patch}");
    }
}
