//! How often the password of one account may be tried.
//!
//! Counted by e-mail address and client network, so that a stranger who guesses uses up nothing of the account's owner; and
//! by the address alone, ten times as high, so that guessing from many networks is bounded too.

use std::num::NonZeroU32;
use std::sync::Arc;

use super::address::ClientNetwork;
use super::rate::{Limiter, Rate};
use super::{ACCOUNT_TOTAL, BY_ACCOUNT, Fields, RateLimited};
use crate::clock::Clock;
use crate::secret::sha256;

/// How many networks' worth of attempts one account takes: who guesses from fewer does not keep its owner out.
const NETWORKS: NonZeroU32 = NonZeroU32::new(10).unwrap();

/// The SHA-256 of an e-mail address, whether or not there is such an account.
type Account = [u8; 32];

/// One count of attempts. Logging in has one, and registering another.
#[derive(Debug)]
pub(super) struct Attempts {
    /// Where nobody says who is connected, all are one client.
    by_client: Limiter<(Account, Option<ClientNetwork>)>,
    total: Limiter<Account>,
}

impl Attempts {
    /// `None` if there is no limit.
    pub(super) fn new(rate: Rate, clock: &Arc<dyn Clock>) -> Option<Self> {
        Some(Self {
            by_client: Limiter::new(rate, Arc::clone(clock))?,
            total: Limiter::new(rate.times(NETWORKS), Arc::clone(clock))?,
        })
    }

    /// Counts an attempt. One that is refused because of its network does not count for all of them.
    pub(super) fn admit(&self, email: &str, client: Option<ClientNetwork>) -> Result<(), RateLimited> {
        let account = sha256(email.as_bytes());
        let mut fields = Fields::default();
        fields.count(BY_ACCOUNT, self.by_client.quota, self.by_client.count((account, client)))?;
        fields.count(ACCOUNT_TOTAL, self.total.quota, self.total.count(account))
    }
}
