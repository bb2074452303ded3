//! Accounts: what a caller must prove to become a member or to sign in as one, and what follows.
//!
//! No request here returns tokens. A registration keeps the caller's session, and a merge moves it to the account; the next
//! refresh gives the client tokens of the member. After a lost response, the client can send the same request
//! with the same access token again, and gets the same result.

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

pub(crate) use self::email::EmailAddress;
pub(crate) use self::error::{ACCOUNT_ERROR_CODES, AccountError};
pub(crate) use self::oidc::TrustedIssuers;
pub(crate) use self::passkeys::{PasskeyChallenge, PasskeyResponse};
pub(crate) use self::password::{Password, Passwords};
pub(crate) use self::webauthn::RelyingParty;

use crate::auth::{Guest, Subject, UpgradedGuests, run_to_completion};
use crate::clock::Timestamp;
use crate::store::{
    AccountKey, AccountRow, AccountStore, Caller, MergeOutcome, MergeRequest, NewCredential, PasskeyUse,
    RegisterOutcome, Registration, SingleUse,
};

/// Registers guests, and signs callers in to accounts. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Accounts {
    pub(crate) store: Arc<dyn AccountStore>,
    pub(crate) upgraded: Arc<UpgradedGuests>,
    pub(crate) passwords: Arc<Passwords>,
    /// The relying party of passkeys, if they are configured.
    pub(crate) relying_party: Option<Arc<RelyingParty>>,
    pub(crate) issuers: Arc<TrustedIssuers>,
}

/// The member that the caller is after a request, and what the request did.
#[derive(Debug)]
pub(crate) struct SignedIn {
    pub(crate) account: AccountRow,
    pub(crate) outcome: SignInOutcome,
    /// Whether the guest's data has been merged into an account that existed before.
    pub(crate) merged: bool,
}

/// What a request to become a member, or to sign in as one, did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SignInOutcome {
    /// The guest became a member. The id is the same.
    Registered,
    /// The caller signed in to an account that existed before.
    LoggedIn,
}

impl SignedIn {
    fn registered(account: AccountRow) -> Self {
        Self { account, outcome: SignInOutcome::Registered, merged: false }
    }

    fn logged_in(account: AccountRow, merged: bool) -> Self {
        Self { account, outcome: SignInOutcome::LoggedIn, merged }
    }

    /// The subject of the caller's tokens from the next refresh on.
    pub(crate) const fn subject(&self) -> Subject {
        Subject::new(self.account.user, true)
    }

    /// The outcome as a label of the metrics.
    pub(crate) const fn outcome_name(&self) -> &'static str {
        match (self.outcome, self.merged) {
            (SignInOutcome::Registered, _) => "registered",
            (SignInOutcome::LoggedIn, true) => "merged",
            (SignInOutcome::LoggedIn, false) => "logged_in",
        }
    }
}

impl Accounts {
    /// Registers the guest with an e-mail address and a password.
    pub(crate) async fn register_with_password(
        &self,
        guest: Guest,
        email: EmailAddress,
        password: Password,
        now: Timestamp,
    ) -> Result<SignedIn, AccountError> {
        let user = guest.token_subject().id;
        if let Some(account) = self.store.account(AccountKey::User(user)).await? {
            return self.repeat_registration(guest, account, &email, password).await;
        }
        let hash = self.passwords.hash(password.clone(), &email).await?;
        let registration = Registration {
            caller: caller(guest),
            now,
            email: Some(email.as_str().to_owned()),
            credential: NewCredential::Password(hash),
            single_use: None,
        };
        match self.register(registration).await? {
            RegisterOutcome::Registered(_) => {
                Ok(SignedIn::registered(AccountRow { user, email: Some(email.into()), password: None }))
            }
            // A concurrent request of the same guest has registered first.
            RegisterOutcome::Member(account) => self.repeat_registration(guest, account, &email, password).await,
            RegisterOutcome::EmailTaken => Err(AccountError::EmailTaken),
            RegisterOutcome::SessionEnded => Err(AccountError::SessionEnded),
            // Does not happen: a password is neither unique nor a single-use proof.
            RegisterOutcome::CredentialTaken | RegisterOutcome::ProofUsed => Err(AccountError::AlreadyMember),
        }
    }

    /// A registration of a caller who is a member already. With the e-mail address and the password of the account, it repeats
    /// a registration whose response was lost, and succeeds.
    async fn repeat_registration(
        &self,
        guest: Guest,
        account: AccountRow,
        email: &EmailAddress,
        password: Password,
    ) -> Result<SignedIn, AccountError> {
        let is_same_account =
            account.user == guest.token_subject().id && account.email.as_deref() == Some(email.as_str());
        if is_same_account && self.passwords.is_right(account.password.clone(), password).await? {
            return Ok(SignedIn::registered(account));
        }
        Err(AccountError::AlreadyMember)
    }

    /// Signs the caller in to an account with its password.
    pub(crate) async fn login_with_password(
        &self,
        guest: Guest,
        email: EmailAddress,
        password: Password,
        now: Timestamp,
    ) -> Result<SignedIn, AccountError> {
        let account = self.store.account(AccountKey::Email(email.into())).await?;
        // A password is checked even if the account does not exist, so that the time of the response does not reveal whether it
        // does.
        let hash = account.as_ref().and_then(|account| account.password.clone());
        let is_right = self.passwords.is_right(hash, password).await?;
        let Some(account) = account.filter(|_| is_right) else { return Err(AccountError::InvalidCredentials) };
        match self.merge_into_account(guest, &account, None, None, now).await? {
            Merge::Done { merged } => Ok(SignedIn::logged_in(account, merged)),
            // Does not happen: a password is no single-use proof.
            Merge::ProofUsed | Merge::PasskeyChanged => Err(AccountError::InvalidCredentials),
        }
    }

    /// Registers, and updates the memory of this node, even if the client disconnects meanwhile.
    async fn register(&self, registration: Registration) -> Result<RegisterOutcome, AccountError> {
        let this = self.clone();
        let outcome = run_to_completion(async move {
            let outcome = this.store.register(registration).await?;
            if let RegisterOutcome::Registered(upgrade) = outcome {
                this.upgraded.add(upgrade);
            }
            Ok(outcome)
        });
        Ok(outcome.await?)
    }

    /// Merges the caller into an account, and updates the memory of this node, even if the client disconnects meanwhile.
    async fn merge_into_account(
        &self,
        guest: Guest,
        account: &AccountRow,
        single_use: Option<SingleUse>,
        passkey: Option<PasskeyUse>,
        now: Timestamp,
    ) -> Result<Merge, AccountError> {
        let request = MergeRequest { caller: caller(guest), account: account.user, now, single_use, passkey };
        let this = self.clone();
        let outcome = run_to_completion(async move {
            let outcome = this.store.merge_into_account(request).await?;
            if let MergeOutcome::Merged(upgrade) = outcome {
                this.upgraded.add(upgrade);
            }
            Ok(outcome)
        });
        match outcome.await? {
            MergeOutcome::Merged(_) => Ok(Merge::Done { merged: true }),
            MergeOutcome::SameMember => Ok(Merge::Done { merged: false }),
            MergeOutcome::ProofUsed => Ok(Merge::ProofUsed),
            MergeOutcome::PasskeyChanged => Ok(Merge::PasskeyChanged),
            MergeOutcome::OtherMember => Err(AccountError::AlreadyMember),
            MergeOutcome::NoAccount => Err(AccountError::InvalidCredentials),
            MergeOutcome::SessionEnded => Err(AccountError::SessionEnded),
        }
    }
}

/// The result of a merge. A used proof is not an [`AccountError`] yet, because each way of signing in has its own error for it.
enum Merge {
    /// The caller is signed in. `merged`: the caller was a guest, whom this or an earlier request merged into the account.
    Done { merged: bool },
    /// The passkey challenge or the ID token was used before.
    ProofUsed,
    /// A concurrent login has changed the passkey.
    PasskeyChanged,
}

/// The caller, by the subject of the access token. If the guest was merged after the token was issued, the store uses the
/// account instead.
fn caller(guest: Guest) -> Caller {
    Caller { user: guest.token_subject().id, session: guest.session() }
}
