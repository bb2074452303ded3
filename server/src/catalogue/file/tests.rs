//! Tests of the rules for a catalogue.

use serde_json::json;

use super::*;
use crate::collections::Collection;

fn parse(json: &str) -> Result<Catalogue, CatalogueError> {
    Catalogue::parse(json.as_bytes(), &Collections::default())
}

/// A catalogue with one item after another one, and its error.
fn with_item(item: &str) -> Result<Catalogue, String> {
    let file = format!(r#"{{"name": "shop", "items": [{{"id": "first", "name": "First"}}, {item}]}}"#);
    parse(&file).map_err(|error| error.to_string())
}

fn collections_of(catalogue: &Catalogue) -> (Option<&str>, Option<&str>, Vec<&str>) {
    let MarkCollections { favorites, viewed, owned } = &catalogue.collections;
    (favorites.as_deref(), viewed.as_deref(), owned.iter().map(String::as_str).collect())
}

#[tokio::test]
async fn without_a_file_the_catalogue_is_the_sample() {
    let catalogue = Catalogue::read(None, &Collections::default()).await.unwrap();

    assert_eq!((catalogue.name.as_str(), catalogue.len()), ("Guestpass demo shop", 12));
    for (index, item) in catalogue.items.iter().enumerate() {
        assert_eq!((item.key.clone(), item.id.get()), ((index + 1).to_string(), item.key.as_str()));
        assert!(item.category.is_some());
        for member in ["description", "price_cents", "currency", "emoji", "picture"] {
            assert!(item.members.get(member).is_some(), "{member} of {}", item.name);
        }
    }
}

#[test]
fn further_members_are_kept_as_they_are_written() {
    let item =
        r#"{"id":"sku/1 é","name":"Tea","price":12345678901234567890.10,"tags":["a",null],"__proto__":{"a":1e300}}"#;

    let catalogue = with_item(item).unwrap();

    let item_read = &catalogue.items[1];
    assert_eq!((item_read.key.as_str(), item_read.category.as_ref()), ("sku/1 é", None));
    assert_eq!(serde_json::to_string(&item_read.members).unwrap(), item);
}

#[test]
fn ids_are_texts_or_whole_numbers_that_can_be_keys() {
    for (id, key) in [
        ("7", "7"),
        ("-7", "-7"),
        ("9007199254740991", "9007199254740991"),
        (r#""__proto__""#, "__proto__"),
        (r#""\u0041""#, "A"),
        (r#"" ""#, " "),
    ] {
        let catalogue = with_item(&format!(r#"{{"id": {id}, "name": "x"}}"#)).unwrap();
        assert_eq!((catalogue.items[1].key.as_str(), catalogue.items[1].id.get()), (key, id));
    }
    let long = format!("\"{}\"", "é".repeat(257));
    for (id, says) in [
        ("1.0", "must be a text, or a whole number"),
        ("1e2", "must be a text, or a whole number"),
        ("9007199254740992", "must be a text, or a whole number"),
        ("-9007199254740992", "must be a text, or a whole number"),
        ("-9223372036854775808", "must be a text, or a whole number"),
        ("18446744073709551616", "must be a text, or a whole number"),
        ("null", "must be a text, or a whole number"),
        ("[\n1]", "must be a text, or a whole number"),
        (r#""""#, "1 to 512 bytes"),
        (&long, "1 to 512 bytes"),
        (r#""a\u0000""#, "control characters"),
        (r#""a\nb""#, "control characters"),
        (r#""\u0085""#, "control characters"),
        (r#""..""#, "must not be . or .."),
    ] {
        let error = with_item(&format!(r#"{{"id": {id}, "name": "x"}}"#)).unwrap_err();
        assert!(error.starts_with("items[1] (id ") && error.contains(r#", member "id": "#), "{error}");
        assert!(error.contains(says) && error.len() < 300, "{error}");
        assert!(!error.contains(char::is_control), "{error:?}");
    }
}

#[test]
fn a_wrong_item_is_named_with_its_index_id_and_member() {
    for (item, expected) in [
        (r#"{"name": "x"}"#, r#"items[1], member "id": is missing or empty; each item has"#),
        (r#"{"id": 7}"#, r#"items[1] (id 7), member "name": is missing or empty"#),
        (r#"{"id": 7, "name": ""}"#, r#"items[1] (id 7), member "name": is missing or empty"#),
        (r#"{"id": 7, "name": 8}"#, r#"items[1] (id 7), member "name": must be a text"#),
        (r#"{"id": "a", "name": "x", "category": 8}"#, r#"items[1] (id "a"), member "category": must be a text"#),
        (r#"{"id": "a", "name": "x", "category": null}"#, r#"items[1] (id "a"), member "category": must be a text"#),
        (
            r#"{"id": "a", "name": "x", "favorite": 1}"#,
            r#"items[1] (id "a"), member "favorite": is added by the server; give the member another name"#,
        ),
        (r#"{"id": "a", "name": "x", "viewed_at": 1}"#, r#"items[1] (id "a"), member "viewed_at": is added"#),
        (r#"{"id": "first", "name": "x"}"#, r#"items[1] (id "first"), member "id": is also the id of items[0]"#),
    ] {
        let error = with_item(item).err().unwrap_or_default();
        assert!(error.starts_with(expected), "{item}: {error}");
    }
    let same = r#"{"name": "shop", "items": [{"id": 1, "name": "a"}, {"id": "1", "name": "b"}]}"#;
    assert!(parse(same).unwrap_err().to_string().contains("the number 1 and the text \"1\" are the same id"));
}

#[test]
fn wrong_json_is_named_with_line_and_column() {
    let deep =
        format!("{{\"name\": \"shop\", \"items\": [\n{{\"id\": 1, \"name\": \"a\", \"x\": {}", "[".repeat(3_000_000));
    for (json, line, says) in [
        ("", 1, "EOF"),
        ("{\n\"name\": \"shop\",\n\"items\": [,]}", 3, "expected value at line 3 column 11"),
        ("{\n\"name\": \"shop\"}", 2, "missing field `items`"),
        ("{\"items\": []}", 1, "missing field `name`"),
        ("{\"name\": \"shop\",\n\"item\": []}", 2, "unknown field `item`, expected one of `name`, `collections`"),
        ("{\"name\": \"shop\",\n\"items\": [7]}", 2, "expected an item: an object with id and name"),
        ("{\"name\": \"shop\",\n\"items\": [{\"id\": 1,\n\"id\": 2}]}", 3, "the member \"id\" twice"),
        ("{\"name\": \"shop\", \"collections\": {\n\"seen\": \"history\"}, \"items\": []}", 2, "unknown field `seen`"),
        // What some parsers of clients refuse or change.
        ("{\"name\": \"shop\", \"items\": [\n{\"id\": 1, \"name\": \"a\", \"x\": 1e400}]}", 2, "out of range"),
        ("{\"name\": \"shop\", \"items\": [\n{\"id\": 1, \"name\": \"a\", \"x\": \"\\ud800\"}]}", 2, "hex escape"),
        (&deep, 2, "recursion limit exceeded"),
    ] {
        let error = parse(json).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
        assert!(error.contains(&format!("at line {line} column ")), "{error}");
    }
    assert!(Catalogue::parse(b"{\"name\": \"\xff\"}", &Collections::default()).is_err());
}

#[test]
fn the_limits_are_a_number_of_items_and_a_size() {
    let items = |count: usize| (0..count).map(|id| json!({ "id": id, "name": "a" })).collect::<Vec<_>>();
    let catalogue = |count| json!({ "name": "shop", "items": items(count) }).to_string();

    assert_eq!(parse(&catalogue(10_000)).unwrap().len(), 10_000);
    assert_eq!(parse(&catalogue(10_001)).unwrap_err(), CatalogueError::TooManyItems(10_001));

    let file = tempfile::NamedTempFile::new().unwrap();
    for (bytes, expected) in [(MAX_BYTES, true), (MAX_BYTES + 1, false)] {
        let json = json!({ "name": "", "items": [] }).to_string();
        let padding = "x".repeat(bytes - json.len());
        std::fs::write(&file, json.replacen("\"\"", &format!("\"{padding}\""), 1)).unwrap();
        assert_eq!(content(file.path()).map(|content| content.len()).ok(), expected.then_some(bytes));
    }
    assert_eq!(content(file.path()), Err(CatalogueError::TooLarge));
}

#[test]
fn only_a_regular_file_is_read() {
    for path in ["/dev/zero", "/", "/does/not/exist"] {
        let error = content(Path::new(path)).unwrap_err().to_string();
        assert!(error.starts_with("the file cannot be read: "), "{error}");
    }
}

#[test]
fn the_collections_of_marks_are_named_or_the_defaults_and_declared() {
    let with = |named: &str, collections: &Collections| {
        let json = format!(r#"{{"name": "shop", "collections": {named}, "items": []}}"#);
        Catalogue::parse(json.as_bytes(), collections)
    };
    let default = Collections::default();
    let wishes = Collections::of([Collection::named("wishes"), Collection::named("orders")]);

    assert_eq!(collections_of(&with("{}", &default).unwrap()), (Some("favorites"), Some("history"), vec!["cart"]));
    let named = with(r#"{"favorites": "wishes", "viewed": "wishes", "owned": ["orders", "wishes"]}"#, &wishes);
    let named = named.unwrap();
    assert_eq!(collections_of(&named), (Some("wishes"), Some("wishes"), vec!["orders", "wishes"]));
    assert_eq!(named.collections.names(), ["orders", "wishes"]);
    // A default that is not declared is not an error.
    assert_eq!(collections_of(&with("{}", &wishes).unwrap()), (None, None, vec![]));
    assert_eq!(collections_of(&with(r#"{"owned": []}"#, &default).unwrap()).2, [""; 0]);
    for (named, expected) in [
        (r#"{"viewed": "seen"}"#, r#"collections.viewed: the collection "seen" is not declared; declared are: cart, "#),
        (r#"{"favorites": ""}"#, r#"collections.favorites: the collection "" is not declared"#),
        (r#"{"owned": ["cart", "orders"]}"#, r#"collections.owned: the collection "orders" is not declared"#),
    ] {
        let error = with(named, &default).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    }
}
