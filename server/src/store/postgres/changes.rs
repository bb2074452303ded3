//! What other nodes change, heard of at once (S4: within a second).
//!
//! `LISTEN` brings the news in milliseconds, but a notification can be lost: with its connection, or to a pooler in
//! between that does not know of them. So the table is also asked twice a second for what has changed since, which
//! alone keeps the promise. The cursor is no clock and no counter: it is the oldest transaction that was still running
//! when the table was last asked. Whatever was not visible then belongs to that transaction or to a later one, so nothing
//! is missed however long a commit takes; what is reported twice does no harm. A new connection starts from nothing:
//! after a failover the numbers of transactions may have gone back.

use std::future::poll_fn;
use std::time::Duration;

use tokio::sync::{Mutex, mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_postgres::{AsyncMessage, Client, Notification};
use tokio_postgres_rustls::MakeRustlsConnect;
use uuid::Uuid;

use super::location::Parts;
use super::{Error, time_column, tls, unreadable};
use crate::clock::Timestamp;
use crate::store::{Revocation, StoreChange, StoreError, Upgrade};

/// How often the table is asked. Half of the second within which every node must know.
const POLL_INTERVAL: Duration = Duration::from_millis(500);
/// A question that takes longer has lost its connection.
const POLL_TIMEOUT: Duration = Duration::from_secs(2);
/// Between attempts to connect again: doubled each time, up to the second.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));
/// Changes that may wait to be taken note of.
const QUEUE: usize = 1024;
/// Before any transaction.
const FROM_THE_START: &str = "0";

#[derive(Debug)]
pub(super) struct Changes {
    queue: Mutex<mpsc::Receiver<StoreChange>>,
    stop: watch::Sender<bool>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Changes {
    pub(super) fn listen(parts: Parts) -> Result<Self, StoreError> {
        let tls = tls::connector(&parts.tls)?;
        let (sender, queue) = mpsc::channel(QUEUE);
        let (stop, mut stopped) = watch::channel(false);
        let task = tokio::spawn(async move {
            let listener = Listener { parts, tls, sender };
            tokio::select! {
                () = listener.run() => {}
                // An error means that the store is gone.
                _ = stopped.changed() => {}
            }
        });
        Ok(Self { queue: Mutex::new(queue), stop, task: Mutex::new(Some(task)) })
    }

    /// The next change. Waits for ever once closed.
    pub(super) async fn next(&self) -> StoreChange {
        match self.queue.lock().await.recv().await {
            Some(change) => change,
            None => std::future::pending().await,
        }
    }

    pub(super) async fn close(&self) {
        self.stop.send_replace(true);
        if let Some(task) = self.task.lock().await.take() {
            // An error means that it has panicked: there is nothing left to stop.
            let _ = task.await;
        }
    }
}

struct Listener {
    parts: Parts,
    tls: MakeRustlsConnect,
    sender: mpsc::Sender<StoreChange>,
}

/// Nobody takes the changes any more.
struct Abandoned;

impl Listener {
    async fn run(self) {
        let (mut pause, longest) = BACKOFF;
        let mut well = true;
        loop {
            let error = match self.connect().await {
                Ok((client, mut notifications)) => {
                    if !std::mem::replace(&mut well, true) {
                        tracing::info!("hearing of other nodes' changes again");
                    }
                    (pause, _) = BACKOFF;
                    match self.follow(&client, &mut notifications).await {
                        Ok(Abandoned) => return,
                        Err(error) => error,
                    }
                }
                Err(error) => error,
            };
            // SingleUse, and not at each attempt.
            if std::mem::take(&mut well) {
                tracing::warn!(%error, "not hearing of other nodes' changes; trying again");
            }
            sleep(pause).await;
            pause = longest.min(pause * 2);
        }
    }

    /// A connection of its own, and the notifications that come on it. These end with the connection.
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

    /// Passes on what is new until the connection breaks.
    async fn follow(
        &self,
        client: &Client,
        notifications: &mut mpsc::Receiver<Notification>,
    ) -> Result<Abandoned, Error> {
        within(client.batch_execute("LISTEN guestpass")).await?;
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
                    return Ok(Abandoned);
                }
            }
        }
    }

    /// What has changed since `cursor`, which moves on.
    async fn poll(&self, client: &Client, cursor: &mut String) -> Result<Vec<StoreChange>, Error> {
        let rows = within(client.query(POLL, &[&*cursor])).await?;
        let mut changes = Vec::new();
        for row in &rows {
            let Some(id) = row.try_get("id")? else { continue };
            let until = time_column(row, "until")?;
            changes.push(match row.try_get("account")? {
                None => StoreChange::Revoked(Revocation { session: id, access_expires_at: until }),
                Some(account) => StoreChange::Upgraded(Upgrade { guest: id, account, until }),
            });
        }
        if let Some(row) = rows.first() {
            *cursor = row.try_get("cursor")?;
        }
        Ok(changes)
    }
}

/// One snapshot: the next cursor, and what has been revoked or erased and who has become a member since the last one. Access
/// tokens that the database's clock takes for long expired are left out.
const POLL: &str = "
    SELECT pg_snapshot_xmin(pg_current_snapshot())::text AS cursor, news.id, news.until, news.account
    FROM (VALUES (1)) AS always
    LEFT JOIN (
        SELECT id, access_expires_at AS until, NULL::uuid AS account, revoked_in AS news_in FROM session
        UNION ALL
        SELECT id, access_expires_at, NULL, erased_in FROM erased_session
        UNION ALL
        SELECT id, guest_tokens_until, coalesce(merged_into, id), member_in FROM anonymous_user
    ) AS news ON news.news_in >= $1::text::xid8
        AND news.until > extract(epoch FROM now() - interval '5 minutes') * 1000";

async fn within<T>(question: impl Future<Output = Result<T, tokio_postgres::Error>>) -> Result<T, Error> {
    match timeout(POLL_TIMEOUT, question).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(unreadable(format!("no answer in {POLL_TIMEOUT:?}"))),
    }
}

/// What a notification says. One that a later version sends is left to the next poll.
fn change_in(payload: &str) -> Option<StoreChange> {
    let mut words = payload.split(' ');
    let time = |word: &str| word.parse().ok().map(Timestamp::from_millis);
    match words.next()? {
        "revoked" => Some(StoreChange::Revoked(Revocation {
            session: Uuid::try_parse(words.next()?).ok()?,
            access_expires_at: time(words.next()?)?,
        })),
        "member" => Some(StoreChange::Upgraded(Upgrade {
            guest: Uuid::try_parse(words.next()?).ok()?,
            account: Uuid::try_parse(words.next()?).ok()?,
            until: time(words.next()?)?,
        })),
        _ => None,
    }
}
