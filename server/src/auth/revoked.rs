//! Sessions that ended before their access tokens expired, in memory.
//!
//! Everything else about the validity of an access token is in the token. Reading the store at each request would cost a
//! query, so these sessions are held in memory: loaded at the start, added when a session is revoked, and dropped when the last
//! access token of the session has expired.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use uuid::Uuid;

use crate::clock::Timestamp;
use crate::shards::Shards;
use crate::store::Revocation;

#[derive(Debug, Default)]
pub(crate) struct RevokedSessions {
    until: Shards<RwLock<HashMap<Uuid, Timestamp>>>,
}

impl RevokedSessions {
    pub(crate) fn new(revocations: Vec<Revocation>) -> Self {
        let this = Self::default();
        for revocation in revocations {
            this.add(revocation);
        }
        this
    }

    pub(crate) fn add(&self, revocation: Revocation) {
        let mut until = self.until.of(revocation.session).write().unwrap_or_else(PoisonError::into_inner);
        until.insert(revocation.session, revocation.access_expires_at);
    }

    pub(crate) fn contains(&self, session: Uuid) -> bool {
        self.until.of(session).read().unwrap_or_else(PoisonError::into_inner).contains_key(&session)
    }

    /// Drops the sessions whose access tokens have all expired.
    pub(crate) fn remove_expired(&self, now: Timestamp) {
        for shard in self.until.all() {
            shard.write().unwrap_or_else(PoisonError::into_inner).retain(|_, until| *until > now);
        }
    }
}
