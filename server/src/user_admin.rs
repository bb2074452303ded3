//! Administration of the users of a store, for `guestpass users` and for programs that embed the server.
//!
//! The changes are written to the store, where running servers notice them within a second.

use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use uuid::Uuid;

use crate::accounts::{EmailAddress, account_with_email};
use crate::actor::{Actor, network_text};
use crate::clock::{Clock, SystemClock, Timestamp};
use crate::config::StoreLocation;
use crate::open::{OpenError, open_store_for_admin};
use crate::store::{AccountKey, AccountRow, AuditFilter, Export, SessionRow, Store, StoreError};

/// Shows and changes the users of a store while servers use it.
#[derive(Debug)]
pub struct UserAdmin {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
}

/// A user: a guest or a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserInfo {
    /// The id. The subject of tokens is `anonymous_` or `user_`, followed by it.
    pub id: Uuid,
    /// Whether the user is a member.
    pub registered_at: Option<Timestamp>,
    /// When the guest was made.
    pub created_at: Timestamp,
    /// When the user was last active.
    pub last_active_at: Timestamp,
    /// The e-mail address of the account.
    pub email: Option<String>,
    /// Whether the account has a password.
    pub has_password: bool,
    /// The number of passkeys.
    pub passkeys: u64,
    /// The issuers of the linked identities.
    pub identities: Vec<String>,
    /// The number of failed attempts to sign in to the account within the last 24 hours.
    pub failed_attempts: u64,
    /// Every session, the newest first.
    pub sessions: Vec<SessionInfo>,
}

/// A session of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionInfo {
    /// The id.
    pub id: Uuid,
    /// When the session began.
    pub created_at: Timestamp,
    /// When its tokens were last refreshed.
    pub last_refreshed_at: Option<Timestamp>,
    /// When it ends, unless it is refreshed.
    pub expires_at: Timestamp,
    /// Whether it can be used: neither revoked nor expired.
    pub is_live: bool,
    /// The network of the client that opened it.
    pub network: Option<String>,
    /// Browser and system of that client.
    pub label: Option<String>,
}

/// A user, by the id, the subject of a token, or the e-mail address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UserKey {
    /// The id.
    Id(Uuid),
    /// The e-mail address of the account.
    Email(String),
}

impl UserKey {
    /// Reads an id, a subject such as `anonymous_0197f2f0-…`, or an e-mail address. `None` if the text is none of these.
    pub fn parse(text: &str) -> Option<Self> {
        let id = text.strip_prefix("anonymous_").or_else(|| text.strip_prefix("user_")).unwrap_or(text);
        match Uuid::try_parse(id) {
            Ok(id) => Some(Self::Id(id)),
            Err(_) if text.contains('@') => Some(Self::Email(text.trim().to_lowercase())),
            Err(_) => None,
        }
    }
}

/// How far back [`UserInfo::failed_attempts`] counts. Attempts are counted by the hour, so this includes the current hour.
const ATTEMPTS_WITHIN: Duration = Duration::from_secs(24 * 60 * 60);

impl UserAdmin {
    /// Opens an existing store. Servers of this version may be using it.
    ///
    /// # Errors
    /// The store does not exist, or its schema is that of another version.
    pub async fn open(location: &StoreLocation) -> Result<Self, OpenError> {
        Self::open_at(location, Arc::new(SystemClock)).await
    }

    /// As [`UserAdmin::open`] with another clock, for tests.
    ///
    /// # Errors
    /// As [`UserAdmin::open`].
    pub async fn open_at(location: &StoreLocation, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        let opened = open_store_for_admin(location).await;
        let store = opened.map_err(|error| OpenError::Store { location: location.clone(), error })?;
        Ok(Self { store, clock })
    }

    /// Looks up a user. For a guest who was merged, returns the account. `None` if there is no such user.
    ///
    /// # Errors
    /// The store failed.
    pub async fn user(&self, key: UserKey) -> Result<Option<UserInfo>, StoreError> {
        let now = self.clock.now();
        let id = match key {
            UserKey::Id(id) => id,
            UserKey::Email(email) => match self.account(&email).await? {
                Some(account) => account.user,
                None => return Ok(None),
            },
        };
        let Ok(Export { guest, identities, sessions, .. }) = self.store.export(id).await? else { return Ok(None) };
        let account = self.store.account(AccountKey::User(guest.id)).await?;
        let attempts =
            AuditFilter { subject: Some(guest.id), since: Some(now - ATTEMPTS_WITHIN), ..AuditFilter::default() };
        let attempts = self.store.audit_entries(attempts).await?;
        Ok(Some(UserInfo {
            id: guest.id,
            registered_at: guest.registered_at,
            created_at: guest.created_at,
            last_active_at: guest.last_active_at,
            email: guest.email,
            has_password: account.is_some_and(|account| account.password.is_some()),
            passkeys: guest.passkeys,
            identities: identities.into_iter().map(|identity| identity.issuer).collect(),
            failed_attempts: attempts.iter().filter_map(|entry| entry.attempts).sum(),
            sessions: sessions.into_iter().map(|row| SessionInfo::of(row, now)).collect(),
        }))
    }

    async fn account(&self, email: &str) -> Result<Option<AccountRow>, StoreError> {
        match EmailAddress::parse(email) {
            Ok(email) => account_with_email(&*self.store, &email).await,
            Err(_) => Ok(None),
        }
    }

    /// Ends the live sessions of a user, or one of them. Returns the ids of the ended sessions.
    ///
    /// # Errors
    /// The store failed. No session was ended.
    pub async fn revoke(&self, user: Uuid, session: Option<Uuid>) -> Result<Vec<Uuid>, StoreError> {
        let ended = Actor::operator().scope(self.store.end_sessions(user, session, self.clock.now())).await?;
        Ok(ended.into_iter().map(|revocation| revocation.session).collect())
    }

    /// Erases a user, as `DELETE /me` does. Returns false if there is no such user.
    ///
    /// # Errors
    /// The store failed. Nothing was erased.
    pub async fn erase(&self, user: Uuid) -> Result<bool, StoreError> {
        Ok(Actor::operator().scope(self.store.erase(user, None, self.clock.now())).await?.is_ok())
    }

    /// Makes all earlier attempts at the password of an account count no more. Returns false if the user has no account with an
    /// e-mail address.
    ///
    /// # Errors
    /// The store failed.
    pub async fn unlock(&self, user: Uuid) -> Result<bool, StoreError> {
        Actor::operator().scope(self.store.unlock(user, self.clock.now())).await
    }

    /// Closes the store.
    pub async fn close(&self) {
        self.store.close().await;
    }
}

impl SessionInfo {
    fn of(row: SessionRow, now: Timestamp) -> Self {
        Self {
            id: row.id,
            created_at: row.created_at,
            last_refreshed_at: row.rotated_at,
            expires_at: row.expires_at,
            is_live: row.is_live(now),
            network: row.network.map(|network: IpNet| network_text(network)),
            label: row.label.map(|label| label.as_str().to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_named_by_id_subject_or_address() {
        let id = Uuid::now_v7();

        for text in [id.to_string(), format!("anonymous_{id}"), format!("user_{id}")] {
            assert_eq!(UserKey::parse(&text), Some(UserKey::Id(id)), "{text}");
        }
        assert_eq!(UserKey::parse("Ada@Example.com"), Some(UserKey::Email("ada@example.com".to_owned())));
        for text in ["", "ada", "user_", "anonymous_ada"] {
            assert_eq!(UserKey::parse(text), None, "{text}");
        }
    }
}
