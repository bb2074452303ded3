//! Changes of an entry: what each of them stores, and when it is refused.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Number, Value};

use super::value::pointer_of;
use super::{Collection, Entry, Full, Key, ValueError, number};
use crate::clock::Timestamp;
use crate::etag::Conditions;

/// How long an idempotency key of an addition is kept. Repeated within that time, an addition is made once.
pub(crate) const ADDITION_KEY_WINDOW: Duration = Duration::from_secs(24 * 60 * 60);

/// The greatest number of idempotency keys that are kept for one guest. The oldest key is deleted first: no client retries an
/// addition after 500 later ones, and refusing a new addition would block a guest for a reason that the guest cannot see.
pub(crate) const MAX_ADDITION_KEYS: u32 = 500;

/// A change of one entry.
#[derive(Debug, Clone)]
pub(crate) struct EntryChange {
    pub(crate) collection: Arc<Collection>,
    pub(crate) key: Key,
    pub(crate) edit: Edit,
    pub(crate) conditions: Conditions,
    /// The idempotency key of an addition, if the client sent one.
    pub(crate) addition_key: Option<AdditionKey>,
    pub(crate) now: Timestamp,
}

/// What a change does to an entry.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Edit {
    /// Sets the value.
    Put(Value),
    /// Applies a merge patch (RFC 7396).
    Patch(Value),
    /// Adds to members of the value.
    Add(Addition),
    /// Removes the entry.
    Remove,
}

/// The numbers to add, by the name of the member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Addition(pub(crate) Map<String, Value>);

/// An idempotency key of an addition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AdditionKey {
    /// SHA-256 of the key.
    pub(crate) hash: [u8; 32],
    /// SHA-256 of the addition: the same key with another addition is an error of the client.
    pub(crate) request: [u8; 32],
}

/// A change that is refused. It has changed nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ChangeError {
    /// A condition of the request does not hold.
    PreconditionFailed,
    /// The collection has the greatest number of entries.
    Full {
        /// Its name.
        collection: String,
        /// The greatest number of entries.
        entries: u32,
    },
    /// The idempotency key was used with another request.
    KeyReused,
    /// The declaration does not allow the value.
    Value(ValueError),
}

impl From<ValueError> for ChangeError {
    fn from(error: ValueError) -> Self {
        Self::Value(error)
    }
}

/// What the store does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Writes the entry.
    Write {
        entry: Entry,
        /// Whether there is no entry with this key yet.
        is_new: bool,
        /// How many of the other entries are removed, those that were changed longest ago first.
        dropped: u32,
    },
    /// Removes the entry.
    Remove,
    /// Nothing: there is no entry to remove.
    Nothing,
}

impl AdditionKey {
    /// Whether this addition repeats an earlier one, given the request that came with the same key at `made_at`.
    ///
    /// # Errors
    /// The key was used with another addition.
    pub(crate) fn repeats(&self, request: &[u8], made_at: Timestamp, now: Timestamp) -> Result<bool, ChangeError> {
        if now >= made_at + ADDITION_KEY_WINDOW {
            Ok(false)
        } else if request == self.request {
            Ok(true)
        } else {
            Err(ChangeError::KeyReused)
        }
    }
}

impl EntryChange {
    /// Decides what the change does, given the `current` entry with its key and the number of `other` entries in the collection.
    pub(crate) fn decide(&self, current: Option<&Entry>, other: u32) -> Result<Decision, ChangeError> {
        let is_allowed = match current {
            Some(entry) => self.conditions.allow_change(&entry.tag()),
            None => self.conditions.allow_creation(),
        };
        if !is_allowed {
            return Err(ChangeError::PreconditionFailed);
        }
        let before = current.map(|entry| &entry.value);
        let value = match &self.edit {
            Edit::Put(value) => value.clone(),
            Edit::Patch(patch) => merge_patch(before.cloned().unwrap_or_default(), patch),
            Edit::Add(addition) => self.collection.sum(before, addition)?,
            Edit::Remove => return Ok(if current.is_some() { Decision::Remove } else { Decision::Nothing }),
        };
        self.collection.check(&value)?;
        let Collection { name, entries, full, .. } = &*self.collection;
        let dropped = match (current, full) {
            (Some(_), _) => 0,
            (None, Full::Refuse) if other >= *entries => {
                return Err(ChangeError::Full { collection: name.clone(), entries: *entries });
            }
            (None, Full::Refuse) => 0,
            (None, Full::DropOldest) => (other + 1).saturating_sub(*entries),
        };
        let entry = Entry {
            key: self.key.as_str().to_owned(),
            value,
            created_at: current.map_or(self.now, |entry| entry.created_at),
            updated_at: current.map_or(self.now, |entry| entry.updated_at.max(self.now)),
        };
        Ok(Decision::Write { entry, is_new: current.is_none(), dropped })
    }
}

impl Collection {
    /// The value after an addition. A sum is cut to its bounds.
    fn sum(&self, before: Option<&Value>, addition: &Addition) -> Result<Value, ValueError> {
        let mut members = match before {
            None => Map::new(),
            Some(Value::Object(members)) => members.clone(),
            Some(_) => {
                return Err(ValueError::at(String::new(), "the value is not an object, so nothing can be added"));
            }
        };
        for (name, more) in &addition.0 {
            let Value::Number(more) = more else {
                return Err(ValueError::at(pointer_of(name), "only numbers can be added"));
            };
            let zero = Number::from(0);
            let before = match members.get(name) {
                None => &zero,
                Some(Value::Number(before)) => before,
                Some(_) => return Err(ValueError::at(pointer_of(name), "the member is not a number")),
            };
            let sum = self.cut(name, number::sum(before, more));
            members.insert(name.clone(), sum.into());
        }
        Ok(members.into())
    }

    /// The sum of a member, cut to its bounds.
    pub(super) fn cut(&self, member: &str, sum: Number) -> Number {
        match self.bounds.get(member) {
            Some(bounds) => bounds.cut(sum),
            None => sum,
        }
    }
}

/// Applies a merge patch (RFC 7396 §2).
pub(crate) fn merge_patch(target: Value, patch: &Value) -> Value {
    let Value::Object(patch) = patch else { return patch.clone() };
    let mut members = match target {
        Value::Object(members) => members,
        _ => Map::new(),
    };
    for (name, change) in patch {
        if change.is_null() {
            members.shift_remove(name);
        } else {
            let member = members.entry(name.clone()).or_insert(Value::Null);
            *member = merge_patch(member.take(), change);
        }
    }
    members.into()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::Collections;
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(2000);

    fn change(collection: &str, edit: Edit) -> EntryChange {
        EntryChange {
            collection: Arc::clone(Collections::default().get(collection).unwrap()),
            key: "mug".to_owned().try_into().unwrap(),
            edit,
            conditions: Conditions::default(),
            addition_key: None,
            now: NOW,
        }
    }

    fn add(addition: Value) -> EntryChange {
        let Value::Object(addition) = addition else { panic!("{addition}") };
        change("cart", Edit::Add(Addition(addition)))
    }

    fn entry(value: Value) -> Entry {
        let at = Timestamp::from_millis(1000);
        Entry { key: "mug".to_owned(), value, created_at: at, updated_at: at }
    }

    fn stored(decided: Result<Decision, ChangeError>) -> Value {
        match decided.unwrap() {
            Decision::Write { entry, .. } => entry.value,
            other => panic!("{other:?}"),
        }
    }

    fn pointers(decided: Result<Decision, ChangeError>) -> Vec<String> {
        match decided.unwrap_err() {
            ChangeError::Value(ValueError::Invalid(places)) => places.into_iter().map(|place| place.pointer).collect(),
            error => panic!("{error:?}"),
        }
    }

    #[test]
    fn sums_are_cut_to_their_bounds() {
        let current = entry(json!({ "quantity": 98, "note": "gift" }));

        assert_eq!(
            stored(add(json!({ "quantity": 1 })).decide(Some(&current), 0)),
            json!({ "quantity": 99, "note": "gift" })
        );
        assert_eq!(stored(add(json!({ "quantity": 5 })).decide(Some(&current), 0))["quantity"], 99);
        assert_eq!(stored(add(json!({ "quantity": i64::MAX })).decide(Some(&current), 0))["quantity"], 99);
        assert_eq!(stored(add(json!({ "quantity": -500 })).decide(Some(&current), 0))["quantity"], 1);
        assert_eq!(stored(add(json!({ "quantity": 3 })).decide(None, 0)), json!({ "quantity": 3 }));
        assert_eq!(stored(add(json!({ "quantity": 1, "points": 2.5 })).decide(None, 0))["points"], 2.5);
    }

    #[test]
    fn what_is_not_a_number_cannot_be_added() {
        let current = entry(json!({ "quantity": 1, "note": "gift" }));

        assert_eq!(pointers(add(json!({ "note": 1 })).decide(Some(&current), 0)), ["/note"]);
        assert_eq!(pointers(add(json!({ "quantity": "1" })).decide(Some(&current), 0)), ["/quantity"]);
        assert_eq!(pointers(add(json!({ "points": 1 })).decide(None, 0)), [""], "the schema requires a quantity");
        let Value::Object(addition) = json!({ "size": 1 }) else { unreachable!() };
        let change = change("preferences", Edit::Add(Addition(addition)));
        assert_eq!(pointers(change.decide(Some(&entry(json!("dark"))), 0)), [""]);
    }

    #[test]
    fn a_full_collection_accepts_changes_of_its_entries_and_no_other_entry() {
        let put = change("cart", Edit::Put(json!({ "quantity": 3 })));
        let full = ChangeError::Full { collection: "cart".to_owned(), entries: 100 };

        assert!(put.decide(Some(&entry(json!({ "quantity": 1 }))), 99).is_ok());
        assert!(put.decide(None, 99).is_ok());
        assert_eq!(put.decide(None, 100), Err(full));
        assert_eq!(change("cart", Edit::Remove).decide(None, 100), Ok(Decision::Nothing));
    }

    #[test]
    fn a_full_collection_can_drop_its_oldest_entries() {
        let put = change("history", Edit::Put(json!({})));
        let dropped = |other| match put.decide(None, other).unwrap() {
            Decision::Write { dropped, is_new: true, .. } => dropped,
            decision => panic!("{decision:?}"),
        };

        assert_eq!([dropped(99), dropped(100), dropped(130)], [0, 1, 31]);
        let again = put.decide(Some(&entry(json!({}))), 130).unwrap();
        assert!(matches!(again, Decision::Write { dropped: 0, is_new: false, .. }));
    }

    #[test]
    fn a_written_entry_is_the_newest_and_keeps_the_time_of_its_creation() {
        let put = change("favorites", Edit::Put(json!({})));
        let current = entry(json!({}));

        let Decision::Write { entry, .. } = put.decide(Some(&current), 0).unwrap() else { panic!() };
        assert_eq!((entry.created_at, entry.updated_at), (current.created_at, NOW));

        let ahead = Entry { updated_at: Timestamp::from_millis(9000), ..current };
        let Decision::Write { entry, .. } = put.decide(Some(&ahead), 0).unwrap() else { panic!() };
        assert_eq!(entry.updated_at, ahead.updated_at, "the clock of another node may be ahead");
    }

    #[test]
    fn a_patch_of_a_missing_entry_creates_it() {
        let patch = change("cart", Edit::Patch(json!({ "quantity": 2, "note": null })));
        assert_eq!(stored(patch.decide(None, 0)), json!({ "quantity": 2 }));
    }

    #[test]
    fn a_key_repeats_its_own_request_for_a_day() {
        let key = AdditionKey { hash: [1; 32], request: [2; 32] };
        let made_at = Timestamp::from_secs(0);
        let end = made_at + ADDITION_KEY_WINDOW;

        assert_eq!(key.repeats(&[2; 32], made_at, end - Duration::from_millis(1)), Ok(true));
        assert_eq!(key.repeats(&[3; 32], made_at, made_at), Err(ChangeError::KeyReused));
        assert_eq!(key.repeats(&[2; 32], made_at, end), Ok(false));
        assert_eq!(key.repeats(&[3; 32], made_at, end), Ok(false));
    }
}
