//! Answers with an entity tag, and how the contract describes the headers of conditional requests.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::IntoParams;

use crate::etag::{Conditions, EntityTag};

/// JSON, and the tag of what it shows.
pub(super) struct Tagged<T> {
    pub(super) tag: EntityTag,
    pub(super) body: T,
}

impl<T: Serialize> Tagged<T> {
    /// 304 to a client that has it already.
    pub(super) fn unless_known(self, conditions: &Conditions) -> Response {
        if !conditions.know(&self.tag) {
            return self.into_response();
        }
        let mut response = StatusCode::NOT_MODIFIED.into_response();
        response.headers_mut().extend(self.tag.header());
        response
    }
}

impl<T: Serialize> IntoResponse for Tagged<T> {
    fn into_response(self) -> Response {
        let mut response = Json(self.body).into_response();
        response.headers_mut().extend(self.tag.header());
        response
    }
}

/// A change of what the client has seen.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "`Conditions` reads the header; this describes it")]
pub(super) struct IfMatch {
    /// The `ETag` of the last answer: the change is made only if nothing has changed since, and else refused with 412.
    #[param(rename = "If-Match", nullable = false, example = "\"Jw9CQKjkGJjPOsLrZbMjQA\"")]
    if_match: Option<String>,
}

/// A question by a client that has an answer already.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "`Conditions` reads the header; this describes it")]
pub(super) struct IfNoneMatch {
    /// The `ETag` of an earlier answer: if it is still the same, the answer is 304 without a body.
    #[param(rename = "If-None-Match", nullable = false, example = "\"Jw9CQKjkGJjPOsLrZbMjQA\"")]
    if_none_match: Option<String>,
}
