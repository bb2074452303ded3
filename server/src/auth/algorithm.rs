//! Keys of each algorithm: how one is made, parsed and published, and how it signs.

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use aws_lc_rs::{error::Unspecified, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::DecodingKey;
use serde_json::{Value, json};

use crate::secret::Secret;
use crate::settings::Algorithm;

/// RFC 7518 §3.2: at least as long as the hash, in bytes.
const HMAC_LENGTH: usize = 32;
/// RFC 7518 §3.3: 2048 bits or more, in bytes.
pub(super) const RSA_LENGTH: usize = 256;

impl Algorithm {
    pub(super) const fn jose(self) -> jsonwebtoken::Algorithm {
        match self {
            Self::EdDsa => jsonwebtoken::Algorithm::EdDSA,
            Self::Es256 => jsonwebtoken::Algorithm::ES256,
            Self::Rs256 => jsonwebtoken::Algorithm::RS256,
            Self::Hs256 => jsonwebtoken::Algorithm::HS256,
        }
    }

    /// A new key from the operating system's generator: PKCS#8, or the secret itself for HS256. Making an RSA key takes up to
    /// a second. `None` if the generator fails.
    pub(super) fn fresh_key(self) -> Option<Secret> {
        let pkcs8 = match self {
            Self::EdDsa => Ed25519KeyPair::generate().ok()?.to_pkcs8().ok()?.as_ref().to_vec(),
            Self::Es256 => {
                let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).ok()?;
                pair.to_pkcs8v1().ok()?.as_ref().to_vec()
            }
            Self::Rs256 => RsaKeyPair::generate(KeySize::Rsa2048).ok()?.as_der().ok()?.as_ref().to_vec(),
            Self::Hs256 => return Secret::random::<HMAC_LENGTH>(),
        };
        Some(Secret::from(pkcs8))
    }
}

/// A parsed key that signs. The crate jsonwebtoken would parse the key (and check an RSA key) again for each token.
pub(super) enum SigningPair {
    EdDsa(Ed25519KeyPair),
    Es256(EcdsaKeyPair),
    Rs256(RsaKeyPair),
    Hs256(Box<hmac::Key>, Secret),
}

impl SigningPair {
    /// `None` if the material is damaged, or weaker than the algorithm requires.
    pub(super) fn parse(algorithm: Algorithm, material: &Secret) -> Option<Self> {
        let bytes = material.expose();
        match algorithm {
            Algorithm::EdDsa => Ed25519KeyPair::from_pkcs8(bytes).ok().map(Self::EdDsa),
            Algorithm::Es256 => EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, bytes).ok().map(Self::Es256),
            Algorithm::Rs256 => {
                let pair = RsaKeyPair::from_pkcs8(bytes).ok()?;
                (pair.public_modulus_len() >= RSA_LENGTH).then_some(Self::Rs256(pair))
            }
            Algorithm::Hs256 => (bytes.len() >= HMAC_LENGTH)
                .then(|| Self::Hs256(Box::new(hmac::Key::new(hmac::HMAC_SHA256, bytes)), material.clone())),
        }
    }

    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Unspecified> {
        Ok(match self {
            Self::EdDsa(pair) => pair.sign(message).as_ref().to_vec(),
            Self::Es256(pair) => pair.sign(&SystemRandom::new(), message)?.as_ref().to_vec(),
            Self::Rs256(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)?;
                signature
            }
            Self::Hs256(key, _) => hmac::sign(key, message).as_ref().to_vec(),
        })
    }

    /// The key that verifies the signatures of this key.
    pub(super) fn decoding(&self) -> DecodingKey {
        match self {
            Self::EdDsa(pair) => DecodingKey::from_ed_der(pair.public_key().as_ref()),
            Self::Es256(pair) => DecodingKey::from_ec_der(pair.public_key().as_ref()),
            Self::Rs256(pair) => {
                let (n, e) = rsa_components(pair);
                DecodingKey::from_rsa_raw_components(&n, &e)
            }
            Self::Hs256(_, secret) => DecodingKey::from_secret(secret.expose()),
        }
    }

    /// The public key as a JWK (RFC 7517 §4, RFC 7518 §6, RFC 8037 §2). `None` for a shared secret.
    pub(super) fn public_jwk(&self, kid: &str) -> Option<Value> {
        let jwk = |algorithm: Algorithm, kty: &str, parameters: &[(&str, String)]| {
            let mut jwk = json!({ "kty": kty, "use": "sig", "alg": algorithm.name(), "kid": kid });
            for (name, value) in parameters {
                jwk[*name] = Value::from(value.as_str());
            }
            Some(jwk)
        };
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        match self {
            Self::EdDsa(pair) => {
                let x = encode(pair.public_key().as_ref());
                jwk(Algorithm::EdDsa, "OKP", &[("crv", "Ed25519".to_owned()), ("x", x)])
            }
            Self::Es256(pair) => {
                // SEC 1 §2.3.3: 4, then x and y.
                let (x, y) = pair.public_key().as_ref().get(1..)?.split_at_checked(32)?;
                jwk(Algorithm::Es256, "EC", &[("crv", "P-256".to_owned()), ("x", encode(x)), ("y", encode(y))])
            }
            Self::Rs256(pair) => {
                let (n, e) = rsa_components(pair);
                jwk(Algorithm::Rs256, "RSA", &[("n", encode(&n)), ("e", encode(&e))])
            }
            Self::Hs256(..) => None,
        }
    }
}

fn rsa_components(pair: &RsaKeyPair) -> (Vec<u8>, Vec<u8>) {
    let public = pair.public_key();
    let bytes = |number: aws_lc_rs::io::Positive<'_>| number.big_endian_without_leading_zero().to_vec();
    (bytes(public.modulus()), bytes(public.exponent()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_of_each_algorithm_verifies_what_it_signed() {
        for algorithm in Algorithm::ALL {
            let pair = SigningPair::parse(algorithm, &algorithm.fresh_key().unwrap()).unwrap();
            let signature = URL_SAFE_NO_PAD.encode(pair.sign(b"message").unwrap());

            let verify = |message: &[u8]| {
                jsonwebtoken::crypto::verify(&signature, message, &pair.decoding(), algorithm.jose()).unwrap()
            };

            assert!(verify(b"message"), "{algorithm}");
            assert!(!verify(b"massage"), "{algorithm}");
        }
    }

    #[test]
    fn a_key_that_is_too_weak_is_not_parsed() {
        let short = Secret::from(vec![7; HMAC_LENGTH - 1]);
        assert!(SigningPair::parse(Algorithm::Hs256, &short).is_none());
        assert!(SigningPair::parse(Algorithm::Hs256, &Secret::from(vec![7; HMAC_LENGTH])).is_some());

        let other = Algorithm::EdDsa.fresh_key().unwrap();
        assert!(SigningPair::parse(Algorithm::Es256, &other).is_none());
        assert!(SigningPair::parse(Algorithm::Rs256, &other).is_none());
        let rsa = SigningPair::parse(Algorithm::Rs256, &Algorithm::Rs256.fresh_key().unwrap()).unwrap();
        let SigningPair::Rs256(pair) = rsa else { panic!("not an RSA key") };
        assert_eq!(pair.public_modulus_len() * 8, 2048);
    }
}
