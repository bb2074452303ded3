//! Failed attempts to sign in, in number: counted in memory, and written to the audit trail every few seconds.
//!
//! An attack must neither slow down requests by a write each, nor fill the trail: attempts are counted by hour, kind, reason,
//! account and client network, and one node adds at most [`ENTRIES_PER_HOUR`] entries an hour. Attempts beyond these are counted
//! without account and network. A crash loses the counts of the last few seconds.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use ipnet::IpNet;

use crate::accounts::{EmailAddress, account_with_email};
use crate::actor::Actor;
use crate::clock::Timestamp;
use crate::store::{AccountStore, AuditEvent, AuditStore, FailedAttempts, StoreError};

/// The greatest number of entries that one node adds within an hour, besides those without account and network.
const ENTRIES_PER_HOUR: usize = 500;

/// The reasons that are counted: a wrong or used credential, and a limit. Other errors are mistakes of the form, not attempts.
const COUNTED: [&str; 6] =
    ["invalid_credentials", "invalid_passkey", "challenge_expired", "invalid_id_token", "email_taken", RATE_LIMITED];

/// The reason of an attempt that a limit refused.
pub(crate) const RATE_LIMITED: &str = "rate_limited";

/// The failed attempts of this node that are not written yet.
#[derive(Debug, Default)]
pub(crate) struct Failures {
    counted: Mutex<Counted>,
}

#[derive(Debug, Default)]
struct Counted {
    counts: HashMap<Attempt, u64>,
    /// The hour of `attempts`.
    hour: Option<Timestamp>,
    /// The attempts of this hour, also those that are written.
    attempts: HashSet<Attempt>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Attempt {
    hour: Timestamp,
    event: AuditEvent,
    reason: &'static str,
    email: Option<Address>,
    network: Option<IpNet>,
}

/// An e-mail address, which stays out of logs.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Address(String);

impl std::fmt::Debug for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Address(…)")
    }
}

impl Failures {
    /// Counts a failed attempt of the current client, at the account with this address.
    pub(crate) fn record(&self, event: AuditEvent, reason: &'static str, email: Option<&str>, now: Timestamp) {
        if !COUNTED.contains(&reason) {
            return;
        }
        let email = email.and_then(|email| EmailAddress::parse(email).ok()).map(|email| Address(email.into()));
        let (hour, network) = (now.rounded_down_to_hour(), Actor::current().network);
        let mut attempt = Attempt { hour, event, reason, email, network };
        let mut counted = lock(&self.counted);
        if counted.hour != Some(hour) {
            counted.hour = Some(hour);
            counted.attempts.clear();
        }
        if !counted.attempts.contains(&attempt) {
            if counted.attempts.len() < ENTRIES_PER_HOUR {
                counted.attempts.insert(attempt.clone());
            } else {
                attempt = Attempt { email: None, network: None, ..attempt };
            }
        }
        *counted.counts.entry(attempt).or_default() += 1;
    }

    /// Writes the counts. Counts that could not be written are kept for the next flush.
    pub(crate) async fn flush<S: AccountStore + AuditStore + ?Sized>(&self, store: &S) -> Result<(), StoreError> {
        let counts = std::mem::take(&mut lock(&self.counted).counts);
        if counts.is_empty() {
            return Ok(());
        }
        let written = write(store, &counts).await;
        if written.is_err() {
            let mut counted = lock(&self.counted);
            for (attempt, count) in counts {
                *counted.counts.entry(attempt).or_default() += count;
            }
        }
        written
    }
}

/// Looks up the accounts here and not at each attempt, so that the time of a response does not tell whether one exists.
async fn write<S: AccountStore + AuditStore + ?Sized>(
    store: &S,
    counts: &HashMap<Attempt, u64>,
) -> Result<(), StoreError> {
    let mut attempts = Vec::with_capacity(counts.len());
    for (Attempt { hour, event, reason, email, network }, count) in counts {
        let account = match email {
            Some(Address(email)) => match EmailAddress::parse(email) {
                Ok(email) => account_with_email(store, &email).await?,
                Err(_) => None,
            },
            None => None,
        };
        let subject = account.map(|account| account.user);
        attempts.push(FailedAttempts { hour: *hour, event: *event, reason, subject, network: *network, count: *count });
    }
    store.add_failed_attempts(attempts).await
}

fn lock(counted: &Mutex<Counted>) -> MutexGuard<'_, Counted> {
    counted.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(failures: &Failures, email: &str, now: Timestamp) {
        failures.record(AuditEvent::LoginFailed, "invalid_credentials", Some(email), now);
    }

    #[test]
    fn a_node_counts_a_limited_number_of_accounts_and_networks_within_an_hour() {
        let (failures, now) = (Failures::default(), Timestamp::from_secs(1_800_000_000));
        for number in 0..10 * ENTRIES_PER_HOUR {
            record(&failures, &format!("ada{number}@example.com"), now);
            if number % 100 == 0 {
                // As a flush does.
                lock(&failures.counted).counts.clear();
            }
        }
        record(&failures, "ada1@example.com", now);

        let counted = lock(&failures.counted);
        assert_eq!(counted.attempts.len(), ENTRIES_PER_HOUR);
        assert_eq!(counted.counts.len(), 2, "one known account, and all others together: {:?}", counted.counts);
        drop(counted);
        record(&failures, "grace@example.com", now + std::time::Duration::from_secs(3600));
        assert_eq!(lock(&failures.counted).attempts.len(), 1);
    }

    #[test]
    fn a_mistake_of_the_form_is_no_attempt_and_an_address_is_not_in_the_log() {
        let failures = Failures::default();
        failures.record(AuditEvent::RegistrationFailed, "password_too_short", None, Timestamp::from_secs(0));
        assert!(lock(&failures.counted).counts.is_empty());
        record(&failures, "ada@example.com", Timestamp::from_secs(0));
        assert!(!format!("{failures:?}").contains("ada"));
    }
}
