//! See [`crate::fuzz`].

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use axum::http::Request;
use axum::http::header::AUTHORIZATION;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{EncodingKey, crypto};
use serde_json::Value;
use uuid::Uuid;

use super::access_token::{CLIENT_ID, TYPE};
use super::algorithm::Algorithm;
use super::bearer::bearer_token;
use super::keys::Keys;
use super::refresh_token::{RefreshKeys, RefreshToken};
use super::verify::Verifier;
use crate::clock::Timestamp;
use crate::config::Config;
use crate::fuzz::header_lines;
use crate::secret::Secret;
use crate::store::{KeyLife, KeySet, RefreshKeyRow, SigningKeyRow};

/// The same in every run, so that a finding can be repeated. In no server's store.
const SECRET: [u8; 32] = [7; 32];
const KID: &str = "fuzz";
const NOW: i64 = 1_800_000_000;

/// From `secs` on, and with tokens that live longer than any of these runs.
const fn life(secs: i64) -> KeyLife {
    let moment = Timestamp::from_millis(secs * 1000);
    KeyLife { created_at: moment, signs_from: moment, token_ttl: Duration::from_secs(100 * 365 * 24 * 60 * 60) }
}

static VERIFIER: LazyLock<Verifier> = LazyLock::new(|| {
    let key = SigningKeyRow {
        kid: KID.to_owned(),
        algorithm: Algorithm::Hs256,
        life: life(0),
        material: Secret::from(SECRET.to_vec()),
    };
    let Ok(keys) = Keys::new(KeySet { signing: vec![key], refresh: refresh_rows() }) else { panic!("the key is good") };
    Verifier::new(Arc::new(keys), &Config::default())
});

static REFRESH_KEYS: LazyLock<RefreshKeys> = LazyLock::new(|| {
    let Ok(keys) = RefreshKeys::new(&refresh_rows()) else { panic!("the keys are good") };
    keys
});

/// The second signs now, and what the first has signed is good still.
fn refresh_rows() -> Vec<RefreshKeyRow> {
    let row = |version: u8| RefreshKeyRow {
        version,
        material: Secret::from(vec![version; 32]),
        life: life(i64::from(version)),
    };
    vec![row(1), row(2)]
}

/// The query on the first line, then one `Authorization` header per line.
pub fn authorization(data: &[u8]) {
    let mut lines = data.split(|byte| *byte == b'\n');
    let query = String::from_utf8_lossy(lines.next().unwrap_or_default()).into_owned();
    let Ok(request) = Request::get(format!("/me?{query}")).body(()) else { return };
    let (mut parts, ()) = request.into_parts();
    parts.headers = header_lines(&AUTHORIZATION, lines);

    if let Ok(token) = bearer_token(&parts) {
        let values: Vec<_> = parts.headers.get_all(AUTHORIZATION).iter().map(|value| value.as_bytes()).collect();
        assert_eq!(values.len(), 1);
        assert!(values[0].len() > "Bearer ".len() && values[0][..7].eq_ignore_ascii_case(b"Bearer "));
        assert!(values[0].ends_with(token.as_bytes()) && !token.is_empty());
        assert!(token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte)));
        // What comes after a '#' is no query, and not looked at.
        let query = parts.uri.query().unwrap_or_default();
        assert!(!query.split('&').any(|pair| pair == "access_token" || pair.starts_with("access_token=")));
    }
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

/// The header on the first line, then the claims: rightly signed, whatever they are.
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
            panic!("what was accepted is not JSON")
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

/// Any text as a refresh token; and any session and counter as a token of ours.
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
