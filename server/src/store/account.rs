//! The rules of accounts, the same for every database: how a guest becomes a member, and what a merge makes of two.

use serde_json::{Map, Value};
use uuid::Uuid;

use super::Preferences;
use crate::clock::Timestamp;
use crate::secret::PasswordHash;

/// A member's account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AccountRow {
    pub(crate) user: Uuid,
    /// In lower case.
    pub(crate) email: Option<String>,
    pub(crate) password: Option<PasswordHash>,
}

/// By what an account is looked up.
#[derive(Debug, Clone)]
pub(crate) enum AccountKey {
    /// Its own id, or that of a guest who has been merged into it.
    User(Uuid),
    /// In lower case.
    Email(String),
    /// The id of one of its passkeys.
    Passkey(Vec<u8>),
    Identity(Identity),
}

/// Who somebody is to an OpenID Connect issuer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) issuer: String,
    pub(crate) subject: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PasskeyRow {
    pub(crate) credential_id: Vec<u8>,
    /// The public key and its counter, as JSON.
    pub(crate) data: String,
}

/// What may be used once only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SingleUse {
    /// A challenge of a passkey that this caller was given.
    Ceremony(Uuid),
    /// An ID token, by the SHA-256 of what is signed in it.
    IdToken { hash: [u8; 32], expires_at: Timestamp },
}

/// A challenge that has been given to a caller.
#[derive(Debug, Clone)]
pub(crate) struct Ceremony {
    pub(crate) id: Uuid,
    pub(crate) user: Uuid,
    /// What the answer is checked against, as JSON.
    pub(crate) state: String,
    pub(crate) expires_at: Timestamp,
}

/// Challenges that one caller may have open. An older one makes room.
pub(crate) const CEREMONIES_PER_USER: u32 = 5;

/// Whose token it is that asks to become a member, as the token says: a merge since then is the store's to find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Caller {
    pub(crate) user: Uuid,
    pub(crate) session: Uuid,
}

/// A guest is to become a member where they are.
#[derive(Debug, Clone)]
pub(crate) struct Registration {
    pub(crate) caller: Caller,
    pub(crate) now: Timestamp,
    /// In lower case.
    pub(crate) email: Option<String>,
    pub(crate) credential: NewCredential,
    pub(crate) single_use: Option<SingleUse>,
}

/// What the new member will sign in with.
#[derive(Debug, Clone)]
pub(crate) enum NewCredential {
    Password(PasswordHash),
    Passkey(PasskeyRow),
    /// The e-mail address is then a courtesy of the issuer: one that is taken is left out.
    Identity(Identity),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RegisterOutcome {
    Registered(Upgrade),
    /// The caller is a member already, or has been merged into one: this one.
    Member(AccountRow),
    EmailTaken,
    /// The passkey or the identity is somebody else's.
    CredentialTaken,
    /// What may be used once has been used, or is unknown.
    Used,
    /// The caller's session has ended.
    Over,
}

/// A caller has proven to be a member: what they have as a guest is to go into that account.
#[derive(Debug, Clone)]
pub(crate) struct MergeRequest {
    pub(crate) caller: Caller,
    pub(crate) account: Uuid,
    pub(crate) now: Timestamp,
    pub(crate) single_use: Option<SingleUse>,
    /// The passkey that was used, with its counter moved on.
    pub(crate) passkey: Option<PasskeyRow>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum MergeOutcome {
    /// In. With what was merged just now, or by an earlier attempt; without, the caller was that member already.
    Entered(Option<Upgrade>),
    /// The caller is a member with another account.
    OtherMember,
    NoAccount,
    Used,
    Over,
}

/// A guest has become a member: by registering (then both ids are the same), or by a merge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Upgrade {
    pub(crate) guest: Uuid,
    pub(crate) account: Uuid,
    /// When the last access token that calls them a guest will have expired.
    pub(crate) until: Timestamp,
}

/// What a user row says about membership.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Membership {
    pub(crate) registered: bool,
    pub(crate) merged_into: Option<Uuid>,
    pub(crate) guest_tokens_until: Timestamp,
}

impl Membership {
    /// What an entry into `account` finds before anything is changed. `None`: there is a guest to merge.
    pub(crate) fn judge(self, request: &MergeRequest) -> Option<MergeOutcome> {
        let MergeRequest { caller, account, .. } = request;
        match self {
            Self { merged_into: Some(merged), guest_tokens_until, .. } if merged == *account => {
                let upgrade = Upgrade { guest: caller.user, account: *account, until: guest_tokens_until };
                Some(MergeOutcome::Entered(Some(upgrade)))
            }
            Self { merged_into: Some(_), .. } => Some(MergeOutcome::OtherMember),
            Self { registered: true, .. } if caller.user == *account => Some(MergeOutcome::Entered(None)),
            Self { registered: true, .. } => Some(MergeOutcome::OtherMember),
            Self { .. } => None,
        }
    }
}

/// Preferences after a merge: the account wins key by key, and the guest fills in what it lacks, in the order of the keys,
/// as far as there is room. What cannot be read counts as empty: it could not be used either.
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
        MergeRequest { caller, account: Uuid::from_u128(1), now: Timestamp::from_secs(0), single_use: None, passkey: None }
    }

    #[test]
    fn s08_who_is_a_member_elsewhere_is_never_merged() {
        let guest = Membership { registered: false, merged_into: None, guest_tokens_until: Timestamp::from_secs(0) };

        assert_eq!(guest.judge(&request(2)), None);
        let member = Membership { registered: true, ..guest };
        assert_eq!(member.judge(&request(2)), Some(MergeOutcome::OtherMember));
        assert_eq!(member.judge(&request(1)), Some(MergeOutcome::Entered(None)));
        let elsewhere = Membership { merged_into: Some(Uuid::from_u128(3)), ..guest };
        assert_eq!(elsewhere.judge(&request(2)), Some(MergeOutcome::OtherMember));
    }

    #[test]
    fn s08_who_has_been_merged_is_told_so_again() {
        let until = Timestamp::from_secs(7);
        let merged = Membership { registered: false, merged_into: Some(Uuid::from_u128(1)), guest_tokens_until: until };

        let Some(MergeOutcome::Entered(Some(upgrade))) = merged.judge(&request(2)) else { panic!("not entered") };
        assert_eq!(upgrade, Upgrade { guest: Uuid::from_u128(2), account: Uuid::from_u128(1), until });
    }
}
