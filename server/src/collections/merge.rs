//! Merging the entry of a guest into that of an account (S8).

use std::cmp::Ordering;
use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{Collection, Entry, number};

/// How the values of a guest and of an account with the same key become one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Merge {
    /// One rule for the whole value.
    Whole(MergeRule),
    /// Rules for members of objects. The other members are taken from the value that was changed last.
    Members(BTreeMap<String, MergeRule>),
}

/// How two values become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MergeRule {
    /// The sum, cut to the bounds of the member.
    Sum,
    /// The greater value: of two numbers by their value, of two texts by their characters.
    Max,
    /// The smaller value.
    Min,
    /// That of the account.
    Account,
    /// That of the guest.
    Guest,
    /// The value that was changed last.
    Newest,
}

impl Collection {
    /// Merges two entries with the same key. If the merged value broke the declaration, the value that was changed last is kept
    /// as it is.
    pub(crate) fn merge(&self, account: &Entry, guest: &Entry) -> Entry {
        let guest_is_newest = is_newer(guest, account);
        let newest = if guest_is_newest { guest } else { account };
        let (of_account, of_guest) = (&account.value, &guest.value);
        let value = match &self.merge {
            Merge::Whole(rule) => rule.merge(of_account, of_guest, guest_is_newest),
            Merge::Members(rules) => match (of_account, of_guest) {
                (Value::Object(of_account), Value::Object(of_guest)) => {
                    self.merge_members(rules, of_account, of_guest, guest_is_newest)
                }
                _ => newest.value.clone(),
            },
        };
        let value = if self.check(&value).is_ok() { value } else { newest.value.clone() };
        Entry {
            key: account.key.clone(),
            value,
            created_at: account.created_at.min(guest.created_at),
            updated_at: newest.updated_at,
        }
    }

    fn merge_members(
        &self,
        rules: &BTreeMap<String, MergeRule>,
        account: &Map<String, Value>,
        guest: &Map<String, Value>,
        guest_is_newest: bool,
    ) -> Value {
        let mut merged = if guest_is_newest { guest } else { account }.clone();
        for (name, rule) in rules {
            let value = match (account.get(name), guest.get(name)) {
                (None, None) => continue,
                // Taken from the newest value, also if it does not have the member.
                _ if *rule == MergeRule::Newest => continue,
                (Some(only), None) | (None, Some(only)) => only.clone(),
                (Some(account), Some(guest)) => match rule.merge(account, guest, guest_is_newest) {
                    Value::Number(sum) if *rule == MergeRule::Sum => self.cut(name, sum).into(),
                    value => value,
                },
            };
            merged.insert(name.clone(), value);
        }
        merged.into()
    }
}

impl MergeRule {
    fn merge(self, account: &Value, guest: &Value, guest_is_newest: bool) -> Value {
        let takes_guest = match (self, account, guest) {
            (Self::Sum, Value::Number(account), Value::Number(guest)) => return number::sum(account, guest).into(),
            (Self::Max, ..) => order(guest, account).is_gt(),
            (Self::Min, ..) => order(guest, account).is_lt(),
            (Self::Account, ..) => false,
            (Self::Guest, ..) => true,
            (Self::Sum | Self::Newest, ..) => guest_is_newest,
        };
        if takes_guest { guest } else { account }.clone()
    }
}

/// Whether the entry was changed after the other one. Of two that were changed at the same time, the greater value counts as the
/// newer one, so that the order of merges does not matter.
fn is_newer(entry: &Entry, other: &Entry) -> bool {
    entry.updated_at.cmp(&other.updated_at).then_with(|| order(&entry.value, &other.value)).is_gt()
}

/// A total order of values: numbers by their value, texts by their characters, others by their JSON; of different types by the type.
fn order(a: &Value, b: &Value) -> Ordering {
    let by_value = match (a, b) {
        (Value::Number(a), Value::Number(b)) => number::compare(a, b),
        (Value::String(a), Value::String(b)) => a.cmp(b),
        _ => rank(a).cmp(&rank(b)),
    };
    by_value.then_with(|| a.to_string().cmp(&b.to_string()))
}

const fn rank(value: &Value) -> u8 {
    match value {
        Value::Null => 0,
        Value::Bool(_) => 1,
        Value::Number(_) => 2,
        Value::String(_) => 3,
        Value::Array(_) => 4,
        Value::Object(_) => 5,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::{Bounds, Collections};
    use super::*;
    use crate::clock::Timestamp;

    fn entry(value: Value, created_at: i64, updated_at: i64) -> Entry {
        let [created_at, updated_at] = [created_at, updated_at].map(Timestamp::from_millis);
        Entry { key: "mug".to_owned(), value, created_at, updated_at }
    }

    fn merged(collection: &Collection, account: Value, guest: Value) -> Value {
        collection.merge(&entry(account, 1, 1), &entry(guest, 2, 2)).value
    }

    fn with_rule(rule: MergeRule) -> Collection {
        Collection { merge: Merge::Whole(rule), ..Collection::named("scores") }
    }

    #[test]
    fn s08_the_quantities_of_two_carts_add_up_within_their_bounds() {
        let collections = Collections::default();
        let cart = collections.get("cart").unwrap();

        let entry = cart.merge(
            &entry(json!({ "quantity": 2, "note": "old", "gift": true }), 5, 10),
            &entry(json!({ "quantity": 3, "note": "new" }), 3, 20),
        );

        assert_eq!(entry.value, json!({ "quantity": 5, "note": "new" }));
        assert_eq!((entry.created_at.as_millis(), entry.updated_at.as_millis()), (3, 20));
        assert_eq!(merged(cart, json!({ "quantity": 60 }), json!({ "quantity": 60 })), json!({ "quantity": 99 }));
    }

    #[test]
    fn s08_each_rule_makes_one_value_of_two() {
        for (rule, account, guest, expected) in [
            (MergeRule::Sum, json!(1), json!(2), json!(3)),
            (MergeRule::Sum, json!(1), json!("2"), json!("2")),
            (MergeRule::Max, json!(10), json!(9.5), json!(10)),
            (MergeRule::Max, json!("2026-01-02"), json!("2026-01-10"), json!("2026-01-10")),
            (MergeRule::Min, json!(10), json!(9.5), json!(9.5)),
            (MergeRule::Account, json!("dark"), json!("light"), json!("dark")),
            (MergeRule::Guest, json!("dark"), json!("light"), json!("light")),
            (MergeRule::Newest, json!("dark"), json!("light"), json!("light")),
        ] {
            assert_eq!(merged(&with_rule(rule), account, guest), expected, "{rule:?}");
        }
    }

    #[test]
    fn s08_a_member_that_one_side_lacks_is_taken_from_the_other() {
        let rules = [("best", MergeRule::Max), ("note", MergeRule::Account), ("size", MergeRule::Newest)];
        let merge = Merge::Members(rules.map(|(name, rule)| (name.to_owned(), rule)).into());
        let collection = Collection { merge, ..Collection::named("scores") };

        let value =
            merged(&collection, json!({ "best": 3, "size": "S", "old": 1 }), json!({ "note": "guest", "new": 2 }));

        assert_eq!(value, json!({ "best": 3, "note": "guest", "new": 2 }), "size and old were removed later");
    }

    #[test]
    fn s08_a_merged_value_that_breaks_the_declaration_gives_way_to_the_newest() {
        let merge = Merge::Members([("text".to_owned(), MergeRule::Account)].into());
        let short = Collection { merge, value_bytes: 30, ..Collection::named("notes") };
        let guest = json!({ "more": "x".repeat(15) });
        assert_eq!(merged(&short, json!({ "text": "y".repeat(15) }), guest.clone()), guest);

        let bounds = [("points".to_owned(), Bounds { low: 0.into(), high: 9.into() })].into();
        let bounded = Collection { bounds, ..with_rule(MergeRule::Account) };
        assert_eq!(merged(&bounded, json!({ "points": 12 }), json!({ "points": 2 })), json!({ "points": 2 }));
    }
}
