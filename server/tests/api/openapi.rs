//! `GET /openapi.json`: the OpenAPI document of the API

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};

use crate::support::{Server, declare, get};

const METHODS: [&str; 5] = ["get", "put", "post", "patch", "delete"];

/// Collections of many kinds, beside the default ones.
const DECLARATIONS: &str = r##"
    [collections.notes]
    schema = { type = "string", maxLength = 9 }

    [collections.wish-list]
    entries = 7
    full = "drop-oldest"
    merge = { stars = "max", note = "account" }
    bounds = { stars = [1, 5] }
    schema = { type = "object", additionalProperties = false, properties = { stars = { type = "integer" }, note = { "$ref" = "#/$defs/text" } }, "$defs" = { text = { type = "string" } } }

    [collections.wish_list]

    [collections.scores]
    merge = { best = "sum" }
    bounds = { best = [0, 10] }

    [collections.trees.schema]
    type = "object"
    properties.left = { "$ref" = "#" }
    properties.right = { "$ref" = "#node" }
    "$defs".node = { "$anchor" = "node", type = "object", maxProperties = 1 }
"##;

async fn server() -> Server {
    Server::open_with(|config| declare(config, DECLARATIONS)).await
}

async fn document() -> Value {
    let response = server().await.send(get("/openapi.json")).await;
    assert_eq!(response.status, 200);
    assert_eq!(response.header("content-type"), "application/json");
    response.json()
}

#[tokio::test]
async fn a_client_that_has_the_document_gets_it_not_again() {
    let server = Server::open().await;
    let first = server.send(get("/openapi.json")).await;
    let known = first.header("etag").to_owned();
    assert_eq!(first.header("cache-control"), "no-cache");

    let with = |tag: &str| {
        let request = Request::get("/openapi.json").header("if-none-match", tag);
        request.body(Body::empty()).unwrap()
    };
    let again = server.send(with(&known)).await;
    assert_eq!((again.status.as_u16(), again.header("etag"), again.body.len()), (304, known.as_str(), 0));
    for other in ["\"other\"", "no tag"] {
        assert_eq!(server.send(with(other)).await.status, 200, "{other}");
    }
}

/// Every operation with its name, such as `get /me`.
fn operations(document: &Value) -> impl Iterator<Item = (String, &Value)> {
    document["paths"].as_object().unwrap().iter().flat_map(|(path, item)| {
        let operations = item.as_object().unwrap().iter().filter(|(name, _)| METHODS.contains(&name.as_str()));
        operations.map(move |(method, operation)| (format!("{method} {path}"), operation))
    })
}

/// Collects every `$ref` in `value`, at any depth.
fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(members) => {
            found.extend(members.get("$ref").and_then(Value::as_str));
            members.values().for_each(|member| references(member, found));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

#[tokio::test]
async fn the_document_is_openapi_3_1_and_has_the_routes() {
    let document = document().await;

    assert_eq!(document["openapi"], "3.1.0");
    let operations: Vec<_> = operations(&document).map(|(name, _)| name).collect();
    for operation in ["post /anonymous-login", "post /token", "get /me", "put /me/cart/{key}", "get /openapi.json"] {
        assert!(operations.iter().any(|name| name == operation), "{operation} is not in {operations:?}");
    }
}

#[tokio::test]
async fn every_reference_resolves() {
    let document = document().await;

    let mut found = Vec::new();
    references(&document, &mut found);

    assert!(found.len() > 20);
    for reference in found {
        let target = reference.strip_prefix('#').and_then(|pointer| document.pointer(pointer));
        assert!(target.is_some(), "{reference} does not resolve");
    }
}

#[tokio::test]
async fn every_operation_documents_its_purpose_and_its_errors() {
    let document = document().await;

    for (name, operation) in operations(&document) {
        assert!(operation["summary"].is_string(), "{name} has no summary");
        assert!(operation["tags"][0].is_string(), "{name} has no tag");
        let responses = &operation["responses"];
        assert!(responses["503"].is_object(), "{name} does not document 503");
        if operation["security"].is_array() {
            assert!(responses["401"].is_object(), "{name} needs a token and does not document 401");
        }
    }
}

#[tokio::test]
async fn each_declared_collection_has_its_own_operations_and_schema() {
    let document = document().await;

    let operations: Vec<_> = operations(&document).collect();
    let named = |name: &str| operations.iter().find(|(found, _)| found == name).map(|(_, operation)| *operation);
    for collection in
        ["cart", "favorites", "history", "preferences", "notes", "wish-list", "wish_list", "scores", "trees"]
    {
        for operation in
            ["get /me/NAME", "delete /me/NAME", "get /me/NAME/{key}", "put /me/NAME/{key}", "patch /me/NAME/{key}"]
        {
            let operation = operation.replace("NAME", collection);
            assert!(named(&operation).is_some(), "{operation}");
        }
    }
    assert!(operations.iter().all(|(name, _)| !name.contains("{collection}")), "{operations:?}");
    assert!(named("post /me/cart/{key}").is_some());
    assert!(named("post /me/notes/{key}").is_none(), "nothing can be added to a text");

    let mut ids: Vec<_> = operations.iter().map(|(_, operation)| operation["operationId"].as_str().unwrap()).collect();
    ids.sort_unstable();
    for id in
        ["list_cart", "clear_cart", "get_cart_entry", "put_cart_entry", "add_to_cart_entry", "put_wish_list_2_entry"]
    {
        assert!(ids.contains(&id), "{id} is not in {ids:?}");
    }

    let put = named("put /me/wish-list/{key}").unwrap();
    let schema = "#/components/schemas/WishListValue";
    assert_eq!(put["requestBody"]["content"]["application/json"]["schema"]["$ref"], schema);
    for status in ["200", "201"] {
        assert_eq!(put["responses"][status]["content"]["application/json"]["schema"]["$ref"], schema);
    }
    let text = put["description"].as_str().unwrap();
    for words in [
        "at most 7 entries",
        "replaces the one that was changed longest ago",
        "at most 4096 bytes",
        "`note` is that of the account, `stars` is the greater one, and the rest of the value is the one that was changed last",
    ] {
        assert!(text.contains(words), "{words} is not in {text}");
    }
    assert!(put["parameters"].as_array().unwrap().iter().all(|parameter| parameter["name"] != "collection"));
    let key = put["parameters"].as_array().unwrap().iter().find(|parameter| parameter["name"] == "key").unwrap();
    assert_eq!((&key["schema"]["minLength"], &key["schema"]["maxLength"]), (&json!(1), &json!(512)));
    assert!(named("delete /me/cart/{key}").unwrap()["responses"]["422"].is_object(), "a key can be invalid");
    let page = named("get /me/cart").unwrap();
    assert_eq!(
        page["responses"]["200"]["content"]["application/json"]["schema"]["$ref"],
        "#/components/schemas/CartEntries"
    );
    let schemas = &document["components"]["schemas"];
    assert_eq!(schemas["CartEntries"]["properties"]["entries"]["items"]["$ref"], "#/components/schemas/CartEntry");
    assert_eq!(schemas["CartEntry"]["properties"]["value"]["$ref"], "#/components/schemas/CartValue");
    assert_eq!(
        schemas["CartValue"]["properties"]["quantity"],
        json!({ "type": "integer", "minimum": 1, "maximum": 99 })
    );
    assert_eq!(
        named("put /me/preferences/{key}").unwrap()["requestBody"]["content"]["application/json"].get("example"),
        None
    );
}

#[tokio::test]
async fn the_values_that_the_document_allows_are_accepted_and_no_others() {
    let server = server().await;
    let document = server.send(get("/openapi.json")).await.json();
    let guest = server.anonymous_login().await;
    let values = [
        json!(null),
        json!(true),
        json!("dark"),
        json!("longer than nine"),
        json!(3.5),
        json!([1]),
        json!({}),
        json!({ "quantity": 1 }),
        json!({ "quantity": 99, "note": "gift" }),
        json!({ "quantity": 0 }),
        json!({ "quantity": 100 }),
        json!({ "quantity": 1.5 }),
        json!({ "quantity": "1" }),
        json!({ "stars": 5, "note": "ü" }),
        json!({ "stars": 6 }),
        json!({ "stars": 1, "other": 1 }),
        json!({ "note": 1 }),
        json!({ "best": 10 }),
        json!({ "best": 10.5 }),
        json!({ "best": "10" }),
        json!({ "left": { "left": {}, "right": { "a": 1 } } }),
        json!({ "left": { "right": { "a": 1, "b": 2 } } }),
        json!({ "right": 1 }),
    ];
    for (collection, schema) in [
        ("cart", "CartValue"),
        ("favorites", "FavoritesValue"),
        ("history", "HistoryValue"),
        ("preferences", "PreferencesValue"),
        ("notes", "NotesValue"),
        ("wish-list", "WishListValue"),
        ("wish_list", "WishList2Value"),
        ("scores", "ScoresValue"),
        ("trees", "TreesValue"),
    ] {
        let schema = json!({ "$ref": format!("#/components/schemas/{schema}"), "components": document["components"] });
        let validator = jsonschema::draft202012::options().build(&schema).unwrap();
        let (mut accepted, mut refused) = (0, 0);
        for value in &values {
            let response = server.call("PUT", &format!("/me/{collection}/mug"), &guest.access, value.clone()).await;

            let expected =
                if validator.is_valid(value) { response.status.is_success() } else { response.status == 422 };
            assert!(expected, "{collection} {value}: {response:?}");
            *if response.status.is_success() { &mut accepted } else { &mut refused } += 1;
        }
        assert!(accepted > 0, "{collection}");
        assert!(refused > 0 || collection == "wish_list", "{collection}");
    }
}

#[tokio::test]
async fn the_document_of_each_server_has_the_collections_of_its_settings() {
    let without = Server::open_with(|config| {
        declare(config, "[collections]\ncart = false\nfavorites = false\nhistory = false\npreferences = false\n");
    });
    let paths = without.await.send(get("/openapi.json")).await.json()["paths"].take();

    let below_me: Vec<_> = paths.as_object().unwrap().keys().filter(|path| path.starts_with("/me/")).collect();
    assert_eq!(below_me, ["/me/export", "/me/sessions", "/me/sessions/{id}"]);
    assert!(document().await["paths"]["/me/cart"].is_object());
}
