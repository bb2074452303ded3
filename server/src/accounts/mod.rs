//! Accounts: what a caller must prove to become a member or to sign in as one, and what follows.
//!
//! An upgrade is a request to become a member or to sign in as one. It opens a new session and ends the one that asked; of a
//! guest, it ends all sessions. So a token that was planted in the guest's browser, or copied from it, is worth nothing to its
//! holder afterwards.

mod email;
mod error;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzz;
mod link;
mod oidc;
mod passkeys;
mod password;
mod webauthn;

use std::sync::Arc;

use uuid::Uuid;

pub(crate) use self::email::EmailAddress;
pub(crate) use self::error::{ACCOUNT_ERROR_CODES, AccountError};
pub(crate) use self::oidc::TrustedIssuers;
pub(crate) use self::passkeys::{PasskeyChallenge, PasskeyResponse};
pub(crate) use self::password::{Password, Passwords};
pub(crate) use self::webauthn::RelyingParty;

use crate::auth::{AccountCaller, Kind, RevokedSessions, run_to_completion};
use crate::clock::Timestamp;
use crate::collections::Collections;
use crate::store::{
    AccountKey, AccountRow, AccountStore, Caller, MergeOutcome, MergeRequest, NewCredential, NewSession, PasskeyUse,
    RegisterOutcome, Registration, RetryOutcome, SingleUse, StoreError, Upgrade, UpgradeKey, UpgradeKeyError,
    UpgradeRetry,
};

/// Registers guests, and signs callers in to accounts. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Accounts {
    pub(crate) store: Arc<dyn AccountStore>,
    pub(crate) revoked: Arc<RevokedSessions>,
    pub(crate) passwords: Arc<Passwords>,
    /// The relying party of passkeys, if they are configured.
    pub(crate) relying_party: Option<Arc<RelyingParty>>,
    pub(crate) issuers: Arc<TrustedIssuers>,
    pub(crate) collections: Collections,
}

/// A request to become a member, or to sign in as one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct UpgradeRequest {
    pub(crate) caller: AccountCaller,
    /// The session that the request opens.
    pub(crate) session: NewSession,
    pub(crate) key: Option<UpgradeKey>,
    pub(crate) now: Timestamp,
}

impl UpgradeRequest {
    fn user(&self) -> Uuid {
        self.caller.subject.id
    }

    fn registration(
        &self,
        email: Option<String>,
        credential: NewCredential,
        single_use: Option<SingleUse>,
    ) -> Registration {
        let Self { session, key, now, .. } = *self;
        Registration { caller: self.store_caller(), session, key, now, email, credential, single_use }
    }

    fn store_caller(&self) -> Caller {
        Caller { user: self.user(), session: self.caller.session }
    }
}

/// The account with an e-mail address, in whichever spelling it is stored. Looks up each spelling in any case, so that the time does
/// not tell whether the account exists.
pub(crate) async fn account_with_email<S: AccountStore + ?Sized>(
    store: &S,
    email: &EmailAddress,
) -> Result<Option<AccountRow>, StoreError> {
    let mut found = None;
    for spelling in email.spellings() {
        let account = store.account(AccountKey::Email(spelling.to_owned())).await?;
        found = found.or(account);
    }
    Ok(found)
}

impl Accounts {
    /// The address in the spelling under which an account has it; if there is none, unchanged. Older versions stored international
    /// addresses as they were typed.
    pub(crate) async fn stored_spelling(&self, email: EmailAddress) -> Result<EmailAddress, AccountError> {
        if email.spellings().nth(1).is_none() {
            return Ok(email);
        }
        let account = account_with_email(&*self.store, &email).await?;
        Ok(account.and_then(|account| account.email).map_or(email, EmailAddress::stored_as))
    }

    /// Registers the guest with an e-mail address and a password.
    pub(crate) async fn register_with_password(
        &self,
        request: UpgradeRequest,
        email: EmailAddress,
        password: Password,
    ) -> Result<Upgrade, AccountError> {
        if request.caller.subject.kind == Kind::User {
            return Err(AccountError::AlreadyMember);
        }
        let hash = self.passwords.hash(password, &email).await?;
        let credential = NewCredential::Password(hash);
        match self.register(request.registration(Some(email.into()), credential, None)).await? {
            RegisterOutcome::Registered(upgrade) => Ok(upgrade),
            RegisterOutcome::AlreadyMember => Err(AccountError::AlreadyMember),
            RegisterOutcome::EmailTaken => Err(AccountError::EmailTaken),
            RegisterOutcome::KeyUsed => Err(AccountError::KeyReused),
            RegisterOutcome::SessionEnded => Err(AccountError::SessionEnded),
            // Does not happen: a password is neither unique nor a single-use proof.
            RegisterOutcome::CredentialTaken | RegisterOutcome::ProofUsed => Err(AccountError::AlreadyMember),
        }
    }

    /// Signs the caller in to an account with its password.
    pub(crate) async fn login_with_password(
        &self,
        request: UpgradeRequest,
        email: EmailAddress,
        password: Password,
    ) -> Result<Upgrade, AccountError> {
        let account = self.store.account(AccountKey::Email(email.into())).await?;
        // A password is checked even if the account does not exist, so that the time of the response does not reveal whether it
        // does.
        let hash = account.as_ref().and_then(|account| account.password.clone());
        let is_right = self.passwords.is_right(hash, password).await?;
        let Some(account) = account.filter(|_| is_right) else { return Err(AccountError::InvalidCredentials) };
        match self.merge_into_account(request, &account, None, None).await? {
            Merge::Done(upgrade) => Ok(upgrade),
            // Does not happen: a password is no single-use proof.
            Merge::ProofUsed | Merge::PasskeyChanged => Err(AccountError::InvalidCredentials),
        }
    }

    /// The session that an upgrade with the same idempotency key opened. `None`: no upgrade has used the key.
    ///
    /// The proof in the request is not checked again; that it is the same request is checked with the key.
    pub(crate) async fn repeat(&self, retry: UpgradeRetry) -> Result<Option<Upgrade>, AccountError> {
        match self.store.repeat_upgrade(retry).await? {
            RetryOutcome::Repeated(upgrade) => Ok(Some(upgrade)),
            RetryOutcome::Unknown => Ok(None),
            RetryOutcome::Refused(UpgradeKeyError::Reused) => Err(AccountError::KeyReused),
            RetryOutcome::Refused(UpgradeKeyError::Expired) => Err(AccountError::KeyExpired),
        }
    }

    /// Registers, and updates the memory of this node, even if the client disconnects meanwhile.
    async fn register(&self, registration: Registration) -> Result<RegisterOutcome, AccountError> {
        let this = self.clone();
        let outcome = run_to_completion(async move {
            let outcome = this.store.register(registration).await?;
            if let RegisterOutcome::Registered(upgrade) = &outcome {
                this.refuse_ended(upgrade);
            }
            Ok(outcome)
        });
        Ok(outcome.await?)
    }

    /// Signs the caller in to an account, and updates the memory of this node, even if the client disconnects meanwhile.
    async fn merge_into_account(
        &self,
        request: UpgradeRequest,
        account: &AccountRow,
        single_use: Option<SingleUse>,
        passkey: Option<PasskeyUse>,
    ) -> Result<Merge, AccountError> {
        let UpgradeRequest { session, key, now, .. } = request;
        let caller = request.store_caller();
        let collections = self.collections.clone();
        let request =
            MergeRequest { caller, session, key, account: account.user, now, single_use, passkey, collections };
        let this = self.clone();
        let outcome = run_to_completion(async move {
            let outcome = this.store.merge_into_account(request).await?;
            if let MergeOutcome::SignedIn(upgrade) = &outcome {
                this.refuse_ended(upgrade);
            }
            Ok(outcome)
        });
        match outcome.await? {
            MergeOutcome::SignedIn(upgrade) => Ok(Merge::Done(upgrade)),
            MergeOutcome::ProofUsed => Ok(Merge::ProofUsed),
            MergeOutcome::PasskeyChanged => Ok(Merge::PasskeyChanged),
            MergeOutcome::OtherMember => Err(AccountError::AlreadyMember),
            MergeOutcome::NoAccount => Err(AccountError::InvalidCredentials),
            MergeOutcome::KeyUsed => Err(AccountError::KeyReused),
            MergeOutcome::SessionEnded => Err(AccountError::SessionEnded),
        }
    }

    /// Refuses the access tokens of the sessions that an upgrade ended, on this node at once.
    fn refuse_ended(&self, upgrade: &Upgrade) {
        for revocation in &upgrade.ended {
            self.revoked.add(*revocation);
        }
    }
}

/// The result of signing in. A used proof is not an [`AccountError`] yet, because each way of signing in has its own error for
/// it.
enum Merge {
    /// The caller is signed in.
    Done(Upgrade),
    /// The passkey challenge or the ID token was used before.
    ProofUsed,
    /// A concurrent login has changed the passkey.
    PasskeyChanged,
}
