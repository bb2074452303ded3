//! Refresh tokens: `gpr_` + base64url(key version ‖ session id ‖ counter ‖ HMAC-SHA256(key, session id ‖ counter)).
//!
//! Tokens are not stored: the counter of the session determines the current token, and the same counter always gives the same
//! token. So a lost response can be repeated without having been stored.

use std::fmt;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use guestpass_core::wire::REFRESH_TOKEN_PREFIX;
use uuid::Uuid;

use super::keys::KeyError;
use crate::clock::Timestamp;
use crate::secret::Secret;
use crate::store::{KeyEncryption, KeyLifetime, RefreshKeyRow, signing_index, verifies_until};

const ID: usize = 16;
const COUNTER: usize = 8;
const TAG: usize = 32;
/// A multiple of three, so that base64url has no unused bits and each token has exactly one spelling.
const LENGTH: usize = 1 + ID + COUNTER + TAG;

/// The content of an authentic refresh token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RefreshToken {
    pub(crate) session: Uuid,
    pub(crate) counter: u64,
}

impl RefreshToken {
    /// Whether a text begins as refresh tokens do.
    pub(super) fn has_form(text: &str) -> bool {
        text.starts_with(REFRESH_TOKEN_PREFIX)
    }
}

/// The keys that authenticate refresh tokens.
pub(crate) struct RefreshKeys {
    keys: Vec<VersionedKey>,
    lifetimes: Vec<KeyLifetime>,
}

struct VersionedKey {
    version: u8,
    key: hmac::Key,
}

impl RefreshKeys {
    pub(crate) fn new(rows: &[RefreshKeyRow], encryption: &KeyEncryption) -> Result<Self, KeyError> {
        if rows.is_empty() {
            return Err(KeyError::NoRefreshKey);
        }
        let versioned = |row: &RefreshKeyRow| {
            let material = row.decrypted(encryption)?;
            // RFC 2104 §3: a key as long as the hash.
            if material.expose().len() < TAG {
                return Err(KeyError::Damaged(format!("{} of refresh tokens", row.version)));
            }
            Ok(VersionedKey { version: row.version, key: hmac::Key::new(hmac::HMAC_SHA256, material.expose()) })
        };
        let keys = rows.iter().map(versioned).collect::<Result<_, _>>()?;
        Ok(Self { keys, lifetimes: rows.iter().map(|row| row.lifetime).collect() })
    }

    /// Encodes a token that has been current since `current_since`; the key that signed at that time signs it. So the same
    /// session and counter give the same text, even if the keys have been rotated meanwhile.
    pub(crate) fn sign(&self, token: RefreshToken, current_since: Timestamp) -> String {
        let signed = message(token);
        // There is at least one key, as `new` checks.
        let VersionedKey { version, key } = &self.keys[signing_index(&self.lifetimes, current_since)];
        let tag = hmac::sign(key, &signed);
        let mut bytes = Vec::with_capacity(LENGTH);
        bytes.push(*version);
        bytes.extend_from_slice(&signed);
        bytes.extend_from_slice(tag.as_ref());
        format!("{REFRESH_TOKEN_PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Decodes a token that was signed with one of the keys, if that key still verifies. `None` for any other text.
    pub(crate) fn read(&self, text: &str, now: Timestamp) -> Option<RefreshToken> {
        let bytes = decode(text)?;
        let (version, rest) = bytes.split_first()?;
        let (signed, tag) = rest.split_at_checked(ID + COUNTER)?;
        let index = self.keys.iter().position(|key| key.version == *version)?;
        if verifies_until(&self.lifetimes, index).is_some_and(|until| until <= now) {
            return None;
        }
        // Compares in constant time.
        hmac::verify(&self.keys[index].key, signed, tag).ok()?;
        let (id, counter) = signed.split_at_checked(ID)?;
        Some(RefreshToken {
            session: Uuid::from_slice(id).ok()?,
            counter: u64::from_be_bytes(counter.try_into().ok()?),
        })
    }

    /// Secrets for another purpose, derived from these keys: first the secret of the key that signs at `now`. `purpose` must
    /// differ from the signed part of every token.
    pub(crate) fn secrets_for(&self, purpose: &[u8], now: Timestamp) -> Vec<Secret> {
        let signing = signing_index(&self.lifetimes, now);
        let others = (0..self.keys.len()).filter(|index| *index != signing);
        let secret = |index: usize| Secret::from(hmac::sign(&self.keys[index].key, purpose).as_ref().to_vec());
        std::iter::once(signing).chain(others).map(secret).collect()
    }

    /// Whether the text has the form of a token and names an unknown key: another node may have made that key.
    pub(crate) fn is_of_unknown_version(&self, text: &str) -> bool {
        let version = decode(text).and_then(|bytes| bytes.first().copied());
        version.is_some_and(|version| self.keys.iter().all(|key| key.version != version))
    }
}

/// Decodes a text that has the form of a token.
fn decode(text: &str) -> Option<Vec<u8>> {
    let encoded = text.strip_prefix(REFRESH_TOKEN_PREFIX)?;
    if encoded.len() != LENGTH / 3 * 4 {
        return None;
    }
    URL_SAFE_NO_PAD.decode(encoded).ok()
}

impl fmt::Debug for RefreshKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RefreshKeys")
            .field("versions", &self.keys.iter().map(|key| key.version).collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

fn message(token: RefreshToken) -> [u8; ID + COUNTER] {
    let mut signed = [0; ID + COUNTER];
    signed[..ID].copy_from_slice(token.session.as_bytes());
    signed[ID..].copy_from_slice(&token.counter.to_be_bytes());
    signed
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::secret::Secret;

    const TTL: Duration = Duration::from_secs(1000);

    /// Version `n` signs from second `100 n` on.
    fn keys(versions: &[u8]) -> RefreshKeys {
        let rows: Vec<_> = versions
            .iter()
            .map(|&version| RefreshKeyRow {
                version,
                material: Secret::from(vec![version; 32]),
                lifetime: KeyLifetime { created_at: at(0), signs_from: at(100 * i64::from(version)), token_ttl: TTL },
            })
            .collect();
        RefreshKeys::new(&rows, &KeyEncryption::default()).unwrap()
    }

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    fn token() -> RefreshToken {
        RefreshToken { session: Uuid::from_u128(0x0197_0000_0000_7000_8000_0000_0000_0001), counter: 7 }
    }

    #[test]
    fn a_token_reads_back_and_is_deterministic() {
        let keys = keys(&[1]);

        let text = keys.sign(token(), at(100));

        assert_eq!(keys.read(&text, at(100)), Some(token()));
        assert_eq!(keys.sign(token(), at(100)), text);
        assert_eq!(text.len(), REFRESH_TOKEN_PREFIX.len() + 76);
    }

    #[test]
    fn a_token_with_any_changed_bit_is_refused() {
        let keys = keys(&[1, 2]);
        let text = keys.sign(token(), at(100));
        let bytes = URL_SAFE_NO_PAD.decode(&text[REFRESH_TOKEN_PREFIX.len()..]).unwrap();

        for bit in 0..bytes.len() * 8 {
            let mut forged = bytes.clone();
            forged[bit / 8] ^= 1 << (bit % 8);
            let forged = format!("{REFRESH_TOKEN_PREFIX}{}", URL_SAFE_NO_PAD.encode(forged));
            assert_eq!(keys.read(&forged, at(100)), None, "bit {bit}");
        }
    }

    #[test]
    fn other_spellings_are_refused() {
        let keys = keys(&[1]);
        let text = keys.sign(token(), at(100));

        for forged in [
            String::new(),
            REFRESH_TOKEN_PREFIX.to_owned(),
            text.trim_start_matches(REFRESH_TOKEN_PREFIX).to_owned(),
            text.to_uppercase(),
            format!("{text}="),
            format!("{text}AAAA"),
            format!(" {text}"),
            text[..text.len() - 4].to_owned(),
        ] {
            assert_eq!(keys.read(&forged, at(100)), None, "{forged}");
        }
    }

    #[test]
    fn the_key_of_the_time_of_the_rotation_signs() {
        let keys = keys(&[1, 2]);

        let (before, after) = (keys.sign(token(), at(199)), keys.sign(token(), at(200)));

        assert_eq!(before, self::keys(&[1]).sign(token(), at(199)));
        assert_eq!(after, self::keys(&[2]).sign(token(), at(200)));
        assert_ne!(before, after);
        // The clock has been set back to before the start of all keys.
        assert_eq!(keys.sign(token(), at(0)), before);
    }

    #[test]
    fn an_older_key_verifies_until_its_last_token_has_expired() {
        let (keys, newer) = (keys(&[1, 2]), keys(&[2]));
        let (old, new) = (keys.sign(token(), at(199)), keys.sign(token(), at(200)));
        let last_expires = at(200) + TTL + Duration::from_secs(60);

        for (text, now, reads) in [
            (&old, last_expires - Duration::from_millis(1), true),
            (&old, last_expires, false),
            (&new, last_expires, true),
            (&new, at(100), true),
        ] {
            assert_eq!(keys.read(text, now).is_some(), reads, "{now:?}");
        }
        assert_eq!(newer.read(&old, at(200)), None);
        assert_eq!(newer.read(&new, at(200)), Some(token()));
    }

    #[test]
    fn a_key_that_is_too_short_is_refused() {
        let lifetime = KeyLifetime { created_at: at(0), signs_from: at(0), token_ttl: TTL };
        let row = RefreshKeyRow { version: 1, material: Secret::from(vec![1; 31]), lifetime };

        assert!(matches!(RefreshKeys::new(&[row], &KeyEncryption::default()), Err(KeyError::Damaged(_))));
        assert!(matches!(RefreshKeys::new(&[], &KeyEncryption::default()), Err(KeyError::NoRefreshKey)));
    }

    #[test]
    fn debug_shows_no_key() {
        assert_eq!(format!("{:?}", keys(&[1])), "RefreshKeys { versions: [1], .. }");
    }
}
