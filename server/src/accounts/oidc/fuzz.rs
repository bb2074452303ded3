//! See [`crate::fuzz`].

use std::sync::LazyLock;

use jsonwebtoken::jwk::Jwk;
use serde_json::json;

use super::id_token::{IdToken, Rules};
use crate::clock::Timestamp;

const NOW: i64 = 1_800_000_000;

/// A public key whose private key signs no fuzzer's input: RFC 8037 appendix A.2.
static KEYS: LazyLock<Vec<Jwk>> = LazyLock::new(|| {
    let key =
        json!({ "kty": "OKP", "crv": "Ed25519", "kid": "fuzz", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" });
    serde_json::from_value(key).into_iter().collect()
});

/// An ID token.
pub fn id_token(data: &[u8]) {
    let Ok(token) = std::str::from_utf8(data) else { return };
    let Ok(read) = IdToken::read(token) else { return };
    let rules =
        Rules { issuer: read.issuer().to_owned(), client_ids: vec!["shop".to_owned()], require_hashed_nonce: false };
    // Whatever the token contains, its signature is invalid.
    assert!(read.verify(&KEYS, &rules, None, Timestamp::from_secs(NOW)).is_err());
}
