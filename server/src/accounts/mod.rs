//! Becoming a member: what a caller must prove, and what comes of it.
//!
//! Nothing here answers with tokens. A registration leaves the caller's session where it is, and an entry into an account
//! takes it along; the next refresh tells the client who it is now. So an answer that is lost costs nothing: the same call,
//! with the same old token, is answered in the same way.

mod email;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzz;
mod link;
mod oidc;
mod passkeys;
mod password;
mod error;
mod webauthn;

use std::sync::Arc;

use serde::Serialize;
use utoipa::ToSchema;

pub(crate) use self::email::EmailAddress;
pub use self::oidc::OidcIssuer;

pub(crate) use self::oidc::Issuers;
pub(crate) use self::passkeys::{PasskeyAnswer, PasskeyOptions};
pub(crate) use self::password::{Password, Passwords};
pub(crate) use self::error::{ACCOUNT_ERROR_CODES, AccountError};
pub(crate) use self::webauthn::RelyingParty;

use crate::auth::{Guest, Members, Subject, run_to_completion};
use crate::clock::Timestamp;
use crate::store::{
    AccountKey, AccountRow, Caller, MergeRequest, MergeOutcome, NewCredential, SingleUse, PasskeyRow, RegisterOutcome,
    Registration, Store,
};

/// Registers, logs in and links. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Accounts {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) members: Arc<Members>,
    pub(crate) passwords: Arc<Passwords>,
    /// Of passkeys, if this server can have them.
    pub(crate) relying_party: Option<Arc<RelyingParty>>,
    pub(crate) issuers: Arc<Issuers>,
}

/// Who the caller is now.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Membership {
    /// The subject of the tokens from the next refresh on.
    #[schema(pattern = "^user_[0-9a-f-]{36}$")]
    id: String,
    #[schema(pattern = "^user$", example = "user")]
    kind: &'static str,
    /// In lower case.
    #[schema(example = "ada@example.com")]
    email: Option<String>,
    outcome: Outcome,
    /// Whether what the guest had has been merged into an account that was there before.
    merged: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = MembershipOutcome)]
pub(crate) enum Outcome {
    /// The guest has become a member. The id is the same.
    Registered,
    /// The caller is in an account that was there before.
    LoggedIn,
}

impl Membership {
    fn of(account: AccountRow, outcome: Outcome, merged: bool) -> Self {
        let subject = Subject::new(account.user, true);
        Self { id: subject.to_string(), kind: subject.kind.name(), email: account.email, outcome, merged }
    }

    /// For the metrics.
    pub(crate) const fn outcome_name(&self) -> &'static str {
        match (self.outcome, self.merged) {
            (Outcome::Registered, _) => "registered",
            (Outcome::LoggedIn, true) => "merged",
            (Outcome::LoggedIn, false) => "logged_in",
        }
    }
}

impl Accounts {
    /// Signs up with a password.
    pub(crate) async fn register_with_password(
        &self,
        guest: Guest,
        email: EmailAddress,
        password: Password,
        now: Timestamp,
    ) -> Result<Membership, AccountError> {
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
                let account = AccountRow { user, email: Some(email.into()), password: None };
                Ok(Membership::of(account, Outcome::Registered, false))
            }
            // Another request of the same guest was faster.
            RegisterOutcome::Member(account) => self.repeat_registration(guest, account, &email, password).await,
            RegisterOutcome::EmailTaken => Err(AccountError::EmailTaken),
            RegisterOutcome::Over => Err(AccountError::SessionOver),
            // Nothing of a password is anybody else's, or can be used up.
            RegisterOutcome::CredentialTaken | RegisterOutcome::Used => Err(AccountError::AlreadyMember),
        }
    }

    /// The caller is a member: with the same data it is the same registration, whose answer was lost.
    async fn repeat_registration(
        &self,
        guest: Guest,
        account: AccountRow,
        email: &EmailAddress,
        password: Password,
    ) -> Result<Membership, AccountError> {
        let is_theirs = account.user == guest.token_subject().id && account.email.as_deref() == Some(email.as_str());
        if is_theirs && self.passwords.is_right(account.password.clone(), password).await? {
            return Ok(Membership::of(account, Outcome::Registered, false));
        }
        Err(AccountError::AlreadyMember)
    }

    /// Enters an account with its password.
    pub(crate) async fn login_with_password(
        &self,
        guest: Guest,
        email: EmailAddress,
        password: Password,
        now: Timestamp,
    ) -> Result<Membership, AccountError> {
        let account = self.store.account(AccountKey::Email(email.into())).await?;
        // Whether or not there is such an account, a password is checked: the time tells nothing.
        let hash = account.as_ref().and_then(|account| account.password.clone());
        let is_right = self.passwords.is_right(hash, password).await?;
        let Some(account) = account.filter(|_| is_right) else { return Err(AccountError::InvalidCredentials) };
        match self.merge_into_account(guest, &account, None, None, now).await? {
            Entered::In { merged } => Ok(Membership::of(account, Outcome::LoggedIn, merged)),
            // A password can be used again and again.
            Entered::Used => Err(AccountError::InvalidCredentials),
        }
    }

    /// Registers, and lets this node's requests know, even if the client hangs up meanwhile.
    async fn register(&self, registration: Registration) -> Result<RegisterOutcome, AccountError> {
        let this = self.clone();
        let outcome = run_to_completion(async move {
            let outcome = this.store.register(registration).await?;
            if let RegisterOutcome::Registered(upgrade) = outcome {
                this.members.add(upgrade);
            }
            Ok(outcome)
        });
        Ok(outcome.await?)
    }

    /// Takes the caller into an account, and lets this node's requests know, even if the client hangs up meanwhile.
    async fn merge_into_account(
        &self,
        guest: Guest,
        account: &AccountRow,
        single_use: Option<SingleUse>,
        passkey: Option<PasskeyRow>,
        now: Timestamp,
    ) -> Result<Entered, AccountError> {
        let request = MergeRequest { caller: caller(guest), account: account.user, now, single_use, passkey };
        let this = self.clone();
        let outcome = run_to_completion(async move {
            let outcome = this.store.merge_into_account(request).await?;
            if let MergeOutcome::Entered(Some(upgrade)) = outcome {
                this.members.add(upgrade);
            }
            Ok(outcome)
        });
        match outcome.await? {
            MergeOutcome::Entered(upgrade) => Ok(Entered::In { merged: upgrade.is_some() }),
            MergeOutcome::Used => Ok(Entered::Used),
            MergeOutcome::OtherMember => Err(AccountError::AlreadyMember),
            MergeOutcome::NoAccount => Err(AccountError::InvalidCredentials),
            MergeOutcome::Over => Err(AccountError::SessionOver),
        }
    }
}

enum Entered {
    In {
        merged: bool,
    },
    /// What may be used once has been used.
    Used,
}

/// As the token says: what has become of that guest since is the store's to find.
fn caller(guest: Guest) -> Caller {
    Caller { user: guest.token_subject().id, session: guest.session() }
}
