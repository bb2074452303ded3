//! Accounts, and the rules that hold for them in every database: how a guest becomes a member, and what a merge does.

use std::fmt;

use async_trait::async_trait;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{Preferences, StoreError};
use crate::clock::Timestamp;
use crate::secret::PasswordHash;

/// Stores the accounts, their credentials, and the challenges of passkeys.
#[async_trait]
pub(crate) trait AccountStore: fmt::Debug + Send + Sync {
    /// Makes a guest a member. The id and all rows of the guest stay (S8).
    async fn register(&self, registration: Registration) -> Result<RegisterOutcome, StoreError>;

    /// Merges a guest into an account: moves the guest's data and sessions to the account, and makes the guest a tombstone.
    /// Atomic, and made once for one guest (S8).
    async fn merge_into_account(&self, request: MergeRequest) -> Result<MergeOutcome, StoreError>;

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

    /// The upgraded guests who may still have access tokens that name them as guests.
    async fn upgrades(&self, now: Timestamp) -> Result<Vec<Upgrade>, StoreError>;
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
    /// The id of the account, or of a guest who was merged into it.
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

/// The caller, by the subject of the access token. The store finds whether the guest was merged after the token was issued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Caller {
    pub(crate) user: Uuid,
    pub(crate) session: Uuid,
}

/// A request to make a guest a member.
#[derive(Debug, Clone)]
pub(crate) struct Registration {
    pub(crate) caller: Caller,
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
    /// The caller is already a member, or was merged into one, with this account.
    Member(AccountRow),
    /// The e-mail address belongs to another account.
    EmailTaken,
    /// The passkey or the identity belongs to another account.
    CredentialTaken,
    /// The single-use proof has been used, or is unknown.
    ProofUsed,
    /// The caller's session has ended.
    SessionEnded,
}

/// A request to merge a caller, who has proven to own the account, into that account.
#[derive(Debug, Clone)]
pub(crate) struct MergeRequest {
    pub(crate) caller: Caller,
    pub(crate) account: Uuid,
    pub(crate) now: Timestamp,
    pub(crate) single_use: Option<SingleUse>,
    pub(crate) passkey: Option<PasskeyUse>,
}

/// The result of a merge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum MergeOutcome {
    /// The guest is merged into the account, by this request or by an earlier one.
    Merged(Upgrade),
    /// The caller is the member of this account: there is nothing to merge.
    SameMember,
    /// The caller is a member with another account.
    OtherMember,
    /// The account does not exist.
    NoAccount,
    /// The single-use proof has been used, or is unknown.
    ProofUsed,
    /// The passkey has changed since it was read: check the response against the new data.
    PasskeyChanged,
    /// The caller's session has ended.
    SessionEnded,
}

/// A guest has become a member: by a registration (both ids are the same), or by a merge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Upgrade {
    pub(crate) guest: Uuid,
    pub(crate) account: Uuid,
    /// When the last access token that names the guest will have expired.
    pub(crate) until: Timestamp,
}

/// The membership of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Membership {
    pub(crate) registered: bool,
    pub(crate) merged_into: Option<Uuid>,
    pub(crate) guest_tokens_until: Timestamp,
}

impl Membership {
    /// The outcome of `request` if no change is needed to know it. `None`: there is a guest to merge.
    pub(crate) fn outcome_of(self, request: &MergeRequest) -> Option<MergeOutcome> {
        let MergeRequest { caller, account, .. } = request;
        match self {
            Self { merged_into: Some(merged), guest_tokens_until, .. } if merged == *account => {
                Some(MergeOutcome::Merged(Upgrade { guest: caller.user, account: *account, until: guest_tokens_until }))
            }
            Self { merged_into: Some(_), .. } => Some(MergeOutcome::OtherMember),
            Self { registered: true, .. } if caller.user == *account => Some(MergeOutcome::SameMember),
            Self { registered: true, .. } => Some(MergeOutcome::OtherMember),
            Self { .. } => None,
        }
    }
}

/// The preferences after a merge: those of the account, and those of the guest that the account lacks, in the order of their
/// names and within the limits. Stored preferences that cannot be read count as empty.
pub(crate) fn merge_preferences(account: Option<&str>, guest: Option<&str>) -> String {
    let read = |text: Option<&str>| text.and_then(|text| serde_json::from_str::<Map<String, Value>>(text).ok());
    let mut merged = read(account).unwrap_or_default();
    for (key, value) in read(guest).unwrap_or_default() {
        if merged.contains_key(&key) {
            continue;
        }
        merged.insert(key.clone(), value);
        if Preferences::try_from(merged.clone()).is_err() {
            merged.remove(&key);
        }
    }
    Value::Object(merged).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s08_preferences_of_the_account_win_key_by_key() {
        let merged =
            merge_preferences(Some(r#"{"theme":"dark","size":2}"#), Some(r#"{"theme":"light","language":"de"}"#));

        let merged: Value = serde_json::from_str(&merged).unwrap();
        assert_eq!(merged, serde_json::json!({ "theme": "dark", "size": 2, "language": "de" }));
    }

    #[test]
    fn s08_preferences_stay_within_their_bounds() {
        let full: Map<String, Value> = (0..64).map(|number| (format!("a{number:02}"), 1.into())).collect();
        let full = Value::Object(full).to_string();
        assert_eq!(merge_preferences(Some(&full), Some(r#"{"b":1}"#)), full);

        let long = |key: char| {
            let texts: Map<_, _> = (0..9).map(|number| (format!("{key}{number}"), "x".repeat(500).into())).collect();
            Value::Object(texts).to_string()
        };
        let merged: Map<String, Value> =
            serde_json::from_str(&merge_preferences(Some(&long('a')), Some(&long('b')))).unwrap();
        assert_eq!(merged.keys().filter(|key| key.starts_with('a')).count(), 9);
        assert_eq!(merged.keys().filter(|key| key.starts_with('b')).count(), 7, "as far as there is room");
    }

    #[test]
    fn preferences_of_one_side_alone_are_the_result() {
        assert_eq!(merge_preferences(None, Some(r#"{"a":1}"#)), r#"{"a":1}"#);
        assert_eq!(merge_preferences(Some(r#"{"a":1}"#), None), r#"{"a":1}"#);
        assert_eq!(merge_preferences(None, None), "{}");
    }

    fn request(user: u128) -> MergeRequest {
        let caller = Caller { user: Uuid::from_u128(user), session: Uuid::from_u128(9) };
        MergeRequest {
            caller,
            account: Uuid::from_u128(1),
            now: Timestamp::from_secs(0),
            single_use: None,
            passkey: None,
        }
    }

    #[test]
    fn s08_a_member_of_another_account_is_never_merged() {
        let guest = Membership { registered: false, merged_into: None, guest_tokens_until: Timestamp::from_secs(0) };

        assert_eq!(guest.outcome_of(&request(2)), None);
        let member = Membership { registered: true, ..guest };
        assert_eq!(member.outcome_of(&request(2)), Some(MergeOutcome::OtherMember));
        assert_eq!(member.outcome_of(&request(1)), Some(MergeOutcome::SameMember));
        let elsewhere = Membership { merged_into: Some(Uuid::from_u128(3)), ..guest };
        assert_eq!(elsewhere.outcome_of(&request(2)), Some(MergeOutcome::OtherMember));
    }

    #[test]
    fn s08_a_repeated_merge_has_the_same_outcome() {
        let until = Timestamp::from_secs(7);
        let merged = Membership { registered: false, merged_into: Some(Uuid::from_u128(1)), guest_tokens_until: until };

        let upgrade = Upgrade { guest: Uuid::from_u128(2), account: Uuid::from_u128(1), until };
        assert_eq!(merged.outcome_of(&request(2)), Some(MergeOutcome::Merged(upgrade)));
    }
}
