//! The `Authorization` header of RFC 6750.

use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;

use crate::auth::Unauthorized;

/// A request without a usable bearer token. The texts become an `error_description` in `WWW-Authenticate`, so they are ASCII
/// without quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BearerError {
    /// No credentials, or credentials of another scheme.
    Absent,
    /// The token was sent in a wrong way.
    Malformed(&'static str),
}

/// The bearer token of a request. The request must have it in exactly one `Authorization` header.
pub(crate) fn bearer_token(parts: &Parts) -> Result<&str, BearerError> {
    Credentials::of(parts)?.token()
}

/// What follows the scheme `Bearer` in the one `Authorization` header of a request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Credentials<'a>(&'a [u8]);

impl<'a> Credentials<'a> {
    pub(crate) fn of(parts: &'a Parts) -> Result<Self, BearerError> {
        if parts.uri.query().is_some_and(has_access_token) {
            // URLs are stored in logs and histories (RFC 6750 §2.3).
            return Err(BearerError::Malformed(
                "send the access token in the Authorization header and not in the query string",
            ));
        }
        let mut headers = parts.headers.get_all(AUTHORIZATION).iter();
        let header = headers.next().ok_or(BearerError::Absent)?.as_bytes();
        if headers.next().is_some() {
            return Err(BearerError::Malformed("the request has more than one Authorization header"));
        }
        let end_of_scheme = header.iter().position(|byte| *byte == b' ').unwrap_or(header.len());
        let (scheme, rest) = header.split_at(end_of_scheme);
        if scheme.eq_ignore_ascii_case(b"Bearer") {
            let spaces = rest.iter().take_while(|byte| **byte == b' ').count();
            return Ok(Self(&rest[spaces..]));
        }
        if !header.is_ascii() {
            return Err(NOT_ASCII);
        }
        if scheme.is_empty() {
            return Err(BearerError::Malformed("the Authorization header is empty"));
        }
        Err(BearerError::Absent)
    }

    /// The bytes as they were sent, which may be no token: only for comparison with tokens that are known to be valid.
    pub(crate) const fn unchecked(self) -> &'a [u8] {
        self.0
    }

    /// The token. Reads all of it, in loops that the compiler can vectorise: `HeaderValue::to_str` took longer than a hash.
    pub(crate) fn token(self) -> Result<&'a str, BearerError> {
        if !self.0.is_ascii() {
            return Err(NOT_ASCII);
        }
        let token = if is_b64token(self.0) { str::from_utf8(self.0).ok() } else { None };
        token.ok_or(BearerError::Malformed("the bearer token is missing or malformed"))
    }
}

const NOT_ASCII: BearerError = BearerError::Malformed("the Authorization header is not ASCII");

fn has_access_token(query: &str) -> bool {
    form_urlencoded::parse(query.as_bytes()).any(|(name, _)| name == "access_token")
}

/// `b64token` of RFC 6750 §2.1.
fn is_b64token(token: &[u8]) -> bool {
    let padding = token.iter().rev().take_while(|byte| **byte == b'=').count();
    let body = &token[..token.len() - padding];
    // Without `all`, whose early return would be a branch.
    !body.is_empty() && body.iter().fold(true, |good, byte| good & is_in_b64token(*byte))
}

const fn is_in_b64token(byte: u8) -> bool {
    let is_letter = (byte | 0x20).wrapping_sub(b'a') < 26;
    // '-', '.', '/' and the digits are consecutive in ASCII.
    let is_digit_or_one_of_three = byte.wrapping_sub(b'-') <= b'9' - b'-';
    is_letter | is_digit_or_one_of_three | (byte == b'_') | (byte == b'~') | (byte == b'+')
}

impl From<BearerError> for Unauthorized {
    fn from(error: BearerError) -> Self {
        match error {
            BearerError::Absent => Self::NoCredentials,
            BearerError::Malformed(reason) => Self::InvalidRequest(reason),
        }
    }
}

/// See [`crate::fuzz`].
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzz {
    use axum::http::Request;
    use axum::http::header::AUTHORIZATION;

    use super::bearer_token;
    use crate::routes::fuzz::header_lines;

    /// The query on the first line, then one `Authorization` header per line.
    pub fn authorization(data: &[u8]) {
        let mut lines = data.split(|byte| *byte == b'\n');
        let query = String::from_utf8_lossy(lines.next().unwrap_or_default()).into_owned();
        let Ok(request) = Request::get(format!("/me?{query}")).body(()) else { return };
        let (mut parts, ()) = request.into_parts();
        parts.headers = header_lines(&AUTHORIZATION, lines);

        if let Ok(token) = bearer_token(&parts) {
            let values: Vec<_> = parts.headers.get_all(AUTHORIZATION).iter().map(|value| value.as_bytes()).collect();
            assert_eq!(values.len(), 1);
            assert!(values[0].len() > "Bearer ".len() && values[0][..7].eq_ignore_ascii_case(b"Bearer "));
            assert!(values[0].ends_with(token.as_bytes()) && !token.is_empty());
            assert!(token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte)));
            // The part after a '#' is not part of the query, and is not read.
            let query = parts.uri.query().unwrap_or_default();
            assert!(!query.split('&').any(|pair| pair == "access_token" || pair.starts_with("access_token=")));
        }
    }
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
    fn without_bearer_credentials_there_is_no_token() {
        assert_eq!(token_of("/", &[]), Err(BearerError::Absent));
        assert_eq!(token_of("/", &["Basic dTpw"]), Err(BearerError::Absent));
        assert_eq!(token_of("/", &["Bearertoken"]), Err(BearerError::Absent));
    }

    #[test]
    fn malformed_headers_are_distinguished_from_absent_ones() {
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
