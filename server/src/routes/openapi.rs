//! `GET /openapi.json`: the contract, an OpenAPI 3.1 document made of what is written at each handler.
//!
//! A handler says what is its own. What many have in common is written here once: the groups of errors, and
//! what the layers around all routes add to every answer.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use axum::Json;
use guestpass_core::wire::GRANT_TYPE_REFRESH;
use serde_json::{Value, json};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{Ref, RefOr, Response};
use utoipa::{IntoResponses, Modify, OpenApi};

use crate::accounts::ACCOUNT_ERROR_CODES;
use crate::error::{OAuthError, ProblemBody};

/// What an operation that takes a guest may answer instead: RFC 6750 §3.
pub(super) struct GuestErrors;

/// What an operation that takes JSON may answer instead.
pub(super) struct BodyErrors;

/// What an operation that names an item may answer instead.
pub(super) struct ItemErrors;

/// What an operation that adds to something bounded may answer instead.
pub(super) struct FullErrors;

/// What a change that has conditions may answer instead: RFC 9110 §13.
pub(super) struct ConditionErrors;

/// What a login that comes too soon is answered.
pub(super) struct LoginLimits;

/// What a refresh that comes too soon is answered.
pub(super) struct RefreshLimits;

/// What becoming a member may answer instead.
pub(super) struct AccountErrors;

/// What an OAuth endpoint may answer instead: RFC 6749 §5.2.
pub(super) struct OAuthErrors;

impl IntoResponses for GuestErrors {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        shared(&[("400", "BadRequest"), ("401", "Unauthorized")])
    }
}

impl IntoResponses for BodyErrors {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        shared(&[
            ("400", "BadRequest"),
            ("413", "TooLarge"),
            ("415", "UnsupportedMediaType"),
            ("422", "UnprocessableContent"),
        ])
    }
}

impl IntoResponses for ItemErrors {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        shared(&[("404", "NoSuchItem")])
    }
}

impl IntoResponses for FullErrors {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        shared(&[("409", "Full")])
    }
}

impl IntoResponses for ConditionErrors {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        shared(&[("412", "PreconditionFailed")])
    }
}

impl IntoResponses for OAuthErrors {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        shared(&[("400", "OAuthError")])
    }
}

impl IntoResponses for AccountErrors {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        shared(&[
            ("403", "WrongCredentials"),
            ("409", "NoSuchMember"),
            ("422", "NotAccepted"),
            ("429", "TooManyAttempts"),
        ])
    }
}

impl IntoResponses for LoginLimits {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        shared(&[("428", "ProofRequired"), ("429", "TooManyLogins")])
    }
}

impl IntoResponses for RefreshLimits {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        shared(&[("429", "TooManyRefreshes")])
    }
}

fn shared(responses: &[(&str, &str)]) -> BTreeMap<String, RefOr<Response>> {
    responses.iter().map(|(status, name)| ((*status).to_owned(), Ref::from_response_name(*name).into())).collect()
}

/// Everything that the groups of errors refer to, by name.
fn shared_responses() -> Value {
    let problem = |description: &str| {
        json!({
            "description": description,
            "content": { "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } },
        })
    };
    let refusal = |description: &str| {
        let codes = ACCOUNT_ERROR_CODES.map(|code| format!("`{code}`")).join(", ");
        problem(&format!("{description} The member `code` is one of {codes}. Whoever asks is who they were before."))
    };
    let with_header = |mut response: Value, name: &str, header: Value| {
        response["headers"][name] = header;
        response
    };
    let challenge = json!({
        "description": "The challenge of RFC 6750 §3: without an error code if no token was sent, with `invalid_token` or \
            `invalid_request` otherwise.",
        "schema": { "type": "string", "pattern": "^Bearer realm=" },
        "example": "Bearer realm=\"guestpass\", error=\"invalid_token\", error_description=\"the access token has expired\"",
    });
    let required = |mut header: Value| {
        header["required"] = true.into();
        header
    };
    let retry_after = json!({
        "description": "In how many seconds to ask again.",
        "schema": { "type": "integer", "minimum": 0 },
        "example": 1,
    });
    let list = |description: &str, example: &str| json!({ "description": description, "schema": { "type": "string" }, "example": example });
    let limited = |response: Value| {
        let response = with_header(response, "Retry-After", required(retry_after.clone()));
        let policy = list("The limits: `q` requests in `w` seconds.", "\"client\";q=30;w=3600");
        let response = with_header(response, "RateLimit-Policy", policy);
        let limit =
            list("What is left of them: `r` requests; one more in at most `t` seconds.", "\"client\";r=0;t=120");
        with_header(response, "RateLimit", limit)
    };
    json!({
        "BadRequest": with_header(
            problem(
                "Malformed: the token was sent in a wrong way or in more than one (then with `WWW-Authenticate`), a \
                    header or a parameter makes no sense, or the body is not JSON.",
            ),
            "WWW-Authenticate",
            challenge.clone(),
        ),
        "Unauthorized": with_header(
            problem("No token, or one that is bad, expired or revoked."),
            "WWW-Authenticate",
            required(challenge),
        ),
        "NoSuchItem": problem("There is no such item."),
        "Full": problem("There is no room for one more. `code` says in what: `cart_full` or `favorites_full`."),
        "PreconditionFailed": problem("`If-Match` or `If-None-Match` does not hold: it has changed. Nothing was done."),
        "TooLarge": problem("The body is longer than 16 KiB."),
        "UnsupportedMediaType": problem("The body is not `application/json`."),
        "UnprocessableContent": problem("The body is JSON, and not what is wanted here. `detail` says why."),
        "OAuthError": {
            "description": "AccountError, with the code of RFC 6749 §5.2.",
            "content": { "application/json": { "schema": { "$ref": "#/components/schemas/OAuthError" } } },
        },
        "ProofRequired": proof_required(),
        "WrongCredentials": refusal("What was sent proves nothing here."),
        "NoSuchMember": refusal("The e-mail address is taken, or the caller is a member already, with another account."),
        "NotAccepted": refusal("The body is JSON, and not what is wanted here: `code` says why, or else `detail`."),
        "TooManyAttempts": limited(problem(
            "Too many attempts from one network, or with the password of one account from one network or from all. `violated-policies` names the limit.",
        )),
        "TooManyLogins": limited(problem(
            "Too many guests from one network, or from everybody together. `violated-policies` names the limit.",
        )),
        "TooManyRefreshes": limited(json!({
            "description": "Too many refreshes from one network, or from everybody together. The session goes on.",
            "content": { "application/json": { "schema": { "$ref": "#/components/schemas/OAuthError" } } },
        })),
        "Unavailable": with_header(
            problem("The server cannot do this right now. Nothing is lost: ask again."),
            "Retry-After",
            required(retry_after),
        ),
    })
}

/// What a login without a proof of work is answered when `--login-proof` asks for one.
fn proof_required() -> Value {
    let text = |description: &str| json!({ "type": "string", "description": description });
    let number = |description: &str| json!({ "type": "integer", "description": description });
    let parameters = json!({
        "type": "object",
        "description": "What to solve: the first counter from 0 whose key begins with `keyPrefix`. Its key is PBKDF2 of \
            the bytes of `nonce` followed by the counter as four bytes, the most significant first, with `salt`.",
        "required": ["algorithm", "cost", "expiresAt", "keyLength", "keyPrefix", "nonce", "salt"],
        "properties": {
            "algorithm": { "type": "string", "const": "PBKDF2/SHA-256" },
            "cost": number("Iterations."),
            "data": { "type": "object", "description": "Names the login that it is for." },
            "expiresAt": number("When it expires, in seconds since the Unix epoch."),
            "keyLength": number("Bytes of the key."),
            "keyPrefix": text("In hexadecimal."),
            "nonce": text("In hexadecimal."),
            "salt": text("In hexadecimal."),
        },
    });
    let challenge = json!({
        "type": "object",
        "description": "A challenge of ALTCHA, version 2.",
        "required": ["parameters", "signature"],
        "properties": { "parameters": parameters, "signature": text("Of this server. It goes back as it came.") },
    });
    let members = json!({
        "type": "object",
        "required": ["code", "challenge"],
        "properties": { "code": { "type": "string", "const": "proof_required" }, "challenge": challenge },
    });
    let schema = json!({ "allOf": [{ "$ref": "#/components/schemas/Problem" }, members] });
    json!({
        "description": "The server was started with `--login-proof`: solve `challenge`, and send the request again with \
            `Proof-Of-Work`. This did not count against any limit.",
        "content": { "application/problem+json": { "schema": schema } },
    })
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Guestpass",
        description = "Gives every visitor of a web app an identity before they sign up: an anonymous session, carried by a \
            JSON Web Token.\n\nMake a guest with `POST /anonymous-login`, send the access token as `Authorization: Bearer`, \
            and exchange the refresh token at `POST /token` when it has expired. Times are seconds, or RFC 3339 where they \
            are text. Errors of the app are problems (RFC 9457), those of the OAuth endpoints are those of RFC 6749.",
    ),
    // Relative to this document, so that it is true behind a proxy and under a path, too.
    servers((url = "./", description = "The server that this document comes from")),
    tags(
        (name = "sessions", description = "Begin, continue and end a session"),
        (name = "guest", description = "What belongs to the guest whose token it is"),
        (name = "membership", description = "A guest becomes a member"),
        (name = "shop", description = "What the demo shop shows"),
        (name = "keys", description = "For services that verify tokens themselves"),
        (name = "operation", description = "For operators"),
    ),
    components(schemas(ProblemBody, OAuthError)),
    modifiers(&Security)
)]
struct Outline;

struct Security;

impl Modify for Security {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let mut guest = Http::new(HttpAuthScheme::Bearer);
        guest.bearer_format = Some("JWT".to_owned());
        guest.description = Some("An access token of `/anonymous-login` or `/token` (RFC 6750).".to_owned());
        let components = openapi.components.get_or_insert_default();
        components.add_security_scheme("guest", SecurityScheme::Http(guest));
        for (name, scheme) in
            [("introspection", HttpAuthScheme::Basic), ("introspectionBearer", HttpAuthScheme::Bearer)]
        {
            let mut introspection = Http::new(scheme);
            introspection.description = Some("The secret of `--introspection-secret`.".to_owned());
            components.add_security_scheme(name, SecurityScheme::Http(introspection));
        }
    }
}

/// How the refresh token of a token answer is used.
pub(super) fn refresh_link() -> Value {
    json!({ "grant_type": GRANT_TYPE_REFRESH, "refresh_token": "$response.body#/refresh_token" })
}

/// How the session of a token answer is ended.
pub(super) fn revoke_link() -> Value {
    json!({ "token": "$response.body#/access_token" })
}

/// The document without its paths, which the routes add.
pub(super) fn outline() -> utoipa::openapi::OpenApi {
    Outline::openapi()
}

/// The contract of the whole API as OpenAPI 3.1: what `GET /openapi.json` answers.
pub fn document() -> &'static Value {
    static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
        // A document of strings and numbers always becomes JSON; without one the routes work all the same.
        let mut document = serde_json::to_value(super::api(None).into_openapi()).unwrap_or_default();
        document["components"]["responses"] = shared_responses();
        for operation in operations(&mut document) {
            document_layers(operation);
        }
        for response in document["components"]["responses"].as_object_mut().into_iter().flat_map(|all| all.values_mut())
        {
            document_headers(response);
        }
        document
    });
    &DOCUMENT
}

fn operations(document: &mut Value) -> impl Iterator<Item = &mut Value> {
    let paths = document.get_mut("paths").and_then(Value::as_object_mut);
    paths.into_iter().flat_map(|paths| paths.values_mut()).filter_map(Value::as_object_mut).flat_map(|path| {
        let methods = ["get", "put", "post", "patch", "delete"];
        path.iter_mut().filter(move |(name, _)| methods.contains(&name.as_str())).map(|(_, operation)| operation)
    })
}

/// What the layers around all routes may do to every operation.
fn document_layers(operation: &mut Value) {
    let Some(responses) = operation["responses"].as_object_mut() else { return };
    responses.entry("503").or_insert_with(|| json!({ "$ref": "#/components/responses/Unavailable" }));
    for response in responses.values_mut().filter(|response| response.get("$ref").is_none()) {
        // What a handler itself documents, it always sends.
        for header in response["headers"].as_object_mut().into_iter().flat_map(|headers| headers.values_mut()) {
            header["required"] = true.into();
        }
        document_headers(response);
    }
}

/// The header that the layers set where the handler does not.
fn document_headers(response: &mut Value) {
    let headers = &mut response["headers"];
    if headers.get("Cache-Control").is_none() {
        headers["Cache-Control"] = json!({
            "description": "Nothing here may be kept: it is somebody's own, or may change.",
            "schema": { "type": "string", "pattern": "^no-store$" },
            "required": true,
        });
    }
}

/// This document
#[utoipa::path(get, path = "/openapi.json", tag = "operation", responses(
    (status = 200, description = "The contract, as OpenAPI 3.1.", body = Value),
))]
pub(super) async fn openapi() -> Json<&'static Value> {
    Json(document())
}
