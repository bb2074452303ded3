//! `GET /.well-known/jwks.json`, and a change of the signing algorithm

use aws_lc_rs::signature::{ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use guestpass_server::Algorithm;
use serde_json::{Value, json};

use crate::support::{Server, get};

async fn keys(server: &Server) -> Vec<Value> {
    server.send(get("/.well-known/jwks.json")).await.json()["keys"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_token_can_be_verified_with_the_published_key() {
    let server = Server::open().await;
    let token = server.anonymous_login().await.access;

    let keys = keys(&server).await;

    let (message, signature) = token.rsplit_once('.').unwrap();
    let header = URL_SAFE_NO_PAD.decode(message.split('.').next().unwrap()).unwrap();
    let header: Value = serde_json::from_slice(&header).unwrap();
    assert_eq!(keys.len(), 1);
    assert_eq!(keys[0]["kid"], header["kid"]);
    assert_eq!(keys[0]["kty"], "OKP");
    assert_eq!(keys[0]["crv"], "Ed25519");
    let point = URL_SAFE_NO_PAD.decode(keys[0]["x"].as_str().unwrap()).unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    UnparsedPublicKey::new(&ED25519, point).verify(message.as_bytes(), &signature).unwrap();
}

#[tokio::test]
async fn each_public_key_has_exactly_its_public_members() {
    for (algorithm, kty, expected) in [
        (Algorithm::EdDsa, "OKP", &["alg", "crv", "kid", "kty", "use", "x"][..]),
        (Algorithm::Es256, "EC", &["alg", "crv", "kid", "kty", "use", "x", "y"]),
        (Algorithm::Rs256, "RSA", &["alg", "e", "kid", "kty", "n", "use"]),
    ] {
        let server = Server::open_with(|config| config.algorithm = algorithm).await;

        let keys = keys(&server).await;

        assert_eq!(keys.len(), 1);
        let mut names: Vec<_> = keys[0].as_object().unwrap().keys().cloned().collect();
        names.sort();
        assert_eq!(names, expected);
        assert_eq!((&keys[0]["kty"], &keys[0]["alg"]), (&json!(kty), &json!(algorithm.name())));
        assert_eq!(keys[0]["use"], "sig");
    }
}

#[tokio::test]
async fn an_rsa_key_has_2048_bits_and_verifies_tokens() {
    let server = Server::open_with(|config| config.algorithm = Algorithm::Rs256).await;
    let token = server.anonymous_login().await.access;

    let key = &keys(&server).await[0];

    let decode = |name: &str| URL_SAFE_NO_PAD.decode(key[name].as_str().unwrap()).unwrap();
    let (n, e) = (decode("n"), decode("e"));
    assert_eq!(n.len() * 8, 2048);
    let (message, signature) = token.rsplit_once('.').unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let public = RsaPublicKeyComponents { n, e };
    public.verify(&RSA_PKCS1_2048_8192_SHA256, message.as_bytes(), &signature).unwrap();
}

#[tokio::test]
async fn an_hmac_secret_is_not_published() {
    let server = Server::open_with(|config| config.algorithm = Algorithm::Hs256).await;
    server.anonymous_login().await;

    let response = server.send(get("/.well-known/jwks.json")).await;

    assert_eq!(response.json(), json!({ "keys": [] }));
    assert_eq!(response.header("cache-control"), "public, max-age=300");
}

#[tokio::test]
async fn keys_survive_a_restart() {
    let server = Server::open().await;
    let (token, before) = (server.anonymous_login().await.access, keys(&server).await);

    let server = server.restart().await;

    assert_eq!(keys(&server).await, before);
    assert!(server.accepts(&token).await);
}

#[tokio::test]
async fn s09_changing_the_algorithm_creates_a_key_and_older_tokens_stay_valid() {
    let server = Server::open().await;
    let old = server.anonymous_login().await;

    let server = server.restart_with(|config| config.algorithm = Algorithm::Hs256).await;
    let new = server.anonymous_login().await;

    assert!(server.accepts(&old.access).await);
    assert!(server.accepts(&new.access).await);
    let header = URL_SAFE_NO_PAD.decode(new.access.split('.').next().unwrap()).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&header).unwrap()["alg"], "HS256");
    assert_eq!(keys(&server).await.len(), 1);
    assert_eq!(server.number("SELECT count(*) FROM signing_key"), 2);
}
