//! The language of the response, from `Accept-Language` (RFC 9110 §12.5.4).
//!
//! The crate `headers` has no type for this header.

use std::cmp::Reverse;
use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::header::{ACCEPT_LANGUAGE, CONTENT_LANGUAGE, VARY};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue};
use utoipa::IntoParams;

/// The header of a request with a text in the response.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "`Language` reads the header; this type documents it")]
pub(in crate::routes) struct AcceptLanguage {
    /// Chinese (`zh`) or English, which is the default.
    #[param(rename = "Accept-Language", nullable = false, example = "zh-CN, en;q=0.8")]
    accept_language: Option<String>,
}

/// A language in which the server has texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::routes) enum Language {
    English,
    Chinese,
}

impl Language {
    /// The primary subtag (RFC 5646 §2.2.1).
    const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Chinese => "zh",
        }
    }

    /// The headers of a response whose text is in this language.
    pub(in crate::routes) const fn headers(self) -> [(HeaderName, HeaderValue); 2] {
        [(CONTENT_LANGUAGE, HeaderValue::from_static(self.tag())), (VARY, HeaderValue::from_static("accept-language"))]
    }

    /// The language with the greatest weight; of two with the same weight, the one that `accepted` names first; English if the
    /// client accepts neither, and if the header cannot be read.
    fn preferred<'a>(accepted: impl Iterator<Item = &'a str>) -> Self {
        let mut ranges: Vec<_> = accepted.flat_map(|value| value.split(',')).filter_map(range).collect();
        // A stable sort, so that ranges with the same weight stay in the order of the header.
        ranges.sort_by_key(|(_, weight)| Reverse(*weight));
        let rank = |language: Self| {
            let names = |tag: &str| tag.split('-').next().is_some_and(|tag| tag.eq_ignore_ascii_case(language.tag()));
            let named = ranges.iter().position(|(tag, _)| names(tag));
            let rank = named.or_else(|| ranges.iter().position(|(tag, _)| *tag == "*"));
            rank.filter(|rank| ranges[*rank].1 > 0)
        };
        match (rank(Self::English), rank(Self::Chinese)) {
            (Some(english), Some(chinese)) if chinese < english => Self::Chinese,
            (None, Some(_)) => Self::Chinese,
            _ => Self::English,
        }
    }
}

/// A language range with its weight in thousandths. `None`: not the form `tag;q=0.5`.
fn range(text: &str) -> Option<(&str, u16)> {
    let (tag, weight) = match text.split_once(';') {
        Some((tag, parameter)) => {
            let value = parameter.trim().strip_prefix(['q', 'Q'])?.trim_start().strip_prefix('=')?.trim_start();
            (tag, thousandths(value)?)
        }
        None => (text, 1000),
    };
    let tag = tag.trim();
    (!tag.is_empty()).then_some((tag, weight))
}

/// A weight (RFC 9110 §12.4.2): 0 to 1 with at most three digits after the point.
fn thousandths(text: &str) -> Option<u16> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if fraction.len() > 3 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let fraction: u16 = format!("{fraction:0<3}").parse().ok()?;
    match whole {
        "0" => Some(fraction),
        "1" if fraction == 0 => Some(1000),
        _ => None,
    }
}

impl<S: Sync> FromRequestParts<S> for Language {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let values = parts.headers.get_all(ACCEPT_LANGUAGE).iter();
        Ok(Self::preferred(values.filter_map(|value| value.to_str().ok())))
    }
}

/// See [`crate::fuzz`].
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzz {
    use super::Language;

    /// One line of `Accept-Language` each.
    pub fn accept_language(data: &[u8]) {
        let text = String::from_utf8_lossy(data);
        let is_accepted = text.to_ascii_lowercase().contains("zh") || text.contains('*');

        assert!(Language::preferred(text.lines()) == Language::English || is_accepted);
    }
}

#[cfg(test)]
mod tests {
    use super::Language::{self, Chinese, English};

    #[test]
    fn the_range_with_the_greatest_weight_decides() {
        for (accepted, expected) in [
            ("", English),
            ("en", English),
            ("zh", Chinese),
            ("zh-CN", Chinese),
            ("ZH-hant-TW", Chinese),
            ("zh-CN,zh;q=0.9,en;q=0.8", Chinese),
            ("en-US,en;q=0.9,zh-CN;q=0.8", English),
            ("en;q=0.8, zh;q=0.9", Chinese),
            ("en;q=0.123, zh;q=0.124", Chinese),
            ("en; Q = 0.1, zh ; q=0.2", Chinese),
            ("fr, de;q=0.9", English),
            ("fr, zh;q=0.1", Chinese),
            // Equal weights: the first.
            ("zh, en", Chinese),
            ("en, zh", English),
            ("en;q=0.1, zh, en", Chinese),
            // All other languages, and none.
            ("*", English),
            ("en;q=0.5, *", Chinese),
            ("*, zh;q=0.5", English),
            ("zh;q=0.5, *;q=0.1", Chinese),
            ("en;q=0, *", Chinese),
            ("zh;q=0", English),
            ("*;q=0", English),
            ("en;q=0", English),
            ("zh;q=0, zh-CN;q=0.4", Chinese),
            // Another language with the same first letters.
            ("zha", English),
            // Not in the form of the RFC: ignored.
            ("zh;q=2", English),
            ("zh;q=0.1234", English),
            ("zh;q=-1", English),
            ("zh;q=", English),
            ("zh;level=1", English),
            (",;,;q=1,,zh,", Chinese),
        ] {
            assert_eq!(Language::preferred([accepted].into_iter()), expected, "{accepted}");
        }
        assert_eq!(Language::preferred(["fr", "zh"].into_iter()), Chinese, "two headers are one list");
    }
}
