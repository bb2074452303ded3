//! The encryption of the keys in the store, so that a copy of the database signs nothing.
//!
//! A stored key is either plain or `MAGIC ‖ version ‖ id of the key-encryption key ‖ nonce ‖ AES-256-GCM(key)`. The associated data
//! is everything before the nonce and the identity of the row, so that a ciphertext cannot be moved to another row.

use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::rand;

use crate::secret::Secret;
use crate::settings::{KeyEncryptionKey, KeyEncryptionKeyId};

/// PKCS#8 begins with another byte, and a random key begins with these and the version once in 2^72.
const MAGIC: &[u8; 8] = b"gp-keyen";
const VERSION: u8 = 1;
const HEADER: usize = MAGIC.len() + 1 + KeyEncryptionKeyId::LENGTH;

/// The key-encryption keys of this process. The first encrypts, and each of them decrypts. Without any, keys are stored in plain
/// text.
#[derive(Debug, Clone, Default)]
pub(crate) struct KeyEncryption(Arc<[KeyEncryptionKey]>);

/// The keys in the store are encrypted, and this process cannot decrypt them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyEncryptionError {
    /// This process has no key-encryption key.
    #[error(
        "they are encrypted with the key-encryption key {0}; name its file with --key-encryption-key-file, or set \
         GUESTPASS_KEY_ENCRYPTION_KEY"
    )]
    NoKey(KeyEncryptionKeyId),
    /// This process has other key-encryption keys.
    #[error("they are encrypted with the key-encryption key {stored}, and the key given is {}", list(given))]
    OtherKey {
        /// The key that is needed.
        stored: KeyEncryptionKeyId,
        /// The keys of this process.
        given: Vec<KeyEncryptionKeyId>,
    },
    /// The key has been changed in the store, or belongs to another row.
    #[error("{0} is damaged: its key-encryption key does not decrypt it")]
    Damaged(String),
    /// An encryption was requested without a key-encryption key.
    #[error("there is no key-encryption key; name its file with --key-encryption-key-file")]
    NoneGiven,
    /// The operating system's random generator failed.
    #[error("the operating system's random generator failed")]
    Random,
}

fn list(ids: &[KeyEncryptionKeyId]) -> String {
    ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// The identity of a row: which key is stored in it.
#[derive(Debug)]
pub(super) struct RowIdentity {
    /// The identity as associated data.
    pub(super) bytes: Vec<u8>,
    /// The identity for an error.
    pub(super) name: String,
}

impl KeyEncryption {
    pub(crate) fn new(keys: &[KeyEncryptionKey]) -> Self {
        Self(keys.into())
    }

    /// Whether this process has a key-encryption key.
    pub(crate) fn is_on(&self) -> bool {
        !self.0.is_empty()
    }

    /// Whether `stored` is as this process would store it.
    pub(super) fn is_current(&self, stored: &Secret) -> bool {
        encrypted_by(stored) == self.0.first().map(KeyEncryptionKey::id)
    }

    /// The plain key of a stored one.
    pub(super) fn decrypt(&self, row: &RowIdentity, stored: &Secret) -> Result<Secret, KeyEncryptionError> {
        let Some(id) = encrypted_by(stored) else { return Ok(stored.clone()) };
        let given = || self.0.iter().map(KeyEncryptionKey::id).collect();
        let key = match self.0.iter().find(|key| key.id() == id) {
            Some(key) => key,
            None if self.0.is_empty() => return Err(KeyEncryptionError::NoKey(id)),
            None => return Err(KeyEncryptionError::OtherKey { stored: id, given: given() }),
        };
        let damaged = || KeyEncryptionError::Damaged(row.name.clone());
        let (header, rest) = stored.expose().split_at_checked(HEADER).ok_or_else(damaged)?;
        let (nonce, ciphertext) = rest.split_at_checked(NONCE_LEN).ok_or_else(damaged)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| damaged())?;
        let mut text = ciphertext.to_vec();
        let cipher = cipher(key).ok_or_else(damaged)?;
        let plain = cipher.open_in_place(nonce, associated_data(header, row), &mut text).map_err(|_| damaged())?;
        Ok(Secret::from(plain.to_vec()))
    }

    /// A plain key as it is stored.
    pub(super) fn encrypt(&self, row: &RowIdentity, plain: &Secret) -> Result<Secret, KeyEncryptionError> {
        let Some(key) = self.0.first() else { return Ok(plain.clone()) };
        let mut header = Vec::with_capacity(HEADER);
        header.extend_from_slice(MAGIC);
        header.push(VERSION);
        header.extend_from_slice(&key.id().0);
        let mut nonce = [0; NONCE_LEN];
        rand::fill(&mut nonce).map_err(|_| KeyEncryptionError::Random)?;
        let mut text = plain.expose().to_vec();
        let cipher = cipher(key).ok_or(KeyEncryptionError::Random)?;
        cipher
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), associated_data(&header, row), &mut text)
            .map_err(|_| KeyEncryptionError::Random)?;
        Ok(Secret::from([header.as_slice(), &nonce, &text].concat()))
    }
}

/// The id of the key-encryption key of a stored key. `None` if it is stored in plain text.
pub(crate) fn encrypted_by(stored: &Secret) -> Option<KeyEncryptionKeyId> {
    let rest = stored.expose().strip_prefix(MAGIC)?.strip_prefix(&[VERSION])?;
    Some(KeyEncryptionKeyId(*rest.first_chunk()?))
}

/// `None` if the key does not have the length of the algorithm, which its parser has checked.
fn cipher(key: &KeyEncryptionKey) -> Option<LessSafeKey> {
    Some(LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key.secret().expose()).ok()?))
}

fn associated_data(header: &[u8], row: &RowIdentity) -> Aad<Vec<u8>> {
    Aad::from([header, row.bytes.as_slice()].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encryption(keys: &[u8]) -> KeyEncryption {
        use base64::Engine as _;
        let key = |byte: &u8| base64::engine::general_purpose::STANDARD.encode([*byte; 32]).parse().unwrap();
        KeyEncryption::new(&keys.iter().map(key).collect::<Vec<_>>())
    }

    fn row(name: &str) -> RowIdentity {
        RowIdentity { bytes: name.as_bytes().to_vec(), name: name.to_owned() }
    }

    fn plain() -> Secret {
        Secret::from(vec![42; 32])
    }

    #[test]
    fn an_encrypted_key_is_decrypted_by_the_same_key_encryption_key_in_the_same_row_only() {
        let stored = encryption(&[1]).encrypt(&row("a"), &plain()).unwrap();

        assert!(!stored.expose().windows(8).any(|bytes| bytes == [42; 8]));
        assert_eq!(encryption(&[1]).decrypt(&row("a"), &stored), Ok(plain()));
        assert_eq!(encryption(&[2, 1]).decrypt(&row("a"), &stored), Ok(plain()));
        let id = encrypted_by(&stored).unwrap();
        assert_eq!(encryption(&[]).decrypt(&row("a"), &stored), Err(KeyEncryptionError::NoKey(id)));
        let other = encryption(&[2]).decrypt(&row("a"), &stored);
        assert!(matches!(other, Err(KeyEncryptionError::OtherKey { stored, .. }) if stored == id), "{other:?}");
        assert_eq!(
            encryption(&[1]).decrypt(&row("b"), &stored),
            Err(KeyEncryptionError::Damaged("b".to_owned())),
            "a ciphertext belongs to one row"
        );
    }

    #[test]
    fn each_changed_bit_of_an_encrypted_key_is_found() {
        let stored = encryption(&[1]).encrypt(&row("a"), &plain()).unwrap();

        for bit in 0..stored.expose().len() * 8 {
            let mut changed = stored.expose().to_vec();
            changed[bit / 8] ^= 1 << (bit % 8);
            let read = encryption(&[1]).decrypt(&row("a"), &Secret::from(changed));
            assert_ne!(read, Ok(plain()), "bit {bit}");
        }
    }

    #[test]
    fn a_plain_key_is_read_with_and_without_a_key_encryption_key() {
        for keys in [&[][..], &[1]] {
            assert_eq!(encryption(keys).decrypt(&row("a"), &plain()), Ok(plain()));
        }
        assert_eq!(encryption(&[]).encrypt(&row("a"), &plain()), Ok(plain()));
    }
}
