//! The collection and the key in the path of a request.

use std::sync::Arc;

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::StatusCode;
use axum::http::request::Parts;

use crate::collections::{Collection, Key};
use crate::routes::error::{Problem, sentence};
use crate::server::Guestpass;

/// The declared collection of the path parameter `collection`.
pub(in crate::routes) struct DeclaredCollection(pub(in crate::routes) Arc<Collection>);

impl FromRequestParts<Guestpass> for DeclaredCollection {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, server: &Guestpass) -> Result<Self, Problem> {
        // The name of a collection is plain ASCII.
        let params = RawPathParams::from_request_parts(parts, server).await;
        declared(&params.map_err(|_| Problem::unknown_collection())?, server).map(Self)
    }
}

/// The declared collection and the key of the path parameters `collection` and `key`.
pub(in crate::routes) struct EntryKey(pub(in crate::routes) Arc<Collection>, pub(in crate::routes) Key);

impl FromRequestParts<Guestpass> for EntryKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, server: &Guestpass) -> Result<Self, Problem> {
        let invalid = |detail: String| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail);
        let params = RawPathParams::from_request_parts(parts, server).await;
        let params = params.map_err(|_| invalid("A key must be percent-encoded UTF-8.".to_owned()))?;
        let collection = declared(&params, server)?;
        let key = Key::try_from(parameter(&params, "key")).map_err(|error| invalid(sentence(error)))?;
        Ok(Self(collection, key))
    }
}

fn declared(params: &RawPathParams, Guestpass { inner }: &Guestpass) -> Result<Arc<Collection>, Problem> {
    let collection = inner.config.collections.get(&parameter(params, "collection"));
    collection.cloned().ok_or_else(Problem::unknown_collection)
}

/// The percent-decoded value of a path parameter.
fn parameter(params: &RawPathParams, name: &str) -> String {
    params.iter().filter(|(other, _)| *other == name).last().map_or_else(String::new, |(_, value)| value.to_owned())
}
