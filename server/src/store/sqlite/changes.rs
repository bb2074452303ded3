//! Changes that another process makes in the file: a command of an administrator, or the `sqlite3` shell.
//!
//! `PRAGMA data_version` on the connection of the writer changes only when another connection has written, and no other
//! connection of this process writes. So the poll costs a few microseconds, and the changes of this server cause no work. A
//! change does not tell its rows, so all revocations and upgrades that matter are read again; a change that is already known
//! has no further effect.

use std::collections::VecDeque;
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::Mutex;
use tokio::time::sleep;

use super::readers::Readers;
use super::writer::Writer;
use super::{audit, sessions};
use crate::clock::{Clock, Timestamp};
use crate::store::{StoreChange, StoreError};

/// How often the writer looks for changes: four times within the second in which the server must hear of a change.
const POLL_INTERVAL: Duration = Duration::from_millis(250);

/// How long an unlocked account is reported. Longer than two processes' clocks differ.
const RECENT: Duration = Duration::from_secs(5 * 60);

/// A number that changes when another connection has written to the database.
pub(super) type DataVersion = i64;

pub(super) fn data_version(connection: &Connection) -> rusqlite::Result<DataVersion> {
    connection.pragma_query_value(None, "data_version", |row| row.get(0))
}

#[derive(Debug)]
pub(super) struct Changes(Mutex<State>);

#[derive(Debug)]
struct State {
    /// The version whose changes are known.
    seen: DataVersion,
    pending: VecDeque<StoreChange>,
    /// Whether the last poll failed, so that a failure is logged once.
    failing: bool,
}

impl Changes {
    /// `seen` must have been read before the server reads revocations and upgrades.
    pub(super) fn since(seen: DataVersion) -> Self {
        Self(Mutex::new(State { seen, pending: VecDeque::new(), failing: false }))
    }

    /// Waits for the next change.
    pub(super) async fn next(&self, writer: &Writer, readers: &Readers, clock: &dyn Clock) -> StoreChange {
        let mut state = self.0.lock().await;
        loop {
            if let Some(change) = state.pending.pop_front() {
                return change;
            }
            sleep(POLL_INTERVAL).await;
            match state.poll(writer, readers, clock).await {
                Ok(()) => state.failing = false,
                // The store is being closed.
                Err(StoreError::Closed) => std::future::pending().await,
                Err(error) => {
                    if !std::mem::replace(&mut state.failing, true) {
                        tracing::warn!(%error, "the changes of other processes cannot be read; trying again");
                    }
                }
            }
        }
    }
}

impl State {
    async fn poll(&mut self, writer: &Writer, readers: &Readers, clock: &dyn Clock) -> Result<(), StoreError> {
        let version = writer.data_version().await?;
        if version == self.seen {
            return Ok(());
        }
        let now = clock.now();
        self.pending = readers.read(move |db| changes(db, now)).await?;
        self.seen = version;
        Ok(())
    }
}

fn changes(db: &Connection, now: Timestamp) -> rusqlite::Result<VecDeque<StoreChange>> {
    let revocations = sessions::revocations(db, now)?.into_iter().map(StoreChange::Revoked);
    // An unlock that was heard before has no further effect.
    let unlocks = audit::unlocks(db, now - RECENT)?.into_iter().map(StoreChange::Unlocked);
    Ok(revocations.chain(unlocks).chain([StoreChange::Keys]).collect())
}

#[cfg(test)]
mod tests {
    use super::super::connection::{open_for_admin, open_writer};
    use super::*;

    #[tokio::test]
    async fn s15_only_the_writes_of_other_connections_change_the_version() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("test.db");
        let connection = open_writer(&path).unwrap();
        let seen = data_version(&connection).unwrap();
        let writer = Writer::start(connection, || Ok(())).unwrap();
        let write = |db: &Connection| db.execute("UPDATE heartbeat SET writes = writes + 1", []);

        writer.write(write).await.unwrap();
        assert_eq!(writer.data_version().await.unwrap(), seen);

        write(&open_for_admin(&path).unwrap()).unwrap();
        // The change is also noticed if the writer has read it before the poll.
        writer.write(write).await.unwrap();
        assert_ne!(writer.data_version().await.unwrap(), seen);
    }
}
