//! The header `WWW-Authenticate` of a 401 (RFC 9110 §11.6.1): challenges, each with a scheme and parameters.

/// Whether the challenges say that the access token is missing or not accepted (C23): one of them has the scheme `Bearer`, and
/// no `error` other than `invalid_token` (RFC 6750 §3).
///
/// A word before `=` is the name of a parameter. Any other word begins a challenge, or is its token68, which has no parameters.
pub(crate) fn is_about_token(field: &str) -> bool {
    let mut rest = field.as_bytes();
    let (mut found, mut current) = (false, false);
    while !rest.is_empty() {
        let word = next_word(&mut rest);
        skip(&mut rest, b' ');
        if rest.first() == Some(&b'=') {
            skip(&mut rest, b'=');
            let value = next_word(&mut rest);
            if is(word, b"error") {
                current &= matches!(value, b"invalid_token" | b"\"invalid_token\"");
            }
        } else if !word.is_empty() {
            found |= current;
            current = is(word, b"Bearer");
        }
        skip(&mut rest, b',');
    }
    found | current
}

/// Whether a word is this one, in any case. A function of its own, because its code is long where it is inlined.
#[inline(never)]
fn is(word: &[u8], name: &[u8]) -> bool {
    word.eq_ignore_ascii_case(name)
}

/// Takes the bytes up to a separator. A quoted string is one word, with its quotes.
fn next_word<'a>(rest: &mut &'a [u8]) -> &'a [u8] {
    let (mut end, mut quoted) = (0, false);
    while let Some(byte) = rest.get(end)
        && (quoted || !matches!(byte, b',' | b' ' | b'\t' | b'='))
    {
        // The byte after a backslash ends nothing.
        end += if quoted && *byte == b'\\' { 2 } else { 1 };
        quoted ^= *byte == b'"';
    }
    let (word, after) = rest.split_at_checked(end).unwrap_or((rest, &[]));
    *rest = after;
    word
}

/// Removes spaces and one further separator from the beginning.
fn skip(rest: &mut &[u8], separator: u8) {
    while let [first, after @ ..] = *rest
        && (*first == separator || matches!(first, b' ' | b'\t'))
    {
        *rest = after;
    }
}

#[cfg(test)]
mod tests {
    use super::is_about_token;

    #[test]
    fn c23_a_field_is_about_the_token_if_a_bearer_challenge_has_no_other_error() {
        let table = [
            ("Bearer", true),
            ("bearer", true),
            ("  BEARER  ", true),
            (r#"Bearer realm="shop""#, true),
            (r#"Bearer error="invalid_token""#, true),
            ("Bearer error=invalid_token", true),
            (r#"Bearer realm="shop", error = "invalid_token", error_description="expired""#, true),
            ("Bearer\terror=\"invalid_token\"", true),
            (r#"Bearer ERROR="invalid_token""#, true),
            (r#"Bearer error="invalid_token" error_description="no comma""#, true),
            (r#"Bearer ,, error="invalid_token" ,"#, true),
            (r#"Bearer error="insufficient_scope", scope="coupons""#, false),
            ("Bearer error=insufficient_scope", false),
            (r#"Bearer realm="shop",error="invalid_request""#, false),
            (r#"Bearer Error = "insufficient_scope""#, false),
            (r#"Bearer error="invalid_token", error="insufficient_scope""#, false),
            (r#"Bearer error_description="error=\"insufficient_scope\"", realm="a""#, true),
            (r#"Bearer realm="a, error=insufficient_scope""#, true),
            (r#"Bearer realm="a\", Basic ", error="insufficient_scope""#, false),
            (r#"Bearer realm="\\", error="insufficient_scope""#, false),
            ("Basic", false),
            (r#"Basic realm="shop""#, false),
            (r#"Basic realm="Bearer""#, false),
            (r#"Basic realm="a, Bearer""#, false),
            (r#"Basic realm="a\", Bearer""#, false),
            (r#"Basic realm="shop", Bearer"#, true),
            (r#"Basic realm="shop", charset="UTF-8", Bearer realm="a", error="invalid_token""#, true),
            (r#"Bearer, Basic error="insufficient_scope""#, true),
            (r#"Basic error="insufficient_scope", bearer"#, true),
            (r#"Bearer error="insufficient_scope", Basic realm="a""#, false),
            (r#"Bearer error="insufficient_scope", Bearer error="invalid_token""#, true),
            ("Negotiate, NTLM", false),
            ("Negotiate YWJj==, Bearer", true),
            ("Negotiate YWJj==", false),
            (r#"DPoP algs="ES256", error="invalid_token""#, false),
            (r#"BearerX realm="a""#, false),
            ("error=invalid_token", false),
            ("", false),
            (",", false),
            ("\u{e4}", false),
        ];
        for (field, expected) in table {
            assert_eq!(is_about_token(field), expected, "{field}");
        }
    }
}
