//! Responses with an entity tag, and the documentation of the headers of conditional requests.

use axum::Json;
use axum::http::header::ETAG;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::IntoParams;

use crate::etag::{Conditions, EntityTag};

/// A JSON response with its entity tag.
pub(super) struct Tagged<T> {
    pub(super) tag: EntityTag,
    pub(super) body: T,
}

impl<T: Serialize> Tagged<T> {
    /// The response, or 304 if the client already has the content.
    pub(super) fn unless_current(self, conditions: &Conditions) -> Response {
        if !conditions.has_current(&self.tag) {
            return self.into_response();
        }
        let mut response = StatusCode::NOT_MODIFIED.into_response();
        response.headers_mut().extend(etag_header(&self.tag));
        response
    }
}

impl<T: Serialize> IntoResponse for Tagged<T> {
    fn into_response(self) -> Response {
        let mut response = Json(self.body).into_response();
        response.headers_mut().extend(etag_header(&self.tag));
        response
    }
}

/// The header `ETag`.
fn etag_header(tag: &EntityTag) -> Option<(HeaderName, HeaderValue)> {
    // Plain ASCII, so it is a valid header value.
    Some((ETAG, HeaderValue::from_str(tag.as_str()).ok()?))
}

/// The condition of a change.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "`Conditions` reads the header; this type documents it")]
pub(super) struct IfMatch {
    /// The `ETag` of the last response. If the resource has changed since, the change is refused with 412.
    #[param(rename = "If-Match", nullable = false, example = "\"Jw9CQKjkGJjPOsLrZbMjQA\"")]
    if_match: Option<String>,
}

/// The condition of a read.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "`Conditions` reads the header; this type documents it")]
pub(super) struct IfNoneMatch {
    /// The `ETag` of an earlier response. If the resource is unchanged, the response is 304 without a body.
    #[param(rename = "If-None-Match", nullable = false, example = "\"Jw9CQKjkGJjPOsLrZbMjQA\"")]
    if_none_match: Option<String>,
}
