//! The error responses that many operations share: the groups that handlers name, and the responses they refer to.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use utoipa::IntoResponses;
use utoipa::openapi::{Ref, RefOr, Response};

use crate::accounts::ACCOUNT_ERROR_CODES;
use crate::routes::error::FOREIGN_PAGE;

/// The errors of an operation that needs a guest (RFC 6750 §3).
pub(in crate::routes) struct GuestErrors;

/// The errors of an operation that needs a refresh token, beside those of [`GuestErrors`].
pub(in crate::routes) struct AccountCallerErrors;

/// The errors of an operation with a JSON body.
pub(in crate::routes) struct BodyErrors;

/// The errors of an operation on a collection.
pub(in crate::routes) struct CollectionErrors;

/// The errors of an operation on an entry that must exist.
pub(in crate::routes) struct EntryErrors;

/// The errors of an operation that stores a value, beside those of [`BodyErrors`].
pub(in crate::routes) struct ValueErrors;

/// The errors of an operation that adds to a collection of limited size.
pub(in crate::routes) struct FullErrors;

/// The errors of a conditional change (RFC 9110 §13).
pub(in crate::routes) struct ConditionErrors;

/// The errors of a limited login.
pub(in crate::routes) struct LoginLimits;

/// The errors of a limited refresh.
pub(in crate::routes) struct RefreshLimits;

/// The errors of a request to become a member or to sign in as one.
pub(in crate::routes) struct AccountErrors;

/// The errors of an OAuth endpoint (RFC 6749 §5.2).
pub(in crate::routes) struct OAuthErrors;

impl IntoResponses for GuestErrors {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        shared(&[("400", "BadRequest"), ("401", "Unauthorized")])
    }
}

impl IntoResponses for AccountCallerErrors {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        shared(&[("403", "RefreshTokenRequired")])
    }
}

impl IntoResponses for BodyErrors {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        shared(&[
            ("400", "BadRequest"),
            ("408", "SlowBody"),
            ("413", "TooLarge"),
            ("415", "UnsupportedMediaType"),
            ("422", "UnprocessableContent"),
        ])
    }
}

impl IntoResponses for CollectionErrors {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        shared(&[("404", "NoSuchCollection")])
    }
}

impl IntoResponses for EntryErrors {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        shared(&[("404", "NoSuchEntry"), ("422", "InvalidKey")])
    }
}

impl IntoResponses for ValueErrors {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        shared(&[("422", "InvalidValue")])
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
        shared(&[("400", "OAuthError"), ("408", "SlowBody")])
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

/// The responses that the groups refer to, by name.
pub(super) fn shared_responses() -> Value {
    let problem = |description: &str| {
        json!({
            "description": description,
            "content": { "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } },
        })
    };
    let account_error = |description: &str| {
        let codes = ACCOUNT_ERROR_CODES.map(|code| format!("`{code}`")).join(", ");
        problem(&format!("{description} The member `code` is one of {codes}. The caller is unchanged."))
    };
    let with_header = |mut response: Value, name: &str, header: Value| {
        response["headers"][name] = header;
        response
    };
    let challenge = json!({
        "description": "The challenge of RFC 6750 §3: without an error code if the request has no token, otherwise with \
            `invalid_token` or `invalid_request`.",
        "schema": { "type": "string", "pattern": "^Bearer realm=" },
        "example": "Bearer realm=\"guestpass\", error=\"invalid_token\", error_description=\"the access token has expired\"",
    });
    let required = |mut header: Value| {
        header["required"] = true.into();
        header
    };
    let retry_after = json!({
        "description": "In how many seconds the client may try again.",
        "schema": { "type": "integer", "minimum": 0 },
        "example": 1,
    });
    let list = |description: &str, example: &str| json!({ "description": description, "schema": { "type": "string" }, "example": example });
    let limited = |response: Value| {
        let response = with_header(response, "Retry-After", required(retry_after.clone()));
        let policy =
            list("The limits that apply to the client: `q` requests in `w` seconds.", "\"client\";q=30;w=3600");
        let response = with_header(response, "RateLimit-Policy", policy);
        let limit = list(
            "The state of the limits: `r` remaining requests, and one more in at most `t` seconds.",
            "\"client\";r=0;t=120",
        );
        with_header(response, "RateLimit", limit)
    };
    json!({
        "BadRequest": with_header(
            problem(
                "The request is malformed: the token was sent in a wrong way or more than once (then with \
                    `WWW-Authenticate`), a header or a parameter is invalid, or the body is not JSON.",
            ),
            "WWW-Authenticate",
            challenge.clone(),
        ),
        "Unauthorized": with_header(
            problem("The request has no token, or one that is invalid, expired or revoked."),
            "WWW-Authenticate",
            required(challenge),
        ),
        "NoSuchCollection": problem("The collection is not declared: `code` is `unknown_collection`."),
        "NoSuchEntry": problem("The collection has no entry with this key (`code` is `no_entry`), or is not declared (`unknown_collection`)."),
        "InvalidKey": problem("The key is too long, is not UTF-8, or has control characters."),
        "InvalidValue": with_members(
            problem(
                "The body is JSON, but not a valid request: the value is too long (`code` is `value_too_long`) or breaks the \
                    declaration of the collection (`invalid_value`, with the places in `errors`), the key is invalid, or the \
                    `Idempotency-Key` was used with another request. Nothing was changed.",
            ),
            invalid_places(),
        ),
        "Full": problem("The collection has its maximum number of entries: `code` is `collection_full`, and `collection` is its name. Nothing was changed; remove an entry first."),
        "PreconditionFailed": problem("`If-Match` or `If-None-Match` does not hold, because the resource has changed. Nothing was changed; read the resource again."),
        "SlowBody": problem("The body did not arrive within 10 seconds."),
        "TooLarge": problem("The body is longer than 16 KiB."),
        "UnsupportedMediaType": problem("The body is not `application/json`."),
        "UnprocessableContent": problem("The body is JSON, but not a valid request. `detail` says what to change."),
        "OAuthError": {
            "description": "AccountError, with the code of RFC 6749 §5.2.",
            "content": { "application/json": { "schema": { "$ref": "#/components/schemas/OAuthError" } } },
        },
        "ForeignPage": problem(&format!(
            "The request comes from a page of an origin that `--cors-origin` does not name. `code` is `{FOREIGN_PAGE}`. Nothing was changed, and no limit was used up.",
        )),
        "ProofRequired": proof_required(),
        "RefreshTokenRequired": problem("The request came with an access token: `code` is `refresh_token_required`. Send the refresh token of the session. A session without one begins a new session with the body `{\"refresh\": true}` first."),
        "WrongCredentials": account_error("The credentials are wrong, or the request came with an access token."),
        "NoSuchMember": account_error("The e-mail address is taken, the caller is already a member with another account, or the `Idempotency-Key` gives no session."),
        "NotAccepted": account_error("The body is JSON, but not a valid request: `code` or `detail` says what to change."),
        "TooManyAttempts": limited(problem(
            "Too many failed attempts from one network, or for the password of one account from one network or from all networks. `violated-policies` names the limit.",
        )),
        "TooManyLogins": limited(problem(
            "Too many new guests from one network, or from all networks together. `violated-policies` names the limit.",
        )),
        "TooManyRefreshes": limited(json!({
            "description": "Too many refreshes of one session, or of all sessions together, or too many texts from one network that are not refresh tokens of this server. The session continues.",
            "content": { "application/json": { "schema": { "$ref": "#/components/schemas/OAuthError" } } },
        })),
        "Unavailable": with_header(
            problem("The server cannot handle the request at the moment. Nothing is lost; try again."),
            "Retry-After",
            required(retry_after),
        ),
    })
}

/// A problem with further members.
fn with_members(mut response: Value, members: Value) -> Value {
    let schema = &mut response["content"]["application/problem+json"]["schema"];
    *schema = json!({ "allOf": [schema.take(), members] });
    response
}

/// The members of a problem with a value that its collection does not allow.
fn invalid_places() -> Value {
    let place = json!({
        "type": "object",
        "required": ["pointer", "detail"],
        "properties": {
            "pointer": {
                "type": "string",
                "description": "JSON Pointer (RFC 6901) of the place in the value. Empty: the whole value.",
                "example": "/quantity",
            },
            "detail": { "type": "string", "description": "What is wrong there." },
        },
    });
    json!({
        "type": "object",
        "properties": {
            "code": { "type": "string", "enum": ["value_too_long", "invalid_value"] },
            "errors": { "type": "array", "description": "The first ten places.", "items": place },
        },
    })
}

/// The response to a login without a proof of work or without the token of a CAPTCHA, if the settings require them.
fn proof_required() -> Value {
    let text = |description: &str| json!({ "type": "string", "description": description });
    let number = |description: &str| json!({ "type": "integer", "description": description });
    let parameters = json!({
        "type": "object",
        "description": "The puzzle: find the first counter from 0 whose key begins with `keyPrefix`. The key is PBKDF2 with \
            `salt` of the bytes of `nonce` followed by the counter as four bytes, the most significant first.",
        "required": ["algorithm", "cost", "expiresAt", "keyLength", "keyPrefix", "nonce", "salt"],
        "properties": {
            "algorithm": { "type": "string", "const": "PBKDF2/SHA-256" },
            "cost": number("Iterations."),
            "data": { "type": "object", "description": "Identifies the login." },
            "expiresAt": number("The expiry of the challenge, in seconds since the Unix epoch."),
            "keyLength": number("The length of the key in bytes."),
            "keyPrefix": text("In hexadecimal."),
            "nonce": text("In hexadecimal."),
            "salt": text("In hexadecimal."),
        },
    });
    let challenge = json!({
        "type": "object",
        "description": "With the code `proof_required`: a challenge of ALTCHA version 2.",
        "required": ["parameters", "signature"],
        "properties": { "parameters": parameters, "signature": text("The signature of this server. Send it back unchanged.") },
    });
    let members = json!({
        "type": "object",
        "required": ["code"],
        "properties": {
            "code": { "type": "string", "enum": ["proof_required", "captcha_required"] },
            "challenge": challenge,
        },
    });
    let schema = json!({ "allOf": [{ "$ref": "#/components/schemas/Problem" }, members] });
    json!({
        "description": "`proof_required`: the server was started with `--login-proof`: solve `challenge`, and send the request \
            again with `Proof-Of-Work`. `captcha_required`: it was started with `--captcha-verify-url`: let the visitor answer \
            the CAPTCHA, and send the request again with the token as the member `captcha` of the body. This request did not \
            count against any limit of logins.",
        "content": { "application/problem+json": { "schema": schema } },
    })
}
