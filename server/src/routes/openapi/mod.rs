//! `GET /openapi.json`: the contract, an OpenAPI 3.1 document generated from the documentation of the handlers.
//!
//! A handler documents what is specific to it. What many handlers share is documented here once: the groups of errors
//! (`responses`), and what the middleware around all routes adds to every response. `collections` documents the paths of each
//! declared collection.

mod collections;
mod responses;

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG};
use axum::response::{IntoResponse, Response};
use guestpass_core::wire::GRANT_TYPE_REFRESH;
use serde_json::{Value, json};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi};

pub(super) use self::responses::{
    AccountCallerErrors, AccountErrors, BodyErrors, CollectionErrors, ConditionErrors, EntryErrors, FullErrors,
    GuestErrors, LoginLimits, OAuthErrors, RefreshLimits, ValueErrors,
};

use self::collections::document_collections;
use super::error::{OAuthErrorBody, Problem, ProblemBody};
use super::tagged::IfNoneMatch;
use crate::collections::Collections;
use crate::etag::{Conditions, EntityTag};
use crate::server::Guestpass;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Guestpass",
        description = "Gives every visitor of a web app an identity before they sign up: an anonymous session, carried by a \
            JSON Web Token.\n\nMake a guest with `POST /anonymous-login`, send the access token as `Authorization: Bearer`, \
            and exchange the refresh token at `POST /token` when it has expired. Times are numbers of seconds, or texts \
            of RFC 3339. Errors are problems (RFC 9457); those of the OAuth endpoints are defined by RFC 6749.",
    ),
    // Relative to this document, so that it is also correct behind a proxy and under a path.
    servers((url = "./", description = "The server of this document")),
    tags(
        (name = "sessions", description = "Begin, continue and end a session"),
        (name = "guest", description = "The data of the guest"),
        (name = "membership", description = "A guest becomes a member"),
        (name = "shop", description = "The demo shop"),
        (name = "keys", description = "For services that verify tokens themselves"),
        (name = "operation", description = "For operators"),
    ),
    components(schemas(ProblemBody, OAuthErrorBody)),
    modifiers(&Security)
)]
struct Outline;

struct Security;

impl Modify for Security {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let mut guest = Http::new(HttpAuthScheme::Bearer);
        guest.bearer_format = Some("JWT".to_owned());
        guest.description = Some("An access token from `/anonymous-login` or `/token` (RFC 6750).".to_owned());
        let components = openapi.components.get_or_insert_default();
        components.add_security_scheme("guest", SecurityScheme::Http(guest));
        let mut refresh_token = Http::new(HttpAuthScheme::Bearer);
        refresh_token.bearer_format = Some("gpr_".to_owned());
        refresh_token.description = Some(
            "The refresh token of the session, which this does not use up. An access token gets 403 `refresh_token_required`, \
             so that a service that receives access tokens can send none of these requests."
                .to_owned(),
        );
        components.add_security_scheme("refreshToken", SecurityScheme::Http(refresh_token));
        for (name, scheme) in
            [("introspection", HttpAuthScheme::Basic), ("introspectionBearer", HttpAuthScheme::Bearer)]
        {
            let mut introspection = Http::new(scheme);
            introspection.description = Some("The secret of `--introspection-secret`.".to_owned());
            components.add_security_scheme(name, SecurityScheme::Http(introspection));
        }
    }
}

/// The request body that refreshes the session of a token response.
pub(super) fn refresh_link() -> Value {
    json!({ "grant_type": GRANT_TYPE_REFRESH, "refresh_token": "$response.body#/refresh_token" })
}

/// The request body that ends the session of a token response.
pub(super) fn revoke_link() -> Value {
    json!({ "token": "$response.body#/access_token" })
}

/// The document without its paths, which the router adds.
pub(super) fn outline() -> utoipa::openapi::OpenApi {
    Outline::openapi()
}

/// The contract of the whole API as OpenAPI 3.1, as in the response of `GET /openapi.json`, for a server with these collections.
pub fn document(collections: &Collections) -> Value {
    // The conversion of strings and numbers to JSON does not fail.
    let mut document = serde_json::to_value(super::api(None, true).into_openapi()).unwrap_or_default();
    document["components"]["responses"] = responses::shared_responses();
    document_collections(&mut document, collections);
    for (method, operation) in operations(&mut document) {
        document_optional_body(operation);
        document_middleware(&method, operation);
    }
    for response in document["components"]["responses"].as_object_mut().into_iter().flat_map(|all| all.values_mut()) {
        document_headers(response);
    }
    document
}

/// Each operation with its method.
fn operations(document: &mut Value) -> impl Iterator<Item = (String, &mut Value)> {
    let paths = document.get_mut("paths").and_then(Value::as_object_mut);
    paths.into_iter().flat_map(|paths| paths.values_mut()).filter_map(Value::as_object_mut).flat_map(|path| {
        let methods = ["get", "put", "post", "patch", "delete"];
        let of_methods = path.iter_mut().filter(move |(name, _)| methods.contains(&name.as_str()));
        of_methods.map(|(name, operation)| (name.clone(), operation))
    })
}

/// A body that may be left out is one that is not required. utoipa documents it as one that may be `null` too, which generators of
/// clients make broken code of.
fn document_optional_body(operation: &mut Value) {
    let Some(schema) = operation.pointer_mut("/requestBody/content/application~1json/schema") else { return };
    let choices = schema.get("oneOf").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let (null, bodies): (Vec<_>, Vec<_>) =
        choices.iter().cloned().partition(|choice| *choice == json!({ "type": "null" }));
    if let ([_], [body]) = (null.as_slice(), bodies.as_slice()) {
        *schema = body.clone();
        operation["requestBody"]["required"] = false.into();
    }
}

/// Documents what the middleware around all routes may add to an operation.
fn document_middleware(method: &str, operation: &mut Value) {
    let Some(responses) = operation["responses"].as_object_mut() else { return };
    if method != "get" {
        responses.entry("403").or_insert_with(|| json!({ "$ref": "#/components/responses/ForeignPage" }));
    }
    responses.entry("503").or_insert_with(|| json!({ "$ref": "#/components/responses/Unavailable" }));
    for response in responses.values_mut().filter(|response| response.get("$ref").is_none()) {
        // A handler always sends the headers that it documents.
        for header in response["headers"].as_object_mut().into_iter().flat_map(|headers| headers.values_mut()) {
            header["required"] = true.into();
        }
        document_headers(response);
    }
}

/// Documents the header that the middleware sets if the handler does not.
fn document_headers(response: &mut Value) {
    let headers = &mut response["headers"];
    if headers.get("Cache-Control").is_none() {
        headers["Cache-Control"] = json!({
            "description": "The response must not be cached: it is personal, or may change.",
            "schema": { "type": "string", "pattern": "^no-store$" },
            "required": true,
        });
    }
}

/// This document
#[utoipa::path(get, path = "/openapi.json", tag = "operation", params(IfNoneMatch), responses(
    (status = 200, description = "The contract, as OpenAPI 3.1.", body = Value, headers(
        ("Cache-Control" = String, description = "`no-cache`: cached and revalidated each time."),
        ("ETag" = String, description = "The entity tag of the document."),
    )),
    (status = 304, description = "The document is unchanged.", headers(
        ("Cache-Control" = String, description = "`no-cache`: cached and revalidated each time."),
        ("ETag" = String, description = "The entity tag of the document."),
    )),
))]
pub(super) async fn openapi(
    State(Guestpass { inner }): State<Guestpass>,
    conditions: Result<Conditions, Problem>,
) -> Response {
    // Built once: the document has more than 80 KB and is the same for each request.
    let (tag, json) = inner.openapi.get_or_init(|| {
        let document = document(&inner.config.collections);
        // The conversion of JSON to text does not fail.
        (EntityTag::of(&document), serde_json::to_vec(&document).unwrap_or_default().into())
    });
    let headers = [(CACHE_CONTROL, "no-cache"), (ETAG, tag.as_str())];
    // A condition that cannot be read is none: everyone may read the document.
    if conditions.unwrap_or_default().has_current(tag) {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    (headers, [(CONTENT_TYPE, "application/json")], Bytes::from_owner(Arc::clone(json))).into_response()
}
