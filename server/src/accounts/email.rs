//! E-mail addresses, normalized so that each account is found under one spelling.

use std::fmt;

use email_address::Options;

use super::AccountError;

/// An address in lower case. Mail servers may distinguish upper and lower case before the `@` (RFC 5321 §2.4), but the common
/// ones do not, and people do not.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct EmailAddress(String);

impl EmailAddress {
    pub(crate) fn parse(text: &str) -> Result<Self, AccountError> {
        let options = Options::default().without_display_text().without_domain_literal();
        // A quoted local part may contain any character; such addresses are not in use.
        let plain = !text.trim().contains(|c: char| matches!(c, '"' | '\\') || c.is_control() || c.is_whitespace());
        // Before the length is checked, because some letters get longer in lower case.
        let text = text.trim().to_lowercase();
        match email_address::EmailAddress::parse_with_options(&text, options) {
            Ok(address) if plain && text.len() <= MAX_LENGTH => Ok(Self(address.into())),
            Ok(_) | Err(_) => Err(AccountError::InvalidEmail),
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// The greatest length of an address in bytes: that of a path (RFC 5321 §4.5.3.1.3) without its brackets.
const MAX_LENGTH: usize = 254;

impl From<EmailAddress> for String {
    fn from(address: EmailAddress) -> Self {
        address.0
    }
}

/// Keeps addresses out of logs.
impl fmt::Debug for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EmailAddress(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_address_are_equal() {
        for text in ["Ada@Example.com", "ada@example.com", " ada@EXAMPLE.com\n"] {
            assert_eq!(EmailAddress::parse(text).unwrap().as_str(), "ada@example.com");
        }
        assert_ne!(EmailAddress::parse("a.da@example.com").unwrap(), EmailAddress::parse("ada@example.com").unwrap());
    }

    #[test]
    fn an_invalid_address_is_refused() {
        let long = format!("{}@example.com", "a".repeat(65));
        let longer = format!("a@{}.com", vec!["b".repeat(60); 5].join("."));
        for text in [
            "",
            "ada",
            "@",
            "ada@",
            "@example.com",
            "ada@exa mple.com",
            "ada@a@example.com",
            "Ada <ada@example.com>",
            "\"a b\"@example.com",
            "ada@[127.0.0.1]",
            "ada\0@example.com",
            "ada@example.com, eve@example.com",
            &long,
            &longer,
        ] {
            assert!(EmailAddress::parse(text).is_err(), "{text}");
        }
    }
}
