//! `npm/src/protocol.ts` contains the TypeScript types of the values that Rust passes to JavaScript. It is generated from the
//! Rust types and their documentation. This test fails if the file is stale, and writes it if `GUESTPASS_UPDATE` is set.
//!
//! `schemars` makes JSON Schemas of the Rust types: it reads the attributes of serde with serde's own parser, and keeps the
//! documentation of each variant, which `ts-rs` drops.

#![cfg(not(target_arch = "wasm32"))]
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a schema of an unknown shape fails the test")]

use std::{env, fs};

use guestpass_session::{OnIdentityLost, SessionEvent, Snapshot, StorageKind};
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::Value;
use textwrap::WordSplitter;

const COMMAND: &str = "GUESTPASS_UPDATE=1 cargo test -p guestpass-session --features schema --test protocol";
const PROTOCOL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../npm/src/protocol.ts");

/// The line width of biome, the formatter of the npm package.
const LINE_WIDTH: usize = 120;

#[test]
fn the_generated_types_of_the_npm_package_are_up_to_date() {
    let generated = generate();
    if env::var_os("GUESTPASS_UPDATE").is_some() {
        fs::write(PROTOCOL, &generated).unwrap();
    }
    let committed = fs::read_to_string(PROTOCOL).unwrap_or_default();
    assert!(committed == generated, "npm/src/protocol.ts is stale; rewrite it with: {COMMAND}");
}

/// The codes of the errors that the npm package creates itself. Its type `ErrorCode` has these codes and those of the session
/// manager.
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
#[expect(dead_code, reason = "only the schema is used")]
enum PackageErrorCode {
    /// The browser made or found no passkey: the visitor declined, or has none. The `cause` of the error is the error of the
    /// browser.
    PasskeyFailed,
    /// An option of `createSession`, `token`, `signOut` or `openWebSocket`, or a name or key of a collection, is invalid; the
    /// message names it.
    InvalidOption,
    /// The compiled session manager, or a part of the package that is loaded on demand, could not be loaded; the message tells what
    /// to do. If there is no network to load the session manager, the code is `network`.
    LoadFailed,
}

/// The events that the npm package emits itself. Its type `SessionEvent` has these and those of the session manager.
#[derive(JsonSchema)]
#[schemars(tag = "type", rename_all = "snake_case")]
#[expect(dead_code, reason = "only the schema is used")]
enum PackageEvent {
    /// The session computes the proof of work that the server demands before it makes a guest. Emitted at the beginning,
    /// up to four times a second, and at the end.
    Proof {
        /// The time of the event, in milliseconds since the Unix epoch.
        at: f64,
        /// How far it is.
        state: ProofState,
        /// The number of attempts so far.
        attempts: f64,
        /// The number of attempts that a proof needs on average. It may need several times as many.
        expected: f64,
    },
}

/// How far a proof of work is.
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case", inline)]
#[expect(dead_code, reason = "only the schema is used")]
enum ProofState {
    /// It is computed.
    Solving,
    /// It is sent to the server.
    Solved,
    /// It is not needed any more, or this environment cannot compute it.
    Failed,
}

fn generate() -> String {
    let mut generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    generator.subschema_for::<Snapshot>();
    generator.subschema_for::<SessionEvent>();
    generator.subschema_for::<StorageKind>();
    generator.subschema_for::<OnIdentityLost>();
    let mut schemas = generator.take_definitions(true);

    let package_codes = PackageErrorCode::json_schema(&mut generator).to_value();
    schemas["ErrorCode"]["oneOf"].as_array_mut().unwrap().extend(variants(&package_codes).cloned());

    let package_events = PackageEvent::json_schema(&mut generator).to_value();
    schemas["SessionEvent"]["oneOf"].as_array_mut().unwrap().extend(variants(&package_events).cloned());

    let declarations: String = schemas.iter().map(|(name, schema)| declaration(name, schema)).collect();
    format!("// Generated from the Rust types, by: {COMMAND}\n{declarations}")
}

fn declaration(name: &str, schema: &Value) -> String {
    let comment = comment(&documentation(schema), "");
    if schema["properties"].is_object() {
        return format!("\n{comment}export interface {name} {{\n{}}}\n", members(schema, "  "));
    }
    let line = format!("export type {name} = {}", type_of(schema));
    if line.len() <= LINE_WIDTH && !line.contains('\n') {
        return format!("\n{comment}{line}\n");
    }
    let lines: String = alternatives(schema).iter().map(|alternative| format!("\n  | {alternative}")).collect();
    format!("\n{comment}export type {name} ={lines}\n")
}

fn members(object: &Value, indent: &str) -> String {
    let required = object["required"].as_array().unwrap();
    let member = |(name, schema): (&String, &Value)| {
        // The documentation of a variant is written at its tag.
        let documented = if schema["const"].is_string() { object } else { schema };
        let comment = comment(&documentation(documented), indent);
        if required.contains(&Value::from(name.as_str())) {
            return format!("{comment}{indent}readonly {name}: {}\n", type_of(schema));
        }
        // An optional member is never null.
        let mut of = alternatives(schema);
        of.retain(|alternative| alternative != "null");
        format!("{comment}{indent}readonly {name}?: {}\n", of.join(" | "))
    };
    object["properties"].as_object().unwrap().iter().map(member).collect()
}

fn type_of(schema: &Value) -> String {
    alternatives(schema).join(" | ")
}

fn alternatives(schema: &Value) -> Vec<String> {
    if let Some(reference) = schema["$ref"].as_str() {
        return vec![reference.rsplit('/').next().unwrap().to_owned()];
    }
    if let Some(constant) = schema["const"].as_str() {
        return vec![format!("'{constant}'")];
    }
    if schema["properties"].is_object() {
        return vec![format!("{{\n{}    }}", members(schema, "      "))];
    }
    if let Some(any) = schema["anyOf"].as_array().or(schema["oneOf"].as_array()) {
        return any.iter().flat_map(alternatives).collect();
    }
    match &schema["type"] {
        Value::Array(names) => names.iter().map(primitive).collect(),
        name => vec![primitive(name)],
    }
}

fn primitive(name: &Value) -> String {
    let name = name.as_str().unwrap_or_default();
    assert!(
        ["boolean", "null", "number", "string"].contains(&name),
        "the generator does not support the type `{name}`"
    );
    name.to_owned()
}

fn variants(schema: &Value) -> impl Iterator<Item = &Value> {
    schema["oneOf"].as_array().into_iter().flatten()
}

/// The documentation of a type or a member, and of each of its string values.
fn documentation(schema: &Value) -> String {
    let meanings: Vec<String> = variants(schema)
        .filter_map(|variant| Some(format!("- `{}`: {}", variant["const"].as_str()?, description(variant))))
        .map(|meaning| {
            let options = textwrap::Options::new(LINE_WIDTH - " * ".len())
                .subsequent_indent("  ")
                .word_splitter(WordSplitter::NoHyphenation);
            textwrap::fill(&meaning.replace('\n', " "), options)
        })
        .collect();
    let separator = if meanings.is_empty() { "" } else { "\n\n" };
    format!("{}{separator}{}", description(schema), meanings.join("\n"))
}

/// The documentation in Rust, with `null` instead of `None`.
fn description(schema: &Value) -> String {
    schema["description"].as_str().expect("exported items are documented").replace("`None`", "`null`")
}

fn comment(text: &str, indent: &str) -> String {
    let line = format!("{indent}/** {text} */\n");
    if !text.contains('\n') && line.len() <= LINE_WIDTH {
        return line;
    }
    let lines: String = text.lines().map(|line| format!("{indent} * {line}").trim_end().to_owned() + "\n").collect();
    format!("{indent}/**\n{lines}{indent} */\n")
}
