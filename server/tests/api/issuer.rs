//! An OpenID Connect issuer, on this machine: what it publishes is fetched over HTTP, and its signatures are real.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// Who the app is to it.
pub(crate) const CLIENT: &str = "shop";

pub(crate) struct Issuer {
    pub(crate) url: String,
    published: Arc<Published>,
}

/// What it answers.
struct Published {
    discovery: Mutex<Value>,
    keys: Mutex<Value>,
    mood: Mutex<Mood>,
    asked: AtomicUsize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Mood {
    Well,
    Down,
    /// Everything has moved there.
    Elsewhere(String),
}

impl Issuer {
    /// One that publishes nothing but its name yet.
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let published = Arc::new(Published {
            discovery: Mutex::new(json!({ "issuer": url, "jwks_uri": format!("{url}/keys") })),
            keys: Mutex::new(json!([])),
            mood: Mutex::new(Mood::Well),
            asked: AtomicUsize::new(0),
        });
        let app = Router::new()
            .route("/.well-known/openid-configuration", get(discovery))
            .route("/keys", get(keys))
            .with_state(Arc::clone(&published));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, published }
    }

    /// What `--oidc-issuer` takes.
    pub(crate) fn setting(&self) -> String {
        format!("{}={CLIENT}", self.url)
    }

    pub(crate) fn publish(&self, keys: &[Value]) {
        *self.published.keys.lock().unwrap() = json!(keys);
    }

    pub(crate) fn describe(&self, discovery: Value) {
        *self.published.discovery.lock().unwrap() = discovery;
    }

    pub(crate) fn is(&self, mood: Mood) {
        *self.published.mood.lock().unwrap() = mood;
    }

    /// How often its keys have been fetched.
    pub(crate) fn asked(&self) -> usize {
        self.published.asked.load(Ordering::SeqCst)
    }

    /// The claims of a token that it gives out at `now`, in seconds.
    pub(crate) fn claims(&self, subject: &str, now: i64) -> Value {
        json!({ "iss": self.url, "sub": subject, "aud": CLIENT, "iat": now, "exp": now + 300 })
    }
}

async fn discovery(State(published): State<Arc<Published>>) -> Response {
    published.answer("/.well-known/openid-configuration", published.discovery.lock().unwrap().clone())
}

async fn keys(State(published): State<Arc<Published>>) -> Response {
    published.asked.fetch_add(1, Ordering::SeqCst);
    published.answer("/keys", json!({ "keys": *published.keys.lock().unwrap() }))
}

impl Published {
    fn answer(&self, path: &str, document: Value) -> Response {
        match &*self.mood.lock().unwrap() {
            Mood::Well => Json(document).into_response(),
            Mood::Down => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
            Mood::Elsewhere(url) => (StatusCode::FOUND, [(LOCATION, format!("{url}{path}"))]).into_response(),
        }
    }
}

/// A key with a name.
pub(crate) struct SigningKey {
    kid: &'static str,
    pair: Pair,
}

enum Pair {
    Es256(EcdsaKeyPair),
    Rs256(RsaKeyPair),
    EdDsa(Ed25519KeyPair),
}

impl SigningKey {
    pub(crate) fn es256(kid: &'static str) -> Self {
        Self { kid, pair: Pair::Es256(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap()) }
    }

    pub(crate) fn rs256(kid: &'static str) -> Self {
        Self { kid, pair: Pair::Rs256(RsaKeyPair::generate(KeySize::Rsa2048).unwrap()) }
    }

    pub(crate) fn eddsa(kid: &'static str) -> Self {
        Self { kid, pair: Pair::EdDsa(Ed25519KeyPair::generate().unwrap()) }
    }

    pub(crate) fn algorithm(&self) -> &'static str {
        match self.pair {
            Pair::Es256(_) => "ES256",
            Pair::Rs256(_) => "RS256",
            Pair::EdDsa(_) => "EdDSA",
        }
    }

    /// The public key, as it is published.
    pub(crate) fn jwk(&self) -> Value {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let mut jwk = match &self.pair {
            Pair::Es256(pair) => {
                let point = pair.public_key().as_ref();
                json!({ "kty": "EC", "crv": "P-256", "x": text(&point[1..33]), "y": text(&point[33..]) })
            }
            Pair::Rs256(pair) => {
                let key = pair.public_key();
                let (n, e) = (key.modulus(), key.exponent());
                let (n, e) = (n.big_endian_without_leading_zero(), e.big_endian_without_leading_zero());
                json!({ "kty": "RSA", "n": text(n), "e": text(e) })
            }
            Pair::EdDsa(pair) => json!({ "kty": "OKP", "crv": "Ed25519", "x": text(pair.public_key().as_ref()) }),
        };
        jwk["kid"] = self.kid.into();
        jwk["use"] = "sig".into();
        jwk["alg"] = self.algorithm().into();
        jwk
    }

    pub(crate) fn sign(&self, claims: &Value) -> String {
        self.sign_with(&json!({ "alg": self.algorithm(), "typ": "JWT", "kid": self.kid }), &claims.to_string())
    }

    pub(crate) fn sign_with(&self, header: &Value, claims: &str) -> String {
        let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(claims));
        let signature = match &self.pair {
            Pair::Es256(pair) => pair.sign(&SystemRandom::new(), message.as_bytes()).unwrap().as_ref().to_vec(),
            Pair::EdDsa(pair) => pair.sign(message.as_bytes()).as_ref().to_vec(),
            Pair::Rs256(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature).unwrap();
                signature
            }
        };
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}
