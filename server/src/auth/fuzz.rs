//! See [`crate::fuzz`].

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{EncodingKey, crypto};
use serde_json::Value;
use uuid::Uuid;

use super::access_token::{CLIENT_ID, TYPE};
use super::keys::Keys;
use super::refresh_token::{RefreshKeys, RefreshToken};
use super::verify::Verifier;
use crate::clock::{SystemClock, Timestamp};
use crate::config::Config;
use crate::secret::Secret;
use crate::settings::Algorithm;
use crate::shared_time::SharedTime;
use crate::store::{KeyEncryption, KeyLifetime, KeySet, RefreshKeyRow, SigningKeyRow};

/// A constant, so that a finding can be repeated. No server uses it.
const SECRET: [u8; 32] = [7; 32];
const KID: &str = "fuzz";
const NOW: i64 = 1_800_000_000;

/// The lifetime of a key that signs from `secs` on, with tokens that do not expire during a run.
const fn lifetime(secs: i64) -> KeyLifetime {
    let moment = Timestamp::from_millis(secs * 1000);
    KeyLifetime { created_at: moment, signs_from: moment, token_ttl: Duration::from_secs(100 * 365 * 24 * 60 * 60) }
}

static VERIFIER: LazyLock<Verifier> = LazyLock::new(|| {
    let key = SigningKeyRow {
        kid: KID.to_owned(),
        algorithm: Algorithm::Hs256,
        lifetime: lifetime(0),
        material: Secret::from(SECRET.to_vec()),
    };
    let Ok(keys) = Keys::new(KeySet { signing: vec![key], refresh: refresh_rows() }, KeyEncryption::default()) else {
        panic!("the key is good")
    };
    Verifier::new(Arc::new(keys), &Config::default(), Arc::new(SharedTime::new(Arc::new(SystemClock))))
});

static REFRESH_KEYS: LazyLock<RefreshKeys> = LazyLock::new(|| {
    let Ok(keys) = RefreshKeys::new(&refresh_rows(), &KeyEncryption::default()) else { panic!("the keys are good") };
    keys
});

/// The second key signs, and tokens signed with the first one are still valid.
fn refresh_rows() -> Vec<RefreshKeyRow> {
    let row = |version: u8| RefreshKeyRow {
        version,
        material: Secret::from(vec![version; 32]),
        lifetime: lifetime(i64::from(version)),
    };
    vec![row(1), row(2)]
}

/// Any text as an access token.
pub fn access_token(data: &[u8]) {
    let token = String::from_utf8_lossy(data);

    if VERIFIER.verify(&token, Timestamp::from_secs(NOW)).0.is_ok() {
        let parts: Vec<_> = token.split('.').collect();
        assert_eq!(parts.len(), 3);
        for part in parts {
            assert_eq!(URL_SAFE_NO_PAD.decode(part).map(|bytes| URL_SAFE_NO_PAD.encode(bytes)).as_deref(), Ok(part));
        }
    }
}

/// The header on the first line, then the claims, with a correct signature.
pub fn claims(data: &[u8]) {
    let (header, claims) = data.split_at(data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len()));
    let claims = claims.strip_prefix(b"\n").unwrap_or(claims);
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let key = EncodingKey::from_secret(&SECRET);
    let Ok(signature) = crypto::sign(message.as_bytes(), &key, jsonwebtoken::Algorithm::HS256) else {
        panic!("the key signs")
    };

    if VERIFIER.verify(&format!("{message}.{signature}"), Timestamp::from_secs(NOW)).0.is_ok() {
        let (Ok(header), Ok(claims)) =
            (serde_json::from_slice::<Value>(header), serde_json::from_slice::<Value>(claims))
        else {
            panic!("an accepted token is not JSON")
        };
        assert_eq!(header, serde_json::json!({ "alg": "HS256", "typ": TYPE, "kid": KID }));
        let config = Config::default();
        assert!(claims["iss"] == config.issuer && claims["aud"] == config.audience && claims["client_id"] == CLIENT_ID);
        assert!(claims["exp"].as_i64().is_some_and(|exp| exp > NOW));
        assert!(claims["iat"].as_i64().is_some_and(|iat| iat <= NOW + 5));
        assert!(claims.get("nbf").is_none_or(|nbf| nbf.is_null() || nbf.as_i64().is_some_and(|nbf| nbf <= NOW + 5)));
        assert!(claims["sub"].is_string() && claims["sid"].is_string() && claims["jti"].is_string());
        let known = ["iss", "sub", "aud", "client_id", "iat", "exp", "nbf", "jti", "sid"];
        assert!(claims.as_object().is_some_and(|all| all.keys().all(|name| known.contains(&name.as_str()))));
    }
}

/// Any text as a refresh token; and any session and counter as a token of this server.
pub fn refresh_token(data: &[u8]) {
    let (text, now) = (String::from_utf8_lossy(data), Timestamp::from_secs(NOW));
    if let Some(token) = REFRESH_KEYS.read(&text, now) {
        let older = text[4..].starts_with("AQ");
        assert!(older || REFRESH_KEYS.sign(token, now) == text, "a token has two spellings");
    }

    let Some((id, rest)) = data.split_first_chunk::<16>() else { return };
    let Some((counter, _)) = rest.split_first_chunk::<8>() else { return };
    let token = RefreshToken { session: Uuid::from_bytes(*id), counter: u64::from_be_bytes(*counter) };
    assert_eq!(REFRESH_KEYS.read(&REFRESH_KEYS.sign(token, now), now), Some(token));
}
