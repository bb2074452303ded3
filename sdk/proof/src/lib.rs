//! Solves the proof of work that a Guestpass server may demand before it makes a guest: a challenge of
//! [ALTCHA](https://altcha.org), version 2, with the algorithm PBKDF2/SHA-256.
//!
//! The solution is a number: the first one whose derived key begins with the prefix that the challenge names. The caller counts,
//! and decides when to pause:
//!
//! ```
//! use guestpass_proof::Challenge;
//!
//! let challenge = Challenge { nonce: b"nonce", salt: b"salt", cost: 10, key_length: 32, key_prefix: &[0] };
//! let (counter, derived_key) = (0..).find_map(|counter| Some((counter, challenge.attempt(counter)?))).unwrap();
//! assert_eq!(derived_key.len(), 32);
//! assert!(challenge.attempt(counter).is_some());
//! ```

#[cfg(target_arch = "wasm32")]
mod export;

#[cfg(target_arch = "wasm32")]
pub use self::export::attempt;

use pbkdf2::pbkdf2_hmac;
use sha2::Sha256;

/// The parameters of a challenge with the algorithm PBKDF2/SHA-256.
#[derive(Clone, Copy, Debug)]
pub struct Challenge<'a> {
    /// Decoded from hexadecimal digits, as the salt and the prefix.
    pub nonce: &'a [u8],
    /// The salt of PBKDF2.
    pub salt: &'a [u8],
    /// The number of iterations of PBKDF2.
    pub cost: u32,
    /// The length of a derived key in bytes.
    pub key_length: usize,
    /// What the derived key of a solution begins with.
    pub key_prefix: &'a [u8],
}

impl Challenge<'_> {
    /// One attempt: returns the derived key if `counter` solves the challenge.
    pub fn attempt(&self, counter: u32) -> Option<Vec<u8>> {
        let password = [self.nonce, &counter.to_be_bytes()].concat();
        let mut key = vec![0; self.key_length];
        pbkdf2_hmac::<Sha256>(&password, self.salt, self.cost, &mut key);
        key.starts_with(self.key_prefix).then_some(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7914 §11: the test vectors of PBKDF2-HMAC-SHA-256. The last four bytes of the password are the counter.
    #[test]
    fn the_key_is_that_of_pbkdf2() {
        let key_of = |password: &[u8; 6], salt: &[u8], cost| {
            let (nonce, counter) = password.split_at(2);
            let challenge = Challenge { nonce, salt, cost, key_length: 8, key_prefix: &[] };
            challenge.attempt(u32::from_be_bytes(counter.try_into().unwrap())).unwrap()
        };

        assert_eq!(key_of(b"passwd", b"salt", 1), [0x55, 0xac, 0x04, 0x6e, 0x56, 0xe3, 0x08, 0x9f]);
    }

    #[test]
    fn an_attempt_succeeds_if_the_key_has_the_prefix() {
        let challenge = Challenge { nonce: b"nonce", salt: b"salt", cost: 2, key_length: 40, key_prefix: &[] };
        let key = challenge.attempt(7).unwrap();

        assert_eq!(Challenge { key_prefix: &key[..2], ..challenge }.attempt(7), Some(key.clone()));
        assert_eq!(Challenge { key_prefix: &key[..2], ..challenge }.attempt(8), None);
        assert_eq!(Challenge { key_prefix: &[key.as_slice(), &[0]].concat(), ..challenge }.attempt(7), None);
    }
}
