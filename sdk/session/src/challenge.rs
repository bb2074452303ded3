//! The header `WWW-Authenticate` of a 401 (RFC 9110 §11.6.1): challenges, each with a scheme and parameters.

/// Whether the challenges say that the access token is missing or not accepted (C23): one of them has the scheme `Bearer`, and
/// no `error` other than `invalid_token` (RFC 6750 §3).
pub(crate) fn is_about_token(field: &str) -> bool {
    let (mut quoted, mut escaped) = (false, false);
    // Commas separate both challenges and parameters. One in a quoted string separates nothing.
    let elements = field.split(|character| {
        let is_quote = character == '"' && !escaped;
        escaped = quoted && character == '\\' && !escaped;
        quoted ^= is_quote;
        character == ',' && !quoted
    });
    let (mut found, mut current) = (false, false);
    for element in elements {
        let mut parameter = element.trim_ascii();
        let end = parameter.find([' ', '\t', '=']).unwrap_or(parameter.len());
        let (scheme, rest) = parameter.split_at(end);
        let rest = rest.trim_ascii_start();
        // A scheme begins a challenge. Without a space, its first parameter would be one of the previous challenge.
        if !scheme.is_empty() && !rest.starts_with('=') {
            found |= current;
            current = scheme.eq_ignore_ascii_case("Bearer");
            parameter = rest;
        }
        if let Some((name, value)) = parameter.split_once('=')
            && name.trim_ascii().eq_ignore_ascii_case("error")
        {
            current &= value.trim_ascii().trim_start_matches('"').split('"').next() == Some("invalid_token");
        }
    }
    found | current
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
