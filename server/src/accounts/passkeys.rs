//! Signing up and in with a passkey: a challenge is given out, and its answer is good once.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;
use webauthn_rs::prelude::{PublicKeyCredential, RegisterPublicKeyCredential};

use super::webauthn::{Challenge, RelyingParty, read_credential};
use super::{Accounts, EmailAddress, Entered, Membership, Outcome, AccountError, caller};
use crate::auth::Guest;
use crate::clock::Timestamp;
use crate::store::{AccountKey, AccountRow, Ceremony, NewCredential, SingleUse, RegisterOutcome, Registration};

/// How long somebody may look for their finger.
pub(super) const CEREMONY_TTL: Duration = Duration::from_secs(5 * 60);

/// What to hand to `navigator.credentials`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PasskeyChallenge)]
pub(crate) struct PasskeyOptions {
    /// To be sent back with the credential.
    challenge_id: Uuid,
    /// `PublicKeyCredentialCreationOptionsJSON` for signing up, `PublicKeyCredentialRequestOptionsJSON` for signing in
    /// (WebAuthn level 3).
    #[serde(rename = "publicKey")]
    #[schema(value_type = Object)]
    public_key: Value,
}

/// What the browser made of it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PasskeyAnswer {
    /// Of the options. Good once, for five minutes, for the caller who got it.
    challenge_id: Uuid,
    /// `PublicKeyCredential.toJSON()`.
    #[schema(value_type = Object)]
    credential: Value,
}

impl Accounts {
    /// Begins signing up with a passkey.
    pub(crate) async fn start_passkey(
        &self,
        guest: Guest,
        email: Option<EmailAddress>,
        now: Timestamp,
    ) -> Result<PasskeyOptions, AccountError> {
        let user = guest.token_subject().id;
        let party = self.relying_party()?;
        if self.store.account(AccountKey::User(user)).await?.is_some() {
            return Err(AccountError::AlreadyMember);
        }
        let name = match email {
            Some(email) => {
                // Before a passkey is made for nothing.
                if self.store.account(AccountKey::Email(email.as_str().to_owned())).await?.is_some() {
                    return Err(AccountError::EmailTaken);
                }
                String::from(email)
            }
            None => now.rfc3339().split('T').next().unwrap_or_default().to_owned(),
        };
        self.give_out(user, party.start_registration(user, &name)?, now).await
    }

    /// Begins signing in with whichever passkey the caller has.
    pub(crate) async fn start_passkey_login(&self, guest: Guest, now: Timestamp) -> Result<PasskeyOptions, AccountError> {
        let challenge = self.relying_party()?.start_login()?;
        self.give_out(guest.token_subject().id, challenge, now).await
    }

    async fn give_out(&self, user: Uuid, challenge: Challenge, now: Timestamp) -> Result<PasskeyOptions, AccountError> {
        let Challenge { public_key, state } = challenge;
        let id = Uuid::now_v7();
        let kept = self.store.begin_ceremony(Ceremony { id, user, state, expires_at: now + CEREMONY_TTL }).await?;
        if !kept {
            return Err(AccountError::SessionOver);
        }
        Ok(PasskeyOptions { challenge_id: id, public_key })
    }

    /// Signs up with the passkey that was just made.
    pub(crate) async fn register_with_passkey(
        &self,
        guest: Guest,
        email: Option<EmailAddress>,
        answer: PasskeyAnswer,
        now: Timestamp,
    ) -> Result<Membership, AccountError> {
        let party = self.relying_party()?;
        let PasskeyAnswer { challenge_id, credential } = answer;
        let credential: RegisterPublicKeyCredential = read_credential(credential)?;
        let user = guest.token_subject().id;
        let email = email.map(String::from);
        let repeat = |account| self.repeat_passkey(guest, account, email.clone(), credential.raw_id.clone());
        // In this order: if it has just been used, by the same guest, the account is seen.
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
            RegisterOutcome::Registered(_) => {
                Ok(Membership::of(AccountRow { user, email, password: None }, Outcome::Registered, false))
            }
            // Another request of the same guest was faster.
            RegisterOutcome::Member(account) => repeat(account).await,
            RegisterOutcome::EmailTaken => Err(AccountError::EmailTaken),
            RegisterOutcome::CredentialTaken => Err(AccountError::InvalidPasskey),
            RegisterOutcome::Used => Err(AccountError::ChallengeExpired),
            RegisterOutcome::Over => Err(AccountError::SessionOver),
        }
    }

    /// The caller is a member: with a passkey of that account it is the same registration, whose answer was lost. Nothing
    /// is proven by it, and nothing needs to be: the access token says who asks.
    async fn repeat_passkey(
        &self,
        guest: Guest,
        account: AccountRow,
        email: Option<String>,
        credential_id: Vec<u8>,
    ) -> Result<Membership, AccountError> {
        let owner = self.store.account(AccountKey::Passkey(credential_id)).await?;
        let is_theirs = account.user == guest.token_subject().id && account.email == email;
        if is_theirs && owner.is_some_and(|owner| owner.user == account.user) {
            return Ok(Membership::of(account, Outcome::Registered, false));
        }
        Err(AccountError::AlreadyMember)
    }

    /// Enters the account that the passkey belongs to.
    pub(crate) async fn login_with_passkey(
        &self,
        guest: Guest,
        answer: PasskeyAnswer,
        now: Timestamp,
    ) -> Result<Membership, AccountError> {
        let party = self.relying_party()?;
        let PasskeyAnswer { challenge_id, credential } = answer;
        let credential: PublicKeyCredential = read_credential(credential)?;
        let named = guest.token_subject();
        let Some(state) = self.store.ceremony(challenge_id, named.id, now).await? else {
            return self.repeat_passkey_login(guest, credential.raw_id).await;
        };
        let owner = self.store.account(AccountKey::Passkey(credential.raw_id.clone())).await?;
        let known = self.store.passkey(credential.raw_id.clone()).await?;
        let checked = match (&owner, known) {
            (Some(owner), Some(known)) if is_handle_of(&credential, owner) => {
                party.finish_login(&credential, &state, &known)
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
            Entered::In { merged } => Ok(Membership::of(account, Outcome::LoggedIn, merged)),
            Entered::Used => Err(AccountError::ChallengeExpired),
        }
    }

    /// The challenge has been used, or is none. If the caller is in the account of that passkey by now, it is the same
    /// login, whose answer was lost; again the access token says who asks.
    async fn repeat_passkey_login(&self, guest: Guest, credential_id: Vec<u8>) -> Result<Membership, AccountError> {
        let named = guest.token_subject().id;
        let mine = self.store.account(AccountKey::User(named)).await?;
        let owner = self.store.account(AccountKey::Passkey(credential_id)).await?;
        match (mine, owner) {
            (Some(mine), Some(owner)) if mine.user == owner.user => {
                let merged = named != mine.user;
                Ok(Membership::of(mine, Outcome::LoggedIn, merged))
            }
            _ => Err(AccountError::ChallengeExpired),
        }
    }

    fn relying_party(&self) -> Result<&RelyingParty, AccountError> {
        self.relying_party.as_deref().ok_or(AccountError::NoPasskeys)
    }
}

/// The user handle is part of what a discoverable passkey proves.
fn is_handle_of(credential: &PublicKeyCredential, account: &AccountRow) -> bool {
    credential.get_user_unique_id() == Some(account.user.as_bytes().as_slice())
}
