//! Invariant S9: only a currently valid access token of this server is accepted. For every rule of RFC 7515, 7519, 8725 and
//! 9068 there is a token that violates only that rule; if possible, it is signed with the server's own key. `header`
//! and `claims` have the rules of these parts.

mod claims;
mod header;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};
use guestpass_server::Algorithm;
use jsonwebtoken::{EncodingKey, crypto};
use serde_json::{Value, json};

use crate::support::{Response, SECOND, Server, Tokens};

/// Creates tokens with the server's own key that the server itself never issues.
struct Forger {
    server: Server,
    tokens: Tokens,
    kid: String,
    material: Vec<u8>,
    algorithm: Algorithm,
}

impl Forger {
    async fn new(algorithm: Algorithm) -> Self {
        let server = Server::open_with(|config| config.algorithm = algorithm).await;
        let tokens = server.anonymous_login().await;
        let (kid, material) = server
            .database()
            .file()
            .query_row("SELECT kid, material FROM signing_key", [], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap();
        Self { server, tokens, kid, material, algorithm }
    }

    fn header(&self) -> Value {
        json!({ "alg": self.algorithm.name(), "typ": "at+jwt", "kid": self.kid })
    }

    fn claims(&self) -> Value {
        let claims = self.tokens.access.split('.').nth(1).unwrap();
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap()
    }

    fn sign(&self, message: &str) -> String {
        let (key, algorithm) = match self.algorithm {
            Algorithm::EdDsa => (EncodingKey::from_ed_der(&self.material), jsonwebtoken::Algorithm::EdDSA),
            Algorithm::Es256 => (EncodingKey::from_ec_der(&self.material), jsonwebtoken::Algorithm::ES256),
            Algorithm::Rs256 => return self.sign_with_rsa(message),
            Algorithm::Hs256 => (EncodingKey::from_secret(&self.material), jsonwebtoken::Algorithm::HS256),
        };
        crypto::sign(message.as_bytes(), &key, algorithm).unwrap()
    }

    /// aws-lc-rs reads the stored form of an RSA key (PKCS #8); jsonwebtoken reads another form.
    fn sign_with_rsa(&self, message: &str) -> String {
        let pair = RsaKeyPair::from_pkcs8(&self.material).unwrap();
        let mut signature = vec![0; pair.public_modulus_len()];
        pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature).unwrap();
        URL_SAFE_NO_PAD.encode(signature)
    }

    /// A token with the given header and claims, which may be any text, and a valid signature.
    fn token(&self, header: &str, claims: &str) -> String {
        let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        format!("{message}.{}", self.sign(&message))
    }

    /// A valid token with some members of its header changed; null removes a member.
    fn with_header(&self, changes: Value) -> String {
        self.token(&with_changes(self.header(), changes).to_string(), &self.claims().to_string())
    }

    /// A valid token with some claims changed; null removes a claim.
    fn with_claims(&self, changes: Value) -> String {
        self.token(&self.header().to_string(), &with_changes(self.claims(), changes).to_string())
    }

    async fn assert_accepted(&self, token: &str) {
        assert_eq!(self.server.get("/me", token).await.status, 200, "{token}");
    }

    /// Checks that the token is refused with a challenge that contains `reason`.
    async fn assert_refused(&self, token: &str, reason: &str) {
        let response = self.server.get("/me", token).await;
        assert_invalid_token(&response, token);
        assert!(response.header("www-authenticate").contains(reason), "refused for another reason: {response:?}");
    }
}

/// The object `value` with the members of `changes`; null removes a member.
fn with_changes(mut value: Value, changes: Value) -> Value {
    let members = value.as_object_mut().unwrap();
    for (name, change) in changes.as_object().unwrap() {
        if change.is_null() {
            members.remove(name);
        } else {
            members.insert(name.clone(), change.clone());
        }
    }
    value
}

fn assert_invalid_token(response: &Response, token: &str) {
    response.assert_problem(401);
    let challenge = response.header("www-authenticate");
    assert!(challenge.starts_with("Bearer realm=\"guestpass\", error=\"invalid_token\""), "{token}: {response:?}");
}

#[tokio::test]
async fn s09_valid_tokens_signed_with_the_server_key_are_accepted() {
    for algorithm in Algorithm::ALL {
        let forger = Forger::new(algorithm).await;

        forger.assert_accepted(&forger.tokens.access).await;
        forger.assert_accepted(&forger.with_header(json!({}))).await;
        forger.assert_accepted(&forger.with_claims(json!({ "nbf": forger.server.clock.secs() }))).await;
    }
}

#[tokio::test]
async fn s09_every_rule_is_checked_again_for_a_token_that_was_accepted_before() {
    let forger = Forger::new(Algorithm::EdDsa).await;
    let now = forger.server.clock.secs();
    let (short, revoked, future) = (
        forger.with_claims(json!({ "exp": now + 2 })),
        forger.with_claims(json!({ "jti": "other" })),
        forger.with_claims(json!({ "iat": now + 5 })),
    );
    for token in [&short, &revoked, &future, &short] {
        forger.assert_accepted(token).await;
    }

    forger.server.clock.advance(SECOND + SECOND);
    forger.assert_refused(&short, "expired").await;
    let (message, _) = future.rsplit_once('.').unwrap();
    forger.assert_refused(&format!("{message}.AAAA"), "signature").await;
    forger.server.clock.set_back(3 * SECOND);
    forger.assert_refused(&future, "not valid yet").await;
    forger.server.clock.advance(3 * SECOND);
    forger.assert_accepted(&future).await;
    forger.server.revoke(&forger.tokens.refresh).await;
    forger.assert_refused(&revoked, "revoked").await;
}

#[tokio::test]
async fn s09_a_jwt_must_have_three_parts_in_canonical_base64url() {
    let forger = Forger::new(Algorithm::EdDsa).await;
    let token = &forger.tokens.access;
    let parts: Vec<&str> = token.split('.').collect();
    let (header, claims, signature) = (parts[0], parts[1], parts[2]);

    for token in [
        header.to_owned(),
        format!("{header}.{claims}"),
        format!("{token}.{signature}"),
        format!("{token}.{claims}.{signature}"),
        format!("{token}."),
        format!(".{token}"),
        format!("{header}..{signature}"),
    ] {
        let response = forger.server.get("/me", &token).await;
        assert_invalid_token(&response, &token);
    }
    for token in [
        format!("{header}.{claims}.{signature}=="),
        format!("{header}.{claims}.{}+/", &signature[..signature.len() - 2]),
        // The last base64url character of a 64-byte signature has four unused bits.
        format!("{header}.{claims}.{}", last_bits_changed(signature)),
    ] {
        forger.assert_refused(&token, "canonical").await;
    }

    // With a valid signature over padded parts: `=` inside a token is invalid syntax for a bearer token.
    let claims_text = forger.claims().to_string();
    for (header, claims) in [
        (URL_SAFE.encode(padded(forger.header().to_string())), claims.to_owned()),
        (header.to_owned(), URL_SAFE.encode(padded(claims_text))),
    ] {
        let message = format!("{header}.{claims}");
        assert!(message.contains('='), "the test needs padding");
        let signature = forger.sign(&message);
        forger.server.get("/me", &format!("{message}.{signature}")).await.assert_problem(400);
    }
}

/// Appends a space if necessary, so that the base64 encoding has padding.
fn padded(json: String) -> String {
    if json.len().is_multiple_of(3) { json + " " } else { json }
}

/// Changes only the unused bits of the last base64url character.
fn last_bits_changed(encoded: &str) -> String {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let last = ALPHABET.find(&encoded[encoded.len() - 1..]).unwrap();
    format!("{}{}", &encoded[..encoded.len() - 1], &ALPHABET[last + 1..last + 2])
}

#[tokio::test]
async fn s09_duplicate_and_unknown_members_are_refused() {
    let forger = Forger::new(Algorithm::EdDsa).await;
    let (header, claims) = (forger.header().to_string(), forger.claims().to_string());
    let twice = |json: &str, member: &str| format!("{{{member},{}", &json[1..]);

    for member in [r#""alg":"EdDSA""#, r#""typ":"JWT""#, r#""kid":"x""#] {
        forger.assert_refused(&forger.token(&twice(&header, member), &claims), "header").await;
    }
    for member in [r#""exp":9999999999"#, r#""sub":"anonymous_x""#, r#""iss":"x""#, r#""cnf":{"jkt":"x"}"#] {
        forger.assert_refused(&forger.token(&header, &twice(&claims, member)), "claims").await;
    }
    for (header, claims, reason) in [
        (header.as_str(), "[]", "claims"),
        (header.as_str(), "null", "claims"),
        (header.as_str(), "{", "claims"),
        (header.as_str(), "", "claims"),
        (&format!(r#"["EdDSA","at+jwt","{}"]"#, forger.kid), claims.as_str(), "header"),
        ("null", claims.as_str(), "header"),
        (&header, &format!("{claims}{claims}"), "claims"),
    ] {
        forger.assert_refused(&forger.token(header, claims), reason).await;
    }
}

#[tokio::test]
async fn s09_a_token_of_more_than_4096_bytes_is_refused_before_it_is_parsed() {
    let forger = Forger::new(Algorithm::EdDsa).await;

    let long = forger.with_claims(json!({ "jti": "x".repeat(4096) }));

    forger.assert_refused(&long, "too long").await;
    forger.assert_refused(&"x".repeat(4097), "too long").await;
    forger.assert_refused(&"x".repeat(4096), "canonical").await;
}

#[tokio::test]
async fn s09_a_token_of_another_server_is_refused() {
    let (server, other) = (Server::open().await, Server::open().await);
    let tokens = other.anonymous_login().await;

    assert_invalid_token(&server.get("/me", &tokens.access).await, &tokens.access);
}
