//! Preferences: a flat JSON object with limits, the same for every database.

use serde::Serialize;
use serde_json::{Map, Value};

use super::{DataError, DataResult};
use crate::etag::{Conditions, EntityTag};

/// The greatest number of members.
pub(crate) const MAX_PREFERENCE_KEYS: usize = 64;
/// The greatest length of a text, in characters.
pub(crate) const MAX_PREFERENCE_TEXT: usize = 512;
/// The greatest size of all preferences, in bytes of compact JSON.
const MAX_BYTES: usize = 8 * 1024;

/// The preferences of a guest: texts, numbers and booleans, by name.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(transparent)]
pub(crate) struct Preferences(Map<String, Value>);

/// A rule of preferences that an object breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PreferencesError {
    #[error("preferences can have at most {MAX_PREFERENCE_KEYS} members")]
    TooMany,
    #[error("each preference must be a text, a number, true or false")]
    NotFlat,
    #[error("a text in the preferences can have at most {MAX_PREFERENCE_TEXT} characters")]
    TextTooLong,
    #[error("the preferences can have at most {MAX_BYTES} bytes of JSON in total")]
    TooLong,
}

impl TryFrom<Map<String, Value>> for Preferences {
    type Error = PreferencesError;

    fn try_from(members: Map<String, Value>) -> Result<Self, PreferencesError> {
        if members.len() > MAX_PREFERENCE_KEYS {
            return Err(PreferencesError::TooMany);
        }
        members.values().try_for_each(check)?;
        let preferences = Self(members);
        if preferences.to_json().len() > MAX_BYTES { Err(PreferencesError::TooLong) } else { Ok(preferences) }
    }
}

/// Checks one value.
fn check(value: &Value) -> Result<(), PreferencesError> {
    match value {
        Value::String(text) if text.chars().count() > MAX_PREFERENCE_TEXT => Err(PreferencesError::TextTooLong),
        Value::String(_) | Value::Number(_) | Value::Bool(_) => Ok(()),
        Value::Null | Value::Array(_) | Value::Object(_) => Err(PreferencesError::NotFlat),
    }
}

impl Preferences {
    /// The stored form.
    pub(crate) fn to_json(&self) -> String {
        Value::Object(self.0.clone()).to_string()
    }

    /// Reads the stored form.
    pub(crate) fn from_json(json: &str) -> serde_json::Result<Self> {
        serde_json::from_str(json).map(Self)
    }

    pub(crate) fn tag(&self) -> EntityTag {
        EntityTag::of(self)
    }
}

/// A change of the preferences of a guest.
#[derive(Debug, Clone)]
pub(crate) struct PreferencesChange {
    pub(crate) edit: PreferencesEdit,
    pub(crate) conditions: Conditions,
}

/// What a change does to the preferences.
#[derive(Debug, Clone)]
pub(crate) enum PreferencesEdit {
    /// Replaces all preferences.
    Replace(Preferences),
    /// Applies a merge patch (RFC 7396).
    Merge(MergePatch),
}

/// A merge patch of a flat object: null removes a member, and any other value replaces it.
#[derive(Debug, Clone)]
pub(crate) struct MergePatch(Map<String, Value>);

impl TryFrom<Map<String, Value>> for MergePatch {
    type Error = PreferencesError;

    /// Checks each value. The limits of number and size depend on the current preferences and are checked when the patch is
    /// applied.
    fn try_from(members: Map<String, Value>) -> Result<Self, PreferencesError> {
        members.values().filter(|value| !value.is_null()).try_for_each(check)?;
        Ok(Self(members))
    }
}

impl PreferencesChange {
    /// The preferences after the change.
    pub(crate) fn apply(self, current: Preferences) -> DataResult<Preferences> {
        if !self.conditions.allow_change(&current.tag()) {
            return Err(DataError::PreconditionFailed);
        }
        match self.edit {
            PreferencesEdit::Replace(preferences) => Ok(preferences),
            PreferencesEdit::Merge(MergePatch(patch)) => {
                let Preferences(mut members) = current;
                for (name, value) in patch {
                    if value.is_null() {
                        members.remove(&name);
                    } else {
                        members.insert(name, value);
                    }
                }
                Preferences::try_from(members).map_err(DataError::Preferences)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: &Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    fn preferences(value: &Value) -> Result<Preferences, PreferencesError> {
        object(value).try_into()
    }

    fn merged(current: &Value, patch: &Value) -> DataResult<Preferences> {
        let patch = MergePatch::try_from(object(patch)).map_err(DataError::Preferences)?;
        let change = PreferencesChange { edit: PreferencesEdit::Merge(patch), conditions: Conditions::default() };
        change.apply(preferences(current).unwrap())
    }

    fn members(count: usize, value: &Value) -> Value {
        (0..count).map(|number| (format!("key{number:02}"), value.clone())).collect::<Map<_, _>>().into()
    }

    #[test]
    fn preferences_are_flat_and_limited() {
        assert!(preferences(&json!({})).is_ok());
        assert!(preferences(&json!({ "theme": "dark", "size": 1.5, "compact": true, "": -1 })).is_ok());
        for value in [json!(null), json!([]), json!({})] {
            assert_eq!(preferences(&json!({ "a": value })), Err(PreferencesError::NotFlat));
        }
        assert!(preferences(&json!({ "a": "é".repeat(512) })).is_ok());
        assert_eq!(preferences(&json!({ "a": "é".repeat(513) })), Err(PreferencesError::TextTooLong));
        assert!(preferences(&members(64, &json!(1))).is_ok());
        assert_eq!(preferences(&members(65, &json!(1))), Err(PreferencesError::TooMany));
        // Beside its text, each member takes eleven bytes ("keyNN":"" and a comma); the object takes two braces.
        assert!(preferences(&members(16, &json!("a".repeat(500)))).is_ok());
        assert_eq!(preferences(&members(16, &json!("a".repeat(501)))), Err(PreferencesError::TooLong));
    }

    #[test]
    fn a_merge_patch_sets_and_removes() {
        let current = json!({ "theme": "dark", "size": 2 });

        let expected = preferences(&json!({ "theme": "light", "language": "de" }));
        let patch = json!({ "theme": "light", "size": null, "language": "de", "never": null });
        assert_eq!(merged(&current, &patch), Ok(expected.unwrap()));

        assert_eq!(merged(&current, &json!({ "a": {} })), Err(DataError::Preferences(PreferencesError::NotFlat)));
        let full = members(64, &json!(1));
        assert_eq!(merged(&full, &json!({ "a": 1 })), Err(DataError::Preferences(PreferencesError::TooMany)));
        assert!(merged(&full, &json!({ "a": 1, "key00": null })).is_ok());
    }

    #[test]
    fn numbers_come_back_as_they_were() {
        for number in ["0.30000000000000004", "1e-7", "9007199254740993", "18446744073709551615", "-0.0", "5e-324"] {
            let json = format!("{{\"a\":{number}}}");

            let stored = preferences(&serde_json::from_str(&json).unwrap()).unwrap().to_json();

            assert_eq!(Preferences::from_json(&stored).unwrap().to_json(), json);
        }
    }
}
