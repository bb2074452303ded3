//! The conditions of a request: `If-Match` and `If-None-Match` (RFC 9110 §13).

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use headers::HeaderMapExt;

use crate::etag::Conditions;
use crate::routes::error::Problem;

impl<S: Send + Sync> FromRequestParts<S> for Conditions {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        conditions_of(&parts.headers).map_err(|_| {
            let detail = "If-Match or If-None-Match cannot be read. Send entity tags such as \"abc\", or *.";
            Problem::new(StatusCode::BAD_REQUEST, detail)
        })
    }
}

fn conditions_of(headers: &HeaderMap) -> Result<Conditions, headers::Error> {
    Ok(Conditions::new(headers.typed_try_get()?, headers.typed_try_get()?))
}

/// See [`crate::fuzz`].
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzz {
    use axum::http::header::{IF_MATCH, IF_NONE_MATCH};

    use super::conditions_of;
    use crate::etag::EntityTag;
    use crate::routes::fuzz::header_lines;

    /// One line of `If-Match` and of `If-None-Match` each.
    pub fn conditions(data: &[u8]) {
        let tag = EntityTag::of(&"a content whose hash is in no line of the corpus");
        let lines = || data.split(|byte| *byte == b'\n');
        let is_any = data.trim_ascii() == b"*";

        if let Ok(wanted) = conditions_of(&header_lines(&IF_MATCH, lines())) {
            let names_it = data.windows(tag.as_str().len()).any(|window| window == tag.as_str().as_bytes());
            let none = header_lines(&IF_MATCH, lines()).is_empty();
            assert!(!wanted.allow_change(&tag) || is_any || names_it || none);
            assert!(!wanted.has_current(&tag));
        }
        if let Ok(known) = conditions_of(&header_lines(&IF_NONE_MATCH, lines())) {
            // A resource that the client has already may not be changed, and the other way round.
            assert_ne!(known.allow_change(&tag), known.has_current(&tag));
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::header::{IF_MATCH, IF_NONE_MATCH};
    use axum::http::{HeaderName, HeaderValue};

    use super::*;
    use crate::etag::EntityTag;

    fn conditions(name: HeaderName, values: &[&str]) -> Conditions {
        let fields = values.iter().map(|value| (name.clone(), HeaderValue::from_str(value).unwrap()));
        conditions_of(&fields.collect()).unwrap()
    }

    #[test]
    fn a_change_is_allowed_if_a_tag_matches_strongly() {
        let current = EntityTag::from_static("\"now\"");

        assert!(Conditions::default().allow_change(&current));
        for wanted in [&["\"now\""][..], &["\"then\", \"now\""], &["\"then\"", "\"now\""], &["*"]] {
            assert!(conditions(IF_MATCH, wanted).allow_change(&current), "{wanted:?}");
        }
        for wanted in ["\"then\"", "W/\"now\"", "now", "\"now", "", "\"*\"", "\"a,now\""] {
            assert!(!conditions(IF_MATCH, &[wanted]).allow_change(&current), "{wanted}");
        }
    }

    #[test]
    fn if_none_match_is_compared_weakly() {
        let current = EntityTag::from_static("\"now\"");

        for known in ["\"now\"", "W/\"now\"", "\"then\", \"now\"", "*"] {
            assert!(conditions(IF_NONE_MATCH, &[known]).has_current(&current), "{known}");
            assert!(!conditions(IF_NONE_MATCH, &[known]).allow_change(&current), "{known}");
        }
        for known in ["\"then\"", "now", ""] {
            assert!(!conditions(IF_NONE_MATCH, &[known]).has_current(&current), "{known}");
        }
        assert!(!Conditions::default().has_current(&current));
    }
}
