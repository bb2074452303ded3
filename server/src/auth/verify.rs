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
use super::token_cache::{self, TokenCache};
use crate::clock::Timestamp;
use crate::config::Config;
use crate::shared_time::SharedTime;

/// The greatest length of a token in bytes. This server's tokens are under 700 bytes; longer texts are not parsed.
const MAX_LENGTH: usize = 4096;
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
    pub(super) fn is_within_its_times(&self, now: Timestamp) -> bool {
        now < self.expires_at && self.not_before <= now + LEEWAY
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

    /// Checks everything except revocation. Also returns the generation of the keys.
    pub(crate) fn verify(&self, token: &str, now: Timestamp) -> (Result<CachedToken, AccessTokenError>, u64) {
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
    cache: TokenCache,
}

impl CachedRules {
    pub(super) fn new(rules: Rules) -> Self {
        Self { rules, cache: TokenCache::new() }
    }

    /// Checks everything except revocation. `generation` is a number that changes with every change of `keys`.
    pub(super) fn verify(
        &self,
        token: &str,
        keys: &VerifyingKeys,
        generation: u64,
        now: Timestamp,
    ) -> Result<CachedToken, AccessTokenError> {
        if token.len() > MAX_LENGTH {
            return Err(AccessTokenError::TooLong);
        }
        let hash = token_cache::hash(token);
        if let Some(verified) = self.cache.find(&hash, generation, now) {
            return Ok(CachedToken { verified, is_new: false });
        }
        let (_, verified) = self.rules.verify(token, keys, now)?;
        self.cache.insert(hash, generation, verified);
        Ok(CachedToken { verified, is_new: true })
    }
}

/// A verified token, and whether it was not in the cache: the first request with it, or one after the cache dropped it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CachedToken {
    pub(super) verified: Verified,
    pub(super) is_new: bool,
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
        let expires_at = Timestamp::from_secs(claims.exp);
        if now >= expires_at {
            return Err(AccessTokenError::Expired);
        }
        let not_before = Timestamp::from_secs(claims.nbf.map_or(claims.iat, |nbf| nbf.max(claims.iat)));
        if not_before > now + LEEWAY {
            return Err(AccessTokenError::NotYetValid(not_before));
        }
        let subject = Subject::parse(&claims.sub).ok_or(AccessTokenError::Claims)?;
        Ok(Verified { subject, session: claims.sid, not_before, expires_at, generation: claims.r#gen })
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

    #[test]
    fn s09_an_expired_key_verifies_no_token_cached_or_not() {
        let pair = SigningPair::parse(Algorithm::EdDsa, &Algorithm::EdDsa.fresh_key().unwrap()).unwrap();
        let [ends_at, expires_at] = [200, 300].map(Timestamp::from_secs);
        let key = VerifyingKey { algorithm: Algorithm::EdDsa, decoding: pair.decoding(), until: Some(ends_at) };
        let keys = VerifyingKeys::from([("k".to_owned(), key)]);
        let claims = json!({
            "iss": "issuer", "sub": format!("anonymous_{}", Uuid::nil()), "aud": "audience", "client_id": CLIENT_ID,
            "iat": 100, "exp": expires_at.as_secs(), "jti": "1", "sid": Uuid::nil(),
        });
        let header = json!({ "alg": "EdDSA", "typ": TYPE, "kid": "k" });
        let message = format!("{}.{}", encoded(&header), encoded(&claims));
        let token = format!("{message}.{}", URL_SAFE_NO_PAD.encode(pair.sign(message.as_bytes()).unwrap()));
        let rules = || CachedRules::new(Rules::new("issuer", "audience"));
        let (fresh, used) = (rules(), rules());
        let before = ends_at - Duration::from_millis(1);

        assert_eq!(used.verify(&token, &keys, 1, before).map(|cached| cached.verified.expires_at), Ok(ends_at));

        for rules in [fresh, used] {
            assert_eq!(rules.verify(&token, &keys, 1, ends_at), Err(AccessTokenError::UnknownKey));
        }
    }

    fn encoded(json: &serde_json::Value) -> String {
        URL_SAFE_NO_PAD.encode(json.to_string())
    }
}
