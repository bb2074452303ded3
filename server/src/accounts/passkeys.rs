//! Registering and signing in with a passkey: the server issues a challenge, and each challenge can be used once.

use std::time::Duration;

use serde_json::Value;
use uuid::Uuid;
use webauthn_rs::prelude::{PublicKeyCredential, RegisterPublicKeyCredential};

use super::webauthn::{Challenge, RelyingParty, read_credential};
use super::{AccountError, Accounts, EmailAddress, Merge, SignedIn, caller};
use crate::auth::Guest;
use crate::clock::Timestamp;
use crate::store::{AccountKey, AccountRow, Ceremony, NewCredential, RegisterOutcome, Registration, SingleUse};

/// How long a person may take to confirm the passkey in the browser.
pub(super) const CEREMONY_TTL: Duration = Duration::from_secs(5 * 60);

/// A challenge for `navigator.credentials`.
#[derive(Debug)]
pub(crate) struct PasskeyChallenge {
    pub(crate) id: Uuid,
    /// `PublicKeyCredentialCreationOptionsJSON` for registering, `PublicKeyCredentialRequestOptionsJSON` for signing in
    /// (WebAuthn level 3).
    pub(crate) public_key: Value,
}

/// The response of a browser to a challenge.
pub(crate) struct PasskeyResponse {
    pub(crate) challenge_id: Uuid,
    /// `PublicKeyCredential.toJSON()`.
    pub(crate) credential: Value,
}

impl Accounts {
    /// Begins a registration with a passkey.
    pub(crate) async fn start_passkey(
        &self,
        guest: Guest,
        email: Option<EmailAddress>,
        now: Timestamp,
    ) -> Result<PasskeyChallenge, AccountError> {
        let user = guest.token_subject().id;
        let party = self.relying_party()?;
        if self.store.account(AccountKey::User(user)).await?.is_some() {
            return Err(AccountError::AlreadyMember);
        }
        let name = match email {
            Some(email) => {
                // Checked here so that the browser does not make a passkey that cannot be used.
                if self.store.account(AccountKey::Email(email.as_str().to_owned())).await?.is_some() {
                    return Err(AccountError::EmailTaken);
                }
                String::from(email)
            }
            None => now.rfc3339().split('T').next().unwrap_or_default().to_owned(),
        };
        self.issue_challenge(user, party.start_registration(user, &name)?, now).await
    }

    /// Begins signing in with any passkey of this server that the caller's device has.
    pub(crate) async fn start_passkey_login(
        &self,
        guest: Guest,
        now: Timestamp,
    ) -> Result<PasskeyChallenge, AccountError> {
        let challenge = self.relying_party()?.start_login()?;
        self.issue_challenge(guest.token_subject().id, challenge, now).await
    }

    async fn issue_challenge(
        &self,
        user: Uuid,
        challenge: Challenge,
        now: Timestamp,
    ) -> Result<PasskeyChallenge, AccountError> {
        let Challenge { public_key, state } = challenge;
        let id = Uuid::now_v7();
        let is_stored = self.store.begin_ceremony(Ceremony { id, user, state, expires_at: now + CEREMONY_TTL }).await?;
        if !is_stored {
            return Err(AccountError::SessionEnded);
        }
        Ok(PasskeyChallenge { id, public_key })
    }

    /// Registers the guest with the passkey that the browser made for a challenge.
    pub(crate) async fn register_with_passkey(
        &self,
        guest: Guest,
        email: Option<EmailAddress>,
        response: PasskeyResponse,
        now: Timestamp,
    ) -> Result<SignedIn, AccountError> {
        let party = self.relying_party()?;
        let PasskeyResponse { challenge_id, credential } = response;
        let credential: RegisterPublicKeyCredential = read_credential(credential)?;
        let user = guest.token_subject().id;
        let email = email.map(String::from);
        let repeat = |account| self.repeat_passkey(guest, account, email.clone(), credential.raw_id.clone());
        // In this order: if a concurrent request of the same guest has used the challenge, the account is found.
        let state = self.store.ceremony(challenge_id, user, now).await?;
        if let Some(account) = self.store.account(AccountKey::User(user)).await? {
            return repeat(account).await;
        }
        let Some(state) = state else { return Err(AccountError::ChallengeExpired) };
        let passkey = match party.finish_registration(&credential, &state) {
            Ok(passkey) => passkey,
            Err(error) => {
                self.store.end_ceremony(challenge_id).await?;
                return Err(error);
            }
        };
        let registration = Registration {
            caller: caller(guest),
            now,
            email: email.clone(),
            credential: NewCredential::Passkey(passkey),
            single_use: Some(SingleUse::Ceremony(challenge_id)),
        };
        match self.register(registration).await? {
            RegisterOutcome::Registered(_) => Ok(SignedIn::registered(AccountRow { user, email, password: None })),
            // A concurrent request of the same guest has registered first.
            RegisterOutcome::Member(account) => repeat(account).await,
            RegisterOutcome::EmailTaken => Err(AccountError::EmailTaken),
            RegisterOutcome::CredentialTaken => Err(AccountError::InvalidPasskey),
            RegisterOutcome::ProofUsed => Err(AccountError::ChallengeExpired),
            RegisterOutcome::SessionEnded => Err(AccountError::SessionEnded),
        }
    }

    /// A registration of a caller who is a member already. With a passkey of the account, it repeats a registration whose
    /// response was lost, and succeeds. The passkey is not verified, because the access token identifies the caller.
    async fn repeat_passkey(
        &self,
        guest: Guest,
        account: AccountRow,
        email: Option<String>,
        credential_id: Vec<u8>,
    ) -> Result<SignedIn, AccountError> {
        let owner = self.store.account(AccountKey::Passkey(credential_id)).await?;
        let is_same_account = account.user == guest.token_subject().id && account.email == email;
        if is_same_account && owner.is_some_and(|owner| owner.user == account.user) {
            return Ok(SignedIn::registered(account));
        }
        Err(AccountError::AlreadyMember)
    }

    /// Signs the caller in to the account of the passkey.
    pub(crate) async fn login_with_passkey(
        &self,
        guest: Guest,
        response: PasskeyResponse,
        now: Timestamp,
    ) -> Result<SignedIn, AccountError> {
        let party = self.relying_party()?;
        let PasskeyResponse { challenge_id, credential } = response;
        let credential: PublicKeyCredential = read_credential(credential)?;
        let named = guest.token_subject();
        let Some(state) = self.store.ceremony(challenge_id, named.id, now).await? else {
            return self.repeat_passkey_login(guest, credential.raw_id).await;
        };
        let owner = self.store.account(AccountKey::Passkey(credential.raw_id.clone())).await?;
        let stored = self.store.passkey(credential.raw_id.clone()).await?;
        let checked = match (&owner, stored) {
            (Some(owner), Some(stored)) if is_handle_of(&credential, owner) => {
                party.finish_login(&credential, &state, &stored)
            }
            (Some(_), Some(_)) => Err(AccountError::InvalidPasskey),
            _ => Err(AccountError::InvalidCredentials),
        };
        let (Some(account), Ok(passkey)) = (owner, &checked) else {
            self.store.end_ceremony(challenge_id).await?;
            return Err(checked.err().unwrap_or(AccountError::InvalidCredentials));
        };
        let single_use = Some(SingleUse::Ceremony(challenge_id));
        match self.merge_into_account(guest, &account, single_use, Some(passkey.clone()), now).await? {
            Merge::Done { merged } => Ok(SignedIn::logged_in(account, merged)),
            Merge::ProofUsed => Err(AccountError::ChallengeExpired),
        }
    }

    /// A login whose challenge has been used, or is unknown. If the caller is already signed in to the account of the passkey,
    /// it repeats a login whose response was lost, and succeeds; the access token identifies the caller.
    async fn repeat_passkey_login(&self, guest: Guest, credential_id: Vec<u8>) -> Result<SignedIn, AccountError> {
        let named = guest.token_subject().id;
        let current = self.store.account(AccountKey::User(named)).await?;
        let owner = self.store.account(AccountKey::Passkey(credential_id)).await?;
        match (current, owner) {
            (Some(current), Some(owner)) if current.user == owner.user => {
                let merged = named != current.user;
                Ok(SignedIn::logged_in(current, merged))
            }
            _ => Err(AccountError::ChallengeExpired),
        }
    }

    fn relying_party(&self) -> Result<&RelyingParty, AccountError> {
        self.relying_party.as_deref().ok_or(AccountError::PasskeysUnavailable)
    }
}

/// Whether the user handle in the credential is that of the account. A discoverable passkey proves its user handle.
fn is_handle_of(credential: &PublicKeyCredential, account: &AccountRow) -> bool {
    credential.get_user_unique_id() == Some(account.user.as_bytes().as_slice())
}
