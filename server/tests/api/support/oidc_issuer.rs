//! An OpenID Connect issuer for the tests: an HTTP server on the loopback interface, with real keys and signatures.

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

/// The client ID of the application at the issuer: the `aud` of its ID tokens.
pub(crate) const CLIENT: &str = "shop";

pub(crate) struct Issuer {
    pub(crate) url: String,
    published: Arc<Published>,
}

/// The documents of the issuer, and how it responds to requests.
struct Published {
    discovery: Mutex<Value>,
    keys: Mutex<Value>,
    availability: Mutex<Availability>,
    key_fetches: AtomicUsize,
}

/// How the issuer responds to requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Availability {
    Available,
    /// With 500.
    Failing,
    /// Never.
    Hanging,
    /// With a redirect to the same path at this URL.
    RedirectsTo(String),
}

impl Issuer {
    /// Starts an issuer without keys.
    pub(crate) async fn start() -> Self {
        Self::start_at("127.0.0.1").await
    }

    /// Starts an issuer without keys at this address of the loopback interface.
    pub(crate) async fn start_at(address: &str) -> Self {
        let listener = tokio::net::TcpListener::bind((address, 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let published = Arc::new(Published {
            discovery: Mutex::new(json!({ "issuer": url, "jwks_uri": format!("{url}/keys") })),
            keys: Mutex::new(json!([])),
            availability: Mutex::new(Availability::Available),
            key_fetches: AtomicUsize::new(0),
        });
        let app = Router::new()
            .route("/.well-known/openid-configuration", get(discovery))
            .route("/keys", get(keys))
            .with_state(Arc::clone(&published));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, published }
    }

    /// The value of `--oidc-issuer`.
    pub(crate) fn setting(&self) -> String {
        format!("{}={CLIENT}", self.url)
    }

    /// Replaces the published keys.
    pub(crate) fn publish(&self, keys: &[Value]) {
        *self.published.keys.lock().unwrap() = json!(keys);
    }

    /// Replaces the discovery document.
    pub(crate) fn set_discovery(&self, discovery: Value) {
        *self.published.discovery.lock().unwrap() = discovery;
    }

    pub(crate) fn set_availability(&self, availability: Availability) {
        *self.published.availability.lock().unwrap() = availability;
    }

    /// The number of requests for the keys.
    pub(crate) fn key_fetches(&self) -> usize {
        self.published.key_fetches.load(Ordering::SeqCst)
    }

    /// The claims of an ID token issued at `now`, in seconds since 1970.
    pub(crate) fn claims(&self, subject: &str, now: i64) -> Value {
        json!({ "iss": self.url, "sub": subject, "aud": CLIENT, "iat": now, "exp": now + 300 })
    }
}

async fn discovery(State(published): State<Arc<Published>>) -> Response {
    let document = published.discovery.lock().unwrap().clone();
    published.respond("/.well-known/openid-configuration", document).await
}

async fn keys(State(published): State<Arc<Published>>) -> Response {
    published.key_fetches.fetch_add(1, Ordering::SeqCst);
    let document = json!({ "keys": *published.keys.lock().unwrap() });
    published.respond("/keys", document).await
}

impl Published {
    async fn respond(&self, path: &str, document: Value) -> Response {
        let availability = self.availability.lock().unwrap().clone();
        match availability {
            Availability::Hanging => std::future::pending().await,
            Availability::Available => Json(document).into_response(),
            Availability::Failing => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
            Availability::RedirectsTo(url) => (StatusCode::FOUND, [(LOCATION, format!("{url}{path}"))]).into_response(),
        }
    }
}

/// A key pair with a key ID.
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

    /// An ID token with these claims.
    pub(crate) fn sign(&self, claims: &Value) -> String {
        self.sign_with(&json!({ "alg": self.algorithm(), "typ": "JWT", "kid": self.kid }), &claims.to_string())
    }

    /// A token with this header and these claims, which may be any text, and a valid signature.
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
