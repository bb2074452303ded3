//! How often the password of one account may be tried.
//!
//! Attempts are counted by e-mail address and client network, so that guesses from another network use up nothing of the
//! owner's limit; and by e-mail address alone with ten times the limit, so that guesses from many networks are limited too.

use std::num::NonZeroU32;
use std::sync::Arc;

use super::address::ClientNetwork;
use super::rate::Limiter;
use super::{ACCOUNT_TOTAL, BY_ACCOUNT, Counting, RateLimited};
use crate::clock::Clock;
use crate::secret::sha256;
use crate::settings::Rate;

/// The limit by e-mail address alone, as a multiple of the limit of one network. An attacker with fewer networks cannot lock
/// out the owner.
const NETWORKS: NonZeroU32 = NonZeroU32::new(10).unwrap();

/// The SHA-256 of an e-mail address, whether or not an account has it.
type Account = [u8; 32];

/// The count of one kind of attempts: logins or registrations.
#[derive(Debug)]
pub(super) struct PasswordAttempts {
    /// If the embedding application does not provide addresses, all clients count as one.
    by_client: Limiter<(Account, Option<ClientNetwork>)>,
    total: Limiter<Account>,
}

impl PasswordAttempts {
    /// `None` if there is no limit.
    pub(super) fn new(rate: Rate, clock: &Arc<dyn Clock>) -> Option<Self> {
        Some(Self {
            by_client: Limiter::new(rate, Arc::clone(clock))?,
            total: Limiter::new(rate.times(NETWORKS), Arc::clone(clock))?,
        })
    }

    /// Forgets all attempts at one account.
    pub(super) fn forget(&self, account: &Account) {
        self.by_client.forget(|(tried, _)| tried == account);
        self.total.forget(|tried| tried == account);
    }

    /// Counts an attempt. If the limit of the network refuses it, it does not count against the total.
    pub(super) fn admit(&self, email: &str, client: Option<ClientNetwork>) -> Result<(), RateLimited> {
        let account = sha256(email.as_bytes());
        let mut counting = Counting::new("attempts");
        counting.count(BY_ACCOUNT, self.by_client.quota, self.by_client.count((account, client)))?;
        counting.count(ACCOUNT_TOTAL, self.total.quota, self.total.count(account))
    }
}
