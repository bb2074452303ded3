//! PostgreSQL: many nodes on one database.
//!
//! An atomic operation is one statement, or one transaction that locks the row of the session first. PostgreSQL itself lets
//! waiting commits share a flush. `changes` follows the changes of other nodes.

mod accounts;
mod addition_keys;
mod audit;
mod ceremonies;
mod changes;
mod connection;
mod entries;
mod export;
mod guest_data;
mod guests;
mod keys;
mod known_networks;
mod location;
mod maintenance;
mod merge;
mod pooler;
mod sessions;
mod tls;
mod upgrades;

use std::fmt::Display;

pub use self::location::PostgresUrl;

use self::changes::Changes;
use self::connection::Connections;
use super::StoreError;
use crate::clock::Timestamp;
use crate::store::{DataResult, separate};

#[derive(Debug)]
pub(crate) struct PostgresStore {
    connections: Connections,
    changes: Changes,
}

impl PostgresStore {
    /// Connects to the database and brings its schema up to date.
    pub(crate) async fn open(url: &PostgresUrl) -> Result<Self, StoreError> {
        let parts = url.parts().map_err(StoreError::Database)?;
        let connections = Connections::open(&parts).await?;
        let changes = Changes::listen(parts, connections.clone())?;
        Ok(Self { connections, changes })
    }

    /// Connects to an existing database to read and change its keys, while servers may use it. Does not change the schema.
    pub(crate) async fn open_for_admin(url: &PostgresUrl) -> Result<Self, StoreError> {
        let parts = url.parts().map_err(StoreError::Database)?;
        let connections = Connections::open_for_admin(&parts).await?;
        let changes = Changes::listen(parts, connections.clone())?;
        Ok(Self { connections, changes })
    }
}

/// An error of a job.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Postgres(#[from] tokio_postgres::Error),
    #[error("the database returned data that cannot be read: {0}")]
    Unreadable(String),
}

/// An error inside a transaction on a guest's data.
type TransactionError = super::TransactionError<Error>;

impl From<Error> for TransactionError {
    fn from(error: Error) -> Self {
        Self::Database(error)
    }
}

impl From<tokio_postgres::Error> for TransactionError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Database(error.into())
    }
}

/// Separates the errors of the request from the errors of the database; see [`separate`].
async fn separated<T>(work: impl Future<Output = Result<T, TransactionError>>) -> Result<DataResult<T>, Error> {
    separate(work.await)
}

fn unreadable(error: impl Display) -> Error {
    Error::Unreadable(error.to_string())
}

fn time_column(row: &tokio_postgres::Row, name: &str) -> Result<Timestamp, Error> {
    Ok(Timestamp::from_millis(row.try_get(name)?))
}
