//! Registering and signing in with a passkey: the server issues a challenge, and each challenge can be used once.

use std::time::Duration;

use serde_json::Value;
use uuid::Uuid;
use webauthn_rs::prelude::{PublicKeyCredential, RegisterPublicKeyCredential};

use super::webauthn::{Challenge, RelyingParty, read_credential};
use super::{AccountError, Accounts, EmailAddress, Merge, UpgradeRequest};
use crate::auth::AccountCaller;
use crate::clock::Timestamp;
use crate::store::{AccountKey, AccountRow, Ceremony, NewCredential, PasskeyUse, RegisterOutcome, SingleUse, Upgrade};

/// How long a person may take to confirm the passkey in the browser.
pub(super) const CEREMONY_TTL: Duration = Duration::from_secs(5 * 60);

/// How often a response is checked while concurrent logins change the counter of the same passkey.
const MAX_CHECKS: u32 = 5;

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
        caller: AccountCaller,
        email: Option<EmailAddress>,
        now: Timestamp,
    ) -> Result<PasskeyChallenge, AccountError> {
        let user = caller.subject.id;
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
        caller: AccountCaller,
        now: Timestamp,
    ) -> Result<PasskeyChallenge, AccountError> {
        let challenge = self.relying_party()?.start_login()?;
        self.issue_challenge(caller.subject.id, challenge, now).await
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
        request: UpgradeRequest,
        email: Option<EmailAddress>,
        response: PasskeyResponse,
    ) -> Result<Upgrade, AccountError> {
        let party = self.relying_party()?;
        let PasskeyResponse { challenge_id, credential } = response;
        let credential: RegisterPublicKeyCredential = read_credential(credential)?;
        let user = request.user();
        let email = email.map(String::from);
        let state =
            self.store.ceremony(challenge_id, user, request.now).await?.ok_or(AccountError::ChallengeExpired)?;
        if self.store.account(AccountKey::User(user)).await?.is_some() {
            self.store.end_ceremony(challenge_id).await?;
            return Err(AccountError::AlreadyMember);
        }
        let passkey = match party.finish_registration(&credential, &state) {
            Ok(passkey) => passkey,
            Err(error) => {
                self.store.end_ceremony(challenge_id).await?;
                return Err(error);
            }
        };
        let single_use = Some(SingleUse::Ceremony(challenge_id));
        match self.register(request.registration(email, NewCredential::Passkey(passkey), single_use)).await? {
            RegisterOutcome::Registered(upgrade) => Ok(upgrade),
            RegisterOutcome::AlreadyMember => Err(AccountError::AlreadyMember),
            RegisterOutcome::EmailTaken => Err(AccountError::EmailTaken),
            RegisterOutcome::CredentialTaken => Err(AccountError::InvalidPasskey),
            RegisterOutcome::ProofUsed => Err(AccountError::ChallengeExpired),
            RegisterOutcome::KeyUsed => Err(AccountError::KeyReused),
            RegisterOutcome::SessionEnded => Err(AccountError::SessionEnded),
        }
    }

    /// Signs the caller in to the account of the passkey. The response uses up its challenge also if the caller is a member.
    pub(crate) async fn login_with_passkey(
        &self,
        request: UpgradeRequest,
        response: PasskeyResponse,
    ) -> Result<Upgrade, AccountError> {
        let party = self.relying_party()?;
        let PasskeyResponse { challenge_id, credential } = response;
        let credential: PublicKeyCredential = read_credential(credential)?;
        let state = self
            .store
            .ceremony(challenge_id, request.user(), request.now)
            .await?
            .ok_or(AccountError::ChallengeExpired)?;
        // A concurrent login with the same passkey changes its counter: the response is checked against the new one.
        for _ in 0..MAX_CHECKS {
            let (account, passkey) = match self.check_passkey(party, &credential, &state).await {
                Ok(checked) => checked,
                Err(error) => {
                    self.store.end_ceremony(challenge_id).await?;
                    return Err(error);
                }
            };
            let single_use = Some(SingleUse::Ceremony(challenge_id));
            match self.merge_into_account(request, &account, single_use, Some(passkey)).await? {
                Merge::Done(upgrade) => return Ok(upgrade),
                Merge::ProofUsed => return Err(AccountError::ChallengeExpired),
                Merge::PasskeyChanged => {}
            }
        }
        Err(AccountError::Busy)
    }

    /// Checks a response against the stored passkey. Returns the account of the passkey, and the change of the passkey.
    async fn check_passkey(
        &self,
        party: &RelyingParty,
        credential: &PublicKeyCredential,
        state: &str,
    ) -> Result<(AccountRow, PasskeyUse), AccountError> {
        let account = self.store.account(AccountKey::Passkey(credential.raw_id.clone())).await?;
        let stored = self.store.passkey(credential.raw_id.clone()).await?;
        let (Some(account), Some(stored)) = (account, stored) else { return Err(AccountError::InvalidCredentials) };
        if !is_handle_of(credential, &account) {
            return Err(AccountError::InvalidPasskey);
        }
        let data = party.finish_login(credential, state, &stored)?;
        Ok((account, PasskeyUse { checked: stored, data }))
    }

    fn relying_party(&self) -> Result<&RelyingParty, AccountError> {
        self.relying_party.as_deref().ok_or(AccountError::PasskeysUnavailable)
    }
}

/// Whether the user handle in the credential is that of the account. A discoverable passkey proves its user handle.
fn is_handle_of(credential: &PublicKeyCredential, account: &AccountRow) -> bool {
    credential.get_user_unique_id() == Some(account.user.as_bytes().as_slice())
}
