//! The bodies that `/register`, `/login` and `/link` share.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::accounts::{PasskeyChallenge, PasskeyResponse, SignInOutcome, SignedIn};

/// The member that the caller is now.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Membership)]
pub(super) struct MembershipResponse {
    /// The subject of the caller's tokens from the next refresh on.
    #[schema(pattern = "^user_[0-9a-f-]{36}$")]
    id: String,
    #[schema(pattern = "^user$", example = "user")]
    kind: &'static str,
    /// In lower case.
    #[schema(example = "ada@example.com")]
    email: Option<String>,
    outcome: Outcome,
    /// Whether the guest's data has been merged into an account that existed before.
    merged: bool,
}

#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = MembershipOutcome)]
enum Outcome {
    /// The guest has become a member. The id is the same.
    Registered,
    /// The caller has signed in to an account that existed before.
    LoggedIn,
}

impl From<SignedIn> for MembershipResponse {
    fn from(signed_in: SignedIn) -> Self {
        let subject = signed_in.subject();
        let SignedIn { account, outcome, merged } = signed_in;
        let outcome = match outcome {
            SignInOutcome::Registered => Outcome::Registered,
            SignInOutcome::LoggedIn => Outcome::LoggedIn,
        };
        Self { id: subject.to_string(), kind: subject.kind.name(), email: account.email, outcome, merged }
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
