//! The parsed keys of one server: each key has one algorithm, one key signs, and every known key verifies (S9).

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};
use jsonwebtoken::DecodingKey;
use serde_json::{Value, json};
use uuid::Uuid;

use super::algorithm::SigningPair;
use super::refresh_token::RefreshKeys;
use crate::clock::Timestamp;
use crate::secret::Secret;
use crate::settings::Algorithm;
use crate::store::{
    KeyEncryption, KeyEncryptionError, KeyLifetime, KeySet, NewSigningKey, signing_index, verifies_until,
};

/// A key in the store cannot be used, or a key could not be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyError {
    #[error("signing key {0} in the store is damaged")]
    Damaged(String),
    #[error("the store has no signing key")]
    NoSigningKey,
    #[error("the store has no refresh token key")]
    NoRefreshKey,
    #[error("the operating system's random generator failed")]
    Random,
    #[error(transparent)]
    Encrypted(#[from] KeyEncryptionError),
}

/// A new key for access tokens, not yet stored. Making a key for RS256 blocks for up to a second.
pub(crate) fn fresh_signing_key(algorithm: Algorithm) -> Result<NewSigningKey, KeyError> {
    let material = algorithm.fresh_key().ok_or(KeyError::Random)?;
    Ok(NewSigningKey { kid: Uuid::now_v7().simple().to_string(), algorithm, material })
}

/// A new key for refresh tokens.
pub(crate) fn fresh_refresh_key() -> Result<Secret, KeyError> {
    Secret::random::<32>().ok_or(KeyError::Random)
}

/// The current keys, replaced as a whole at each rotation.
#[derive(Debug)]
pub(crate) struct Keys {
    ring: ArcSwap<KeyRing>,
    encryption: KeyEncryption,
}

impl Keys {
    pub(crate) fn new(set: KeySet, encryption: KeyEncryption) -> Result<Self, KeyError> {
        Ok(Self { ring: ArcSwap::from_pointee(KeyRing::new(set, 0, &encryption)?), encryption })
    }

    /// The key-encryption keys of this server.
    pub(super) fn encryption(&self) -> &KeyEncryption {
        &self.encryption
    }

    pub(crate) fn current(&self) -> Arc<KeyRing> {
        self.ring.load_full()
    }

    /// The current keys for the time of one request. Faster than [`Keys::current`], because no reference count is shared by all
    /// processors.
    pub(super) fn load(&self) -> Guard<Arc<KeyRing>> {
        self.ring.load()
    }

    /// Replaces the keys by those of the store. Returns whether they differ from the current ones.
    pub(crate) fn update(&self, set: KeySet) -> Result<bool, KeyError> {
        let current = self.current();
        if current.set == set {
            return Ok(false);
        }
        self.ring.store(Arc::new(KeyRing::new(set, current.generation + 1, &self.encryption)?));
        Ok(true)
    }
}

/// All keys of one server at one time.
pub(crate) struct KeyRing {
    set: KeySet,
    /// A number that changes with every change of the keys.
    generation: u64,
    signing: Vec<SigningKey>,
    lifetimes: Vec<KeyLifetime>,
    verifying: VerifyingKeys,
    public: Vec<(Option<Timestamp>, Value)>,
    refresh: RefreshKeys,
}

pub(crate) struct SigningKey {
    /// The encoded header with `alg`, `typ` and `kid`, the same for each token of the key.
    pub(super) header: String,
    pub(super) pair: SigningPair,
}

/// Keys by their `kid`.
pub(crate) type VerifyingKeys = HashMap<String, VerifyingKey>;

pub(crate) struct VerifyingKey {
    pub(super) algorithm: Algorithm,
    pub(super) decoding: DecodingKey,
    /// When the key stops verifying, if that is known.
    pub(super) until: Option<Timestamp>,
}

impl KeyRing {
    fn new(set: KeySet, generation: u64, encryption: &KeyEncryption) -> Result<Self, KeyError> {
        if set.signing.is_empty() {
            return Err(KeyError::NoSigningKey);
        }
        let refresh = RefreshKeys::new(&set.refresh, encryption)?;
        let lifetimes = set.signing_lifetimes();
        let (mut signing, mut verifying, mut public) = (Vec::new(), HashMap::new(), Vec::new());
        for (index, row) in set.signing.iter().enumerate() {
            let until = verifies_until(&lifetimes, index);
            let pair = SigningPair::parse(row.algorithm, &row.decrypted(encryption)?);
            let pair = pair.ok_or_else(|| KeyError::Damaged(row.kid.clone()))?;
            public.extend(pair.public_jwk(&row.kid).map(|jwk| (until, jwk)));
            let key = VerifyingKey { algorithm: row.algorithm, decoding: pair.decoding(), until };
            verifying.insert(row.kid.clone(), key);
            signing.push(SigningKey { header: super::access_token::header(row.algorithm, &row.kid), pair });
        }
        Ok(Self { set, generation, signing, lifetimes, verifying, public, refresh })
    }

    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    /// The key that signs at `now`.
    pub(super) fn signing(&self, now: Timestamp) -> Option<&SigningKey> {
        self.signing.get(signing_index(&self.lifetimes, now))
    }

    pub(super) fn verifying(&self) -> &VerifyingKeys {
        &self.verifying
    }

    /// The keys of refresh tokens.
    pub(crate) fn refresh(&self) -> &RefreshKeys {
        &self.refresh
    }

    /// The public keys as a JWK Set (RFC 7517 §5): the next key, the signing key and those that still verify. Symmetric keys
    /// have no public part and are left out.
    pub(crate) fn jwks(&self, now: Timestamp) -> Value {
        let alive = self.public.iter().filter(|(until, _)| until.is_none_or(|until| now < until));
        json!({ "keys": alive.map(|(_, jwk)| jwk).collect::<Vec<_>>() })
    }

    /// Whether a stored key has expired.
    pub(crate) fn has_expired(&self, now: Timestamp) -> bool {
        self.set.has_expired(now)
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kids: Vec<_> = self.set.signing.iter().map(|key| &key.kid).collect();
        f.debug_struct("KeyRing").field("generation", &self.generation).field("kids", &kids).finish_non_exhaustive()
    }
}
