//! JSON Schema of values (draft 2020-12).

use std::sync::Arc;

use jsonschema::{Draft, PatternOptions, Validator};
use serde_json::Value;

use super::{Collection, InvalidPlace, each_subschema};

/// The dialect of schemas, as `$schema` names it.
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// A JSON Schema. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Schema(Arc<(Value, Validator)>);

impl Collection {
    /// Whether values can be objects, as far as the top of the schema shows it.
    pub(crate) fn allows_objects(&self) -> bool {
        self.schema.as_ref().is_none_or(|schema| allows(schema.source(), &["object"]))
    }
}

/// A schema that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{detail}", if pointer.is_empty() { String::new() } else { format!("{pointer}: ") })]
pub(crate) struct SchemaError {
    /// The place in the schema, as a JSON Pointer (RFC 6901). Empty: the whole schema.
    pub(crate) pointer: String,
    pub(crate) detail: String,
}

impl Schema {
    /// Reads a schema. It is read only here: a reference to another document is an error.
    pub(crate) fn new(schema: Value) -> Result<Self, SchemaError> {
        is_self_contained(&schema)?;
        let validator = jsonschema::options()
            .with_draft(Draft::Draft202012)
            .should_validate_formats(true)
            // Matches in a time that is linear in the length of the text, so that no text of a client makes it slow.
            .with_pattern_options(PatternOptions::regex())
            .offline()
            .build(&schema)
            .map_err(|error| SchemaError {
                pointer: error.instance_path().to_string(),
                detail: error.masked().to_string(),
            })?;
        Ok(Self(Arc::new((schema, validator))))
    }

    /// The schema as it was declared.
    pub(crate) fn source(&self) -> &Value {
        &self.0.0
    }

    /// The places of a value that break the schema, at most `limit`.
    pub(crate) fn invalid_places(&self, value: &Value, limit: usize) -> Vec<InvalidPlace> {
        let errors = self.0.1.iter_errors(value).take(limit);
        errors
            .map(|error| InvalidPlace {
                pointer: error.instance_path().to_string(),
                // Without the value: the client knows it, and it can be long.
                detail: error.masked().to_string(),
            })
            .collect()
    }
}

/// Whether the keyword `type` of a schema allows one of these types.
pub(super) fn allows(schema: &Value, types: &[&str]) -> bool {
    let is_one = |name: &Value| name.as_str().is_some_and(|name| types.contains(&name));
    match &schema["type"] {
        Value::Array(names) => names.iter().any(is_one),
        Value::Null => *schema != Value::Bool(false),
        name => is_one(name),
    }
}

/// Checks that a schema refers to no other document, also not to one inside of it, and names no other dialect.
fn is_self_contained(schema: &Value) -> Result<(), SchemaError> {
    let mut found = None;
    each_subschema(&mut schema.clone(), &mut |pointer, keywords| {
        for (keyword, value) in keywords.iter().filter_map(|(keyword, value)| Some((keyword.as_str(), value.as_str()?)))
        {
            let reason = match keyword {
                "$ref" | "$dynamicRef" if !value.starts_with('#') => {
                    "a reference must begin with #: no other document is read"
                }
                "$id" if !pointer.is_empty() => "only the whole schema can have an $id",
                "$schema" if value.trim_end_matches('#') != DIALECT => {
                    "only JSON Schema 2020-12 is supported: https://json-schema.org/draft/2020-12/schema"
                }
                _ => continue,
            };
            found.get_or_insert_with(|| SchemaError {
                pointer: format!("{pointer}/{keyword}"),
                detail: reason.to_owned(),
            });
        }
    });
    found.map_or(Ok(()), Err)
}

impl PartialEq for Schema {
    fn eq(&self, other: &Self) -> bool {
        self.source() == other.source()
    }
}

impl Eq for Schema {}

impl std::fmt::Debug for Schema {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Schema").field(self.source()).finish()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_invalid_place_is_named() {
        let schema = Schema::new(json!({
            "type": "object",
            "properties": { "size": { "enum": ["S", "M"] }, "lines": { "type": "array", "items": { "maxLength": 3 } } },
        }))
        .unwrap();

        let places = schema.invalid_places(&json!({ "size": "XL", "lines": ["abc", "abcd"] }), 10);

        let mut pointers: Vec<_> = places.iter().map(|place| place.pointer.as_str()).collect();
        pointers.sort_unstable();
        assert_eq!(pointers, ["/lines/1", "/size"]);
        assert!(
            places.iter().all(|place| !place.detail.contains("abcd") && !place.detail.contains("XL")),
            "{places:?}"
        );
        assert_eq!(schema.invalid_places(&json!({ "size": "S" }), 10), []);
    }

    #[test]
    fn a_wrong_schema_is_an_error_with_its_place() {
        let error = Schema::new(json!({ "properties": { "a": { "type": "text" } } })).unwrap_err();
        assert_eq!(error.pointer, "/properties/a/type", "{error}");

        for schema in [
            json!({ "$ref": "https://schemas.example/cart.json" }),
            json!({ "$ref": "other.json" }),
            json!({ "$ref": "#/$defs/missing" }),
            json!({ "pattern": "(?=a)b" }),
            json!(3),
        ] {
            assert!(Schema::new(schema.clone()).is_err(), "{schema}");
        }
    }

    #[test]
    fn s14_a_pattern_takes_linear_time() {
        let schema = Schema::new(json!({ "pattern": "^(a+)+$" })).unwrap();

        // With backtracking, this takes longer than the universe is old.
        let text = format!("{}b", "a".repeat(16_000));
        assert_eq!(schema.invalid_places(&json!(text), 10).len(), 1);
    }
}
