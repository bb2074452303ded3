//! The check of a value against the declaration of its collection.

use serde::Serialize;
use serde_json::Value;

use super::Collection;

/// The greatest number of places that an error names.
const MAX_PLACES: usize = 10;

/// A place in a value that breaks the declaration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct InvalidPlace {
    /// JSON Pointer (RFC 6901) of the place. Empty: the whole value.
    pub(crate) pointer: String,
    pub(crate) detail: String,
}

/// A value that breaks the declaration of its collection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ValueError {
    /// The value has more than `limit` bytes of compact JSON.
    TooLong { limit: usize },
    /// The bounds or the schema do not allow it. At least one place.
    Invalid(Vec<InvalidPlace>),
}

impl ValueError {
    pub(crate) fn at(pointer: String, detail: impl Into<String>) -> Self {
        Self::Invalid(vec![InvalidPlace { pointer, detail: detail.into() }])
    }
}

impl Collection {
    /// Checks a value that is to be stored.
    pub(crate) fn check(&self, value: &Value) -> Result<(), ValueError> {
        if value.to_string().len() > self.value_bytes {
            return Err(ValueError::TooLong { limit: self.value_bytes });
        }
        let mut places = self.beyond_bounds(value);
        if let Some(schema) = &self.schema {
            places.extend(schema.invalid_places(value, MAX_PLACES));
            places.truncate(MAX_PLACES);
        }
        if places.is_empty() { Ok(()) } else { Err(ValueError::Invalid(places)) }
    }

    fn beyond_bounds(&self, value: &Value) -> Vec<InvalidPlace> {
        if self.bounds.is_empty() {
            return Vec::new();
        }
        let Value::Object(members) = value else {
            return vec![InvalidPlace { pointer: String::new(), detail: "the value must be an object".to_owned() }];
        };
        let beyond = self.bounds.iter().filter(|(name, bounds)| match members.get(*name) {
            Some(Value::Number(number)) => !bounds.contain(number),
            Some(_) => true,
            None => false,
        });
        let place = |(name, bounds): (&String, &super::Bounds)| InvalidPlace {
            pointer: pointer_of(name),
            detail: format!("the value must be a number from {} to {}", bounds.low, bounds.high),
        };
        beyond.map(place).collect()
    }
}

/// The JSON Pointer of a member of the value (RFC 6901 §3).
pub(super) fn pointer_of(member: &str) -> String {
    format!("/{}", member.replace('~', "~0").replace('/', "~1"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::Collections;
    use super::*;

    fn check(collection: &str, value: &Value) -> Result<(), ValueError> {
        Collections::default().get(collection).unwrap().check(value)
    }

    fn pointers(checked: Result<(), ValueError>) -> Vec<String> {
        match checked.unwrap_err() {
            ValueError::Invalid(places) => places.into_iter().map(|place| place.pointer).collect(),
            error @ ValueError::TooLong { .. } => panic!("{error:?}"),
        }
    }

    #[test]
    fn the_value_of_a_cart_has_a_quantity_from_1_to_99() {
        assert_eq!(check("cart", &json!({ "quantity": 1 })), Ok(()));
        assert_eq!(check("cart", &json!({ "quantity": 99.0, "note": "gift", "size": ["S"] })), Ok(()));
        for quantity in [json!(0), json!(100)] {
            assert_eq!(pointers(check("cart", &json!({ "quantity": quantity }))), ["/quantity"]);
        }
        assert_eq!(pointers(check("cart", &json!({ "quantity": 1.5 }))), ["/quantity"]);
        assert_eq!(pointers(check("cart", &json!({ "quantity": "2" }))), ["/quantity", "/quantity"]);
        assert_eq!(pointers(check("cart", &json!({}))), [""]);
        assert!(check("cart", &json!([])).is_err());
    }

    #[test]
    fn preferences_are_texts_numbers_and_booleans() {
        for value in [json!("dark"), json!("é".repeat(512)), json!(1.5), json!(true)] {
            assert_eq!(check("preferences", &value), Ok(()));
        }
        for value in [json!("é".repeat(513)), json!(null), json!([]), json!({})] {
            assert_eq!(pointers(check("preferences", &value)), [""]);
        }
    }

    #[test]
    fn the_length_of_a_value_is_counted_in_bytes_of_compact_json() {
        let value = |length: usize| json!({ "note": "x".repeat(length) });
        // {"note":""} has eleven bytes.
        assert_eq!(check("favorites", &value(256 - 11)), Ok(()));
        assert_eq!(check("favorites", &value(256 - 10)), Err(ValueError::TooLong { limit: 256 }));
    }
}
