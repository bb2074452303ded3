//! Accounts, and the rules that hold for them in every database: how a guest becomes a member, and what a merge does.

use std::fmt;

use async_trait::async_trait;
use uuid::Uuid;

use super::{LOGIN_KEY_WINDOW, OpenSession, Revocation, SessionRow, StoreError};
use crate::clock::Timestamp;
use crate::collections::Collections;
use crate::secret::PasswordHash;

/// Stores the accounts, their credentials, and the challenges of passkeys.
#[async_trait]
pub(crate) trait AccountStore: fmt::Debug + Send + Sync {
    /// Makes a guest a member, ends all sessions of the guest, and opens a new one. The id and all rows of the guest stay
    /// (S8).
    async fn register(&self, registration: Registration) -> Result<RegisterOutcome, StoreError>;

    /// Opens a session of an account. Merges a guest into the account: moves the guest's data to it, ends all sessions of the
    /// guest, and makes the guest a tombstone. Of a caller who is the member already, ends the session that asked. Atomic, and
    /// made once for one guest (S8).
    async fn merge_into_account(&self, request: MergeRequest) -> Result<MergeOutcome, StoreError>;

    /// Finds the session that an upgrade with the same idempotency key opened.
    async fn repeat_upgrade(&self, retry: UpgradeRetry) -> Result<RetryOutcome, StoreError>;

    /// Looks up an account.
    async fn account(&self, key: AccountKey) -> Result<Option<AccountRow>, StoreError>;

    /// Looks up a passkey of any account by its id.
    async fn passkey(&self, credential_id: Vec<u8>) -> Result<Option<PasskeyRow>, StoreError>;

    /// Stores a challenge. The oldest challenges of the same caller beyond [`CEREMONIES_PER_USER`] are deleted. Returns false
    /// if the user does not exist.
    async fn begin_ceremony(&self, ceremony: Ceremony) -> Result<bool, StoreError>;

    /// The state of a challenge of that caller, unless it has expired or been used.
    async fn ceremony(&self, id: Uuid, user: Uuid, now: Timestamp) -> Result<Option<String>, StoreError>;

    /// Deletes a challenge after a wrong response.
    async fn end_ceremony(&self, id: Uuid) -> Result<(), StoreError>;
}

/// A member's account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AccountRow {
    pub(crate) user: Uuid,
    /// In lower case.
    pub(crate) email: Option<String>,
    pub(crate) password: Option<PasswordHash>,
}

/// The key by which an account is looked up.
#[derive(Debug, Clone)]
pub(crate) enum AccountKey {
    /// The id of the account.
    User(Uuid),
    /// In lower case.
    Email(String),
    /// The id of one of its passkeys.
    Passkey(Vec<u8>),
    Identity(Identity),
}

/// The identity of a member at an OpenID Connect issuer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) issuer: String,
    pub(crate) subject: String,
}

/// A passkey as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PasskeyRow {
    pub(crate) credential_id: Vec<u8>,
    /// The public key and its counter, as JSON.
    pub(crate) data: String,
}

/// A login with a passkey: the passkey against which the response was checked, and its data after that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PasskeyUse {
    pub(crate) checked: PasskeyRow,
    /// The data with the new counter and backup state, as JSON.
    pub(crate) data: String,
}

/// A proof that can be used once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SingleUse {
    /// A challenge of a passkey that was issued to this caller.
    Ceremony(Uuid),
    /// An ID token, identified by the SHA-256 of its signed part.
    IdToken { hash: [u8; 32], expires_at: Timestamp },
}

/// A challenge that was issued to a caller. WebAuthn calls a registration or a login with a passkey a ceremony.
#[derive(Debug, Clone)]
pub(crate) struct Ceremony {
    pub(crate) id: Uuid,
    pub(crate) user: Uuid,
    /// The data against which the response is checked, as JSON.
    pub(crate) state: String,
    pub(crate) expires_at: Timestamp,
}

/// The greatest number of open challenges of one caller. The oldest one is deleted first.
pub(crate) const CEREMONIES_PER_USER: u32 = 5;

/// The caller: the user and the session of the refresh token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Caller {
    pub(crate) user: Uuid,
    pub(crate) session: Uuid,
}

/// The session that an upgrade opens.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NewSession {
    pub(crate) id: Uuid,
    pub(crate) expires_at: Timestamp,
    pub(crate) access_expires_at: Timestamp,
}

impl NewSession {
    /// The session of that member, opened now.
    pub(crate) fn open(&self, account: Uuid, now: Timestamp) -> OpenSession {
        OpenSession {
            id: self.id,
            user: account,
            registered: true,
            counter: 0,
            current_since: now,
            access_expires_at: self.access_expires_at.min(self.expires_at),
        }
    }
}

/// The idempotency key of an upgrade.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct UpgradeKey {
    /// SHA-256 of the key.
    pub(crate) hash: [u8; 32],
    /// HMAC-SHA-256 of the request with the key. Without the key, nothing in the request can be guessed from it.
    pub(crate) request: [u8; 32],
}

/// A request to make a guest a member.
#[derive(Debug, Clone)]
pub(crate) struct Registration {
    pub(crate) caller: Caller,
    pub(crate) session: NewSession,
    pub(crate) key: Option<UpgradeKey>,
    pub(crate) now: Timestamp,
    /// In lower case.
    pub(crate) email: Option<String>,
    pub(crate) credential: NewCredential,
    pub(crate) single_use: Option<SingleUse>,
}

/// The credential with which the new member will sign in.
#[derive(Debug, Clone)]
pub(crate) enum NewCredential {
    Password(PasswordHash),
    Passkey(PasskeyRow),
    /// The e-mail address comes from the issuer. If it is taken, the account is made without an address.
    Identity(Identity),
}

/// The result of a registration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RegisterOutcome {
    Registered(Upgrade),
    /// The caller is already a member.
    AlreadyMember,
    /// The e-mail address belongs to another account.
    EmailTaken,
    /// The passkey or the identity belongs to another account.
    CredentialTaken,
    /// The single-use proof has been used, or is unknown.
    ProofUsed,
    /// The idempotency key belongs to another request.
    KeyUsed,
    /// The caller's session has ended, or has no refresh tokens.
    SessionEnded,
}

/// A request to sign in a caller, who has proven to own the account.
#[derive(Debug, Clone)]
pub(crate) struct MergeRequest {
    pub(crate) caller: Caller,
    pub(crate) session: NewSession,
    pub(crate) key: Option<UpgradeKey>,
    pub(crate) account: Uuid,
    pub(crate) now: Timestamp,
    pub(crate) single_use: Option<SingleUse>,
    pub(crate) passkey: Option<PasskeyUse>,
    /// The rules for the entries that the guest and the account both have.
    pub(crate) collections: Collections,
}

/// The result of a merge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum MergeOutcome {
    /// The caller is signed in to the account.
    SignedIn(Upgrade),
    /// The caller is a member with another account.
    OtherMember,
    /// The account does not exist.
    NoAccount,
    /// The single-use proof has been used, or is unknown.
    ProofUsed,
    /// The passkey has changed since it was read: check the response against the new data.
    PasskeyChanged,
    /// The idempotency key belongs to another request.
    KeyUsed,
    /// The caller's session has ended, or has no refresh tokens.
    SessionEnded,
}

/// A caller is a member, with a new session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Upgrade {
    pub(crate) account: AccountRow,
    /// Whether the account is new.
    pub(crate) registered: bool,
    /// Whether a guest was merged into the account.
    pub(crate) merged: bool,
    pub(crate) session: OpenSession,
    /// The sessions that this upgrade ended.
    pub(crate) ended: Vec<Revocation>,
}

/// Whether signing in to `account` merges the caller into it. `None`: the caller is a member of another account, and cannot sign
/// in to this one.
pub(crate) fn needs_merge(caller: Uuid, is_member: bool, account: Uuid) -> Option<bool> {
    if is_member { (caller == account).then_some(false) } else { Some(true) }
}

/// A request that may repeat an upgrade whose response was lost.
#[derive(Debug, Clone, Copy)]
pub(crate) struct UpgradeRetry {
    pub(crate) key: UpgradeKey,
    /// The session of the refresh token, which the upgrade has ended.
    pub(crate) session: Uuid,
    /// The counter in the refresh token.
    pub(crate) counter: u64,
    pub(crate) now: Timestamp,
    pub(crate) access_expires_at: Timestamp,
}

/// The result of looking up an idempotency key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RetryOutcome {
    /// No upgrade has used the key.
    Unknown,
    /// The request repeats an upgrade: its session is issued again.
    Repeated(Upgrade),
    Refused(UpgradeKeyError),
}

/// An idempotency key that gives no session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UpgradeKeyError {
    /// The key belongs to another request.
    Reused,
    /// The key is too old, or its session was refreshed or has ended.
    Expired,
}

/// The stored idempotency key of an upgrade, and the session that the upgrade opened.
#[derive(Debug, Clone)]
pub(crate) struct UpgradeKeyRow {
    pub(crate) asking_session: Uuid,
    pub(crate) asking_counter: u64,
    pub(crate) request: [u8; 32],
    pub(crate) made_at: Timestamp,
    pub(crate) session: SessionRow,
}

impl UpgradeKeyRow {
    /// The session to issue again. The request must be the same, with the refresh token that was the current one of the session
    /// that asked, or its parent.
    pub(crate) fn repeat(&self, retry: &UpgradeRetry) -> Result<OpenSession, UpgradeKeyError> {
        let is_same = self.request == retry.key.request
            && self.asking_session == retry.session
            && retry.counter.saturating_add(1) >= self.asking_counter;
        if !is_same {
            return Err(UpgradeKeyError::Reused);
        }
        let is_fresh =
            self.session.counter == 0 && self.session.is_live(retry.now) && retry.now < self.made_at + LOGIN_KEY_WINDOW;
        if is_fresh { Ok(self.session.open_until(retry.access_expires_at)) } else { Err(UpgradeKeyError::Expired) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s08_a_member_of_another_account_is_never_merged() {
        let [account, other] = [1, 2].map(Uuid::from_u128);

        assert_eq!(needs_merge(other, false, account), Some(true));
        assert_eq!(needs_merge(account, true, account), Some(false));
        assert_eq!(needs_merge(other, true, account), None);
    }

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    /// A key of second 100, used with the third refresh token of session 1, and the session 2 that it opened.
    fn key_row() -> UpgradeKeyRow {
        let session = SessionRow {
            id: Uuid::from_u128(2),
            user: Uuid::from_u128(3),
            registered: true,
            refreshable: true,
            counter: 0,
            unconfirmed: false,
            created_at: at(100),
            rotated_at: None,
            expires_at: at(5000),
            revoked: false,
            network: None,
            label: None,
        };
        UpgradeKeyRow {
            asking_session: Uuid::from_u128(1),
            asking_counter: 2,
            request: [7; 32],
            made_at: at(100),
            session,
        }
    }

    fn retry(now: Timestamp) -> UpgradeRetry {
        let key = UpgradeKey { hash: [1; 32], request: [7; 32] };
        UpgradeRetry { key, session: Uuid::from_u128(1), counter: 2, now, access_expires_at: now }
    }

    #[test]
    fn s08_the_same_request_gets_the_same_session_for_ten_minutes() {
        for counter in [1, 2, 3] {
            let open = key_row().repeat(&UpgradeRetry { counter, ..retry(at(699)) }).unwrap();
            assert_eq!((open.id, open.counter), (Uuid::from_u128(2), 0));
        }
        assert_eq!(key_row().repeat(&retry(at(700))), Err(UpgradeKeyError::Expired));
        for session in [
            SessionRow { counter: 1, ..key_row().session },
            SessionRow { revoked: true, ..key_row().session },
            SessionRow { expires_at: at(101), ..key_row().session },
        ] {
            let row = UpgradeKeyRow { session, ..key_row() };
            assert_eq!(row.repeat(&retry(at(101))), Err(UpgradeKeyError::Expired));
        }
    }

    #[test]
    fn s08_another_request_with_the_same_key_gets_nothing() {
        let retry = retry(at(101));
        let other_request = UpgradeKey { request: [8; 32], ..retry.key };
        for other in [
            UpgradeRetry { key: other_request, ..retry },
            UpgradeRetry { session: Uuid::from_u128(9), ..retry },
            UpgradeRetry { counter: 0, ..retry },
        ] {
            assert_eq!(key_row().repeat(&other), Err(UpgradeKeyError::Reused));
        }
    }
}
