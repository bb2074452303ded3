//! The changes of other nodes, received within a second (S4).
//!
//! `LISTEN` reports a change within milliseconds, but a notification can be lost: with its connection, or in a connection pooler
//! that does not support notifications. So the tables are also polled twice a second, which alone meets the deadline. The cursor
//! of the poll is the oldest transaction that was running at the last poll, not a time or a counter. Any change that was not
//! visible then belongs to that transaction or to a later one, so no change is missed however long a commit takes. A change that
//! is reported twice has no further effect. A new connection starts without a cursor, because transaction numbers may have gone
//! back after a failover.

use std::future::poll_fn;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Mutex, mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_postgres::{AsyncMessage, Client, Notification};
use tokio_postgres_rustls::MakeRustlsConnect;
use uuid::Uuid;

use super::connection::Connections;
use super::location::Parts;
use super::{Error, time_column, tls, unreadable};
use crate::clock::Timestamp;
use crate::store::{CHANGES_READY, CHANGES_TRUSTED, Revocation, StoreChange, StoreError, Unlock};

/// How often the tables are polled: twice within the second in which every node must receive a change.
const POLL_INTERVAL: Duration = Duration::from_millis(500);
/// The timeout of a poll. After it, the connection counts as lost.
const POLL_TIMEOUT: Duration = Duration::from_secs(2);
/// The first and the greatest pause between two attempts to connect. The pause is doubled after each attempt.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));
/// The number of changes in the queue.
const QUEUE: usize = 1024;
/// Before any transaction.
const FROM_THE_START: &str = "0";

#[derive(Debug)]
pub(super) struct Changes {
    queue: Mutex<mpsc::Receiver<StoreChange>>,
    stop: watch::Sender<bool>,
    task: Mutex<Option<JoinHandle<()>>>,
    polled_at: Arc<PolledAt>,
}

/// The time of the last successful poll.
#[derive(Debug)]
struct PolledAt(std::sync::Mutex<Instant>);

impl Changes {
    /// `connections` are retired when the database becomes read-only.
    pub(super) fn listen(parts: Parts, connections: Connections) -> Result<Self, StoreError> {
        let tls = tls::connector(&parts.tls)?;
        let (sender, queue) = mpsc::channel(QUEUE);
        let polled_at = Arc::new(PolledAt(std::sync::Mutex::new(Instant::now())));
        let polled = Arc::clone(&polled_at);
        let (stop, mut stopped) = watch::channel(false);
        let task = tokio::spawn(async move {
            let listener = Listener { parts, tls, sender, connections, polled_at: polled };
            tokio::select! {
                () = listener.run() => {}
                // An error means that the store has been dropped.
                _ = stopped.changed() => {}
            }
        });
        Ok(Self { queue: Mutex::new(queue), stop, task: Mutex::new(Some(task)), polled_at })
    }

    /// The time since the last successful poll.
    pub(super) fn age(&self) -> Duration {
        self.polled_at.0.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }

    /// Waits for the next change. Never returns after the store is closed.
    pub(super) async fn next(&self) -> StoreChange {
        match self.queue.lock().await.recv().await {
            Some(change) => change,
            None => std::future::pending().await,
        }
    }

    pub(super) async fn close(&self) {
        self.stop.send_replace(true);
        if let Some(task) = self.task.lock().await.take() {
            // An error means that the task has panicked, so it has ended.
            let _ = task.await;
        }
    }
}

struct Listener {
    parts: Parts,
    tls: MakeRustlsConnect,
    sender: mpsc::Sender<StoreChange>,
    connections: Connections,
    polled_at: Arc<PolledAt>,
}

/// The receiver of the changes has been dropped.
struct ReceiverDropped;

impl Listener {
    async fn run(self) {
        let (mut pause, longest) = BACKOFF;
        let mut following = true;
        loop {
            let error = match self.connect().await {
                Ok((client, mut notifications)) => {
                    if !std::mem::replace(&mut following, true) {
                        tracing::info!("the changes of other nodes are followed again");
                    }
                    (pause, _) = BACKOFF;
                    match self.follow(&client, &mut notifications).await {
                        Ok(ReceiverDropped) => return,
                        Err(error) => error,
                    }
                }
                Err(error) => error,
            };
            // Logged once, and not at each attempt.
            if std::mem::take(&mut following) {
                tracing::warn!(
                    %error,
                    not_ready_after = ?CHANGES_READY,
                    no_access_tokens_after = ?CHANGES_TRUSTED,
                    "the changes of other nodes cannot be followed; trying again"
                );
            }
            sleep(pause).await;
            pause = longest.min(pause * 2);
        }
    }

    /// Opens a separate connection, with the channel of its notifications. The channel ends with the connection.
    async fn connect(&self) -> Result<(Client, mpsc::Receiver<Notification>), Error> {
        let (client, mut connection) = self.parts.config.connect(self.tls.clone()).await?;
        let (sender, notifications) = mpsc::channel(QUEUE);
        tokio::spawn(async move {
            while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
                if let AsyncMessage::Notification(notification) = message
                    && sender.send(notification).await.is_err()
                {
                    return;
                }
            }
        });
        Ok((client, notifications))
    }

    /// Passes on changes until the connection breaks.
    async fn follow(
        &self,
        client: &Client,
        notifications: &mut mpsc::Receiver<Notification>,
    ) -> Result<ReceiverDropped, Error> {
        with_timeout(client.batch_execute("LISTEN guestpass")).await?;
        let mut cursor = FROM_THE_START.to_owned();
        let mut poll = interval(POLL_INTERVAL);
        poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let changes = tokio::select! {
                notification = notifications.recv() => match notification {
                    Some(notification) => change_in(notification.payload()).into_iter().collect(),
                    None => return Err(unreadable("the connection was closed")),
                },
                _ = poll.tick() => self.poll(client, &mut cursor).await?,
            };
            for change in changes {
                if self.sender.send(change).await.is_err() {
                    return Ok(ReceiverDropped);
                }
            }
        }
    }

    /// The changes since `cursor`, which is advanced.
    async fn poll(&self, client: &Client, cursor: &mut String) -> Result<Vec<StoreChange>, Error> {
        let rows = with_timeout(client.query(POLL, &[&*cursor])).await?;
        if let Some(row) = rows.first()
            && row.try_get("read_only")?
        {
            // The host is a replica now. A new connection finds the primary.
            self.connections.retire();
            return Err(unreadable("the database has become read-only"));
        }
        let mut changes = Vec::new();
        for row in &rows {
            let Some(id) = row.try_get("id")? else { continue };
            let until = time_column(row, "until")?;
            if let Some(account) = row.try_get("unlocked")? {
                changes
                    .extend(account_hash(account).map(|account| StoreChange::Unlocked(Unlock { account, at: until })));
                continue;
            }
            changes.push(StoreChange::Revoked(Revocation { session: id, access_expires_at: until }));
        }
        if let Some(row) = rows.first() {
            *cursor = row.try_get("cursor")?;
        }
        *self.polled_at.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        Ok(changes)
    }
}

/// Reads in one snapshot the next cursor, and the sessions revoked or erased and the accounts unlocked since the last cursor. Changes that concern only access tokens that expired long ago, by the clock of the database, are left out.
const POLL: &str = "
    SELECT pg_snapshot_xmin(pg_current_snapshot())::text AS cursor, current_setting('transaction_read_only')::bool AS read_only,
           changed.id, changed.until, changed.unlocked
    FROM (VALUES (1)) AS always
    LEFT JOIN (
        SELECT id, access_expires_at AS until, NULL::text AS unlocked, revoked_in AS changed_in
        FROM session
        UNION ALL
        SELECT id, access_expires_at, NULL, erased_in FROM erased_session
        UNION ALL
        SELECT user_id, unlocked_at, encode(sha256(convert_to(email, 'UTF8')), 'hex'), unlocked_in FROM account
        WHERE email IS NOT NULL
    ) AS changed ON changed.changed_in >= $1::text::xid8
        AND changed.until > extract(epoch FROM now() - interval '5 minutes') * 1000";

/// Limits the time of a query.
async fn with_timeout<T>(query: impl Future<Output = Result<T, tokio_postgres::Error>>) -> Result<T, Error> {
    match timeout(POLL_TIMEOUT, query).await {
        Ok(response) => Ok(response?),
        Err(_) => Err(unreadable(format!("no response in {POLL_TIMEOUT:?}"))),
    }
}

/// Parses a notification. A notification of another version is ignored; the next poll finds its change.
fn change_in(payload: &str) -> Option<StoreChange> {
    let mut words = payload.split(' ');
    let time = |word: &str| word.parse().ok().map(Timestamp::from_millis);
    match words.next()? {
        "keys" => Some(StoreChange::Keys),
        "revoked" => Some(StoreChange::Revoked(Revocation {
            session: Uuid::try_parse(words.next()?).ok()?,
            access_expires_at: time(words.next()?)?,
        })),
        "unlocked" => {
            Some(StoreChange::Unlocked(Unlock { account: account_hash(words.next()?)?, at: time(words.next()?)? }))
        }
        _ => None,
    }
}

/// Reads a SHA-256 in hexadecimal.
fn account_hash(text: &str) -> Option<[u8; 32]> {
    let mut hash = [0; 32];
    if text.len() != 2 * hash.len() || !text.is_ascii() {
        return None;
    }
    for (index, byte) in hash.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * index..2 * index + 2)?, 16).ok()?;
    }
    Some(hash)
}
