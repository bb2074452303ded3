//! See [`crate::fuzz`].

use super::email::EmailAddress;

pub use super::oidc::fuzz::id_token;

/// An e-mail address as a person types it.
pub fn email(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(address) = EmailAddress::parse(text) else { return };
    // The normalized address parses to itself.
    let again = EmailAddress::parse(address.as_str());
    assert_eq!(again.ok().as_ref().map(EmailAddress::as_str), Some(address.as_str()));
    assert!(address.as_str().len() <= 254 && !address.as_str().contains(char::is_whitespace));
}
