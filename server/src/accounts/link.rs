//! Registering and signing in with the ID token of a trusted issuer.

use super::oidc::IdTokenError;
use super::{AccountError, Accounts, Merge, SignInOutcome, SignedIn, caller};
use crate::auth::{Guest, Kind};
use crate::clock::Timestamp;
use crate::store::{AccountKey, AccountRow, NewCredential, RegisterOutcome, Registration, SingleUse};

/// Another caller has used the token. Each token is good for one caller, so that a leaked one is worthless.
const USED: AccountError = AccountError::InvalidIdToken(IdTokenError("it has been used before"));

impl Accounts {
    /// Signs the caller in to the account of the identity, or registers the guest with it if no account has it.
    pub(crate) async fn link(
        &self,
        guest: Guest,
        id_token: &str,
        nonce: Option<&str>,
        now: Timestamp,
    ) -> Result<SignedIn, AccountError> {
        let verified = self.issuers.verify(id_token, nonce, now).await?;
        let single_use = SingleUse::IdToken { hash: verified.token_hash, expires_at: verified.token_expires_at };
        let linked_account = || self.store.account(AccountKey::Identity(verified.identity.clone()));
        if let Some(account) = linked_account().await? {
            return self.sign_in_linked(guest, account, single_use, now).await;
        }
        let registration = Registration {
            caller: caller(guest),
            now,
            email: verified.email.clone().map(String::from),
            credential: NewCredential::Identity(verified.identity.clone()),
            single_use: Some(single_use.clone()),
        };
        let outcome = self.register(registration).await?;
        let is_used = outcome == RegisterOutcome::ProofUsed;
        match outcome {
            RegisterOutcome::Registered(upgrade) => {
                let account = self.store.account(AccountKey::User(upgrade.account)).await?;
                // The account may have been erased in the meantime.
                let erased = AccountRow { user: upgrade.account, email: None, password: None };
                Ok(SignedIn::registered(account.unwrap_or(erased)))
            }
            // A concurrent request, with this identity or of this guest, came first.
            RegisterOutcome::CredentialTaken | RegisterOutcome::Member(_) | RegisterOutcome::ProofUsed => {
                match linked_account().await? {
                    Some(account) => self.sign_in_linked(guest, account, single_use, now).await,
                    None if is_used => Err(USED),
                    None => Err(AccountError::AlreadyMember),
                }
            }
            RegisterOutcome::EmailTaken => Err(AccountError::EmailTaken),
            RegisterOutcome::SessionEnded => Err(AccountError::SessionEnded),
        }
    }

    async fn sign_in_linked(
        &self,
        guest: Guest,
        account: AccountRow,
        single_use: SingleUse,
        now: Timestamp,
    ) -> Result<SignedIn, AccountError> {
        match self.merge_into_account(guest, &account, Some(single_use), None, now).await? {
            Merge::Done { merged } => {
                // If the token names the guest that is this account, the guest has registered with it before, and the
                // response was lost.
                let named = guest.token_subject();
                let is_same_account = named.kind == Kind::Guest && named.id == account.user;
                let outcome = if is_same_account { SignInOutcome::Registered } else { SignInOutcome::LoggedIn };
                Ok(SignedIn { account, outcome, merged })
            }
            // `PasskeyChanged` does not happen: a link uses no passkey.
            Merge::ProofUsed | Merge::PasskeyChanged => Err(USED),
        }
    }
}
