//! ID tokens (OpenID Connect Core §2 and §3.1.3.7, RFC 8725). jsonwebtoken checks the signature and nothing else; each of
//! the other rules is a line below.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use crate::clock::Timestamp;
use crate::secret::sha256;

/// The greatest length of a token in bytes. Some issuers add many claims.
const MAX_LENGTH: usize = 8 * 1024;
/// How far the issuer's clock may differ from this server's. `exp` has no leeway.
const LEEWAY: Duration = Duration::from_secs(60);
/// The greatest age of a token. A client gets its ID token at a sign-in and sends it at once; an older token may be stolen.
const MAX_AGE: Duration = Duration::from_secs(10 * 60);
/// The greatest number of keys that are tried for one token. An issuer has two or three, of which one or two fit.
const MAX_TRIED: usize = 8;
/// OpenID Connect Core §2: `sub` has at most 255 ASCII characters.
const MAX_SUBJECT_LENGTH: usize = 255;

/// A reason to refuse an ID token, for the developer of the client. The sentence has the token as its subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct IdTokenError(pub(crate) &'static str);

/// The issuer and the client ids of accepted tokens.
#[derive(Debug)]
pub(super) struct Rules {
    pub(super) issuer: String,
    pub(super) client_ids: Vec<String>,
    /// Whether a token must have a nonce, and it must be the SHA-256 of the nonce of the request.
    pub(super) require_hashed_nonce: bool,
}

/// A parsed token. Nothing in it has been verified.
pub(super) struct IdToken<'a> {
    message: &'a str,
    signature: &'a str,
    algorithm: Algorithm,
    kid: Option<String>,
    claims: Claims,
}

/// Other members are ignored, above all `jwk`, `jku` and `x5u`.
#[derive(Deserialize)]
struct Header {
    alg: String,
    typ: Option<String>,
    kid: Option<String>,
    crit: Option<IgnoredAny>,
}

/// Times are seconds since the Unix epoch. serde refuses a repeated claim.
#[derive(Deserialize)]
pub(super) struct Claims {
    pub(super) iss: String,
    pub(super) sub: String,
    aud: Audience,
    azp: Option<String>,
    pub(super) exp: i64,
    iat: i64,
    nbf: Option<i64>,
    nonce: Option<String>,
    /// Only in security event tokens (RFC 8417), such as the logout tokens that the same issuer makes for the same app.
    events: Option<IgnoredAny>,
    pub(super) email: Option<String>,
    #[serde(default)]
    pub(super) email_verified: Value,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

impl<'a> IdToken<'a> {
    pub(super) fn read(token: &'a str) -> Result<Self, IdTokenError> {
        const MALFORMED: IdTokenError = IdTokenError("it is not a JWT in canonical form");
        if token.len() > MAX_LENGTH {
            return Err(IdTokenError("it is longer than 8192 bytes"));
        }
        let (message, signature) = token.rsplit_once('.').ok_or(MALFORMED)?;
        let (header, claims) = message.split_once('.').ok_or(MALFORMED)?;
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| MALFORMED);
        let (header, claims) = (decode(header)?, decode(claims)?);
        decode(signature)?;
        let header: Header = object(&header).ok_or(IdTokenError("its header cannot be read"))?;
        if header.crit.is_some() || header.typ.is_some_and(|typ| !typ.eq_ignore_ascii_case("JWT")) {
            return Err(IdTokenError("its header has a crit member, or a typ other than JWT"));
        }
        Ok(Self {
            message,
            signature,
            algorithm: algorithm(&header.alg).ok_or(IdTokenError("its signature algorithm is not accepted"))?,
            kid: header.kid,
            claims: object(&claims).ok_or(IdTokenError("its claims cannot be read"))?,
        })
    }

    /// The issuer that the token names.
    pub(super) fn issuer(&self) -> &str {
        &self.claims.iss
    }

    /// SHA-256 of the signed part. The signature is left out, because from one ECDSA signature a second valid one can be
    /// computed without the key.
    pub(super) fn hash(&self) -> [u8; 32] {
        sha256(self.message.as_bytes())
    }

    /// Whether the key of the signature can be among these. If it is not, the issuer may have replaced its keys.
    pub(super) fn may_have_key_among(&self, keys: &[Jwk]) -> bool {
        match self.kid {
            Some(_) => self.keys_among(keys).next().is_some(),
            None => self.is_signed_by_one_of(keys),
        }
    }

    /// The keys that fit: those that the token names; if it names none, each one of the issuer.
    fn keys_among<'k>(&self, keys: &'k [Jwk]) -> impl Iterator<Item = &'k Jwk> {
        let is_named = |key: &&Jwk| self.kid.is_none() || key.common.key_id == self.kid;
        keys.iter().filter(is_named).filter(|key| fits(key, self.algorithm)).take(MAX_TRIED)
    }

    fn is_signed_by_one_of(&self, keys: &[Jwk]) -> bool {
        self.keys_among(keys).filter_map(|key| DecodingKey::from_jwk(key).ok()).any(|key| {
            jsonwebtoken::crypto::verify(self.signature, self.message.as_bytes(), &key, self.algorithm).unwrap_or(false)
        })
    }

    pub(super) fn verify(
        self,
        keys: &[Jwk],
        rules: &Rules,
        nonce: Option<&str>,
        now: Timestamp,
    ) -> Result<Claims, IdTokenError> {
        if !self.is_signed_by_one_of(keys) {
            return Err(IdTokenError("its signature was not made with a key of its issuer"));
        }
        check(&self.claims, rules, nonce, now)?;
        Ok(self.claims)
    }
}

fn check(claims: &Claims, rules: &Rules, nonce: Option<&str>, now: Timestamp) -> Result<(), IdTokenError> {
    if claims.events.is_some() {
        return Err(IdTokenError("it is a security event token and not an ID token"));
    }
    if claims.iss != rules.issuer {
        return Err(IdTokenError("it is from another issuer"));
    }
    let is_ours = |client: &String| rules.client_ids.contains(client);
    let is_for_us = match &claims.aud {
        Audience::One(client) => is_ours(client),
        // With several audiences, `azp` must name one of our client ids.
        Audience::Many(clients) => clients.iter().any(is_ours) && (clients.len() == 1 || claims.azp.is_some()),
    };
    if !is_for_us || claims.azp.as_ref().is_some_and(|party| !is_ours(party)) {
        return Err(IdTokenError("it was issued for another app"));
    }
    if claims.sub.is_empty() || claims.sub.len() > MAX_SUBJECT_LENGTH || !claims.sub.is_ascii() {
        return Err(IdTokenError("its sub is empty, too long or not ASCII"));
    }
    if Timestamp::from_secs(claims.exp) <= now {
        return Err(IdTokenError("it has expired"));
    }
    let issued_at = Timestamp::from_secs(claims.iat);
    if issued_at.max(Timestamp::from_secs(claims.nbf.unwrap_or(claims.iat))) > now + LEEWAY {
        return Err(IdTokenError("it is not valid yet"));
    }
    if issued_at + MAX_AGE + LEEWAY <= now {
        return Err(IdTokenError("it was issued more than ten minutes ago; sign in at the issuer again"));
    }
    check_nonce(claims.nonce.as_deref(), nonce, rules.require_hashed_nonce)
}

/// Compares the nonce of the token with that of the request. The app may have sent the issuer the SHA-256 of its nonce, in
/// base64url or in hexadecimal (OpenID Connect Core §15.5.2; Sign in with Apple). Then the token does not contain the nonce, so a
/// stolen token cannot be used.
fn check_nonce(found: Option<&str>, expected: Option<&str>, require_hashed: bool) -> Result<(), IdTokenError> {
    match (found, expected) {
        (None, None) if require_hashed => Err(IdTokenError(
            "it has no nonce; this server requires that the app sends the issuer the SHA-256 of a nonce, and this server the \
             nonce itself",
        )),
        (None, None) => Ok(()),
        (Some(_), None) => {
            Err(IdTokenError("it has a nonce, and the request has none; send the nonce of the authentication request"))
        }
        (Some(found), Some(expected)) if is_sha256_of(found, expected) => Ok(()),
        (Some(found), Some(expected)) if found == expected => {
            if require_hashed {
                return Err(IdTokenError(
                    "its nonce is that of the request; this server requires the SHA-256 of it in the token",
                ));
            }
            Ok(())
        }
        _ => Err(IdTokenError("its nonce differs from the nonce of the request")),
    }
}

/// Whether `text` is the SHA-256 of `nonce`, in base64url without padding or in hexadecimal.
fn is_sha256_of(text: &str, nonce: &str) -> bool {
    let hash = sha256(nonce.as_bytes());
    let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    text == URL_SAFE_NO_PAD.encode(hash) || text.eq_ignore_ascii_case(&hex)
}

/// The asymmetric algorithms. With a shared secret, every verifier could forge tokens.
fn algorithm(name: &str) -> Option<Algorithm> {
    Some(match name {
        "RS256" => Algorithm::RS256,
        "RS384" => Algorithm::RS384,
        "RS512" => Algorithm::RS512,
        "PS256" => Algorithm::PS256,
        "PS384" => Algorithm::PS384,
        "PS512" => Algorithm::PS512,
        "ES256" => Algorithm::ES256,
        "ES384" => Algorithm::ES384,
        "EdDSA" => Algorithm::EdDSA,
        _ => return None,
    })
}

/// Whether the key fits the algorithm (RFC 7517 §4): by its type, its use, its strength and its own `alg`.
fn fits(key: &Jwk, algorithm: Algorithm) -> bool {
    let is_of_type = match (&key.algorithm, algorithm) {
        (
            AlgorithmParameters::RSA(rsa),
            Algorithm::RS256
            | Algorithm::RS384
            | Algorithm::RS512
            | Algorithm::PS256
            | Algorithm::PS384
            | Algorithm::PS512,
        ) => URL_SAFE_NO_PAD.decode(&rsa.n).is_ok_and(|modulus| modulus.len() >= 256),
        (AlgorithmParameters::EllipticCurve(ec), Algorithm::ES256) => ec.curve == EllipticCurve::P256,
        (AlgorithmParameters::EllipticCurve(ec), Algorithm::ES384) => ec.curve == EllipticCurve::P384,
        (AlgorithmParameters::OctetKeyPair(okp), Algorithm::EdDSA) => okp.curve == EllipticCurve::Ed25519,
        _ => false,
    };
    let common = &key.common;
    let agrees = common.key_algorithm.is_none_or(|named| named == KeyAlgorithm::from(algorithm));
    let is_for_signatures = common.public_key_use.as_ref().is_none_or(|what| *what == PublicKeyUse::Signature);
    let may_verify = common.key_operations.as_ref().is_none_or(|all| all.contains(&KeyOperations::Verify));
    is_of_type && agrees && is_for_signatures && may_verify
}

/// Reads a JSON object. serde would also fill a struct from an array.
fn object<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Option<T> {
    if json.starts_with(b"{") { serde_json::from_slice(json).ok() } else { None }
}
