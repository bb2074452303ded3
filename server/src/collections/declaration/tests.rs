//! Tests of declarations: what they mean, and the error of each wrong one.

use std::path::Path;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::collections::random;
use crate::collections::{Bounds, Merge, MergeRule};

fn read(text: &str) -> Result<Collections, DeclarationError> {
    Collections::from_toml(text, Path::new("/no/such/directory"))
}

#[test]
fn the_default_collections_are_those_of_the_contract() {
    let collections = Collections::default();

    let limits = collections.iter().map(|c| (c.name.as_str(), c.entries, c.full, c.value_bytes));
    assert_eq!(
        limits.collect::<Vec<_>>(),
        [
            ("cart", 100, Full::Refuse, 1024),
            ("favorites", 500, Full::Refuse, 256),
            ("history", 100, Full::DropOldest, 256),
            ("preferences", 64, Full::Refuse, 2048),
        ]
    );
    let cart = collections.get("cart").unwrap();
    assert_eq!(cart.merge, Merge::Members([("quantity".to_owned(), MergeRule::Sum)].into()));
    assert_eq!(cart.bounds, [("quantity".to_owned(), Bounds { low: 1.into(), high: 99.into() })].into());
    assert_eq!(collections.get("preferences").unwrap().merge, Merge::Whole(MergeRule::Account));
    assert!(collections.iter().all(|collection| collection.schema.is_some()));
}

#[test]
fn a_declaration_has_defaults_and_replaces_a_default_collection() {
    let text = "
        catalogue = 'items.json'
        [collections.wishes]
        [collections.cart]
        entries = 0x20
        full = 'drop-oldest'
        merge = { quantity = 'max', note = 'account' }
        bounds = { quantity = [-1.5, 1e3] }
        [collections]
        history = false
        [tokens]
        anything = 1
    ";

    let collections = read(text).unwrap();

    let names: Vec<_> = collections.iter().map(|collection| collection.name.as_str()).collect();
    assert_eq!(names, ["cart", "favorites", "preferences", "wishes"]);
    assert_eq!(**collections.get("wishes").unwrap(), Collection::named("wishes"));
    let cart = Collection {
        entries: 32,
        full: Full::DropOldest,
        merge: Merge::Members(
            [("quantity".to_owned(), MergeRule::Max), ("note".to_owned(), MergeRule::Account)].into(),
        ),
        bounds: [("quantity".to_owned(), Bounds { low: number(-1.5), high: number(1000.0) })].into(),
        ..Collection::named("cart")
    };
    assert_eq!(**collections.get("cart").unwrap(), cart);
}

fn number(value: f64) -> serde_json::Number {
    serde_json::Number::from_f64(value).unwrap()
}

#[test]
fn a_schema_is_a_file_a_table_or_json_in_a_text() {
    let directory = tempfile::tempdir().unwrap();
    let schema = json!({ "type": "object", "properties": { "size": { "enum": ["S", null] } } });
    std::fs::write(directory.path().join("a.json"), schema.to_string()).unwrap();
    let source = |text: &str| {
        let collections = Collections::from_toml(text, directory.path()).unwrap();
        collections.get("a").unwrap().schema.as_ref().unwrap().source().clone()
    };

    assert_eq!(source("[collections.a]\nschema = 'a.json'\n"), schema);
    assert_eq!(source(&format!("[collections.a]\nschema = '{schema}'\n")), schema);
    let table = "[collections.a.schema]\ntype = 'object'\nproperties.size.enum = ['S', 1, 2.5, true]\n";
    let expected = json!({ "type": "object", "properties": { "size": { "enum": ["S", 1, 2.5, true] } } });
    assert_eq!(source(table), expected);
}

#[test]
fn each_wrong_declaration_is_named_with_its_line_and_what_is_allowed() {
    let mut wrong = Vec::new();
    for (text, line, expected) in [
        // The document and the table.
        ("a = 1\n[collections.cart\n", 2, "unclosed table, expected `]`"),
        ("[collections.a]\n\n[collections.a]\n", 3, "duplicate key"),
        ("\ncollections = 3\n", 2, "collections: expected a table with one declaration for each collection"),
        ("[collections]\ncart = true\n", 2, "collections.cart: expected a table such as { entries = 100 }, or false"),
        ("[collections]\ncart = 100\n", 2, "found 100"),
        ("[collections]\nhistroy = false\n", 2, "did you mean history?; the default collections are cart, favorites,"),
        ("[collections]\nwishes = false\n", 2, "there is none of this name; the default collections are"),
        // Names.
        (
            "[collections.Cart]\n",
            1,
            "collections.Cart: the name of a collection has 1 to 32 characters of a to z, 0 to 9, _",
        ),
        ("[collections.1a]\n", 1, "begins with a letter"),
        ("[collections.'a b']\n", 1, "the name of a collection"),
        ("[collections.a12345678901234567890123456789012]\n", 1, "1 to 32 characters"),
        ("a = 1\n[collections.sessions]\n", 2, "collections.sessions: this name is reserved, as are export, sessions,"),
        // Members.
        (
            "[collections.a]\nentries = 1\nentrys = 5\n",
            3,
            "collections.a.entrys: there is no such member; did you mean entries?",
        ),
        (
            "[collections.a]\nvalue-bytes = 5\n",
            2,
            "did you mean value_bytes?; a declaration has entries, full, value_bytes, merge, bounds and schema",
        ),
        ("[collections.a]\nttl = 5\n", 2, "there is no such member; a declaration has"),
        ("[collections]\nentries = 5\n", 2, "collections.entries: expected a table"),
        // Numbers.
        (
            "[collections.a]\nentries = 0\n",
            2,
            "collections.a.entries: expected a whole number from 1 to 10000, found 0",
        ),
        ("[collections.a]\nentries = 10001\n", 2, "found 10001"),
        ("[collections.a]\nentries = -1\n", 2, "found -1"),
        ("[collections.a]\nentries = 99999999999999999999999\n", 2, "from 1 to 10000"),
        ("[collections.a]\nentries = '100'\n", 2, "from 1 to 10000, found \"100\""),
        ("[collections.a]\nentries = 1.5\n", 2, "found 1.5"),
        (
            "[collections.a]\nvalue_bytes = 16385\n",
            2,
            "collections.a.value_bytes: expected a whole number from 1 to 16384, found 16385",
        ),
        ("[collections.a]\nvalue_bytes = 0\n", 2, "from 1 to 16384, found 0"),
        // Words.
        (
            "[collections.a]\nfull = 'drop_oldest'\n",
            2,
            "collections.a.full: expected \"refuse\" or \"drop-oldest\", found \"drop_oldest\"; did you mean drop-oldest?",
        ),
        ("[collections.a]\nfull = true\n", 2, "expected \"refuse\" or \"drop-oldest\", found true"),
        // Rules.
        (
            "[collections.a]\nmerge = 'newst'\n",
            2,
            "collections.a.merge: expected \"newest\", \"account\" or \"guest\", found \"newst\"; did you mean newest?",
        ),
        (
            "[collections.a]\nmerge = 'sum'\n",
            2,
            "\"sum\" is a rule for a member of the value: merge = { quantity = \"sum\" }",
        ),
        (
            "[collections.a]\nmerge = ['sum']\n",
            2,
            "expected one rule for the whole value, or a table with rules for its members",
        ),
        (
            "[collections.a]\nmerge = { quantity = 'add' }\n",
            2,
            "collections.a.merge.quantity: expected \"sum\", \"max\", \"min\", \"newest\", \"account\" or \"guest\", found \"add\"",
        ),
        ("[collections.a.merge]\nnote = 'newest'\nquantity = 'summ'\n", 3, "did you mean sum?"),
        ("[collections.a.merge]\nprice = { amount = 'max' }\n", 2, "collections.a.merge.price: expected \"sum\""),
        // Bounds.
        (
            "[collections.a]\nbounds = [1, 99]\n",
            2,
            "collections.a.bounds: expected a table such as { quantity = [1, 99] }, found a list",
        ),
        (
            "[collections.a]\nbounds = { quantity = 99 }\n",
            2,
            "collections.a.bounds.quantity: expected the smallest and the greatest number, such as [1, 99]; found 99",
        ),
        ("[collections.a]\nbounds = { quantity = [1] }\n", 2, "such as [1, 99]"),
        ("[collections.a]\nbounds = { quantity = [1, '99'] }\n", 2, "such as [1, 99]"),
        ("[collections.a]\nbounds = { quantity = [1, inf] }\n", 2, "such as [1, 99]"),
        (
            "[collections.a]\nbounds = { quantity = [99, 1] }\n",
            2,
            "99 is greater than 1; the smaller number is the first: [1, 99]",
        ),
        // Schemas in the document.
        (
            "[collections.a]\nschema = 1\n",
            2,
            "expected the path of a file with a JSON Schema, or the schema itself as a table; found 1",
        ),
        (
            "[collections.a]\nschema = 'no.json'\n",
            2,
            "collections.a.schema: /no/such/directory/no.json cannot be read: No such file",
        ),
        ("[collections.a]\nschema = '{'\n", 2, "the text is not JSON: EOF while parsing"),
        (
            "[collections.a.schema]\ntype = 'object'\n[collections.a.schema.properties]\nb.type = 'number'\nc.type = 'text'\n",
            5,
            "collections.a.schema: at /properties/c/type: ",
        ),
        (
            "[collections.a]\nschema = { '$ref' = 'https://schemas.example/a.json' }\n",
            2,
            "a reference must begin with #: no other document is read",
        ),
        ("[collections.a.schema]\ntype = 'object'\nproperties.b.'$ref' = 'b.json'\n", 3, "at /properties/b/$ref: "),
        ("[collections.a]\nschema = { '$schema' = 'http://json-schema.org/draft-07/schema#' }\n", 2, "2020-12"),
        (
            "[collections.a]\nschema = { const = 2027-01-15 }\n",
            2,
            "collections.a.schema.const: JSON has no dates; write a text in quotes",
        ),
        ("[collections.a]\nschema = { maximum = inf }\n", 2, "JSON has no number inf"),
        ("[collections.a]\nschema = { pattern = '(?=a)' }\n", 2, "at /pattern: "),
        // Members that do not agree.
        (
            "[collections.a]\nmerge = { n = 'sum' }\nschema = { type = 'string' }\n",
            2,
            "collections.a.merge: the schema allows no object",
        ),
        (
            "[collections.a]\nschema = { type = 'object', additionalProperties = false, properties = { quantity = {} } }\nmerge = { quantiy = 'sum' }\n",
            3,
            "collections.a.merge.quantiy: the schema allows no such member; did you mean quantity?; it allows quantity",
        ),
        (
            "[collections.a]\nschema = { properties = { n = { type = 'string' } } }\nmerge = { n = 'sum' }\n",
            3,
            "collections.a.merge.n: only a number can have bounds or a sum, and the schema says \"string\"",
        ),
        (
            "[collections.a]\nschema = { properties = { n = { type = ['string', 'null'] } } }\nbounds = { n = [1, 2] }\n",
            3,
            "collections.a.bounds.n: only a number",
        ),
        (
            "[collections.a]\nschema = { properties = { n = { maximum = 9 } } }\nbounds = { n = [10, 99] }\n",
            3,
            "no number fits: the smallest one is 10, and maximum in the schema is 9",
        ),
        (
            "[collections.a]\nschema = { properties = { n = { minimum = 9 } } }\nbounds = { n = [1, 8] }\n",
            3,
            "no number fits: the greatest one is 8, and minimum in the schema is 9",
        ),
        (
            "[collections.a]\nschema = { properties = { n = { type = 'integer' } } }\nbounds = { n = [0.5, 8] }\n",
            3,
            "the schema allows whole numbers, and the bounds are 0.5 and 8",
        ),
    ] {
        let error = read(text).expect_err(text);

        let message = error.to_string();
        if error.line() != line
            || !message.starts_with(&format!("line {line}: "))
            || !message.contains(expected)
            || message.contains('\n')
        {
            wrong.push(format!("{text}{message}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn a_wrong_file_of_a_schema_is_named_with_the_place_in_it() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("a.json");
    let path = file.display();
    for (content, expected) in [
        ("{ \"type\": \"object\",\n}", format!("{path} is not JSON: trailing comma at line 2 column 1")),
        ("true", format!("{path}: a schema is a JSON object")),
        ("{ \"properties\": { \"a/b\": { \"type\": 3 } } }", format!("{path}: at /properties/a~1b/type: ")),
        ("{ \"$ref\": \"#/$defs/missing\" }", format!("{path}: ")),
        ("{ \"$ref\": \"file:///etc/passwd\" }", format!("{path}: at /$ref: ")),
    ] {
        std::fs::write(&file, content).unwrap();

        let error = Collections::from_toml("[collections.a]\nschema = 'a.json'\n", directory.path()).unwrap_err();

        assert_eq!(error.line(), 2);
        assert!(error.to_string().contains(&expected), "{content}: {error}");
        assert!(error.to_string().contains("collections.a.schema: "), "{error}");
    }
}

#[test]
fn a_declaration_that_only_looks_wrong_is_allowed() {
    for text in [
        // The member comes from another part of the schema.
        "[collections.a]\nschema = { type = 'object', patternProperties = { '^n' = { type = 'integer' } }, additionalProperties = false }\nbounds = { n = [1, 2] }\n",
        "[collections.a]\nschema = { '$ref' = '#/$defs/x', '$defs' = { x = { type = 'object' } } }\nmerge = { n = 'sum' }\n",
        "[collections.a]\nschema = { properties = { n = { type = ['null', 'integer'] } } }\nmerge = { n = 'sum' }\n",
        "[collections.a]\nschema = { properties = { n = { maximum = 10 } } }\nbounds = { n = [10, 99] }\n",
        "[collections.a]\nmerge = {}\nbounds = {}\nschema = {}\n",
        // A property that is named like a keyword, and a value that looks like a reference.
        "[collections.a]\nschema = { properties = { '$ref' = { type = 'string' } }, const = { '$ref' = 'https://a.example' } }\n",
        "[collections.a]\nschema = { '$schema' = 'https://json-schema.org/draft/2020-12/schema', '$id' = 'https://shop.example/a' }\n",
    ] {
        read(text).unwrap_or_else(|error| panic!("{text}{error}"));
    }
}

#[test]
fn declarations_are_printed_as_they_are_read() {
    let text = Collections::default().to_toml();
    assert!(text.starts_with("[collections.cart]\nentries = 100\nfull = \"refuse\"\nvalue_bytes = 1024\n"), "{text}");
    assert!(text.contains("\nbounds = { quantity = [1, 99] }\n"), "{text}");
    assert_eq!(read(&text).unwrap(), Collections::default());

    let text = read("[collections]\ncart = false\nhistory = false\n[collections.a]\n").unwrap().to_toml();
    assert!(text.starts_with("[collections]\ncart = false\nhistory = false\n\n[collections.a]\n"), "{text}");

    for schema in [json!({ "const": null }), json!({ "maximum": u64::MAX }), json!({ "enum": ["'''\"\"\"\u{7f}\\\n"] })]
    {
        let declared = read(&format!("[collections.a]\nschema = {}\n", toml::Value::from(schema.to_string()))).unwrap();
        assert_eq!(read(&declared.to_toml()).unwrap(), declared, "{schema}");
    }
}

proptest! {
    #[test]
    fn every_declaration_is_read_as_it_was_printed(declared in random::collections()) {
        let text = declared.to_toml();

        let read = Collections::from_toml(&text, Path::new("")).unwrap_or_else(|error| panic!("{text}\n{error}"));

        prop_assert_eq!(read, declared, "{}", text);
    }
}
