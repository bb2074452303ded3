//! Registering and signing in with the ID token of a trusted issuer.

use super::oidc::IdTokenError;
use super::{AccountError, Accounts, Merge, UpgradeRequest};
use crate::store::{AccountKey, AccountRow, NewCredential, RegisterOutcome, SingleUse, Upgrade};

/// The token has been used before. Each token can be used once, so that a leaked one is worthless.
const USED: AccountError = AccountError::InvalidIdToken(IdTokenError("it has been used before"));

impl Accounts {
    /// Signs the caller in to the account of the identity, or registers the guest with it if no account has it.
    pub(crate) async fn link(
        &self,
        request: UpgradeRequest,
        id_token: &str,
        nonce: Option<&str>,
    ) -> Result<Upgrade, AccountError> {
        let verified = self.issuers.verify(id_token, nonce, request.now).await?;
        let single_use = SingleUse::IdToken { hash: verified.token_hash, expires_at: verified.token_expires_at };
        let linked_account = || self.store.account(AccountKey::Identity(verified.identity.clone()));
        if let Some(account) = linked_account().await? {
            return self.sign_in_linked(request, account, single_use).await;
        }
        let email = match verified.email.clone() {
            Some(email) => Some(self.stored_spelling(email).await?.into()),
            None => None,
        };
        let credential = NewCredential::Identity(verified.identity.clone());
        match self.register(request.registration(email, credential, Some(single_use.clone()))).await? {
            RegisterOutcome::Registered(upgrade) => Ok(upgrade),
            // A concurrent request with this identity came first.
            RegisterOutcome::CredentialTaken => match linked_account().await? {
                Some(account) => self.sign_in_linked(request, account, single_use).await,
                None => Err(AccountError::AlreadyMember),
            },
            RegisterOutcome::AlreadyMember => Err(AccountError::AlreadyMember),
            RegisterOutcome::ProofUsed => Err(USED),
            RegisterOutcome::EmailTaken => Err(AccountError::EmailTaken),
            RegisterOutcome::KeyUsed => Err(AccountError::KeyReused),
            RegisterOutcome::SessionEnded => Err(AccountError::SessionEnded),
        }
    }

    async fn sign_in_linked(
        &self,
        request: UpgradeRequest,
        account: AccountRow,
        single_use: SingleUse,
    ) -> Result<Upgrade, AccountError> {
        match self.merge_into_account(request, &account, Some(single_use), None).await? {
            Merge::Done(upgrade) => Ok(upgrade),
            // `PasskeyChanged` does not happen: a link uses no passkey.
            Merge::ProofUsed | Merge::PasskeyChanged => Err(USED),
        }
    }
}
