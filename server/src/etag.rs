//! Conditional requests (RFC 9110 §13): entity tags made of the content, and what a request asks of them.
//!
//! A tag is a hash of what it stands for, so it needs no column, no counter and no clock, and is the same on every node.

use axum::extract::FromRequestParts;
use axum::http::header::{ETAG, HeaderMap};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use headers::{ETag, HeaderMapExt, IfMatch, IfNoneMatch};
use serde::Serialize;

use crate::error::Problem;
use crate::secret::sha256;

/// Of the SHA-256 of the content: as good as never the same for two contents.
const TAG_BYTES: usize = 16;

/// A strong entity tag, quotes included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EntityTag(String);

impl EntityTag {
    pub(crate) fn of(content: &impl Serialize) -> Self {
        // What is tagged here are lists and maps of strings and numbers, which always become JSON.
        let json = serde_json::to_vec(content).unwrap_or_default();
        Self(format!("\"{}\"", URL_SAFE_NO_PAD.encode(&sha256(&json)[..TAG_BYTES])))
    }

    /// The header field of an answer.
    pub(crate) fn header(&self) -> Option<(HeaderName, HeaderValue)> {
        // Plain ASCII, so it always is one.
        Some((ETAG, HeaderValue::from_str(&self.0).ok()?))
    }
}

/// `If-Match` and `If-None-Match` of a request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Conditions {
    if_match: Option<IfMatch>,
    if_none_match: Option<IfNoneMatch>,
}

impl Conditions {
    fn of(headers: &HeaderMap) -> Result<Self, headers::Error> {
        Ok(Self { if_match: headers.typed_try_get()?, if_none_match: headers.typed_try_get()? })
    }

    /// Whether what has this tag may be changed. A tag that cannot be read matches nothing.
    pub(crate) fn allow_change(&self, current: &EntityTag) -> bool {
        let Ok(current) = current.0.parse::<ETag>() else { return false };
        self.if_match.as_ref().is_none_or(|wanted| wanted.precondition_passes(&current)) && !self.knows(&current)
    }

    /// Whether the client has what has this tag already.
    pub(crate) fn know(&self, current: &EntityTag) -> bool {
        current.0.parse().is_ok_and(|current| self.knows(&current))
    }

    fn knows(&self, current: &ETag) -> bool {
        self.if_none_match.as_ref().is_some_and(|known| !known.precondition_passes(current))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Conditions {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Self::of(&parts.headers)
            .map_err(|_| Problem::new(StatusCode::BAD_REQUEST, "If-Match or If-None-Match cannot be read."))
    }
}

/// See [`crate::fuzz`].
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzz {
    use axum::http::header::{IF_MATCH, IF_NONE_MATCH};

    use super::{Conditions, EntityTag};
    use crate::fuzz::header_lines;

    /// One line of `If-Match` and of `If-None-Match` each.
    pub fn conditions(data: &[u8]) {
        let tag = EntityTag::of(&"what no line of the corpus is the hash of");
        let lines = || data.split(|byte| *byte == b'\n');
        let is_any = data.trim_ascii() == b"*";

        if let Ok(wanted) = Conditions::of(&header_lines(&IF_MATCH, lines())) {
            let names_it = data.windows(tag.0.len()).any(|window| window == tag.0.as_bytes());
            let none = header_lines(&IF_MATCH, lines()).is_empty();
            assert!(!wanted.allow_change(&tag) || is_any || names_it || none);
            assert!(!wanted.know(&tag));
        }
        if let Ok(known) = Conditions::of(&header_lines(&IF_NONE_MATCH, lines())) {
            // What the client has already it may not change, and the other way round.
            assert_ne!(known.allow_change(&tag), known.know(&tag));
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::header::{IF_MATCH, IF_NONE_MATCH};

    use super::*;

    fn conditions(name: HeaderName, values: &[&str]) -> Conditions {
        let fields = values.iter().map(|value| (name.clone(), HeaderValue::from_str(value).unwrap()));
        Conditions::of(&fields.collect()).unwrap()
    }

    #[test]
    fn a_tag_is_the_same_as_long_as_the_content_is() {
        assert_eq!(EntityTag::of(&[1, 2]), EntityTag::of(&[1, 2]));
        assert_ne!(EntityTag::of(&[1, 2]), EntityTag::of(&[2, 1]));
        let (name, value) = EntityTag::of(&[1]).header().unwrap();
        assert_eq!(name, "etag");
        assert!(value.to_str().unwrap().starts_with('"') && value.len() == 24, "{value:?}");
    }

    #[test]
    fn a_change_is_allowed_if_a_tag_matches_strongly() {
        let current = EntityTag("\"now\"".to_owned());

        assert!(Conditions::default().allow_change(&current));
        for wanted in [&["\"now\""][..], &["\"then\", \"now\""], &["\"then\"", "\"now\""], &["*"]] {
            assert!(conditions(IF_MATCH, wanted).allow_change(&current), "{wanted:?}");
        }
        for wanted in ["\"then\"", "W/\"now\"", "now", "\"now", "", "\"*\"", "\"a,now\""] {
            assert!(!conditions(IF_MATCH, &[wanted]).allow_change(&current), "{wanted}");
        }
    }

    #[test]
    fn what_the_client_knows_is_compared_weakly() {
        let current = EntityTag("\"now\"".to_owned());

        for known in ["\"now\"", "W/\"now\"", "\"then\", \"now\"", "*"] {
            assert!(conditions(IF_NONE_MATCH, &[known]).know(&current), "{known}");
            assert!(!conditions(IF_NONE_MATCH, &[known]).allow_change(&current), "{known}");
        }
        for known in ["\"then\"", "now", ""] {
            assert!(!conditions(IF_NONE_MATCH, &[known]).know(&current), "{known}");
        }
        assert!(!Conditions::default().know(&current));
    }
}
