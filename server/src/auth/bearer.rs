//! The `Authorization` header of RFC 6750.

use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;

/// Why a request carries no usable bearer token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BearerError {
    /// No credentials, or those of a scheme that is not ours.
    Absent,
    /// Something is wrong with how the token was sent.
    Malformed(&'static str),
}

/// The bearer token of a request. It may come in one way only: one `Authorization` header.
pub(crate) fn bearer_token(parts: &Parts) -> Result<&str, BearerError> {
    if parts.uri.query().is_some_and(has_access_token) {
        // A URL ends up in logs and histories (RFC 6750 §2.3).
        return Err(BearerError::Malformed("an access token does not belong in the query string"));
    }
    let mut headers = parts.headers.get_all(AUTHORIZATION).iter();
    let header = headers.next().ok_or(BearerError::Absent)?;
    if headers.next().is_some() {
        return Err(BearerError::Malformed("there is more than one Authorization header"));
    }
    // In bytes, and in loops that the compiler can vectorise: this looks at all of every request's token, and text with its
    // checks (`HeaderValue::to_str` alone) took longer than the hash of the token does.
    let header = header.as_bytes();
    if !header.is_ascii() {
        return Err(BearerError::Malformed("the Authorization header is not ASCII"));
    }
    let end_of_scheme = header.iter().position(|byte| *byte == b' ').unwrap_or(header.len());
    let (scheme, token) = header.split_at(end_of_scheme);
    if scheme.is_empty() {
        return Err(BearerError::Malformed("the Authorization header is empty"));
    }
    if !scheme.eq_ignore_ascii_case(b"Bearer") {
        return Err(BearerError::Absent);
    }
    let spaces = token.iter().take_while(|byte| **byte == b' ').count();
    let token = &token[spaces..];
    let token = if is_b64token(token) { str::from_utf8(token).ok() } else { None };
    token.ok_or(BearerError::Malformed("the bearer token is missing or malformed"))
}

fn has_access_token(query: &str) -> bool {
    form_urlencoded::parse(query.as_bytes()).any(|(name, _)| name == "access_token")
}

/// `b64token` of RFC 6750 §2.1.
fn is_b64token(token: &[u8]) -> bool {
    let padding = token.iter().rev().take_while(|byte| **byte == b'=').count();
    let body = &token[..token.len() - padding];
    // No short cuts: they would be branches.
    !body.is_empty() && body.iter().fold(true, |good, byte| good & is_in_b64token(*byte))
}

const fn is_in_b64token(byte: u8) -> bool {
    let is_letter = (byte | 0x20).wrapping_sub(b'a') < 26;
    // '-', '.', '/' and the digits follow each other.
    let is_digit_or_so = byte.wrapping_sub(b'-') <= b'9' - b'-';
    is_letter | is_digit_or_so | (byte == b'_') | (byte == b'~') | (byte == b'+')
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn token_of(uri: &str, headers: &[&str]) -> Result<String, BearerError> {
        let mut request = Request::get(uri);
        for header in headers {
            request = request.header(AUTHORIZATION, *header);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        bearer_token(&parts).map(str::to_owned)
    }

    #[test]
    fn the_scheme_is_case_insensitive() {
        for header in ["Bearer a.b-c_d~e+f/g==", "bearer a.b-c_d~e+f/g==", "BEARER  a.b-c_d~e+f/g=="] {
            assert_eq!(token_of("/", &[header]).as_deref(), Ok("a.b-c_d~e+f/g=="));
        }
    }

    #[test]
    fn the_alphabet_is_that_of_rfc_6750() {
        for byte in 0..=u8::MAX {
            let in_alphabet = byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
            assert_eq!(is_in_b64token(byte), in_alphabet, "{}", byte.escape_ascii());
        }
    }

    #[test]
    fn without_credentials_of_ours_there_is_no_token() {
        assert_eq!(token_of("/", &[]), Err(BearerError::Absent));
        assert_eq!(token_of("/", &["Basic dTpw"]), Err(BearerError::Absent));
        assert_eq!(token_of("/", &["Bearertoken"]), Err(BearerError::Absent));
    }

    #[test]
    fn malformed_headers_are_told_apart_from_absent_ones() {
        for header in ["Bearer \u{e4}", "Basic \u{e4}"] {
            assert_eq!(
                token_of("/", &[header]),
                Err(BearerError::Malformed("the Authorization header is not ASCII")),
                "{header:?}"
            );
        }
        for header in
            ["", " a", "Bearer", "Bearer ", "Bearer a b", "Bearer a,b", "Bearer =", "Bearer a=b", "Bearer \"a\""]
        {
            assert!(matches!(token_of("/", &[header]), Err(BearerError::Malformed(_))), "{header:?}");
        }
        assert!(matches!(token_of("/", &["Bearer a", "Bearer a"]), Err(BearerError::Malformed(_))));
    }

    #[test]
    fn a_token_in_the_query_string_is_refused() {
        for uri in ["/?access_token=a", "/?x=1&access_token=a", "/?access%5Ftoken=a", "/?access_token"] {
            assert!(matches!(token_of(uri, &["Bearer a"]), Err(BearerError::Malformed(_))), "{uri}");
            assert!(matches!(token_of(uri, &[]), Err(BearerError::Malformed(_))), "{uri}");
        }
        assert_eq!(token_of("/?my_access_token=a", &["Bearer a"]).as_deref(), Ok("a"));
    }
}
