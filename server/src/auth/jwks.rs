//! Reads the public keys of a Guestpass server in another service: a JWK Set (RFC 7517 §5).

use std::collections::HashMap;

use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::algorithm::RSA_LENGTH;
use super::keys::{VerifyingKey, VerifyingKeys};
use crate::settings::Algorithm;

/// The greatest length of a set in bytes. Each key takes a few hundred bytes.
const MAX_LENGTH: usize = 64 * 1024;

/// A text that contains no usable keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum JwksError {
    #[error("it is longer than {MAX_LENGTH} bytes")]
    TooLong,
    #[error("it is not a JWK Set")]
    Malformed,
    #[error("two of its keys have the same kid")]
    Ambiguous,
    #[error("none of its keys can verify tokens")]
    NoKey,
}

#[derive(Deserialize)]
struct JwkSet {
    keys: Vec<Map<String, Value>>,
}

/// The keys that verify, each for one algorithm. Other keys are ignored, as RFC 7517 §5 requires: keys of unknown types, for
/// another use, without a name, too weak, symmetric, or with their private part.
pub(super) fn verifying_keys(text: &[u8]) -> Result<VerifyingKeys, JwksError> {
    if text.len() > MAX_LENGTH {
        return Err(JwksError::TooLong);
    }
    let set: JwkSet = serde_json::from_slice(text).map_err(|_| JwksError::Malformed)?;
    let mut keys = HashMap::new();
    for (kid, key) in set.keys.into_iter().filter_map(verifying_key) {
        if keys.insert(kid, key).is_some() {
            return Err(JwksError::Ambiguous);
        }
    }
    if keys.is_empty() { Err(JwksError::NoKey) } else { Ok(keys) }
}

fn verifying_key(members: Map<String, Value>) -> Option<(String, VerifyingKey)> {
    if members.contains_key("d") {
        return None;
    }
    let jwk: Jwk = serde_json::from_value(Value::Object(members)).ok()?;
    let is_for_signatures = jwk.common.public_key_use.as_ref().is_none_or(|usage| *usage == PublicKeyUse::Signature);
    let may_verify =
        jwk.common.key_operations.as_ref().is_none_or(|operations| operations.contains(&KeyOperations::Verify));
    if !is_for_signatures || !may_verify {
        return None;
    }
    let (algorithm, name) = match &jwk.algorithm {
        AlgorithmParameters::OctetKeyPair(pair) if pair.curve == EllipticCurve::Ed25519 => {
            (Algorithm::EdDsa, KeyAlgorithm::EdDSA)
        }
        AlgorithmParameters::EllipticCurve(point) if point.curve == EllipticCurve::P256 => {
            (Algorithm::Es256, KeyAlgorithm::ES256)
        }
        // Base64url: four characters are three bytes.
        AlgorithmParameters::RSA(key) if key.n.len() * 3 / 4 >= RSA_LENGTH => (Algorithm::Rs256, KeyAlgorithm::RS256),
        _ => return None,
    };
    // RFC 8725 §3.1: the type of the key determines the algorithm; its `alg` must name the same one.
    if jwk.common.key_algorithm.is_some_and(|named| named != name) {
        return None;
    }
    let decoding = DecodingKey::from_jwk(&jwk).ok()?;
    Some((jwk.common.key_id?, VerifyingKey { algorithm, decoding, until: None }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::auth::algorithm::SigningPair;

    fn jwk(algorithm: Algorithm, kid: &str) -> Value {
        SigningPair::parse(algorithm, &algorithm.fresh_key().unwrap()).unwrap().public_jwk(kid).unwrap()
    }

    /// The names of the keys that are read from a set.
    fn kids(keys: &[Value]) -> Result<Vec<String>, JwksError> {
        let keys = verifying_keys(json!({ "keys": keys }).to_string().as_bytes())?;
        let mut kids: Vec<_> = keys.into_keys().collect();
        kids.sort();
        Ok(kids)
    }

    fn with(mut jwk: Value, member: &str, value: Value) -> Value {
        jwk[member] = value;
        jwk
    }

    #[test]
    fn s09_a_published_key_is_read_for_its_one_algorithm() {
        for algorithm in [Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256] {
            let pair = SigningPair::parse(algorithm, &algorithm.fresh_key().unwrap()).unwrap();
            let set = json!({ "keys": [pair.public_jwk("a").unwrap()] }).to_string();

            let keys = verifying_keys(set.as_bytes()).unwrap();

            assert_eq!(keys["a"].algorithm, algorithm);
        }
    }

    #[test]
    fn s09_a_key_that_is_not_for_signatures_of_access_tokens_is_ignored() {
        let good = jwk(Algorithm::EdDsa, "good");
        let other = |member: &str, value: Value| with(jwk(Algorithm::EdDsa, "other"), member, value);
        let short = with(jwk(Algorithm::Rs256, "other"), "n", json!("AQAB".repeat(85)));
        for other in [
            other("use", json!("enc")),
            other("key_ops", json!(["sign"])),
            other("alg", json!("ES256")),
            other("alg", json!("HS256")),
            other("crv", json!("Ed448")),
            other("kty", json!("new")),
            other("kid", json!(null)),
            other("d", json!("secret")),
            with(jwk(Algorithm::Rs256, "other"), "alg", json!("RS512")),
            with(jwk(Algorithm::Es256, "other"), "crv", json!("P-384")),
            short,
            json!({ "kty": "oct", "k": "c2VjcmV0", "kid": "other", "alg": "HS256" }),
        ] {
            assert_eq!(kids(&[good.clone(), other.clone()]), Ok(vec!["good".to_owned()]), "{other}");
            assert_eq!(kids(std::slice::from_ref(&other)), Err(JwksError::NoKey), "{other}");
        }
        assert_eq!(kids(&[good, other("key_ops", json!(["verify"]))]).unwrap().len(), 2);
    }

    #[test]
    fn an_invalid_or_ambiguous_set_is_refused() {
        let key = jwk(Algorithm::EdDsa, "a");

        assert_eq!(kids(&[key.clone(), key]), Err(JwksError::Ambiguous));
        assert_eq!(kids(&[]), Err(JwksError::NoKey));
        for text in ["", "{}", "[]", "<html>", r#"{"keys":{}}"#, r#"{"keys":[1]}"#] {
            assert_eq!(verifying_keys(text.as_bytes()).err(), Some(JwksError::Malformed), "{text}");
        }
        assert_eq!(verifying_keys(&vec![b' '; MAX_LENGTH + 1]).err(), Some(JwksError::TooLong));
    }
}
