//! Refusing a connection pooler in transaction mode.
//!
//! Such a pooler gives each transaction another session of the database. `LISTEN`, the settings of a session and prepared
//! statements then apply to a session of another client, so revocations are not heard and timeouts do not apply.

use std::time::Duration;

use tokio::time::timeout;
use tokio_postgres::{Client, SimpleQueryMessage};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::location::Parts;
use crate::store::StoreError;

/// How long the check may take. Afterwards, and after an error, the check is skipped: the pool reports what is wrong.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The number of comparisons. Other clients of the pooler may take the sessions that one comparison expects.
const ROUNDS: usize = 3;

/// An error if the database is behind a pooler in transaction mode.
pub(super) async fn refuse_transaction_mode(parts: &Parts, tls: &MakeRustlsConnect) -> Result<(), StoreError> {
    match timeout(TIMEOUT, sessions_are_shared(parts, tls)).await {
        Ok(Ok(true)) => Err(StoreError::Pooler),
        Ok(Ok(false) | Err(_)) | Err(_) => Ok(()),
    }
}

/// Compares the sessions of two connections. With a session each, the two differ, and each stays the same also while the other
/// is in a transaction.
async fn sessions_are_shared(parts: &Parts, tls: &MakeRustlsConnect) -> Result<bool, tokio_postgres::Error> {
    let (one, other) = (connect(parts, tls).await?, connect(parts, tls).await?);
    for _ in 0..ROUNDS {
        let before = session(&one).await?;
        other.batch_execute("BEGIN").await?;
        // First compared, because the pooler may have only this session, and `one` would wait for it.
        let shared = session(&other).await? == before || session(&one).await? != before;
        other.batch_execute("COMMIT").await?;
        if shared {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn connect(parts: &Parts, tls: &MakeRustlsConnect) -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = parts.config.connect(tls.clone()).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// The process of the database that serves the connection. By the simple protocol, because a pooler may not support prepared
/// statements.
async fn session(client: &Client) -> Result<Option<String>, tokio_postgres::Error> {
    let messages = client.simple_query("SELECT pg_backend_pid()").await?;
    Ok(messages.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    }))
}
