//! The `Authorization` header of RFC 6750.

use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;

/// Why a request carries no usable bearer token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoToken {
    /// No credentials, or those of a scheme that is not ours.
    Absent,
    /// Something is wrong with how the token was sent.
    Malformed(&'static str),
}

/// The bearer token of a request. It may come in one way only: one `Authorization` header.
pub(crate) fn bearer_token(parts: &Parts) -> Result<&str, NoToken> {
    if parts.uri.query().is_some_and(has_access_token) {
        // A URL ends up in logs and histories (RFC 6750 §2.3).
        return Err(NoToken::Malformed("an access token does not belong in the query string"));
    }
    let mut headers = parts.headers.get_all(AUTHORIZATION).iter();
    let header = headers.next().ok_or(NoToken::Absent)?;
    if headers.next().is_some() {
        return Err(NoToken::Malformed("there is more than one Authorization header"));
    }
    let text = header.to_str().map_err(|_| NoToken::Malformed("the Authorization header is not ASCII"))?;
    let (scheme, token) = text.split_once(' ').unwrap_or((text, ""));
    if scheme.is_empty() {
        return Err(NoToken::Malformed("the Authorization header is empty"));
    }
    if !scheme.eq_ignore_ascii_case("Bearer") {
        return Err(NoToken::Absent);
    }
    let token = token.trim_start_matches(' ');
    if is_b64token(token) { Ok(token) } else { Err(NoToken::Malformed("the bearer token is missing or malformed")) }
}

fn has_access_token(query: &str) -> bool {
    form_urlencoded::parse(query.as_bytes()).any(|(name, _)| name == "access_token")
}

/// `b64token` of RFC 6750 §2.1. It looks at every byte of every request's token: a table beats comparing ranges by far.
fn is_b64token(token: &str) -> bool {
    let body = token.trim_end_matches('=').as_bytes();
    !body.is_empty() && body.iter().fold(true, |good, &byte| good & IN_B64TOKEN[usize::from(byte)])
}

const IN_B64TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        table[byte as usize] = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/');
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn token_of(uri: &str, headers: &[&str]) -> Result<String, NoToken> {
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
    fn without_credentials_of_ours_there_is_no_token() {
        assert_eq!(token_of("/", &[]), Err(NoToken::Absent));
        assert_eq!(token_of("/", &["Basic dTpw"]), Err(NoToken::Absent));
        assert_eq!(token_of("/", &["Bearertoken"]), Err(NoToken::Absent));
    }

    #[test]
    fn malformed_headers_are_told_apart_from_absent_ones() {
        for header in ["", "Bearer", "Bearer ", "Bearer a b", "Bearer a,b", "Bearer =", "Bearer a=b", "Bearer \"a\""] {
            assert!(matches!(token_of("/", &[header]), Err(NoToken::Malformed(_))), "{header:?}");
        }
        assert!(matches!(token_of("/", &["Bearer a", "Bearer a"]), Err(NoToken::Malformed(_))));
    }

    #[test]
    fn a_token_in_the_query_string_is_refused() {
        for uri in ["/?access_token=a", "/?x=1&access_token=a", "/?access%5Ftoken=a", "/?access_token"] {
            assert!(matches!(token_of(uri, &["Bearer a"]), Err(NoToken::Malformed(_))), "{uri}");
            assert!(matches!(token_of(uri, &[]), Err(NoToken::Malformed(_))), "{uri}");
        }
        assert_eq!(token_of("/?my_access_token=a", &["Bearer a"]).as_deref(), Ok("a"));
    }
}
