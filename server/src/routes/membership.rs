//! The bodies that `/register`, `/login` and `/link` share.

use guestpass_core::wire::{MembershipOutcome, MembershipResponse};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::accounts::{PasskeyChallenge, PasskeyResponse, SignInOutcome, SignedIn};

impl From<SignedIn> for MembershipResponse {
    fn from(signed_in: SignedIn) -> Self {
        let subject = signed_in.subject();
        let SignedIn { account, outcome, merged } = signed_in;
        let outcome = match outcome {
            SignInOutcome::Registered => MembershipOutcome::Registered,
            SignInOutcome::LoggedIn => MembershipOutcome::LoggedIn,
        };
        Self { id: subject.to_string(), kind: subject.kind.name().to_owned(), email: account.email, outcome, merged }
    }
}

/// A challenge for `navigator.credentials`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PasskeyChallenge)]
pub(super) struct PasskeyChallengeResponse {
    /// Send it back with the credential.
    challenge_id: Uuid,
    /// `PublicKeyCredentialCreationOptionsJSON` for registering, `PublicKeyCredentialRequestOptionsJSON` for signing in
    /// (WebAuthn level 3).
    #[serde(rename = "publicKey")]
    #[schema(value_type = Object)]
    public_key: Value,
}

impl From<PasskeyChallenge> for PasskeyChallengeResponse {
    fn from(PasskeyChallenge { id, public_key }: PasskeyChallenge) -> Self {
        Self { challenge_id: id, public_key }
    }
}

/// The response of the browser to a challenge.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PasskeyAnswer)]
pub(super) struct PasskeyBody {
    /// The `challenge_id` of the challenge. It can be used once, within five minutes, by the caller that got it.
    challenge_id: Uuid,
    /// `PublicKeyCredential.toJSON()`.
    #[schema(value_type = Object)]
    credential: Value,
}

impl From<PasskeyBody> for PasskeyResponse {
    fn from(PasskeyBody { challenge_id, credential }: PasskeyBody) -> Self {
        Self { challenge_id, credential }
    }
}
