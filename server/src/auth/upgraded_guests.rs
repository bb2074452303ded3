//! Guests who have become members and still have access tokens that name them as guests, in memory.
//!
//! As with revoked sessions, reading the store at each request would cost a query. So these guests are held in memory: loaded
//! at the start, added at each upgrade, and dropped when the last such token has expired.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use uuid::Uuid;

use super::guest::{Kind, Subject};
use crate::clock::Timestamp;
use crate::store::Upgrade;

#[derive(Debug)]
pub(crate) struct UpgradedGuests {
    upgraded: RwLock<HashMap<Uuid, Upgrade>>,
}

impl UpgradedGuests {
    pub(crate) fn new(upgrades: Vec<Upgrade>) -> Self {
        Self { upgraded: RwLock::new(upgrades.into_iter().map(|one| (one.guest, one)).collect()) }
    }

    /// Adds an upgrade. A guest is upgraded once, so an entry is never changed.
    pub(crate) fn add(&self, upgrade: Upgrade) {
        self.upgraded.write().unwrap_or_else(PoisonError::into_inner).insert(upgrade.guest, upgrade);
    }

    /// The current subject for the subject of a token.
    pub(crate) fn current(&self, subject: Subject) -> Subject {
        if subject.kind == Kind::User {
            return subject;
        }
        let upgraded = self.upgraded.read().unwrap_or_else(PoisonError::into_inner);
        upgraded.get(&subject.id).map_or(subject, |upgrade| Subject { id: upgrade.account, kind: Kind::User })
    }

    /// Drops the guests whose tokens have all expired.
    pub(crate) fn remove_expired(&self, now: Timestamp) {
        let mut upgraded = self.upgraded.write().unwrap_or_else(PoisonError::into_inner);
        upgraded.retain(|_, upgrade| upgrade.until > now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upgrade_is_known_until_the_last_token_has_expired() {
        let (guest, account) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let until = Timestamp::from_secs(100);
        let members = UpgradedGuests::new(vec![Upgrade { guest, account, until }]);
        let named = Subject::new(guest, false);

        assert_eq!(members.current(named), Subject::new(account, true));
        members.remove_expired(Timestamp::from_secs(99));
        assert_eq!(members.current(named), Subject::new(account, true));
        members.remove_expired(until);
        assert_eq!(members.current(named), named);
    }

    #[test]
    fn other_subjects_stay_as_their_token_names_them() {
        let members = UpgradedGuests::new(Vec::new());
        members.add(Upgrade { guest: Uuid::from_u128(1), account: Uuid::from_u128(1), until: Timestamp::from_secs(1) });

        assert_eq!(members.current(Subject::new(Uuid::from_u128(1), false)), Subject::new(Uuid::from_u128(1), true));
        for other in [Subject::new(Uuid::from_u128(3), false), Subject::new(Uuid::from_u128(3), true)] {
            assert_eq!(members.current(other), other);
        }
    }
}
