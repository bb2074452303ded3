//! A key that encrypts the keys in the store.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::InvalidValue;
use crate::secret::{Secret, sha256};

const LENGTH: usize = 32;
const EXPECTED: InvalidValue =
    InvalidValue::new("expected 32 bytes in base64, as `guestpass keys new-encryption-key` makes");

/// A key-encryption key: the AES-256 key that encrypts the keys in the store. Written in base64url or base64.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyEncryptionKey {
    secret: Secret,
    id: KeyEncryptionKeyId,
}

/// Identifies a key-encryption key without revealing it: the beginning of a hash, in hexadecimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyEncryptionKeyId(pub(crate) [u8; KeyEncryptionKeyId::LENGTH]);

impl KeyEncryptionKeyId {
    pub(crate) const LENGTH: usize = 8;
}

impl KeyEncryptionKey {
    /// A new key from the operating system's generator, as text. `None` if the generator fails.
    pub fn generate() -> Option<String> {
        Secret::random::<LENGTH>().map(|secret| URL_SAFE_NO_PAD.encode(secret.expose()))
    }

    /// The name of this key in the store, in the log and in errors.
    pub const fn id(&self) -> KeyEncryptionKeyId {
        self.id
    }

    pub(crate) fn secret(&self) -> &Secret {
        &self.secret
    }
}

impl FromStr for KeyEncryptionKey {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        // `openssl rand -base64 32` writes the other alphabet, and pads.
        let text = text.trim_end_matches('=').replace('+', "-").replace('/', "_");
        let bytes = URL_SAFE_NO_PAD.decode(text).ok().filter(|bytes| bytes.len() == LENGTH).ok_or(EXPECTED)?;
        let mut id = [0; KeyEncryptionKeyId::LENGTH];
        let hash = sha256(&[b"guestpass key-encryption key", bytes.as_slice()].concat());
        id.copy_from_slice(&hash[..KeyEncryptionKeyId::LENGTH]);
        Ok(Self { secret: Secret::from(bytes), id: KeyEncryptionKeyId(id) })
    }
}

impl fmt::Debug for KeyEncryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyEncryptionKey({})", self.id)
    }
}

impl fmt::Display for KeyEncryptionKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_in_both_alphabets_of_base64() {
        let url = "-_".repeat(21) + "8";
        let standard = "+/".repeat(21) + "8=";

        let key: KeyEncryptionKey = url.parse().unwrap();

        assert_eq!(standard.parse(), Ok(key.clone()));
        assert_eq!(format!("{key:?}"), format!("KeyEncryptionKey({})", key.id()));
        let generated = KeyEncryptionKey::generate().unwrap();
        assert_ne!(generated.parse::<KeyEncryptionKey>().unwrap().id(), key.id());
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["", "short", &"A".repeat(42), &"A".repeat(44), &"ab".repeat(32), &("é".repeat(20) + "AAA")] {
            assert_eq!(text.parse::<KeyEncryptionKey>(), Err(EXPECTED), "{text}");
        }
    }
}
