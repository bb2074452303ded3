//! E-mail addresses, normalized so that each account is found under one spelling.

use std::fmt;

use email_address::Options;
use unicode_normalization::UnicodeNormalization;

use super::AccountError;

/// An address in one spelling: in lower case, the part before the `@` in NFC, and the domain in Unicode as UTS 46 maps it. So
/// `ada@xn--exmple-cua.com` and `ADA@EXÄMPLE.com` are one address, whatever device they are typed on. Mail servers may distinguish
/// upper and lower case before the `@` (RFC 5321 §2.4), but the common ones do not, and people do not.
#[derive(Clone)]
pub(crate) struct EmailAddress {
    text: String,
    /// Other spellings of the address under which an account of an older version can be stored.
    older: Vec<String>,
}

impl EmailAddress {
    pub(crate) fn parse(text: &str) -> Result<Self, AccountError> {
        // Before the length is checked, because some letters get longer in lower case.
        let typed = text.trim().to_lowercase();
        let (local, domain) = typed.rsplit_once('@').ok_or(AccountError::InvalidEmail)?;
        let (text, older) = if typed.is_ascii() && !domain.contains("xn--") {
            (typed, Vec::new())
        } else {
            let local: String = local.nfc().collect();
            let domain = domain_in_unicode(domain).ok_or(AccountError::InvalidEmail)?;
            let text = format!("{local}@{domain}");
            let older = older_spellings(&local, &domain, typed).filter(|older| *older != text).collect();
            (text, older)
        };
        let options = Options::default().without_display_text().without_domain_literal();
        // A quoted local part may contain any character; such addresses are not in use.
        let plain = !text.contains(|c: char| matches!(c, '"' | '\\') || c.is_control() || c.is_whitespace());
        let is_valid = plain
            && text.len() <= MAX_LENGTH
            && email_address::EmailAddress::parse_with_options(&text, options).is_ok();
        if is_valid { Ok(Self { text, older }) } else { Err(AccountError::InvalidEmail) }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// Every spelling under which an account with this address can be stored.
    pub(crate) fn spellings(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.text).chain(&self.older).map(String::as_str)
    }

    /// The address in the spelling under which it is stored.
    pub(super) fn stored_as(text: String) -> Self {
        Self { text, older: Vec::new() }
    }
}

/// The domain in Unicode (UTS 46), or unchanged if it is ASCII and has a label that is no label of IDNA. `None` if it is no domain.
fn domain_in_unicode(domain: &str) -> Option<String> {
    match idna::domain_to_unicode(domain) {
        (unicode, Ok(())) => Some(unicode),
        (_, Err(_)) => domain.is_ascii().then(|| domain.to_owned()),
    }
}

/// The spellings that older versions, which only changed the case, stored of an address.
fn older_spellings(local: &str, domain: &str, typed: String) -> impl Iterator<Item = String> {
    let decomposed = |text: &str| text.nfd().collect::<String>();
    let locals = [local.to_owned(), decomposed(local)];
    let mut domains = vec![domain.to_owned(), decomposed(domain)];
    domains.extend(idna::domain_to_ascii(domain));
    let mut spellings = vec![typed];
    spellings.extend(locals.iter().flat_map(|local| domains.iter().map(move |domain| format!("{local}@{domain}"))));
    spellings.sort_unstable();
    spellings.dedup();
    spellings.into_iter()
}

/// The greatest length of an address in bytes: that of a path (RFC 5321 §4.5.3.1.3) without its brackets.
const MAX_LENGTH: usize = 254;

impl PartialEq for EmailAddress {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for EmailAddress {}

impl From<EmailAddress> for String {
    fn from(address: EmailAddress) -> Self {
        address.text
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
    fn an_international_address_is_one_address_however_it_is_typed() {
        for (text, same) in [
            ("ada@exämple.com", "ada@exämple.com"),
            ("ada@exa\u{308}mple.com", "ada@exämple.com"),
            ("Ada@EXÄMPLE.com", "ada@exämple.com"),
            ("ada@xn--exmple-cua.com", "ada@exämple.com"),
            ("ADA@XN--EXMPLE-CUA.COM", "ada@exämple.com"),
            // Full-width letters and digits, and the full stop of a Japanese keyboard, in the domain.
            ("ada@ｓｈｏｐ１２。example", "ada@shop12.example"),
            ("zo\u{eb}@example.com", "zo\u{eb}@example.com"),
            ("zoe\u{308}@example.com", "zo\u{eb}@example.com"),
            // UTS 46 keeps this letter (nontransitional processing); a domain with ss is another one.
            ("ada@straße.example", "ada@straße.example"),
            ("ada@xn--strae-oqa.example", "ada@straße.example"),
            ("ada@例え.テスト", "ada@例え.テスト"),
            ("ada@xn--r8jz45g.xn--zckzah", "ada@例え.テスト"),
            // No label of IDNA: as it is.
            ("ada@xn--0.example", "ada@xn--0.example"),
        ] {
            let address = EmailAddress::parse(text).unwrap();
            assert_eq!(address.as_str(), same, "{text}");
            assert_eq!(EmailAddress::parse(address.as_str()).unwrap(), address, "{text}");
        }
        // NFC does not map these before the `@`, and neither do mail servers.
        assert_ne!(EmailAddress::parse("１@example.com").unwrap(), EmailAddress::parse("1@example.com").unwrap());
    }

    #[test]
    fn an_account_of_an_older_version_is_found_under_its_spelling() {
        let spellings = |text: &str| {
            let address = EmailAddress::parse(text).unwrap();
            address.spellings().map(str::to_owned).collect::<Vec<_>>()
        };

        assert_eq!(spellings("Ada@Example.com"), ["ada@example.com"]);
        for (typed, stored) in [
            ("ada@exämple.com", "ada@exa\u{308}mple.com"),
            ("ada@exämple.com", "ada@xn--exmple-cua.com"),
            ("ada@xn--exmple-cua.com", "ada@exämple.com"),
            ("zo\u{eb}@example.com", "zoe\u{308}@example.com"),
            ("ada@ｓｈｏｐ.example", "ada@ｓｈｏｐ.example"),
        ] {
            assert!(spellings(typed).contains(&stored.to_owned()), "{typed}: {:?}", spellings(typed));
        }
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
            "ada@exä mple.com",
            "ada@exä＠mple.com",
            "ada@ä..com",
            "ada@\u{300}.com",
            &long,
            &longer,
        ] {
            assert!(EmailAddress::parse(text).is_err(), "{text}");
        }
    }
}
