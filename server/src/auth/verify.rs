//! Verification of access tokens: strict, and in an order in which no claim is used before the signature is verified (S9).
//!
//! The crate jsonwebtoken only verifies the signature here. Its own validation accepts tokens that RFC 8725 and RFC 9068
//! forbid (any `typ`, unknown `crit`, a future `iat`, a missing `aud`, 60 s past `exp`), so each of those rules is implemented
//! below.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use uuid::Uuid;

use super::access_token::{CLIENT_ID, Claims, TYPE};
use super::guest::Subject;
use super::keys::{Keys, VerifyingKeys};
use super::token_cache::TokenCache;
use crate::clock::Timestamp;
use crate::config::Config;
use crate::shared_time::SharedTime;

/// The greatest length of a token in bytes. This server's tokens are under 700 bytes; longer texts are neither hashed nor parsed.
pub(super) const MAX_LENGTH: usize = 4096;
/// How far the clock of another node may be ahead. Applies to `nbf` and `iat`; `exp` has no leeway.
const LEEWAY: Duration = Duration::from_secs(5);

/// A reason to refuse an access token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AccessTokenError {
    TooLong,
    Malformed,
    Header,
    UnknownKey,
    Signature,
    Claims,
    WrongAudience,
    /// The later of `iat` and `nbf`.
    NotYetValid(Timestamp),
    Expired,
    Revoked,
}

impl AccessTokenError {
    /// A text for the developer of the client: plain ASCII, without quotes, and without details that help to forge a token.
    pub(crate) const fn describe(self) -> &'static str {
        match self {
            Self::TooLong => "the access token is too long",
            Self::Malformed => "the access token is not a JWT in canonical form",
            Self::Header => "the header of the access token is not one that this server writes",
            Self::UnknownKey => "the access token names an unknown key",
            Self::Signature => "the signature of the access token is wrong",
            Self::Claims => "the claims of the access token are not ones that this server writes",
            Self::WrongAudience => "the access token is from another issuer or for another audience",
            Self::NotYetValid(_) => "the access token is not valid yet",
            Self::Expired => "the access token has expired",
            Self::Revoked => "the session of the access token has been revoked",
        }
    }
}

/// The verified content of an access token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Verified {
    pub(crate) subject: Subject,
    pub(crate) session: Uuid,
    /// The later of `iat` and `nbf`.
    pub(crate) not_before: Timestamp,
    /// `exp`, or the time at which the key of the token expires, if that is earlier.
    pub(crate) expires_at: Timestamp,
    /// The generation of the session, if the token has one.
    pub(crate) generation: Option<u64>,
}

impl Verified {
    fn check_times(self, now: Timestamp) -> Result<Self, AccessTokenError> {
        if now >= self.expires_at {
            return Err(AccessTokenError::Expired);
        }
        if self.not_before > now + LEEWAY {
            return Err(AccessTokenError::NotYetValid(self.not_before));
        }
        Ok(self)
    }
}

/// Verifies access tokens with the keys of this server.
#[derive(Debug)]
pub(crate) struct Verifier {
    rules: CachedRules,
    keys: Arc<Keys>,
    shared_time: Arc<SharedTime>,
}

impl Verifier {
    pub(crate) fn new(keys: Arc<Keys>, config: &Config, shared_time: Arc<SharedTime>) -> Self {
        let rules = Rules { accepts_issuer: true, ..Rules::new(&config.issuer, &config.audience) };
        Self { rules: CachedRules::new(rules), keys, shared_time }
    }

    /// The content of a token that was verified with the current keys, if it is within its times. `None` for any other text, which
    /// may be a valid token all the same: see [`Verifier::verify`]. Revocation is not checked.
    pub(crate) fn cached(&self, token: &[u8], now: Timestamp) -> Option<Verified> {
        let verified = self.rules.cached(token, self.keys.load().generation())?;
        self.by_either_time(now, |now| verified.check_times(now)).ok()
    }

    /// Checks everything except revocation, and caches a valid token. Also returns the generation of the keys.
    pub(crate) fn verify(&self, token: &str, now: Timestamp) -> (Result<Verified, AccessTokenError>, u64) {
        let ring = self.keys.load();
        let verify = |now| self.rules.verify(token, ring.verifying(), ring.generation(), now);
        (self.by_either_time(now, verify), ring.generation())
    }

    /// The claims of a token, after the same checks as those of [`Verifier::verify`].
    pub(crate) fn claims(&self, token: &str, now: Timestamp) -> Result<Claims, AccessTokenError> {
        let ring = self.keys.current();
        let verify = |now| self.rules.rules.verify(token, ring.verifying(), now);
        self.by_either_time(now, verify).map(|(claims, _)| claims)
    }

    /// Verifies by the clock of this node. If that is behind, a token of another node seems to be from the future: then by the time
    /// that the nodes share.
    fn by_either_time<T>(
        &self,
        now: Timestamp,
        verify: impl Fn(Timestamp) -> Result<T, AccessTokenError>,
    ) -> Result<T, AccessTokenError> {
        match verify(now) {
            Err(AccessTokenError::NotYetValid(at)) => match self.shared_time.at(now) {
                shared if shared > now => verify(shared),
                _ => Err(AccessTokenError::NotYetValid(at)),
            },
            verified => verified,
        }
    }
}

/// The rules, with a cache of the tokens that have satisfied them.
#[derive(Debug)]
pub(super) struct CachedRules {
    rules: Rules,
    /// `None` if the operating system's random generator failed: then each request verifies its token.
    cache: Option<TokenCache>,
}

impl CachedRules {
    pub(super) fn new(rules: Rules) -> Self {
        Self { rules, cache: TokenCache::new() }
    }

    /// The content of a token that was verified with the keys of this generation. Neither times nor revocation are checked.
    fn cached(&self, token: &[u8], generation: u64) -> Option<Verified> {
        self.cache.as_ref()?.find(token, generation)
    }

    /// As [`Verifier::cached`], without the time that nodes share.
    pub(super) fn cached_at(&self, token: &[u8], generation: u64, now: Timestamp) -> Option<Verified> {
        self.cached(token, generation)?.check_times(now).ok()
    }

    /// Checks everything except revocation, and caches a valid token. `generation` is a number that changes with every change of
    /// `keys`.
    pub(super) fn verify(
        &self,
        token: &str,
        keys: &VerifyingKeys,
        generation: u64,
        now: Timestamp,
    ) -> Result<Verified, AccessTokenError> {
        let (_, verified) = self.rules.verify(token, keys, now)?;
        if let Some(cache) = &self.cache {
            cache.insert(token.as_bytes(), generation, verified, now);
        }
        Ok(verified)
    }
}

/// The rules for access tokens, in the server and in a resource server.
#[derive(Debug)]
pub(super) struct Rules {
    issuer: String,
    audience: String,
    /// Whether the issuer is an audience too: in the server itself, for tokens of sessions without refresh tokens.
    accepts_issuer: bool,
}

/// The header that this server writes. An unknown member is an error, which excludes `crit`, `b64`, `zip` and all members with
/// a key of the sender (`jwk`, `jku`, `x5u`, `x5c`). serde refuses a repeated member.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header<'a> {
    alg: &'a str,
    typ: &'a str,
    kid: &'a str,
}

impl Rules {
    pub(super) fn new(issuer: &str, audience: &str) -> Self {
        Self { issuer: issuer.to_owned(), audience: audience.to_owned(), accepts_issuer: false }
    }

    /// Checks everything except revocation.
    pub(super) fn verify(
        &self,
        token: &str,
        keys: &VerifyingKeys,
        now: Timestamp,
    ) -> Result<(Claims, Verified), AccessTokenError> {
        if token.len() > MAX_LENGTH {
            return Err(AccessTokenError::TooLong);
        }
        let (message, signature) = token.rsplit_once('.').ok_or(AccessTokenError::Malformed)?;
        let (header, claims) = message.split_once('.').ok_or(AccessTokenError::Malformed)?;
        // The alphabet has no '.', so more than three parts fail here; the decoder refuses padding and non-zero trailing bits.
        let header = decode(header)?;
        let claims = decode(claims)?;
        decode(signature)?;

        let header: Header<'_> = object(&header).ok_or(AccessTokenError::Header)?;
        if header.typ != TYPE {
            return Err(AccessTokenError::Header);
        }
        // The kid is only looked up in a map, so paths and SQL in it have no effect.
        let key = keys.get(header.kid).ok_or(AccessTokenError::UnknownKey)?;
        if key.until.is_some_and(|until| until <= now) {
            return Err(AccessTokenError::UnknownKey);
        }
        // The key determines the algorithm; the token must name the same one.
        if header.alg != key.algorithm.name() {
            return Err(AccessTokenError::Header);
        }
        match jsonwebtoken::crypto::verify(signature, message.as_bytes(), &key.decoding, key.algorithm.jose()) {
            Ok(true) => {}
            Ok(false) | Err(_) => return Err(AccessTokenError::Signature),
        }

        let claims: Claims = object(&claims).ok_or(AccessTokenError::Claims)?;
        let mut verified = self.check(&claims, now)?;
        verified.expires_at = key.until.map_or(verified.expires_at, |until| until.min(verified.expires_at));
        Ok((claims, verified))
    }

    fn check(&self, claims: &Claims, now: Timestamp) -> Result<Verified, AccessTokenError> {
        let is_audience =
            claims.aud == self.audience || (self.accepts_issuer && claims.aud == self.issuer && claims.r#gen.is_none());
        if claims.iss != self.issuer || !is_audience || claims.client_id != CLIENT_ID {
            return Err(AccessTokenError::WrongAudience);
        }
        let subject = Subject::parse(&claims.sub).ok_or(AccessTokenError::Claims)?;
        let expires_at = Timestamp::from_secs(claims.exp);
        let not_before = Timestamp::from_secs(claims.nbf.map_or(claims.iat, |nbf| nbf.max(claims.iat)));
        Verified { subject, session: claims.sid, not_before, expires_at, generation: claims.r#gen }.check_times(now)
    }
}

fn decode(part: &str) -> Result<Vec<u8>, AccessTokenError> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| AccessTokenError::Malformed)
}

/// Reads a JSON object. serde would also fill a struct from an array.
fn object<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Option<T> {
    if json.starts_with(b"{") { serde_json::from_slice(json).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::algorithm::SigningPair;
    use super::super::keys::VerifyingKey;
    use super::*;
    use crate::settings::Algorithm;

    const ISSUED_AT: Timestamp = Timestamp::from_millis(100_000);
    const EXPIRES_AT: Timestamp = Timestamp::from_millis(300_000);

    fn rules() -> CachedRules {
        CachedRules::new(Rules::new("issuer", "audience"))
    }

    fn key_pair() -> SigningPair {
        SigningPair::parse(Algorithm::EdDsa, &Algorithm::EdDsa.fresh_key().unwrap()).unwrap()
    }

    /// The key with the `kid` "k", and when it stops verifying.
    fn keys(pair: &SigningPair, until: Option<Timestamp>) -> VerifyingKeys {
        let key = VerifyingKey { algorithm: Algorithm::EdDsa, decoding: pair.decoding(), until };
        VerifyingKeys::from([("k".to_owned(), key)])
    }

    /// Header and claims of a token, encoded, without the signature.
    fn message(subject: u128) -> String {
        let header = json!({ "alg": "EdDSA", "typ": TYPE, "kid": "k" });
        let claims = json!({
            "iss": "issuer", "sub": format!("anonymous_{}", Uuid::from_u128(subject)), "aud": "audience",
            "client_id": CLIENT_ID, "iat": ISSUED_AT.as_secs(), "exp": EXPIRES_AT.as_secs(), "jti": "1", "sid": Uuid::nil(),
        });
        format!("{}.{}", encoded(&header), encoded(&claims))
    }

    fn signed(message: &str, pair: &SigningPair) -> String {
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(pair.sign(message.as_bytes()).unwrap()))
    }

    #[test]
    fn s09_an_expired_key_verifies_no_token_cached_or_not() {
        let pair = key_pair();
        let ends_at = Timestamp::from_secs(200);
        let (keys, token) = (keys(&pair, Some(ends_at)), signed(&message(1), &pair));
        let (fresh, used) = (rules(), rules());
        let before = ends_at - Duration::from_millis(1);

        assert_eq!(used.verify(&token, &keys, 1, before).map(|verified| verified.expires_at), Ok(ends_at));
        assert!(used.cached_at(token.as_bytes(), 1, before).is_some());

        for rules in [fresh, used] {
            assert_eq!(rules.cached_at(token.as_bytes(), 1, ends_at), None);
            assert_eq!(rules.verify(&token, &keys, 1, ends_at), Err(AccessTokenError::UnknownKey));
        }
    }

    #[test]
    fn s09_a_cached_token_counts_with_its_keys_and_within_its_times() {
        let pair = key_pair();
        let token = signed(&message(1), &pair);
        let rules = rules();
        let verified = rules.verify(&token, &keys(&pair, None), 1, ISSUED_AT).unwrap();

        let cached = |generation, now| rules.cached_at(token.as_bytes(), generation, now);

        assert_eq!(cached(1, ISSUED_AT), Some(verified));
        assert_eq!(cached(1, EXPIRES_AT - Duration::from_millis(1)), Some(verified));
        assert_eq!(cached(1, EXPIRES_AT), None, "expired");
        assert_eq!(cached(1, ISSUED_AT - LEEWAY), Some(verified));
        assert_eq!(cached(1, ISSUED_AT - LEEWAY - Duration::from_millis(1)), None, "not valid yet");
        assert_eq!(cached(2, ISSUED_AT), None, "other keys");
        let retired = VerifyingKeys::new();
        assert_eq!(rules.verify(&token, &retired, 2, ISSUED_AT), Err(AccessTokenError::UnknownKey));
    }

    #[test]
    fn s09_an_invalid_token_is_never_cached() {
        let (pair, other) = (key_pair(), key_pair());
        let forged = signed(&message(1), &other);
        let rules = rules();

        assert_eq!(rules.verify(&forged, &keys(&pair, None), 1, ISSUED_AT), Err(AccessTokenError::Signature));

        assert_eq!(rules.cached_at(forged.as_bytes(), 1, ISSUED_AT), None);
    }

    #[test]
    fn s09_a_text_made_of_verified_tokens_is_neither_cached_nor_valid() {
        let pair = key_pair();
        let keys = keys(&pair, None);
        let rules = rules();
        let [one, other] = [1, 2].map(|subject| signed(&message(subject), &pair));
        for token in [&one, &other] {
            rules.verify(token, &keys, 1, ISSUED_AT).unwrap();
        }
        let parts = |token: &str| token.split('.').map(str::to_owned).collect::<Vec<_>>();
        let (header, claims, signature) = {
            let parts = parts(&one);
            (parts[0].clone(), parts[1].clone(), parts[2].clone())
        };
        let other = parts(&other);
        let other_header = |alg: &str, kid: &str| encoded(&json!({ "alg": alg, "typ": TYPE, "kid": kid }));
        let mut texts = vec![
            format!("{header}.{}.{signature}", other[1]),
            format!("{header}.{claims}.{}", other[2]),
            format!("{}.{claims}.{signature}", other_header("EdDSA", "other")),
            format!("{}.{claims}.{signature}", other_header("none", "k")),
            format!("{header}.{claims}."),
            format!("{header}.{claims}"),
            format!("{one}="),
            format!("{one}."),
            format!("{one}.{signature}"),
            format!("{one}{one}"),
            format!(" {one}"),
            one[1..].to_owned(),
            format!("{header}.{claims}.{}", URL_SAFE_NO_PAD.encode(with_order_added(&signature))),
        ];
        // Other bits after the last byte of a part: the same bytes in another spelling.
        texts.extend(spellings(&signature).map(|signature| format!("{header}.{claims}.{signature}")));
        texts.extend(spellings(&claims).map(|claims| format!("{header}.{claims}.{signature}")));
        texts.extend(spellings(&header).map(|header| format!("{header}.{claims}.{signature}")));
        // Each character exchanged for another one of its alphabet.
        texts.extend((0..one.len()).map(|index| {
            let mut text = one.clone().into_bytes();
            text[index] = if text[index] == b'A' { b'B' } else { b'A' };
            String::from_utf8(text).unwrap()
        }));

        for text in texts {
            assert_eq!(rules.cached_at(text.as_bytes(), 1, ISSUED_AT), None, "{text}");
            assert!(rules.verify(&text, &keys, 1, ISSUED_AT).is_err(), "{text}");
        }
        assert!(rules.cached_at(one.as_bytes(), 1, ISSUED_AT).is_some());
    }

    /// An Ed25519 signature (R, S) as (R, S + L), where L is the order of the group: the same numbers in another form, which
    /// RFC 8032 §5.1.7 refuses.
    fn with_order_added(signature: &str) -> Vec<u8> {
        let order = [
            0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0,
            0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
        ];
        let mut bytes = URL_SAFE_NO_PAD.decode(signature).unwrap();
        let mut carry = 0;
        for (byte, of_order) in bytes[32..].iter_mut().zip(order) {
            let sum = u16::from(*byte) + of_order + carry;
            *byte = sum.to_le_bytes()[0];
            carry = sum >> 8;
        }
        assert_eq!(carry, 0);
        bytes
    }

    /// The other spellings of a part in base64url that lenient decoders read as the same bytes: with other bits after the last
    /// byte, and with padding.
    fn spellings(part: &str) -> impl Iterator<Item = String> {
        const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let unused = [0, 0, 4, 2][part.len() % 4];
        let (rest, last) = part.split_at(part.len() - 1);
        let value = ALPHABET.iter().position(|byte| *byte == last.as_bytes()[0]).unwrap();
        let others = (1..1 << unused).map(move |bits| format!("{rest}{}", char::from(ALPHABET[value ^ bits])));
        let padding = "=".repeat((4 - part.len() % 4) % 4);
        let padded = (!padding.is_empty()).then(|| format!("{part}{padding}"));
        others.chain(padded).collect::<Vec<_>>().into_iter()
    }

    fn encoded(json: &serde_json::Value) -> String {
        URL_SAFE_NO_PAD.encode(json.to_string())
    }
}
