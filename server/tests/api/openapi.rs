//! `GET /openapi.json`: the OpenAPI document of the API

use axum::body::Body;
use axum::http::Request;
use serde_json::Value;

use crate::support::{Server, get};

const METHODS: [&str; 5] = ["get", "put", "post", "patch", "delete"];

async fn document() -> Value {
    let response = Server::open().await.send(get("/openapi.json")).await;
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
    for operation in
        ["post /anonymous-login", "post /token", "get /me", "put /me/{collection}/{key}", "get /openapi.json"]
    {
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
