//! The background tasks of a server: what is due after some time, and the changes of other nodes.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, interval_at};

use super::Inner;
use crate::activity;
use crate::auth::{KEY_POLL_INTERVAL, UnavailableError};
use crate::clock::Timestamp;
use crate::collections::ADDITION_KEY_WINDOW;
use crate::limits::KNOWN_NETWORK_RETENTION;
use crate::store::{
    ERASED_SESSION_MARGIN, ERASED_USER_RETENTION, ExpiringRows, LOGIN_KEY_RETENTION, StoreChange, StoreError, Unlock,
};
use crate::sweep::Sweeper;

/// The background tasks. One follows the changes of other nodes; the other runs the jobs of [`Due`].
#[derive(Debug)]
pub(super) struct Background {
    stop: watch::Sender<()>,
    tasks: [JoinHandle<()>; 2],
}

/// A background job that is due.
enum Due {
    /// Write the recorded activity.
    Flush,
    /// Delete expired rows, sessions and guests.
    Sweep,
    /// Read the keys from the store.
    Keys,
}

/// How often expired rows, sessions and guests are deleted.
const SWEEP_INTERVAL: Duration = Duration::from_secs(60);
/// The number of expired rows that are deleted in one transaction, so that the deletion does not delay logins.
const EXPIRED_BATCH: u32 = 1000;

impl Background {
    pub(super) fn start(inner: &Arc<Inner>) -> Self {
        let (stop, mut stopped) = watch::channel(());
        let follower = tokio::spawn(follow_changes(inner, stopped.clone()));
        // Weak, so that this task does not keep a server alive that an application has dropped without closing it.
        let inner = Arc::downgrade(inner);
        let housekeeper = tokio::spawn(async move {
            let mut flush = tokio::time::interval(activity::FLUSH_INTERVAL);
            // Not at the start: a caller that has just opened the server may call `sweep` and expect its full report.
            let mut sweep = interval_at(Instant::now() + SWEEP_INTERVAL, SWEEP_INTERVAL);
            let mut sweeper = None;
            let mut keys = tokio::time::interval(KEY_POLL_INTERVAL);
            loop {
                let due = tokio::select! {
                    _ = stopped.changed() => return,
                    _ = flush.tick() => Due::Flush,
                    _ = sweep.tick() => Due::Sweep,
                    _ = keys.tick() => Due::Keys,
                };
                let Some(inner) = inner.upgrade() else { return };
                let done = match due {
                    Due::Flush => inner.flush().await,
                    Due::Sweep => inner.sweep(sweeper.get_or_insert_with(|| Sweeper::new(&inner.config))).await,
                    Due::Keys => inner.poll_keys().await,
                };
                if let Err(error) = done {
                    tracing::error!(%error, "a background job failed; it will be tried again");
                }
            }
        });
        Self { stop, tasks: [follower, housekeeper] }
    }

    pub(super) async fn stop(self) {
        drop(self.stop);
        for task in self.tasks {
            // An error means that the task has panicked, so it has ended.
            let _ = task.await;
        }
    }
}

/// Adds the changes of other processes to the memory of this node. A separate task, so that no job delays it.
fn follow_changes(inner: &Arc<Inner>, mut stopped: watch::Receiver<()>) -> impl Future<Output = ()> + use<> {
    let (store, clock) = (Arc::clone(&inner.store), Arc::clone(&inner.clock));
    // Weak, so that this task does not keep a server alive that an application has dropped without closing it.
    let server = Arc::downgrade(inner);
    let revoked = Arc::clone(&inner.sessions.revoked);
    let limits = Arc::clone(&inner.limits);
    let mut unlocks = Unlocks::default();
    async move {
        loop {
            let change = tokio::select! {
                _ = stopped.changed() => return,
                change = store.next_change(&*clock) => change,
            };
            match change {
                StoreChange::Revoked(revocation) => revoked.add(revocation),
                StoreChange::Unlocked(unlock) => {
                    if unlocks.is_new(unlock) {
                        limits.unlock_account(&unlock.account);
                    }
                }
                StoreChange::Keys => {
                    let Some(inner) = server.upgrade() else { return };
                    if let Err(error) = inner.poll_keys().await {
                        tracing::error!(%error, "changed keys could not be read; they will be read again");
                    }
                }
            }
        }
    }
}

/// The last unlock of each account that this node has heard of. A store reports the same unlock again for some time, and
/// attempts after it must count.
#[derive(Debug, Default)]
struct Unlocks(HashMap<[u8; 32], Timestamp>);

impl Unlocks {
    fn is_new(&mut self, Unlock { account, at }: Unlock) -> bool {
        let is_new = self.0.get(&account).is_none_or(|last| *last < at);
        if is_new {
            self.0.insert(account, at);
        }
        is_new
    }
}

impl Inner {
    /// Deletes the rows that are kept for a limited time only.
    pub(super) async fn delete_expired_rows(&self, now: Timestamp) -> Result<(), StoreError> {
        for (rows, before) in [
            (ExpiringRows::LoginKeys, now - LOGIN_KEY_RETENTION),
            (ExpiringRows::UpgradeKeys, now - LOGIN_KEY_RETENTION),
            (ExpiringRows::AdditionKeys, now - ADDITION_KEY_WINDOW),
            (ExpiringRows::ErasedSessions, now - ERASED_SESSION_MARGIN),
            (ExpiringRows::ErasedUsers, now - ERASED_USER_RETENTION),
            (ExpiringRows::Ceremonies, now),
            (ExpiringRows::IdTokens, now),
            (ExpiringRows::AuditEntries, now - self.config.audit_retention),
            (ExpiringRows::KnownNetworks, now - KNOWN_NETWORK_RETENTION),
        ] {
            while self.store.delete_expired(rows, before, EXPIRED_BATCH).await? == EXPIRED_BATCH as usize {}
        }
        while self.store.trim_audit(self.config.audit_entries, EXPIRED_BATCH).await? == EXPIRED_BATCH as usize {}
        Ok(())
    }

    /// Writes what is recorded in memory. If the store fails, all of it is kept for the next time.
    pub(super) async fn flush(&self) -> Result<(), StoreError> {
        let activity = self.activity.flush(&*self.store).await;
        self.failures.flush(&*self.store).await.and(activity)
    }

    /// Whether the refresh token is refused only because the clock of this server is in doubt (S15): by the time that it should
    /// show, the token has not expired.
    pub(crate) async fn is_refused_for_the_clock(&self, token: &str, now: Timestamp) -> Result<bool, UnavailableError> {
        let cautious = self.clock_check.cautious_now(&*self.clock).await;
        Ok(cautious < now && self.sessions.could_refresh(token, cautious).await?)
    }

    /// Reads the keys, and drops those that have expired.
    async fn poll_keys(&self) -> Result<(), StoreError> {
        self.sessions.key_reloader.poll(self.clock_check.cautious_now(&*self.clock).await).await
    }

    async fn sweep(&self, sweeper: &mut Sweeper) -> Result<(), StoreError> {
        if self.clock_check.check(&*self.store, &*self.clock).await?.is_err() {
            return Ok(());
        }
        let now = self.clock.now();
        self.sessions.revoked.remove_expired(now);
        self.delete_expired_rows(now).await?;
        let swept = sweeper.sweep_some(&*self.store, now).await?;
        if swept.guests + swept.sessions > 0 {
            tracing::info!(guests = swept.guests, sessions = swept.sessions, "deleted expired guests and sessions");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use guestpass_core::wire::TokenResponse;
    use uuid::Uuid;

    use super::*;
    use crate::Guestpass;
    use crate::clock::Clock;
    use crate::collections::{Addition, AdditionKey, Edit, EntryChange};
    use crate::config::{Config, StoreLocation};
    use crate::etag::Conditions;
    use crate::store::DataError;

    const KEY: Option<&str> = Some("k_-GqFbKvQ0r8pWm2ZtYxA");

    #[derive(Debug)]
    struct TestClock(Mutex<Timestamp>);

    impl Clock for TestClock {
        fn now(&self) -> Timestamp {
            *self.0.lock().unwrap()
        }
    }

    #[test]
    fn an_unlock_that_is_reported_again_is_not_new() {
        let (mut unlocks, start) = (Unlocks::default(), Timestamp::from_secs(1_800_000_000));
        let unlock = |account, secs| Unlock { account: [account; 32], at: start + Duration::from_secs(secs) };

        assert!(unlocks.is_new(unlock(1, 0)));
        assert!(!unlocks.is_new(unlock(1, 0)));
        assert!(unlocks.is_new(unlock(2, 0)));
        assert!(unlocks.is_new(unlock(1, 1)));
        assert!(!unlocks.is_new(unlock(1, 0)), "an earlier one");
    }

    #[tokio::test]
    async fn a_sweep_deletes_old_login_keys_and_expired_revocations() {
        let directory = tempfile::tempdir().unwrap();
        let config =
            Config { store: StoreLocation::Sqlite(directory.path().join("guestpass.db")), ..Config::default() };
        let clock = Arc::new(TestClock(Mutex::new(Timestamp::from_secs(1_800_000_000))));
        let inner = Guestpass::open_at(config, clock.clone()).await.unwrap().inner;
        let tokens = inner.sessions.login(true, KEY, clock.now()).await.unwrap();
        inner.sessions.revoke(&tokens.access_token, clock.now()).await.unwrap();
        let session = inner.store.revocations(clock.now()).await.unwrap()[0].session;

        let just_before = clock.now() + Duration::from_secs(900) - Duration::from_millis(1);
        *clock.0.lock().unwrap() = just_before;
        inner.sweep(&mut Sweeper::new(&inner.config)).await.unwrap();
        assert!(inner.sessions.revoked.contains(session));
        assert!(inner.sessions.login(true, KEY, clock.now()).await.is_err(), "the key was deleted too early");

        *clock.0.lock().unwrap() = just_before + LOGIN_KEY_RETENTION;
        inner.sweep(&mut Sweeper::new(&inner.config)).await.unwrap();
        assert!(!inner.sessions.revoked.contains(session));
        assert!(inner.sessions.login(true, KEY, clock.now()).await.is_ok(), "the key was not deleted");
    }

    #[tokio::test]
    async fn a_sweep_deletes_erased_sessions_addition_keys_and_records_of_erasures_each_after_its_time() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("guestpass.db");
        let config = Config { store: StoreLocation::Sqlite(file.clone()), ..Config::default() };
        let clock = Arc::new(TestClock(Mutex::new(Timestamp::from_secs(1_800_000_000))));
        let inner = Guestpass::open_at(config, clock.clone()).await.unwrap().inner;
        let guest_of =
            |tokens: TokenResponse| Uuid::try_parse(&tokens.anonymous_id.unwrap()["anonymous_".len()..]).unwrap();
        let erased = guest_of(inner.sessions.login(true, None, clock.now()).await.unwrap());
        let other = guest_of(inner.sessions.login(true, None, clock.now()).await.unwrap());
        inner.store.erase(erased, None, clock.now()).await.unwrap().unwrap();
        let quantity = serde_json::Map::from_iter([("quantity".to_owned(), 1.into())]);
        let change = EntryChange {
            collection: inner.config.collections.get("cart").unwrap().clone(),
            key: "mug".to_owned().try_into().unwrap(),
            edit: Edit::Add(Addition(quantity)),
            conditions: Conditions::default(),
            addition_key: Some(AdditionKey { hash: [1; 32], request: [2; 32] }),
            now: clock.now(),
        };
        inner.store.change_entry(other, change).await.unwrap().unwrap();
        let rows = |table: &str| {
            let shell = rusqlite::Connection::open(&file).unwrap();
            shell.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get::<_, i64>(0)).unwrap()
        };
        let sweep_at = async |at: Timestamp| {
            *clock.0.lock().unwrap() = at;
            inner.sweep(&mut Sweeper::new(&inner.config)).await.unwrap();
            (rows("erased_session"), rows("addition_key"))
        };
        let start = clock.now();

        let expiry = start + Duration::from_secs(900) + ERASED_SESSION_MARGIN;
        assert_eq!(sweep_at(expiry).await, (1, 1));
        assert_eq!(sweep_at(expiry + Duration::from_millis(1)).await, (0, 1));
        assert_eq!(sweep_at(start + ADDITION_KEY_WINDOW).await, (0, 1));
        assert_eq!(sweep_at(start + ADDITION_KEY_WINDOW + Duration::from_millis(1)).await, (0, 0));
        sweep_at(start + ERASED_USER_RETENTION).await;
        assert_eq!(rows("erased_user"), 1);
        sweep_at(start + ERASED_USER_RETENTION + Duration::from_millis(1)).await;
        assert_eq!(rows("erased_user"), 0);
    }

    /// A clock that is set while its steady clock stands still.
    #[derive(Debug)]
    struct SetClock(Mutex<Timestamp>);

    impl Clock for SetClock {
        fn now(&self) -> Timestamp {
            *self.0.lock().unwrap()
        }

        fn steady(&self) -> Option<Duration> {
            Some(Duration::ZERO)
        }
    }

    #[tokio::test]
    async fn s15_while_the_clock_is_in_doubt_no_guest_and_no_revocation_is_forgotten_and_no_key_expires() {
        let directory = tempfile::tempdir().unwrap();
        let config =
            Config { store: StoreLocation::Sqlite(directory.path().join("guestpass.db")), ..Config::default() };
        let start = Timestamp::from_secs(1_800_000_000);
        let clock = Arc::new(SetClock(Mutex::new(start)));
        let inner = Guestpass::open_at(config, clock.clone()).await.unwrap().inner;
        let tokens = inner.sessions.login(true, KEY, start).await.unwrap();
        inner.sessions.revoke(&tokens.access_token, start).await.unwrap();
        let session = inner.store.revocations(start).await.unwrap()[0].session;

        *clock.0.lock().unwrap() = start + Duration::from_hours(365 * 24);
        inner.sweep(&mut Sweeper::new(&inner.config)).await.unwrap();

        assert!(inner.sessions.revoked.contains(session));
        assert_eq!(inner.store.revocations(start).await.unwrap().len(), 1);
        assert_eq!(inner.store.guest_count().await.unwrap(), 1);
        assert_eq!(inner.clock_check.cautious_now(&*clock).await, start);
    }

    #[tokio::test]
    async fn s15_a_revocation_is_known_after_a_start_at_which_the_clock_was_ahead() {
        let directory = tempfile::tempdir().unwrap();
        let config =
            Config { store: StoreLocation::Sqlite(directory.path().join("guestpass.db")), ..Config::default() };
        let start = Timestamp::from_secs(1_800_000_000);
        let clock = Arc::new(SetClock(Mutex::new(start)));
        let server = Guestpass::open_at(config.clone(), clock.clone()).await.unwrap();
        let tokens = server.inner.sessions.login(false, None, start).await.unwrap();
        server.inner.sessions.revoke(&tokens.access_token, start).await.unwrap();
        server.close().await.unwrap();

        *clock.0.lock().unwrap() = start + Duration::from_hours(365 * 24);
        let inner = Guestpass::open_at(config, clock.clone()).await.unwrap().inner;
        *clock.0.lock().unwrap() = start;

        assert!(inner.sessions.verify(&tokens.access_token, start).await.is_err());
    }

    #[tokio::test]
    async fn s04_an_erasure_that_waited_while_its_session_was_ended_erases_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let config =
            Config { store: StoreLocation::Sqlite(directory.path().join("guestpass.db")), ..Config::default() };
        let inner = Guestpass::open(config).await.unwrap().inner;
        let now = inner.clock.now();
        let tokens = inner.sessions.login(true, None, now).await.unwrap();
        let caller = inner.sessions.verify(&tokens.access_token, now).await.unwrap();
        inner.sessions.revoke(&tokens.access_token, now).await.unwrap();

        let erased = inner.sessions.erase(caller.subject.id, caller.session, now).await.unwrap();

        assert_eq!(erased, Err(DataError::NoGuest));
        assert_eq!(inner.store.guest_count().await.unwrap(), 1);
    }
}
