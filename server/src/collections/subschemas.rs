//! The schemas inside of a JSON Schema.

use serde_json::{Map, Value};

use super::value::pointer_of;

/// Calls `visit` for a schema and for each schema in it, with its JSON Pointer. Values that are no schemas, such as that of `const`,
/// are left out.
pub(crate) fn each_subschema(schema: &mut Value, visit: &mut impl FnMut(&str, &mut Map<String, Value>)) {
    each_at("", schema, visit);
}

fn each_at(pointer: &str, schema: &mut Value, visit: &mut impl FnMut(&str, &mut Map<String, Value>)) {
    match schema {
        Value::Object(keywords) => {
            visit(pointer, keywords);
            for (keyword, value) in keywords {
                let pointer = format!("{pointer}{}", pointer_of(keyword));
                match (keyword.as_str(), value) {
                    ("const" | "enum" | "default" | "examples", _) => {}
                    (
                        "properties" | "patternProperties" | "dependentSchemas" | "$defs" | "definitions",
                        Value::Object(schemas),
                    ) => {
                        for (name, schema) in schemas {
                            each_at(&format!("{pointer}{}", pointer_of(name)), schema, visit);
                        }
                    }
                    (_, value) => each_at(&pointer, value, visit),
                }
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                each_at(&format!("{pointer}/{index}"), item, visit);
            }
        }
        _ => {}
    }
}
