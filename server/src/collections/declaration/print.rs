//! Declarations as TOML text.

use std::collections::BTreeMap;

use serde_json::{Number, Value};
use toml::Value as Toml;

use super::members::name_of;
use super::{Collection, Collections, Full, TABLE};
use crate::collections::{Bounds, Merge, MergeRule};

impl Collections {
    /// The names of the default collections that are here as they are by default.
    pub fn unchanged_defaults(&self) -> Vec<String> {
        let defaults = Self::default();
        let unchanged = defaults.iter().filter(|default| self.get(&default.name) == Some(default));
        unchanged.map(|default| default.name.clone()).collect()
    }

    /// The declarations as TOML, which [`Collections::from_toml`] reads. A schema is written as a table or, if TOML cannot express
    /// it, as JSON in a text.
    pub fn to_toml(&self) -> String {
        let defaults = Self::default();
        let removed = defaults.iter().filter(|default| self.get(&default.name).is_none());
        let removed: String = removed.map(|default| format!("{} = false\n", default.name)).collect();
        let removed = Some(removed).filter(|lines| !lines.is_empty()).map(|lines| format!("[{TABLE}]\n{lines}"));
        let declarations = self.iter().map(|collection| declaration(collection));
        removed.into_iter().chain(declarations).collect::<Vec<_>>().join("\n")
    }
}

fn declaration(collection: &Collection) -> String {
    let Collection { name, entries, full, value_bytes, merge, bounds, schema } = collection;
    let full = match full {
        Full::Refuse => "refuse",
        Full::DropOldest => "drop-oldest",
    };
    let rule = |rule: &MergeRule| Toml::from(name_of(*rule));
    let merge = match merge {
        Merge::Whole(whole) => rule(whole),
        Merge::Members(rules) => table(rules, rule),
    };
    let mut lines = format!(
        "[{TABLE}.{name}]\nentries = {entries}\nfull = \"{full}\"\nvalue_bytes = {value_bytes}\nmerge = {merge}\n"
    );
    if !bounds.is_empty() {
        let pair = |Bounds { low, high }: &Bounds| Toml::Array([low, high].into_iter().filter_map(number).collect());
        lines += &format!("bounds = {}\n", table(bounds, pair));
    }
    if let Some(schema) = schema {
        let schema = value(schema.source()).unwrap_or_else(|| schema.source().to_string().into());
        lines += &format!("schema = {schema}\n");
    }
    lines
}

fn table<T>(members: &BTreeMap<String, T>, value: impl Fn(&T) -> Toml) -> Toml {
    Toml::Table(members.iter().map(|(name, member)| (name.clone(), value(member))).collect())
}

/// A value of JSON as TOML. `None` if it contains a null, or a whole number that is too large for TOML.
fn value(json: &Value) -> Option<Toml> {
    Some(match json {
        Value::Null => return None,
        Value::Bool(value) => Toml::from(*value),
        Value::Number(json) => number(json)?,
        Value::String(text) => Toml::from(text.as_str()),
        Value::Array(items) => Toml::Array(items.iter().map(value).collect::<Option<_>>()?),
        Value::Object(members) => {
            let member = |(name, json): (&String, &Value)| Some((name.clone(), value(json)?));
            Toml::Table(members.iter().map(member).collect::<Option<_>>()?)
        }
    })
}

fn number(json: &Number) -> Option<Toml> {
    match json.as_i64() {
        Some(whole) => Some(Toml::from(whole)),
        // A whole number of 64 bits without a sign cannot be written as a float of the same value.
        None if json.is_u64() => None,
        None => json.as_f64().map(Toml::from),
    }
}
