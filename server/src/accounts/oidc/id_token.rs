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

/// Bytes. Some issuers put much into them.
const LONGEST: usize = 8 * 1024;
/// How far the issuer's clock may be from ours. `exp` has no leeway.
const LEEWAY: Duration = Duration::from_secs(60);
/// An ID token is the answer to a sign-in that has just happened; an old one has been lying somewhere.
const MAX_AGE: Duration = Duration::from_secs(10 * 60);
/// OpenID Connect Core §2: `sub` has at most 255 ASCII characters.
const LONGEST_SUBJECT: usize = 255;

/// Why a token is refused; for the developer of a client.
type Why = &'static str;

/// Whose tokens are taken.
#[derive(Debug)]
pub(super) struct Rules {
    pub(super) issuer: String,
    pub(super) client_ids: Vec<String>,
}

/// A token that has been taken apart. Nothing in it is true yet.
pub(super) struct IdToken<'a> {
    message: &'a str,
    signature: &'a str,
    algorithm: Algorithm,
    kid: Option<String>,
    claims: Claims,
}

/// Members that are not here mean nothing; `jwk`, `jku` and `x5u` above all.
#[derive(Deserialize)]
struct Header {
    alg: String,
    typ: Option<String>,
    kid: Option<String>,
    crit: Option<IgnoredAny>,
}

/// Times are seconds since the Unix epoch. serde refuses a claim that comes twice.
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
    /// Of security event tokens (RFC 8417), such as the logout tokens of the same issuer, for the same app.
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
    pub(super) fn read(token: &'a str) -> Result<Self, Why> {
        const MALFORMED: Why = "it is not a JWT in canonical form";
        if token.len() > LONGEST {
            return Err("it is too long");
        }
        let (message, signature) = token.rsplit_once('.').ok_or(MALFORMED)?;
        let (header, claims) = message.split_once('.').ok_or(MALFORMED)?;
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| MALFORMED);
        let (header, claims) = (decode(header)?, decode(claims)?);
        decode(signature)?;
        let header: Header = object(&header).ok_or("its header cannot be read")?;
        if header.crit.is_some() || header.typ.is_some_and(|typ| !typ.eq_ignore_ascii_case("JWT")) {
            return Err("its header asks for more than is known here");
        }
        Ok(Self {
            message,
            signature,
            algorithm: algorithm(&header.alg).ok_or("it is signed in a way that is not accepted")?,
            kid: header.kid,
            claims: object(&claims).ok_or("its claims cannot be read")?,
        })
    }

    /// Who it says it is from.
    pub(super) fn issuer(&self) -> &str {
        &self.claims.iss
    }

    /// SHA-256 of what is signed. The signature is no part of it: from one of ECDSA anybody can compute another one that
    /// is as good.
    pub(super) fn hash(&self) -> [u8; 32] {
        sha256(self.message.as_bytes())
    }

    pub(super) fn has_key_among(&self, keys: &[Jwk]) -> bool {
        self.key_among(keys).is_some()
    }

    /// The key that it names; without a name, the only one that fits.
    fn key_among<'k>(&self, keys: &'k [Jwk]) -> Option<&'k Jwk> {
        let is_named = |key: &&Jwk| self.kid.is_none() || key.common.key_id == self.kid;
        let mut fitting = keys.iter().filter(is_named).filter(|key| fits(key, self.algorithm));
        let key = fitting.next()?;
        fitting.next().is_none().then_some(key)
    }

    pub(super) fn verify(
        self,
        keys: &[Jwk],
        rules: &Rules,
        nonce: Option<&str>,
        now: Timestamp,
    ) -> Result<Claims, Why> {
        const SIGNATURE: Why = "its signature is not by a key of its issuer";
        let key = self.key_among(keys).ok_or(SIGNATURE)?;
        let key = DecodingKey::from_jwk(key).map_err(|_| SIGNATURE)?;
        match jsonwebtoken::crypto::verify(self.signature, self.message.as_bytes(), &key, self.algorithm) {
            Ok(true) => {}
            Ok(false) | Err(_) => return Err(SIGNATURE),
        }
        check(&self.claims, rules, nonce, now)?;
        Ok(self.claims)
    }
}

fn check(claims: &Claims, rules: &Rules, nonce: Option<&str>, now: Timestamp) -> Result<(), Why> {
    if claims.events.is_some() {
        return Err("it tells of an event, and is no ID token");
    }
    if claims.iss != rules.issuer {
        return Err("it is from another issuer");
    }
    let is_ours = |client: &String| rules.client_ids.contains(client);
    let for_us = match &claims.aud {
        Audience::One(client) => is_ours(client),
        // Several: then `azp` must say that it was given to us.
        Audience::Many(clients) => clients.iter().any(is_ours) && (clients.len() == 1 || claims.azp.is_some()),
    };
    if !for_us || claims.azp.as_ref().is_some_and(|party| !is_ours(party)) {
        return Err("it is for another app");
    }
    if claims.sub.is_empty() || claims.sub.len() > LONGEST_SUBJECT || !claims.sub.is_ascii() {
        return Err("it is about nobody");
    }
    if Timestamp::from_secs(claims.exp) <= now {
        return Err("it has expired");
    }
    let issued_at = Timestamp::from_secs(claims.iat);
    if issued_at.max(Timestamp::from_secs(claims.nbf.unwrap_or(claims.iat))) > now + LEEWAY {
        return Err("it is from the future");
    }
    if issued_at + MAX_AGE + LEEWAY <= now {
        return Err("it is from an earlier sign-in");
    }
    match (nonce, claims.nonce.as_deref()) {
        (None, Some(_)) => {
            Err("it has a nonce, and the request has none; send that of the authentication request along")
        }
        (expected, found) if expected != found => Err("its nonce is another one"),
        _ => Ok(()),
    }
}

/// Asymmetric ones. With a shared secret, whoever can verify can forge.
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

/// Whether the key is one for signatures of that kind (RFC 7517 §4): its type, its use, its strength, and what it says.
fn fits(key: &Jwk, algorithm: Algorithm) -> bool {
    let of_kind = match (&key.algorithm, algorithm) {
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
    let says_so = common.key_algorithm.is_none_or(|named| named == KeyAlgorithm::from(algorithm));
    let is_for_signatures = common.public_key_use.as_ref().is_none_or(|what| *what == PublicKeyUse::Signature);
    let may_verify = common.key_operations.as_ref().is_none_or(|all| all.contains(&KeyOperations::Verify));
    of_kind && says_so && is_for_signatures && may_verify
}

/// A JSON object and nothing else: serde would fill a struct from an array too.
fn object<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Option<T> {
    if json.starts_with(b"{") { serde_json::from_slice(json).ok() } else { None }
}
