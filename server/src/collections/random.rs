//! Random declarations and values, for properties.

use std::collections::BTreeMap;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Map, Number, Value, json};

use super::declaration::RESERVED;
use super::{Bounds, Collection, Collections, Full, Merge, MergeRule, Schema};

/// The names of members of values.
const MEMBERS: [&str; 5] = ["quantity", "points", "note", "a/b~c", "größe 2"];

/// Any declarations.
pub(crate) fn collections() -> impl Strategy<Value = Collections> {
    let defaults: Vec<_> = Collections::default().iter().map(|default| Collection::clone(default)).collect();
    let defaults = subsequence(defaults, 0..=4);
    (defaults, vec(collection(), 0..4))
        .prop_map(|(defaults, others)| Collections::of(defaults.into_iter().chain(others)))
}

/// Any declaration.
pub(crate) fn collection() -> impl Strategy<Value = Collection> {
    let name = "[a-z][a-z0-9_-]{0,31}".prop_filter("reserved", |name| !RESERVED.contains(&name.as_str()));
    let full = select(vec![Full::Refuse, Full::DropOldest]);
    (name, 1..=10_000_u32, full, 1..=16_384_usize, merge(), bounds()).prop_flat_map(
        |(name, entries, full, value_bytes, merge, bounds)| {
            let declared = Collection { name, entries, full, value_bytes, merge, bounds, schema: None };
            schema(&declared).prop_map(move |schema| Collection { schema, ..declared.clone() })
        },
    )
}

fn merge() -> impl Strategy<Value = Merge> {
    let whole = select(vec![MergeRule::Newest, MergeRule::Account, MergeRule::Guest]).prop_map(Merge::Whole);
    prop_oneof![whole, btree_map(member(), rule(), 1..4).prop_map(Merge::Members)]
}

fn rule() -> impl Strategy<Value = MergeRule> {
    use MergeRule::{Account, Guest, Max, Min, Newest, Sum};
    select(vec![Sum, Max, Min, Account, Guest, Newest])
}

fn member() -> impl Strategy<Value = String> {
    select(&MEMBERS).prop_map(str::to_owned)
}

fn bounds() -> impl Strategy<Value = BTreeMap<String, Bounds>> {
    let whole = (-50..50_i64, 0..200_i64).prop_map(|(low, more)| Bounds { low: low.into(), high: (low + more).into() });
    let other = (-1e6..1e6, 0.0..1e6).prop_filter_map("not finite", |(low, more)| {
        Some(Bounds { low: Number::from_f64(low)?, high: Number::from_f64(low + more)? })
    });
    btree_map(member(), prop_oneof![3 => whole, 1 => other], 0..3)
}

/// A schema that the declaration can have, or none.
fn schema(declared: &Collection) -> impl Strategy<Value = Option<Schema>> + use<> {
    let numbers = match &declared.merge {
        Merge::Members(rules) => {
            rules.iter().filter(|(_, rule)| **rule == MergeRule::Sum).map(|(name, _)| name).collect()
        }
        Merge::Whole(_) => Vec::new(),
    };
    let needs_object = !declared.bounds.is_empty() || matches!(declared.merge, Merge::Members(_));
    let is_number = |name: &&str| numbers.iter().any(|number| number == name) || declared.bounds.contains_key(*name);
    let properties: Map<_, _> = MEMBERS
        .iter()
        .map(|name| ((*name).to_owned(), if is_number(name) { json!({ "type": "number" }) } else { json!(true) }))
        .collect();
    let object = json!({ "$schema": "https://json-schema.org/draft/2020-12/schema", "properties": properties });
    let only_whole = json!({ "type": "object", "properties": { "quantity": { "multipleOf": 1 } } });
    let text = json!({ "type": ["string", "null"], "maxLength": 12, "not": { "const": null } });
    let mut schemas = vec![
        None,
        Some(json!({})),
        Some(object),
        Some(only_whole),
        Some(json!({ "$ref": "#/$defs/short", "$defs": { "short": { "maxProperties": 3 } } })),
        Some(json!({ "description": "\"\\ \u{7f} ''' \"\"\"\nü", "required": ["note"], "type": "object" })),
    ];
    if !needs_object {
        schemas.push(Some(text));
    }
    // Each of them is a schema.
    select(schemas).prop_map(|schema| schema.and_then(|schema| Schema::new(schema).ok()))
}

/// Any value.
pub(crate) fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-100..200_i64).prop_map(Value::from),
        (-1e9..1e9).prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            btree_map(prop_oneof![member(), "[a-c]{1,2}"], inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Objects whose members are mostly numbers.
pub(crate) fn object() -> impl Strategy<Value = Value> {
    let number = prop_oneof![4 => (0..120_i64).prop_map(Value::from), 1 => json_value()];
    btree_map(member(), number, 0..5).prop_map(|members| Value::Object(members.into_iter().collect()))
}
