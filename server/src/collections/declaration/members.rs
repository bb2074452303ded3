//! The members `merge`, `bounds` and `schema` of a declaration, and whether they agree.

use std::collections::BTreeMap;

use serde_json::{Number, Value};
use toml::de::{DeTable, DeValue};

use super::place::{Place, did_you_mean, in_order, list, shown};
use super::{Collection, DeclarationError};
use crate::collections::number::compare;
use crate::collections::schema::allows;
use crate::collections::{Bounds, Merge, MergeRule, Schema, SchemaError};

/// The rules for a whole value.
const WHOLE: [(&str, MergeRule); 3] =
    [("newest", MergeRule::Newest), ("account", MergeRule::Account), ("guest", MergeRule::Guest)];

/// The rules for a member.
const OF_MEMBER: [(&str, MergeRule); 6] = [
    ("sum", MergeRule::Sum),
    ("max", MergeRule::Max),
    ("min", MergeRule::Min),
    ("newest", MergeRule::Newest),
    ("account", MergeRule::Account),
    ("guest", MergeRule::Guest),
];

/// The name of a rule.
pub(super) fn name_of(rule: MergeRule) -> &'static str {
    OF_MEMBER.iter().find(|(_, named)| *named == rule).map_or("newest", |(name, _)| name)
}

/// One rule for the whole value, or a table with rules for members.
pub(super) fn merge(place: &Place<'_>, value: &DeValue<'_>) -> Result<Merge, DeclarationError> {
    let DeValue::Table(rules) = value else {
        if let DeValue::String(word) = value
            && OF_MEMBER[..3].iter().any(|(name, _)| *name == word.as_ref())
        {
            let example = format!("merge = {{ quantity = \"{word}\" }}");
            return Err(place.error(format!("\"{word}\" is a rule for a member of the value: {example}")));
        }
        return place.word(value, &WHOLE).map(Merge::Whole).map_err(|error| match value {
            DeValue::String(_) => error,
            other => place.error(format!(
                "expected one rule for the whole value, or a table with rules for its members: {{ quantity = \"sum\" }}; \
                 found {}",
                shown(other)
            )),
        });
    };
    let rule = |(key, value): (&super::place::Key<'_>, &toml::Spanned<DeValue<'_>>)| {
        Ok((key.get_ref().to_string(), place.member(key).word(value.get_ref(), &OF_MEMBER)?))
    };
    let rules = in_order(rules).into_iter().map(rule).collect::<Result<BTreeMap<_, _>, _>>()?;
    // Without rules, every member is taken from the newest value.
    Ok(if rules.is_empty() { Merge::Whole(MergeRule::Newest) } else { Merge::Members(rules) })
}

/// The smallest and the greatest value of members.
pub(super) fn bounds(place: &Place<'_>, value: &DeValue<'_>) -> Result<BTreeMap<String, Bounds>, DeclarationError> {
    let DeValue::Table(members) = value else {
        let found = shown(value);
        return Err(place.error(format!("expected a table such as {{ quantity = [1, 99] }}, found {found}")));
    };
    let bounds =
        in_order(members).into_iter().map(|(key, value)| {
            let place = place.member(key);
            let pair = match value.get_ref() {
                DeValue::Array(pair) => pair.iter().map(|value| number(value.get_ref())).collect::<Option<Vec<_>>>(),
                _ => None,
            };
            let Some([low, high]) = pair.and_then(|pair| <[Number; 2]>::try_from(pair).ok()) else {
                let found = shown(value.get_ref());
                return Err(place
                    .error(format!("expected the smallest and the greatest number, such as [1, 99]; found {found}")));
            };
            if compare(&low, &high).is_gt() {
                return Err(place
                    .error(format!("{low} is greater than {high}; the smaller number is the first: [{high}, {low}]")));
            }
            Ok((key.get_ref().to_string(), Bounds { low, high }))
        });
    bounds.collect()
}

/// The path of a file with a JSON Schema, the schema as a table, or the schema as JSON in a text.
pub(super) fn schema(place: &Place<'_>, value: &DeValue<'_>) -> Result<Schema, DeclarationError> {
    match value {
        DeValue::Table(table) => Schema::new(json(place, value)?).map_err(|SchemaError { pointer, detail }| {
            let place = byte_of(table, &pointer).map_or_else(|| place.clone(), |byte| place.at(byte));
            place.error(format!("{}{detail}", at(&pointer)))
        }),
        DeValue::String(text) if text.trim_start().starts_with('{') => schema_of_text(place, "the text", text),
        DeValue::String(name) => {
            let path = place.document.directory.join(name.as_ref());
            let text = std::fs::read_to_string(&path)
                .map_err(|error| place.error(format!("{} cannot be read: {error}", path.display())))?;
            schema_of_text(place, &path.display().to_string(), &text)
        }
        other => Err(place.error(format!(
            "expected the path of a file with a JSON Schema, or the schema itself as a table; found {}",
            shown(other)
        ))),
    }
}

/// A schema that is written as JSON. `source` names the text.
fn schema_of_text(place: &Place<'_>, source: &str, text: &str) -> Result<Schema, DeclarationError> {
    let schema: Value =
        serde_json::from_str(text).map_err(|error| place.error(format!("{source} is not JSON: {error}")))?;
    if !schema.is_object() {
        return Err(place.error(format!("{source}: a schema is a JSON object")));
    }
    Schema::new(schema)
        .map_err(|SchemaError { pointer, detail }| place.error(format!("{source}: {}{detail}", at(&pointer))))
}

/// `at POINTER: `, or nothing for the whole document.
fn at(pointer: &str) -> String {
    if pointer.is_empty() { String::new() } else { format!("at {pointer}: ") }
}

/// The byte of the deepest key on the way to a JSON Pointer.
fn byte_of(table: &DeTable<'_>, pointer: &str) -> Option<usize> {
    let path = pointer.strip_prefix('/')?;
    let (first, rest) = path.split_at(path.find('/').unwrap_or(path.len()));
    let (key, value) = table.get_key_value(first.replace("~1", "/").replace("~0", "~").as_str())?;
    let deeper = match value.get_ref() {
        DeValue::Table(table) => byte_of(table, rest),
        _ => None,
    };
    deeper.or_else(|| Some(key.span().start))
}

/// A TOML value as JSON.
fn json(place: &Place<'_>, value: &DeValue<'_>) -> Result<Value, DeclarationError> {
    Ok(match value {
        DeValue::String(text) => Value::String(text.to_string()),
        DeValue::Boolean(value) => Value::Bool(*value),
        DeValue::Integer(_) | DeValue::Float(_) => {
            number(value).ok_or_else(|| place.error(format!("JSON has no number {}", shown(value))))?.into()
        }
        DeValue::Datetime(_) => return Err(place.error("JSON has no dates; write a text in quotes")),
        DeValue::Array(items) => {
            Value::Array(items.iter().map(|item| json(place, item.get_ref())).collect::<Result<_, _>>()?)
        }
        DeValue::Table(members) => {
            let members = in_order(members).into_iter();
            let member =
                members.map(|(key, value)| Ok((key.get_ref().to_string(), json(&place.member(key), value.get_ref())?)));
            Value::Object(member.collect::<Result<_, _>>()?)
        }
    })
}

/// A TOML number as JSON. `None` for an infinity, for not-a-number, and for an integer of more than 64 bits.
fn number(value: &DeValue<'_>) -> Option<Number> {
    match value {
        DeValue::Integer(number) => {
            let (digits, radix) = (number.as_str(), number.radix());
            let signed = i64::from_str_radix(digits, radix).map(Number::from);
            signed.or_else(|_| u64::from_str_radix(digits, radix).map(Number::from)).ok()
        }
        DeValue::Float(number) => number.as_str().parse().ok().and_then(Number::from_f64),
        _ => None,
    }
}

/// Checks that the members of a declaration agree, as far as the top of the schema shows it: `merge` and `bounds` name members
/// that the schema allows, and numbers that it allows.
pub(super) fn check(place: &Place<'_>, members: &DeTable<'_>, collection: &Collection) -> Result<(), DeclarationError> {
    let Some(schema) = collection.schema.as_ref().map(Schema::source) else { return Ok(()) };
    let of_merge = match &collection.merge {
        Merge::Whole(_) => Vec::new(),
        Merge::Members(rules) => rules.iter().map(|(name, rule)| (name, *rule == MergeRule::Sum)).collect(),
    };
    let of_bounds = collection.bounds.keys().map(|name| (name, true)).collect::<Vec<_>>();
    for (key, named) in [("merge", of_merge), ("bounds", of_bounds)] {
        let Some((key, table)) = members.get_key_value(key) else { continue };
        let (place, DeValue::Table(table)) = (place.member(key), table.get_ref()) else { continue };
        if !named.is_empty() && !collection.allows_objects() {
            return Err(place.error("the schema allows no object, so its values have no members"));
        }
        for (name, is_number) in named {
            let Some((key, _)) = table.get_key_value(name.as_str()) else { continue };
            let place = place.member(key);
            check_member(schema, name, is_number, collection.bounds.get(name)).map_err(|reason| place.error(reason))?;
        }
    }
    Ok(())
}

fn check_member(schema: &Value, name: &str, is_number: bool, bounds: Option<&Bounds>) -> Result<(), String> {
    let Some(member) = schema["properties"].get(name) else {
        if schema["additionalProperties"] == false && schema["patternProperties"].is_null() {
            let names: Vec<_> = schema["properties"].as_object().into_iter().flat_map(|all| all.keys()).collect();
            let meant = did_you_mean(name, &names);
            return Err(format!("the schema allows no such member{meant}; it allows {}", list(&names, "and")));
        }
        return Ok(());
    };
    if is_number && !allows(member, &["number", "integer"]) {
        return Err(format!("only a number can have bounds or a sum, and the schema says {}", member["type"]));
    }
    let Some(Bounds { low, high }) = bounds else { return Ok(()) };
    if !allows(member, &["number"])
        && member["type"].is_string()
        && [low, high].iter().any(|bound| bound.as_f64().is_some_and(|bound| bound.fract() != 0.0))
    {
        return Err(format!("the schema allows whole numbers, and the bounds are {low} and {high}"));
    }
    for keyword in ["minimum", "exclusiveMinimum"] {
        if let Value::Number(least) = &member[keyword]
            && compare(high, least).is_lt()
        {
            return Err(format!("no number fits: the greatest one is {high}, and {keyword} in the schema is {least}"));
        }
    }
    for keyword in ["maximum", "exclusiveMaximum"] {
        if let Value::Number(most) = &member[keyword]
            && compare(low, most).is_gt()
        {
            return Err(format!("no number fits: the smallest one is {low}, and {keyword} in the schema is {most}"));
        }
    }
    Ok(())
}
