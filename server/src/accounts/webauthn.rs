//! The relying party of WebAuthn: makes challenges for browsers and checks the responses. The crate webauthn-rs implements the
//! rules.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;
use uuid::Uuid;
use webauthn_rs::prelude::{
    DiscoverableAuthentication, Passkey, PasskeyRegistration, PublicKeyCredential, RegisterPublicKeyCredential,
    WebauthnError,
};
use webauthn_rs::{Webauthn, WebauthnBuilder};

use super::AccountError;
use super::passkeys::CEREMONY_TTL;
use crate::config::{Config, ConfigError};
use crate::store::PasskeyRow;

/// A challenge for a browser, and the state against which the response is checked; both as JSON.
pub(super) struct Challenge {
    pub(super) public_key: Value,
    pub(super) state: String,
}

/// The relying party: this server, with the domain and the origins of its passkeys.
#[derive(Debug)]
pub(crate) struct RelyingParty(Webauthn);

impl RelyingParty {
    /// `None` if neither a setting nor the issuer names a domain, which passkeys need.
    pub(crate) fn new(config: &Config) -> Result<Option<Self>, ConfigError> {
        let issuer = Url::parse(&config.issuer).ok();
        let domain = match (&config.passkey_domain, issuer.as_ref().and_then(Url::domain)) {
            (Some(domain), _) => domain.clone(),
            (None, Some(domain)) => domain.to_owned(),
            (None, None) => return Ok(None),
        };
        let is_within =
            |origin: &Url| origin.domain().is_some_and(|host| host == domain || host.ends_with(&format!(".{domain}")));
        let mut origins = Vec::new();
        for origin in &config.passkey_origins {
            let origin = Url::parse(origin.as_str()).ok().filter(is_within).ok_or_else(|| {
                let reason = format!("{} does not belong to the domain {domain}", origin.as_str());
                ConfigError::new("--passkey-origin", reason)
            })?;
            origins.push(origin);
        }
        if origins.is_empty() {
            let pages = config.cors_origins.iter().filter_map(|origin| Url::parse(origin.as_str()).ok());
            origins = issuer.into_iter().chain(pages).filter(is_within).collect();
        }
        let (Some(first), Some(others)) = (origins.first(), origins.get(1..)) else {
            let reason = format!(
                "neither --issuer nor a --cors-origin belongs to {domain}; set the origins of its pages with --passkey-origin"
            );
            return Err(ConfigError::new("--passkey-domain", reason));
        };
        let unusable = |error: WebauthnError| ConfigError::new("--passkey-domain", format!("{domain}: {error}"));
        let builder = WebauthnBuilder::new(&domain, first).map_err(unusable)?.timeout(CEREMONY_TTL);
        // On localhost, development servers use any port.
        let builder = builder.allow_any_port(domain == "localhost");
        let builder = others.iter().fold(builder, WebauthnBuilder::append_allowed_origin);
        Ok(Some(Self(builder.build().map_err(unusable)?)))
    }

    /// Begins the registration of a discoverable passkey. The authenticator finds it by itself, so signing in needs no name.
    pub(super) fn start_registration(&self, user: Uuid, name: &str) -> Result<Challenge, AccountError> {
        let started = self.0.start_passkey_registration(user, name, name, None);
        let (options, state) = started.map_err(|error| failed(&error))?;
        let mut public_key = json(&options.public_key)?;
        public_key["authenticatorSelection"]["residentKey"] = "required".into();
        public_key["authenticatorSelection"]["requireResidentKey"] = true.into();
        Ok(Challenge { public_key, state: text(&state)? })
    }

    pub(super) fn finish_registration(
        &self,
        credential: &RegisterPublicKeyCredential,
        state: &str,
    ) -> Result<PasskeyRow, AccountError> {
        let state: PasskeyRegistration = read_state(state)?;
        let passkey = self.0.finish_passkey_registration(credential, &state).map_err(|error| invalid(&error))?;
        row(&passkey)
    }

    pub(super) fn start_login(&self) -> Result<Challenge, AccountError> {
        let (options, state) = self.0.start_discoverable_authentication().map_err(|error| failed(&error))?;
        Ok(Challenge { public_key: json(&options.public_key)?, state: text(&state)? })
    }

    /// Checks a response against the `stored` passkey of that id. Returns the passkey with its new counter and backup state, as
    /// JSON. A counter that has not grown is refused, because it comes from a copy of the passkey (WebAuthn §6.1.1); a passkey
    /// without a counter always says 0.
    pub(super) fn finish_login(
        &self,
        credential: &PublicKeyCredential,
        state: &str,
        stored: &PasskeyRow,
    ) -> Result<String, AccountError> {
        let state: DiscoverableAuthentication = read_state(state)?;
        let mut passkey: Passkey = serde_json::from_str(&stored.data).map_err(|error| failed(&error))?;
        let finished = self.0.finish_discoverable_authentication_v2(credential, state, &passkey);
        let result = finished.map_err(|error| invalid(&error))?;
        passkey.update_credential(&result);
        text(&passkey)
    }
}

/// Reads a credential as `PublicKeyCredential.toJSON()` writes it.
pub(super) fn read_credential<T: DeserializeOwned>(credential: Value) -> Result<T, AccountError> {
    serde_json::from_value(credential).map_err(|error| {
        tracing::info!(%error, "the credential of a passkey could not be read");
        AccountError::InvalidPasskey
    })
}

/// Reads the state of a challenge. A challenge of the other kind (registration or login) counts as unknown.
fn read_state<T: DeserializeOwned>(state: &str) -> Result<T, AccountError> {
    serde_json::from_str(state).map_err(|_| AccountError::ChallengeExpired)
}

fn row(passkey: &Passkey) -> Result<PasskeyRow, AccountError> {
    Ok(PasskeyRow { credential_id: passkey.cred_id().to_vec(), data: text(passkey)? })
}

fn text(value: &impl Serialize) -> Result<String, AccountError> {
    serde_json::to_string(value).map_err(|error| failed(&error))
}

fn json(value: &impl Serialize) -> Result<Value, AccountError> {
    serde_json::to_value(value).map_err(|error| failed(&error))
}

/// Logs the reason for the operator: usually an origin that is not allowed.
fn invalid(error: &WebauthnError) -> AccountError {
    match error {
        WebauthnError::CredentialPossibleCompromise => {
            tracing::warn!("a passkey was refused: its counter has not grown, so the passkey may have been copied");
        }
        _ => tracing::info!(%error, "a passkey was refused"),
    }
    AccountError::InvalidPasskey
}

fn failed(error: &dyn std::error::Error) -> AccountError {
    tracing::error!(%error, "an operation on a passkey failed");
    AccountError::Unavailable(crate::auth::UnavailableError::Task)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn party(change: impl FnOnce(&mut Config)) -> Result<Option<RelyingParty>, ConfigError> {
        let mut config = Config::default();
        change(&mut config);
        RelyingParty::new(&config)
    }

    fn origins(party: RelyingParty) -> Vec<String> {
        party.0.get_allowed_origins().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn by_default_the_origins_are_the_issuer_and_the_cors_origins_of_the_domain() {
        let party = party(|config| {
            config.issuer = "https://api.shop.example/auth".to_owned();
            config.passkey_domain = Some("shop.example".to_owned());
            config.cors_origins =
                ["https://www.shop.example", "https://other.example"].map(|text| text.parse().unwrap()).into();
        });

        assert_eq!(origins(party.unwrap().unwrap()), ["https://api.shop.example/auth", "https://www.shop.example/"]);
    }

    #[test]
    fn an_ip_address_as_issuer_disables_passkeys() {
        assert!(party(|config| config.issuer = "http://127.0.0.1:8000".to_owned()).unwrap().is_none());
        assert!(party(|_| {}).unwrap().is_some());
    }

    #[test]
    fn invalid_settings_are_reported_at_the_start() {
        let domain = |domain: &str| {
            let domain = Some(domain.to_owned());
            party(|config| config.passkey_domain = domain).unwrap_err().to_string()
        };
        assert!(domain("shop.example").starts_with("--passkey-domain: neither"));
        let foreign = party(|config| config.passkey_origins = vec!["https://other.example".parse().unwrap()]);
        assert!(foreign.unwrap_err().to_string().contains("does not belong to the domain localhost"));
    }

    #[test]
    fn a_new_passkey_is_discoverable() {
        let party = party(|_| {}).unwrap().unwrap();

        let challenge = party.start_registration(Uuid::from_u128(1), "ada@example.com").unwrap();

        assert_eq!(challenge.public_key["rp"]["id"], "localhost");
        assert_eq!(challenge.public_key["authenticatorSelection"]["residentKey"], "required");
        assert_eq!(challenge.public_key["authenticatorSelection"]["userVerification"], "required");
        assert_eq!(challenge.public_key["timeout"], 300_000);
    }
}
