//! The header of an access token, and the signature by the key and the algorithm that it names

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use guestpass_server::Algorithm;
use jsonwebtoken::{EncodingKey, crypto};
use serde_json::{Value, json};

use super::{Forger, with_changes};
use crate::support::get;

#[tokio::test]
async fn s09_each_algorithm_refuses_a_wrong_signature_and_any_other_alg() {
    for algorithm in Algorithm::ALL {
        let (forger, other) = (Forger::new(algorithm).await, Forger::new(algorithm).await);
        let (message, signature) = forger.tokens.access.rsplit_once('.').unwrap();
        let mut bytes = URL_SAFE_NO_PAD.decode(signature).unwrap();
        bytes[10] ^= 1;

        for signature in [URL_SAFE_NO_PAD.encode(&bytes), other.sign(message), String::new()] {
            forger.assert_refused(&format!("{message}.{signature}"), "signature").await;
        }
        for name in ["none", "EdDSA", "ES256", "RS256", "HS256", "RS512", "PS256"] {
            if name != algorithm.name() {
                forger.assert_refused(&forger.with_header(json!({ "alg": name })), "header").await;
            }
        }
    }
}

#[tokio::test]
async fn s09_a_public_key_is_refused_as_an_hmac_secret() {
    // CVE-2015-9235: HS256 with the public key, in each of its usual encodings, as the secret.
    for algorithm in [Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256] {
        let forger = Forger::new(algorithm).await;
        let jwk = forger.server.send(get("/.well-known/jwks.json")).await.json()["keys"][0].clone();
        let header = with_changes(forger.header(), json!({ "alg": "HS256" })).to_string();
        let message =
            format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(forger.claims().to_string()));
        let number = jwk["x"].as_str().or(jwk["n"].as_str()).unwrap();

        for secret in
            [number.as_bytes().to_vec(), URL_SAFE_NO_PAD.decode(number).unwrap(), jwk.to_string().into_bytes()]
        {
            let key = EncodingKey::from_secret(&secret);
            let mac = crypto::sign(message.as_bytes(), &key, jsonwebtoken::Algorithm::HS256).unwrap();
            forger.assert_refused(&format!("{message}.{mac}"), "header").await;
        }
    }
}

#[tokio::test]
async fn s09_alg_none_is_refused_in_any_spelling() {
    let forger = Forger::new(Algorithm::EdDsa).await;
    let claims = URL_SAFE_NO_PAD.encode(forger.claims().to_string());

    for name in ["none", "None", "NONE", "nOnE", ""] {
        let header = with_changes(forger.header(), json!({ "alg": name })).to_string();
        let header = URL_SAFE_NO_PAD.encode(header);
        forger.assert_refused(&format!("{header}.{claims}."), "header").await;
        forger.assert_refused(&forger.with_header(json!({ "alg": name })), "header").await;
    }
}

#[tokio::test]
async fn s09_the_key_determines_the_algorithm() {
    let forger = Forger::new(Algorithm::EdDsa).await;
    let public: Value = forger.server.send(get("/.well-known/jwks.json")).await.json()["keys"][0]["x"].clone();
    let public_key = URL_SAFE_NO_PAD.decode(public.as_str().unwrap()).unwrap();
    let header = with_changes(forger.header(), json!({ "alg": "HS256" })).to_string();
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(forger.claims().to_string()));

    for secret in [public_key.as_slice(), public.as_str().unwrap().as_bytes()] {
        let mac = crypto::sign(message.as_bytes(), &EncodingKey::from_secret(secret), jsonwebtoken::Algorithm::HS256);
        forger.assert_refused(&format!("{message}.{}", mac.unwrap()), "header").await;
    }
    for name in ["ES256", "RS256", "HS512", "eddsa"] {
        forger.assert_refused(&forger.with_header(json!({ "alg": name })), "header").await;
    }
}

#[tokio::test]
async fn s09_a_header_with_a_key_or_the_url_of_a_key_is_refused() {
    let forger = Forger::new(Algorithm::EdDsa).await;
    let jwk = forger.server.send(get("/.well-known/jwks.json")).await.json()["keys"][0].clone();

    for (name, value) in [
        ("jwk", jwk),
        ("jku", json!("https://evil.example/jwks.json")),
        ("x5u", json!("https://evil.example/cert.pem")),
        ("x5c", json!(["MIIB"])),
        ("x5t", json!("dGh1bWI")),
    ] {
        forger.assert_refused(&forger.with_header(json!({ name: value })), "header").await;
    }
}

#[tokio::test]
async fn s09_crit_b64_and_zip_headers_are_refused() {
    let forger = Forger::new(Algorithm::EdDsa).await;

    for header in [
        json!({ "crit": ["exp"] }),
        json!({ "crit": ["b64"], "b64": true }),
        json!({ "crit": [] }),
        json!({ "b64": false }),
        json!({ "zip": "DEF" }),
    ] {
        forger.assert_refused(&forger.with_header(header), "header").await;
    }
}

#[tokio::test]
async fn s09_an_unknown_or_malformed_kid_is_refused() {
    let forger = Forger::new(Algorithm::EdDsa).await;

    for kid in ["", "other", "../../../dev/null", "/dev/null", "x' OR '1'='1", "'; DROP TABLE signing_key; --"] {
        forger.assert_refused(&forger.with_header(json!({ "kid": kid })), "unknown key").await;
    }
    for kid in [json!(null), json!(1), json!([forger.kid]), json!({ "$ne": "" })] {
        forger.assert_refused(&forger.with_header(json!({ "kid": kid })), "header").await;
    }
    forger.assert_accepted(&forger.tokens.access).await;
}

#[tokio::test]
async fn s09_tokens_of_another_type_are_refused() {
    let forger = Forger::new(Algorithm::EdDsa).await;

    for typ in [json!("JWT"), json!("jwt"), json!("dpop+jwt"), json!("id+jwt"), json!(""), json!(null)] {
        forger.assert_refused(&forger.with_header(json!({ "typ": typ })), "header").await;
    }
    forger.assert_refused(&forger.tokens.refresh, "JWT").await;
}

#[tokio::test]
async fn s09_a_wrong_signature_is_refused() {
    let forger = Forger::new(Algorithm::EdDsa).await;
    let (message, signature) = forger.tokens.access.rsplit_once('.').unwrap();
    let mut bytes = URL_SAFE_NO_PAD.decode(signature).unwrap();
    bytes[10] ^= 1;

    let other = Forger::new(Algorithm::EdDsa).await;
    for signature in
        [URL_SAFE_NO_PAD.encode(&bytes), other.sign(message), String::new(), URL_SAFE_NO_PAD.encode([0; 64])]
    {
        forger.assert_refused(&format!("{message}.{signature}"), "signature").await;
    }
    let claims = with_changes(forger.claims(), json!({ "exp": 9_999_999_999_i64 })).to_string();
    let header = message.split('.').next().unwrap();
    let tampered = format!("{header}.{}.{signature}", URL_SAFE_NO_PAD.encode(claims));
    forger.assert_refused(&tampered, "signature").await;
}
