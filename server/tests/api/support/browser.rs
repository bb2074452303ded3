//! A browser with a software authenticator (1Password's crate `passkey`).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use passkey::authenticator::{Authenticator, UiHint, UserCheck, UserValidationMethod};
use passkey::client::{Client, DefaultClientData};
use passkey::crypto::rust_crypto::RustCryptoBackend;
use passkey::types::Passkey;
use passkey::types::ctap2::{Aaguid, Ctap2Error};
use serde_json::{Value, json};

/// A user who is always present and verified.
struct VerifiedUser;

#[async_trait::async_trait]
impl UserValidationMethod for VerifiedUser {
    type PasskeyItem = Passkey;

    async fn check_user<'a>(
        &self,
        _: UiHint<'a, Passkey>,
        presence: bool,
        verification: bool,
    ) -> Result<UserCheck, Ctap2Error> {
        Ok(UserCheck { presence, verification })
    }

    fn is_presence_enabled(&self) -> bool {
        true
    }

    fn is_verification_enabled(&self) -> Option<bool> {
        Some(true)
    }
}

/// A browser at a page, with an authenticator that stores one passkey.
#[derive(Clone)]
pub(crate) struct Browser {
    stored: Option<Passkey>,
    page: url::Url,
    /// Whether the authenticator counts its signatures. Those that copy passkeys to all devices of a person do not.
    counts: bool,
}

impl Browser {
    pub(crate) fn on(page: &str) -> Self {
        Self { stored: None, page: page.parse().unwrap(), counts: false }
    }

    pub(crate) fn counting() -> Self {
        Self { counts: true, ..Self::on("http://localhost:8000") }
    }

    fn authenticator(&self) -> Authenticator<Option<Passkey>, VerifiedUser, RustCryptoBackend> {
        let stored = self.stored.clone();
        let mut authenticator = Authenticator::new(Aaguid::new_empty(), stored, VerifiedUser, RustCryptoBackend);
        authenticator.set_make_credentials_with_signature_counter(self.counts);
        authenticator
    }

    /// `navigator.credentials.create`
    pub(crate) async fn create(&mut self, public_key: Value) -> Value {
        let mut client = Client::new(self.authenticator()).allows_insecure_localhost(true);
        let options = serde_json::from_value(for_authenticator(public_key)).unwrap();
        let credential = client.register(&self.page, options, DefaultClientData).await.unwrap();
        self.stored = client.authenticator().store().clone();
        as_browser_json(serde_json::to_value(credential).unwrap())
    }

    /// `navigator.credentials.get`
    pub(crate) async fn get(&mut self, public_key: Value) -> Value {
        let mut client = Client::new(self.authenticator()).allows_insecure_localhost(true);
        let options = serde_json::from_value(for_authenticator(public_key)).unwrap();
        let credential = client.authenticate(&self.page, options, DefaultClientData).await.unwrap();
        self.stored = client.authenticator().store().clone();
        as_browser_json(serde_json::to_value(credential).unwrap())
    }
}

/// The options in the form that the crate accepts: without extensions, which it does not support, and without an empty
/// `allowCredentials`, which it would read as "no passkey" instead of "any passkey".
fn for_authenticator(mut public_key: Value) -> Value {
    let options = public_key.as_object_mut().unwrap();
    options.remove("extensions");
    assert_eq!(options.remove("allowCredentials").unwrap_or(json!([])), json!([]));
    json!({ "publicKey": public_key })
}

/// The JSON form of a credential that browsers produce (`PublicKeyCredential.toJSON()`): bytes as base64url.
fn as_browser_json(value: Value) -> Value {
    match value {
        Value::Array(list) if !list.is_empty() && list.iter().all(Value::is_u64) => {
            let bytes: Vec<u8> = list.iter().map(|byte| byte.as_u64().unwrap().try_into().unwrap()).collect();
            URL_SAFE_NO_PAD.encode(bytes).into()
        }
        Value::Object(members) => members.into_iter().map(|(name, member)| (name, as_browser_json(member))).collect(),
        other => other,
    }
}
