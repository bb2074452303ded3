//! The audit trail: who changed what about a user, a session or the keys, and when; and in number, which attempts failed.
//!
//! A store writes the entry of a change in the transaction of the change. The logins of guests are not in the trail: the row of
//! each session has its time, network and label. No entry contains a token, a password or an e-mail address.

use std::fmt;
use std::str::FromStr;

use async_trait::async_trait;
use ipnet::IpNet;
use serde::{Serialize, Serializer};
use uuid::Uuid;

use super::{KeyChange, MergeRequest, NewCredential, Registration, Revocation, SingleUse, StoreError};
use crate::actor::{Actor, Label, Role, network_text};
use crate::clock::Timestamp;
use crate::secret::sha256;
use crate::settings::InvalidValue;

/// Stores the audit trail, and makes the changes of operators to users.
#[async_trait]
pub(crate) trait AuditStore: fmt::Debug + Send + Sync {
    /// The newest entries that match, the oldest of them first.
    async fn audit_entries(&self, filter: AuditFilter) -> Result<Vec<AuditEntry>, StoreError>;

    /// Adds failed attempts to the entries of their hour.
    async fn add_failed_attempts(&self, attempts: Vec<FailedAttempts>) -> Result<(), StoreError>;

    /// Deletes up to `limit` of the oldest entries beyond the newest `rows`. Returns the number of deleted entries.
    async fn trim_audit(&self, rows: u32, limit: u32) -> Result<usize, StoreError>;

    /// Ends the live sessions of a user, or one of them. Returns the ended sessions.
    async fn end_sessions(
        &self,
        user: Uuid,
        session: Option<Uuid>,
        now: Timestamp,
    ) -> Result<Vec<Revocation>, StoreError>;

    /// Records that the account of a user is unlocked: earlier attempts at its password do not count from now on, on every
    /// node. Returns false if the user has no account with an e-mail address.
    async fn unlock(&self, user: Uuid, now: Timestamp) -> Result<bool, StoreError>;
}

/// What an entry tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AuditEvent {
    /// A guest became a member. Detail: `password`, `passkey` or `identity`.
    Registered,
    /// A client signed in to an account. Detail: as for [`AuditEvent::Registered`].
    LoggedIn,
    /// A session was ended. Detail: `signed_out`, `ended_by_owner`, `token_reused` or `ended_by_operator`. The sessions
    /// that a registration or a login ends have no such entries.
    SessionEnded,
    /// A user was erased. The entry names the user by a pseudonym; see [`AuditEntry::subject`].
    Erased,
    /// An operator unlocked the password of an account.
    AccountUnlocked,
    /// An operator rotated the keys.
    KeysRotated,
    /// An operator replaced leaked keys. Detail: `access` or `all`.
    KeysReplaced,
    /// An operator encrypted the keys in the store.
    KeysEncrypted,
    /// An operator stored the keys in plain text.
    KeysDecrypted,
    /// Attempts to log in failed. Detail: the reason, such as `invalid_credentials` or `rate_limited`.
    LoginFailed,
    /// Attempts to register failed. Detail: the reason, such as `email_taken`.
    RegistrationFailed,
    /// Attempts to sign in with an ID token failed. Detail: the reason.
    LinkFailed,
}

impl AuditEvent {
    const ALL: [Self; 12] = [
        Self::Registered,
        Self::LoggedIn,
        Self::SessionEnded,
        Self::Erased,
        Self::AccountUnlocked,
        Self::KeysRotated,
        Self::KeysReplaced,
        Self::KeysEncrypted,
        Self::KeysDecrypted,
        Self::LoginFailed,
        Self::RegistrationFailed,
        Self::LinkFailed,
    ];

    /// The name, such as `logged_in`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Registered => "registered",
            Self::LoggedIn => "logged_in",
            Self::SessionEnded => "session_ended",
            Self::Erased => "erased",
            Self::AccountUnlocked => "account_unlocked",
            Self::KeysRotated => "keys_rotated",
            Self::KeysReplaced => "keys_replaced",
            Self::KeysEncrypted => "keys_encrypted",
            Self::KeysDecrypted => "keys_decrypted",
            Self::LoginFailed => "login_failed",
            Self::RegistrationFailed => "registration_failed",
            Self::LinkFailed => "link_failed",
        }
    }
}

impl FromStr for AuditEvent {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        Self::ALL.into_iter().find(|event| event.name() == text).ok_or(InvalidValue(
            "expected registered, logged_in, session_ended, erased, account_unlocked, keys_rotated, keys_replaced, \
             keys_encrypted, keys_decrypted, login_failed, registration_failed or link_failed",
        ))
    }
}

/// An entry of the audit trail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuditEntry {
    /// When it happened; of failed attempts, the start of their hour.
    #[serde(serialize_with = "rfc3339")]
    pub at: Timestamp,
    /// What happened.
    #[serde(serialize_with = "event_name")]
    pub event: AuditEvent,
    /// The role of the actor.
    #[serde(serialize_with = "role_name")]
    pub actor: Role,
    /// The user concerned. After the erasure of the user, a pseudonym from which the id cannot be computed; a filter by the id
    /// finds it.
    pub subject: Option<Uuid>,
    /// The session concerned; of a registration or a login, the new one.
    pub session: Option<Uuid>,
    /// The guest whose data was merged into the account by a login.
    pub guest: Option<Uuid>,
    /// The network of the client: an IPv4 address or the /64 of an IPv6 address.
    pub network: Option<String>,
    /// Browser and system of the client, or the operator's name on the machine.
    pub label: Option<String>,
    /// More about the event.
    pub detail: Option<String>,
    /// The number of failed attempts within the hour.
    pub attempts: Option<u64>,
}

fn rfc3339<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&at.rfc3339())
}

fn event_name<S: Serializer>(event: &AuditEvent, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(event.name())
}

fn role_name<S: Serializer>(role: &Role, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(role.name())
}

/// Which entries to read. `Default` matches the newest 1000 entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditFilter {
    /// The user, also as a guest who was merged, and after an erasure.
    pub subject: Option<Uuid>,
    /// The session.
    pub session: Option<Uuid>,
    /// The network of the client. Of an IPv6 address, its /64.
    pub network: Option<IpNet>,
    /// The event.
    pub event: Option<AuditEvent>,
    /// Entries at that time or later.
    pub since: Option<Timestamp>,
    /// Entries before that time.
    pub until: Option<Timestamp>,
    /// The greatest number of entries. The newest are returned.
    pub limit: u32,
}

impl Default for AuditFilter {
    fn default() -> Self {
        Self { subject: None, session: None, network: None, event: None, since: None, until: None, limit: 1000 }
    }
}

impl AuditFilter {
    /// The network as entries have it.
    pub(crate) fn network_text(&self) -> Option<String> {
        let client = |network: IpNet| match network {
            IpNet::V6(v6) if v6.prefix_len() > 64 => IpNet::new(network.addr(), 64).map_or(network, |net| net.trunc()),
            network => network.trunc(),
        };
        self.network.map(client).map(network_text)
    }
}

/// An entry to write, with the current [`Actor`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct NewAuditEntry {
    pub(crate) at: Timestamp,
    pub(crate) event: AuditEvent,
    pub(crate) actor: Actor,
    pub(crate) subject: Option<Uuid>,
    pub(crate) session: Option<Uuid>,
    pub(crate) guest: Option<Uuid>,
    pub(crate) detail: Option<&'static str>,
}

/// Why a session was ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EndedBy {
    /// `POST /revoke`, with one of its tokens.
    SignOut,
    /// The owner, in the list of sessions.
    Owner,
    /// The server, because an old refresh token was used again.
    TokenReuse,
    /// An operator, with a command.
    Operator,
}

impl NewAuditEntry {
    pub(crate) fn new(event: AuditEvent, at: Timestamp, detail: Option<&'static str>) -> Self {
        Self { at, event, actor: Actor::current(), subject: None, session: None, guest: None, detail }
    }

    /// A registration that has succeeded.
    pub(crate) fn registered(registration: &Registration) -> Self {
        let detail = match registration.credential {
            NewCredential::Password(_) => "password",
            NewCredential::Passkey(_) => "passkey",
            NewCredential::Identity(_) => "identity",
        };
        let entry = Self::new(AuditEvent::Registered, registration.now, Some(detail));
        Self { subject: Some(registration.caller.user), session: Some(registration.session.id), ..entry }
    }

    /// A login to an account that has succeeded.
    pub(crate) fn logged_in(request: &MergeRequest) -> Self {
        let detail = match request.single_use {
            None => "password",
            Some(SingleUse::Ceremony(_)) => "passkey",
            Some(SingleUse::IdToken { .. }) => "identity",
        };
        let MergeRequest { caller, session, account, .. } = request;
        let entry = Self::new(AuditEvent::LoggedIn, request.now, Some(detail));
        let guest = Some(caller.user).filter(|guest| guest != account);
        Self { subject: Some(*account), session: Some(session.id), guest, ..entry }
    }

    pub(crate) fn session_ended(user: Uuid, session: Uuid, by: EndedBy, at: Timestamp) -> Self {
        let detail = match by {
            EndedBy::SignOut => "signed_out",
            EndedBy::Owner => "ended_by_owner",
            EndedBy::TokenReuse => "token_reused",
            EndedBy::Operator => "ended_by_operator",
        };
        let mut entry = Self::new(AuditEvent::SessionEnded, at, Some(detail));
        if by == EndedBy::TokenReuse {
            entry.actor.role = Role::Server;
        }
        Self { subject: Some(user), session: Some(session), ..entry }
    }

    /// The change of an operator to the keys; `None` for a change that servers make by themselves.
    pub(crate) fn keys_changed(change: &KeyChange) -> Option<Self> {
        match change {
            KeyChange::Rotate { now, .. } => Some(Self::new(AuditEvent::KeysRotated, *now, None)),
            KeyChange::Replace { refresh, now, .. } => {
                let scope = if refresh.is_some() { "all" } else { "access" };
                Some(Self::new(AuditEvent::KeysReplaced, *now, Some(scope)))
            }
            KeyChange::Encrypt { now } => Some(Self::new(AuditEvent::KeysEncrypted, *now, None)),
            KeyChange::Decrypt { now } => Some(Self::new(AuditEvent::KeysDecrypted, *now, None)),
            KeyChange::Prepare { .. } | KeyChange::DropExpired { .. } => None,
        }
    }

    /// The erasure of a user, who is named by the [`pseudonym`] only.
    pub(crate) fn erased(user: Uuid, at: Timestamp) -> Self {
        Self { subject: Some(pseudonym(user)), ..Self::new(AuditEvent::Erased, at, None) }
    }

    pub(crate) fn unlocked(user: Uuid, at: Timestamp) -> Self {
        Self { subject: Some(user), ..Self::new(AuditEvent::AccountUnlocked, at, None) }
    }

    pub(crate) fn network(&self) -> Option<String> {
        self.actor.network.map(network_text)
    }

    pub(crate) fn label(&self) -> Option<&str> {
        self.actor.label.as_ref().map(Label::as_str)
    }
}

/// The name of an erased user in the audit trail. It can be computed from the id, but not the id from it, because an id has 74
/// random bits (RFC 9562 §5.7). So the trail still tells an operator who is given an id what happened to it.
pub(crate) fn pseudonym(user: Uuid) -> Uuid {
    let mut input = b"erased guestpass user ".to_vec();
    input.extend_from_slice(user.as_bytes());
    let hash = sha256(&input);
    let mut first = [0; 16];
    first.copy_from_slice(&hash[..16]);
    uuid::Builder::from_custom_bytes(first).into_uuid()
}

/// Failed attempts of one kind within an hour.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct FailedAttempts {
    /// The start of the hour.
    pub(crate) hour: Timestamp,
    pub(crate) event: AuditEvent,
    pub(crate) reason: &'static str,
    /// The account that was tried, if it exists.
    pub(crate) subject: Option<Uuid>,
    pub(crate) network: Option<IpNet>,
    pub(crate) count: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actor::parse_network;

    #[test]
    fn the_name_of_each_event_is_read_again() {
        for event in AuditEvent::ALL {
            assert_eq!(event.name().parse(), Ok(event));
        }
        let expected = "other".parse::<AuditEvent>().unwrap_err().to_string();
        assert!(AuditEvent::ALL.iter().all(|event| expected.contains(event.name())), "{expected}");
    }

    #[test]
    fn a_pseudonym_is_a_stable_uuid_that_differs_from_the_id() {
        let user = Uuid::now_v7();

        assert_eq!(pseudonym(user), pseudonym(user));
        assert_ne!(pseudonym(user), user);
        assert_eq!(pseudonym(user).get_version_num(), 8);
    }

    #[test]
    fn a_filter_by_an_address_finds_its_client_network() {
        let text = |network| {
            AuditFilter { network: Some(parse_network(network).unwrap()), ..AuditFilter::default() }.network_text()
        };

        assert_eq!(text("203.0.113.7").as_deref(), Some("203.0.113.7"));
        assert_eq!(text("2001:db8:1:2:3:4:5:6").as_deref(), Some("2001:db8:1:2::/64"));
        assert_eq!(text("2001:db8:1:2::/64").as_deref(), Some("2001:db8:1:2::/64"));
    }
}
