//! Guests who have become members while their access tokens still say otherwise, in memory.
//!
//! As with revoked sessions: asking the store at each request would cost a query, so the few that matter are held here,
//! loaded at start, added to as guests register and are merged, and dropped once their last such token has expired.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use uuid::Uuid;

use super::guest::{Kind, Subject};
use crate::clock::Timestamp;
use crate::store::Upgrade;

#[derive(Debug)]
pub(crate) struct Members {
    upgraded: RwLock<HashMap<Uuid, Upgrade>>,
}

impl Members {
    pub(crate) fn new(upgrades: Vec<Upgrade>) -> Self {
        Self { upgraded: RwLock::new(upgrades.into_iter().map(|one| (one.guest, one)).collect()) }
    }

    /// A registration may be followed by nothing, and a merge neither: the first word is the last.
    pub(crate) fn add(&self, upgrade: Upgrade) {
        self.upgraded.write().unwrap_or_else(PoisonError::into_inner).insert(upgrade.guest, upgrade);
    }

    /// Who it is now that a token names.
    pub(crate) fn now(&self, subject: Subject) -> Subject {
        if subject.kind == Kind::User {
            return subject;
        }
        let upgraded = self.upgraded.read().unwrap_or_else(PoisonError::into_inner);
        upgraded.get(&subject.id).map_or(subject, |upgrade| Subject { id: upgrade.account, kind: Kind::User })
    }

    /// Drops those whose tokens have all expired.
    pub(crate) fn forget_expired(&self, now: Timestamp) {
        let mut upgraded = self.upgraded.write().unwrap_or_else(PoisonError::into_inner);
        upgraded.retain(|_, upgrade| upgrade.until > now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_a_member_is_told_until_the_last_token_has_expired() {
        let (guest, account) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let until = Timestamp::from_secs(100);
        let members = Members::new(vec![Upgrade { guest, account, until }]);
        let named = Subject::new(guest, false);

        assert_eq!(members.now(named), Subject::new(account, true));
        members.forget_expired(Timestamp::from_secs(99));
        assert_eq!(members.now(named), Subject::new(account, true));
        members.forget_expired(until);
        assert_eq!(members.now(named), named);
    }

    #[test]
    fn a_member_and_a_stranger_are_who_their_token_names() {
        let members = Members::new(Vec::new());
        members.add(Upgrade {
            guest: Uuid::from_u128(1),
            account: Uuid::from_u128(1),
            until: Timestamp::from_secs(1),
        });

        assert_eq!(members.now(Subject::new(Uuid::from_u128(1), false)), Subject::new(Uuid::from_u128(1), true));
        for other in [Subject::new(Uuid::from_u128(3), false), Subject::new(Uuid::from_u128(3), true)] {
            assert_eq!(members.now(other), other);
        }
    }
}
