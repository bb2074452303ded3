//! Signing up and in with the ID token of an issuer that the operator trusts.

use super::{Accounts, Entered, Membership, Outcome, AccountError, caller};
use crate::auth::{Guest, Kind};
use crate::clock::Timestamp;
use crate::store::{AccountKey, AccountRow, NewCredential, SingleUse, RegisterOutcome, Registration};

/// The token was good, and somebody else has used it: each is good for one caller, so that one that leaks is worth nothing.
const USED: AccountError = AccountError::InvalidIdToken("it has been used before");

impl Accounts {
    /// Enters the account of that identity, or registers the guest with it if there is none.
    pub(crate) async fn link(
        &self,
        guest: Guest,
        id_token: &str,
        nonce: Option<&str>,
        now: Timestamp,
    ) -> Result<Membership, AccountError> {
        let proven = self.issuers.verify(id_token, nonce, now).await?;
        let single_use = SingleUse::IdToken { hash: proven.hash, expires_at: proven.expires_at };
        let known = || self.store.account(AccountKey::Identity(proven.identity.clone()));
        if let Some(account) = known().await? {
            return self.enter_linked(guest, account, single_use, now).await;
        }
        let registration = Registration {
            caller: caller(guest),
            now,
            email: proven.email.clone().map(String::from),
            credential: NewCredential::Identity(proven.identity.clone()),
            single_use: Some(single_use.clone()),
        };
        let outcome = self.register(registration).await?;
        let is_used = outcome == RegisterOutcome::Used;
        match outcome {
            RegisterOutcome::Registered(upgrade) => {
                let account = self.store.account(AccountKey::User(upgrade.account)).await?;
                let gone = AccountRow { user: upgrade.account, email: None, password: None };
                Ok(Membership::of(account.unwrap_or(gone), Outcome::Registered, false))
            }
            // Another request was faster: with this identity, or of this guest.
            RegisterOutcome::CredentialTaken | RegisterOutcome::Member(_) | RegisterOutcome::Used => {
                match known().await? {
                    Some(account) => self.enter_linked(guest, account, single_use, now).await,
                    None if is_used => Err(USED),
                    None => Err(AccountError::AlreadyMember),
                }
            }
            RegisterOutcome::EmailTaken => Err(AccountError::EmailTaken),
            RegisterOutcome::Over => Err(AccountError::SessionOver),
        }
    }

    async fn enter_linked(
        &self,
        guest: Guest,
        account: AccountRow,
        single_use: SingleUse,
        now: Timestamp,
    ) -> Result<Membership, AccountError> {
        match self.merge_into_account(guest, &account, Some(single_use), None, now).await? {
            Entered::In { merged } => {
                // A guest who is that account has registered with it: the answer was lost.
                let named = guest.token_subject();
                let is_repeated = named.kind == Kind::Guest && named.id == account.user;
                let outcome = if is_repeated { Outcome::Registered } else { Outcome::LoggedIn };
                Ok(Membership::of(account, outcome, merged))
            }
            Entered::Used => Err(USED),
        }
    }
}
