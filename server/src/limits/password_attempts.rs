//! How often the password of one account may be guessed.
//!
//! Guesses are counted by e-mail address and client network (an IPv4 address or an IPv6 /48), so that guesses from another
//! network use up nothing of the owner's limit; and by e-mail address alone with ten times the limit, so that guesses from many
//! networks are limited too. A network from which the owner has signed in before has a limit of its own. Guesses from
//! other networks do not use it up, so that these guesses do not lock the owner out there.

use std::num::NonZeroU32;
use std::sync::Arc;

use super::address::ClientNetwork;
use super::admission::{ACCOUNT_TOTAL, Admitted, BY_ACCOUNT, Limit, RateLimited, admit};
use super::rate::{Account, Key, Limiter, MonotonicClock};
use crate::secret::sha256;
use crate::settings::Rate;

/// The limit by e-mail address alone, as a multiple of the limit of one network.
const NETWORKS: NonZeroU32 = NonZeroU32::new(10).unwrap();

/// The count of one kind of attempts: logins or registrations.
#[derive(Debug)]
pub(super) struct PasswordAttempts {
    by_client: Limiter,
    total: Limiter,
    known: Limiter,
}

impl PasswordAttempts {
    /// `None` if there is no limit.
    pub(super) fn new(rate: Rate, clock: &Arc<MonotonicClock>) -> Option<Self> {
        Some(Self {
            by_client: Limiter::new(rate, clock)?,
            total: Limiter::new(rate.times(NETWORKS), clock)?,
            known: Limiter::new(rate, clock)?,
        })
    }

    /// Counts an attempt.
    pub(super) fn admit(&self, email: &str, client: Option<ClientNetwork>) -> Result<Admitted<'_>, RateLimited> {
        let account = account(email);
        let key = Key::AccountFrom(account, client.map(ClientNetwork::allocation));
        let by_client = Limit { limiter: &self.by_client, key, policy: BY_ACCOUNT };
        let total = Limit { limiter: &self.total, key: Key::Account(account), policy: ACCOUNT_TOTAL };
        admit("attempts", [by_client, total])
    }

    /// Counts an attempt from a network from which the owner has signed in before.
    pub(super) fn admit_known(&self, email: &str, client: ClientNetwork) -> Result<Admitted<'_>, RateLimited> {
        let key = Key::AccountFrom(account(email), Some(client));
        admit("attempts", [Limit { limiter: &self.known, key, policy: BY_ACCOUNT }])
    }

    /// Forgets the attempts for an account.
    pub(super) fn forget(&self, forgotten: &Account) {
        for limiter in [&self.by_client, &self.total, &self.known] {
            limiter.forget(
                |key| matches!(key, Key::Account(account) | Key::AccountFrom(account, _) if account == forgotten),
            );
        }
    }
}

fn account(email: &str) -> Account {
    sha256(email.as_bytes())
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;
    use crate::clock::{Clock, SystemClock};

    #[test]
    fn s14_the_attempts_for_one_account_can_be_forgotten() {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let attempts = PasswordAttempts::new("1/366d".parse().unwrap(), &MonotonicClock::new(&clock)).unwrap();
        let client = |address: &str| Some(ClientNetwork::from(address.parse::<IpAddr>().unwrap()));
        for email in ["ada@example.com", "eve@example.com"] {
            for network in 0..10 {
                assert!(attempts.admit(email, client(&format!("198.51.100.{network}"))).is_ok());
            }
            assert!(attempts.admit(email, client("203.0.113.7")).is_err());
        }

        attempts.forget(&account("ada@example.com"));

        assert!(attempts.admit("ada@example.com", client("198.51.100.1")).is_ok());
        assert!(attempts.admit("ada@example.com", client("203.0.113.7")).is_ok());
        assert!(attempts.admit("eve@example.com", client("203.0.113.7")).is_err());
    }
}
