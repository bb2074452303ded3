//! The paths and schemas of each declared collection, in place of the paths with the parameter `collection`.

use serde_json::{Map, Value, json};

use crate::collections::{Bounds, Collection, Collections, Full, MAX_KEY_BYTES, Merge, MergeRule, each_subschema};

/// The paths of all collections, as the handlers document them.
const PATHS: [&str; 2] = ["/me/{collection}", "/me/{collection}/{key}"];

/// The names of the operations of these paths. Those of a collection end with its name: `put_cart_entry`.
const OPERATIONS: [(&str, &str, &str); 7] = [
    (PATHS[0], "get", "list_{}"),
    (PATHS[0], "delete", "clear_{}"),
    (PATHS[1], "get", "get_{}_entry"),
    (PATHS[1], "put", "put_{}_entry"),
    (PATHS[1], "patch", "patch_{}_entry"),
    (PATHS[1], "post", "add_to_{}_entry"),
    (PATHS[1], "delete", "remove_{}_entry"),
];

/// A key has no control characters. That it is not `.` or `..` is not expressed.
const KEY_PATTERN: &str = r"^[^\x00-\x1f\x7f-\x9f]+$";

/// The schemas of a page of any collection and of an entry, as the handlers document them.
const PAGE: &str = "Entries";
const ENTRY: &str = "Entry";

/// Replaces the paths with the parameter `collection` by the paths of each declared collection.
pub(super) fn document_collections(document: &mut Value, collections: &Collections) {
    let Some(paths) = document["paths"].as_object_mut() else { return };
    let templates = PATHS.map(|path| paths.remove(path).unwrap_or_default());
    let mut names = Vec::new();
    for collection in collections.iter() {
        let name = Names::new(&collection.name, &names);
        for (path, template) in PATHS.iter().zip(&templates) {
            let path_of_collection = path.replace("{collection}", &collection.name);
            document["paths"][path_of_collection] = path_item(path, template, collection, &name);
        }
        let schemas = &mut document["components"]["schemas"];
        let mut entry = schemas[ENTRY].clone();
        entry["properties"]["value"] = reference(&name.schema("Value"));
        let mut page = schemas[PAGE].clone();
        page["properties"]["entries"]["items"] = reference(&name.schema("Entry"));
        page["description"] = format!("One page of `{}`.", collection.name).into();
        schemas[name.schema("Value")] = value_schema(collection, &name.schema("Value"));
        schemas[name.schema("Entry")] = entry;
        schemas[name.schema("Entries")] = page;
        names.push(name);
    }
    if let Some(schemas) = document["components"]["schemas"].as_object_mut() {
        // No path returns a page of any collection. The export has entries of any collection.
        schemas.remove(PAGE);
    }
}

/// The names of a collection in the document, which are unique there: `wish-list` is `wish_list` and `WishList`.
#[derive(PartialEq)]
struct Names {
    snake: String,
    pascal: String,
}

impl Names {
    fn new(collection: &str, taken: &[Self]) -> Self {
        let words: Vec<_> = collection.split(['-', '_']).filter(|word| !word.is_empty()).collect();
        let first_upper = |word: &&str| word[..1].to_ascii_uppercase() + &word[1..];
        let (snake, pascal) = (words.join("_"), words.iter().map(first_upper).collect::<String>());
        let numbered = |count: usize| match count {
            1 => Self { snake: snake.clone(), pascal: pascal.clone() },
            count => Self { snake: format!("{snake}_{count}"), pascal: format!("{pascal}{count}") },
        };
        let is_free =
            |names: &Self| taken.iter().all(|other| other.pascal != names.pascal && other.snake != names.snake);
        (1..).map(numbered).find(is_free).unwrap_or_else(|| numbered(1))
    }

    /// The name of a schema, such as `CartValue`.
    fn schema(&self, kind: &str) -> String {
        format!("{}{kind}", self.pascal)
    }
}

fn reference(schema: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{schema}") })
}

/// The operations of one path of a collection.
fn path_item(path: &str, template: &Value, collection: &Collection, names: &Names) -> Value {
    let mut item = Map::new();
    for (_, method, id) in OPERATIONS.iter().filter(|(of, ..)| *of == path) {
        // An addition makes an object of the value.
        if *method == "post" && !collection.allows_objects() {
            continue;
        }
        let mut operation = template[*method].clone();
        operation["operationId"] = id.replace("{}", &names.snake).into();
        operation["summary"] = format!("{}: {}", text(&operation["summary"]), collection.name).into();
        operation["description"] =
            format!("{}\n\n{}", text(&operation["description"]), rules(collection)).trim().into();
        if let Some(parameters) = operation["parameters"].as_array_mut() {
            parameters.retain(|parameter| parameter["name"] != "collection");
            for parameter in parameters.iter_mut().filter(|parameter| parameter["name"] == "key") {
                parameter["schema"] =
                    json!({ "type": "string", "minLength": 1, "maxLength": MAX_KEY_BYTES, "pattern": KEY_PATTERN });
            }
        }
        if path == PATHS[1]
            && let Some(responses) = operation["responses"].as_object_mut()
        {
            responses.entry("422").or_insert_with(|| json!({ "$ref": "#/components/responses/InvalidKey" }));
        }
        match *method {
            "delete" => {}
            "get" if path == PATHS[0] => set_schema(&mut operation, "/responses/200", &names.schema("Entries")),
            method => {
                let value = names.schema("Value");
                ["/responses/200", "/responses/201"].iter().for_each(|body| set_schema(&mut operation, body, &value));
                if method == "put" {
                    set_schema(&mut operation, "/requestBody", &value);
                }
                remove_refused_examples(&mut operation, collection);
            }
        }
        item.insert((*method).to_owned(), operation);
    }
    item.into()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Each representation of a body of an operation.
fn contents<'a>(operation: &'a mut Value, body: &str) -> impl Iterator<Item = &'a mut Map<String, Value>> {
    let contents = operation.pointer_mut(&format!("{body}/content")).and_then(Value::as_object_mut);
    contents.into_iter().flat_map(Map::values_mut).filter_map(Value::as_object_mut)
}

fn set_schema(operation: &mut Value, body: &str, schema: &str) {
    contents(operation, body).for_each(|content| _ = content.insert("schema".to_owned(), reference(schema)));
}

/// Removes the examples of values and of patches that this collection refuses.
fn remove_refused_examples(operation: &mut Value, collection: &Collection) {
    for content in contents(operation, "/requestBody") {
        if content.get("example").is_some_and(|example| collection.check(example).is_err()) {
            content.remove("example");
        }
    }
}

/// The schema of the values of a collection: the declared one, with the bounds of members.
fn value_schema(collection: &Collection, name: &str) -> Value {
    let bounds = collection.bounds.iter().map(|(member, Bounds { low, high })| {
        (member.clone(), json!({ "type": "number", "minimum": low, "maximum": high }))
    });
    let bounds: Map<_, _> = bounds.collect();
    let declared = collection.schema.as_ref().map(|schema| schema.source().clone());
    let mut schema = match declared {
        None if bounds.is_empty() => json!({}),
        None => json!({ "type": "object", "properties": bounds }),
        Some(mut schema) => {
            let place = if bounds.is_empty() || add_bounds(&mut schema, &bounds) { "" } else { "/allOf/0" };
            embed(&mut schema, &format!("#/components/schemas/{name}{place}"));
            if place.is_empty() {
                schema
            } else {
                json!({ "allOf": [schema, { "type": "object", "properties": bounds }] })
            }
        }
    };
    if schema.get("description").is_none() {
        schema["description"] =
            format!("The value of an entry of `{}`. {}", collection.name, length(collection)).into();
    }
    schema
}

/// Adds the bounds to the members that the schema itself lists. Returns false, and changes nothing, if the result would not mean
/// the same as both together.
fn add_bounds(schema: &mut Value, bounds: &Map<String, Value>) -> bool {
    let is_open = |keyword: &str| schema.get(keyword).is_none();
    let is_plain = |member: &Value| {
        ["minimum", "maximum"].iter().all(|keyword| member.get(keyword).is_none())
            && matches!(member["type"].as_str(), Some("integer" | "number"))
    };
    let fits = schema["type"] == "object"
        && bounds.keys().all(|name| match schema["properties"].get(name) {
            Some(member) => is_plain(member),
            None => ["additionalProperties", "patternProperties", "unevaluatedProperties"].into_iter().all(is_open),
        });
    if fits {
        for (name, bounds) in bounds {
            let member = &mut schema["properties"][name];
            let kind = member.get("type").cloned();
            for (keyword, value) in bounds.as_object().into_iter().flatten() {
                member[keyword] = value.clone();
            }
            if let Some(kind) = kind {
                member["type"] = kind;
            }
        }
    }
    fits
}

/// Makes the references of a schema resolve at its place in the document, and removes the keywords that belong to a document of its
/// own.
fn embed(schema: &mut Value, place: &str) {
    let mut anchors = Map::new();
    each_subschema(schema, &mut |pointer, keywords| {
        for keyword in ["$anchor", "$dynamicAnchor"] {
            if let Some(Value::String(name)) = keywords.remove(keyword) {
                anchors.insert(format!("#{name}"), pointer.into());
            }
        }
        ["$schema", "$id"].iter().for_each(|keyword| _ = keywords.remove(*keyword));
    });
    each_subschema(schema, &mut |_, keywords| {
        for keyword in ["$ref", "$dynamicRef"] {
            let Some(Value::String(reference)) = keywords.remove(keyword) else { continue };
            let pointer = anchors.get(&reference).map_or_else(|| reference.trim_start_matches('#'), text);
            keywords.insert("$ref".to_owned(), format!("{place}{pointer}").into());
        }
    });
}

/// The limits of a collection and its rules for merges, in words.
fn rules(collection: &Collection) -> String {
    let Collection { entries, full, merge, .. } = collection;
    let full = match full {
        Full::Refuse => "A new entry beyond them is refused with 409.",
        Full::DropOldest => "A new entry beyond them replaces the one that was changed longest ago.",
    };
    let merge = match merge {
        Merge::Whole(rule) => format!("the value is {}", of_rule(*rule)),
        Merge::Members(rules) => {
            let bounds = |name: &str| match collection.bounds.get(name) {
                Some(Bounds { low, high }) => format!(", cut to {low} to {high}"),
                None => String::new(),
            };
            let member = |(name, rule): (&String, &MergeRule)| match rule {
                MergeRule::Sum => format!("`{name}` is {}{}", of_rule(*rule), bounds(name)),
                rule => format!("`{name}` is {}", of_rule(*rule)),
            };
            let members: Vec<_> = rules.iter().map(member).collect();
            format!("{}, and the rest of the value is {}", members.join(", "), of_rule(MergeRule::Newest))
        }
    };
    format!(
        "A guest has at most {entries} entries. {full} {} If a guest logs in to an account that has an entry with the same key, \
         {merge}.",
        length(collection)
    )
}

fn length(collection: &Collection) -> String {
    format!("A value has at most {} bytes of compact JSON.", collection.value_bytes)
}

const fn of_rule(rule: MergeRule) -> &'static str {
    match rule {
        MergeRule::Sum => "the sum of both",
        MergeRule::Max => "the greater one",
        MergeRule::Min => "the smaller one",
        MergeRule::Account => "that of the account",
        MergeRule::Guest => "that of the guest",
        MergeRule::Newest => "the one that was changed last",
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn schemas_of(toml: &str) -> Value {
        let collections = Collections::from_toml(toml, Path::new("")).unwrap();
        let document = super::super::document(&collections);
        document["components"]["schemas"].clone()
    }

    #[test]
    fn names_are_unique() {
        let schemas = schemas_of("[collections.a-b]\n[collections.a_b]\n[collections.a_b_2]\n[collections.x]\n");

        for name in ["ABValue", "AB2Value", "AB22Value", "XValue"] {
            assert!(schemas[name].is_object(), "{name}");
        }
    }

    #[test]
    fn the_bounds_are_part_of_the_schema() {
        let bounds = json!({ "type": "number", "minimum": 1, "maximum": 9 });
        for (schema, expected) in [
            ("", json!({ "type": "object", "properties": { "n": bounds } })),
            (
                "schema = { type = 'object', properties = { n = { type = 'integer' } } }",
                json!({ "type": "object", "properties": { "n": { "type": "integer", "minimum": 1, "maximum": 9 } } }),
            ),
            ("schema = { type = 'object' }", json!({ "type": "object", "properties": { "n": bounds } })),
            (
                "schema = { type = 'object', properties = { n = { type = 'integer', maximum = 5 } } }",
                json!({ "allOf": [
                    { "type": "object", "properties": { "n": { "type": "integer", "maximum": 5 } } },
                    { "type": "object", "properties": { "n": bounds } },
                ] }),
            ),
        ] {
            let mut schemas = schemas_of(&format!("[collections.a]\nbounds = {{ n = [1, 9] }}\n{schema}\n"));
            let mut found = schemas["AValue"].take();
            assert!(found["description"].as_str().unwrap().contains("4096 bytes"), "{found}");
            found.as_object_mut().unwrap().remove("description");
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn references_resolve_in_the_document() {
        let schemas = schemas_of(
            "[collections.a]
             bounds = { n = [1, 9] }
             [collections.a.schema]
             '$schema' = 'https://json-schema.org/draft/2020-12/schema'
             '$id' = 'https://shop.example/a'
             description = 'A tree.'
             properties.left = { '$ref' = '#' }
             properties.right = { '$ref' = '#node' }
             properties.other = { '$ref' = '#/$defs/node' }
             properties.const = { const = { '$ref' = '#data' } }
             '$defs'.node = { '$anchor' = 'node', type = 'object' }
            ",
        );

        let value = &schemas["AValue"];
        let schema = &value["allOf"][0];
        let reference = |name: &str| &schema["properties"][name]["$ref"];
        assert_eq!(reference("left"), "#/components/schemas/AValue/allOf/0");
        assert_eq!(reference("right"), "#/components/schemas/AValue/allOf/0/$defs/node");
        assert_eq!(reference("other"), reference("right"));
        assert_eq!(schema["properties"]["const"], json!({ "const": { "$ref": "#data" } }));
        for keyword in ["$schema", "$id"] {
            assert_eq!(schema.get(keyword), None);
        }
        assert_eq!(schema["$defs"]["node"], json!({ "type": "object" }));
    }
}
