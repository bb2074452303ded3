//! Conditional requests (RFC 9110 §13): entity tags of contents, and the conditions that a request has on them.
//!
//! A tag is a hash of the content, so it needs no column, counter or clock, and is the same on every node.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use headers::{ETag, IfMatch, IfNoneMatch};
use serde::Serialize;

use crate::secret::sha256;

/// The number of bytes of the SHA-256 that a tag has: enough that two contents never have the same tag in practice.
const TAG_BYTES: usize = 16;

/// A strong entity tag, with its quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EntityTag(String);

impl EntityTag {
    /// The tag of a content.
    pub(crate) fn of(content: &impl Serialize) -> Self {
        // The contents are lists and maps of strings and numbers, whose conversion to JSON does not fail.
        let json = serde_json::to_vec(content).unwrap_or_default();
        Self(format!("\"{}\"", URL_SAFE_NO_PAD.encode(&sha256(&json)[..TAG_BYTES])))
    }

    /// The tag as it is in the header `ETag`: plain ASCII.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    #[cfg(test)]
    pub(crate) fn from_static(tag: &'static str) -> Self {
        Self(tag.to_owned())
    }
}

/// `If-Match` and `If-None-Match` of a request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Conditions {
    if_match: Option<IfMatch>,
    if_none_match: Option<IfNoneMatch>,
}

impl Conditions {
    pub(crate) const fn new(if_match: Option<IfMatch>, if_none_match: Option<IfNoneMatch>) -> Self {
        Self { if_match, if_none_match }
    }

    /// Whether the request has none.
    pub(crate) const fn are_empty(&self) -> bool {
        self.if_match.is_none() && self.if_none_match.is_none()
    }

    /// Whether a resource with the tag `current` may be changed. A tag that cannot be read matches nothing.
    pub(crate) fn allow_change(&self, current: &EntityTag) -> bool {
        let Ok(current) = current.0.parse::<ETag>() else { return false };
        self.if_match.as_ref().is_none_or(|wanted| wanted.precondition_passes(&current)) && !self.excludes(&current)
    }

    /// Whether a resource that does not exist may be created: `If-Match` asks for one that exists.
    pub(crate) const fn allow_creation(&self) -> bool {
        self.if_match.is_none()
    }

    /// Whether the client already has the content with the tag `current`.
    pub(crate) fn has_current(&self, current: &EntityTag) -> bool {
        current.0.parse().is_ok_and(|current| self.excludes(&current))
    }

    fn excludes(&self, current: &ETag) -> bool {
        self.if_none_match.as_ref().is_some_and(|known| !known.precondition_passes(current))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_contents_have_equal_tags() {
        assert_eq!(EntityTag::of(&[1, 2]), EntityTag::of(&[1, 2]));
        assert_ne!(EntityTag::of(&[1, 2]), EntityTag::of(&[2, 1]));
        let tag = EntityTag::of(&[1]);
        assert!(tag.as_str().starts_with('"') && tag.as_str().len() == 24, "{tag:?}");
    }
}
