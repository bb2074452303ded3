//! The pool of connections, and the schema.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use deadpool_postgres::{
    Client, Hook, HookError, Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime, Timeouts,
};
use tokio::time::timeout;
use tokio_postgres::error::SqlState;

use super::location::Parts;
use super::{Error, pooler, tls};
use crate::store::{StoreError, log_migration};

mod migrations {
    refinery::embed_migrations!("src/store/postgres/migrations");
}

/// How long a request waits for a free connection. Short, because further requests wait behind it.
const POOL_WAIT: Duration = Duration::from_secs(3);
/// How long one job may take, measured on this node, so that it also ends if the network drops all packets. Longer than
/// `statement_timeout`, so that the database reports a slow statement first.
const JOB_TIMEOUT: Duration = Duration::from_secs(8);
/// How long nodes that start together wait for the one that brings the schema up to date.
const MIGRATION_TIMEOUT: Duration = Duration::from_secs(600);

/// The settings of each connection. `synchronous_commit` must not be off, because a commit would then be acknowledged before it
/// is on disk (S5); other values that an operator has chosen, such as waiting for replicas, are kept.
const SESSION: &str = "
    SET statement_timeout = '5s';
    SET lock_timeout = '4s';
    SET idle_in_transaction_session_timeout = '10s';
    SET default_transaction_isolation = 'read committed';
    SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off';
";

/// The first number of the advisory locks of this server ('gp').
const LOCK_SPACE: i32 = 0x6770;
const LOCK_MIGRATION: i32 = 1;
const LOCK_KEYS: i32 = 2;

/// A job on a connection.
pub(super) type Job<'c, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'c>>;

/// The pool of connections.
#[derive(Debug, Clone)]
pub(super) struct Connections {
    pool: Pool,
    /// Connections that were opened before are not used again.
    retired_at: Arc<Mutex<Option<Instant>>>,
}

impl Connections {
    /// Connects once, and brings the schema up to date.
    pub(super) async fn open(parts: &Parts) -> Result<Self, StoreError> {
        let this = Self::to(parts).await?;
        if let Some(unprotected) = parts.unprotected {
            tracing::warn!("{unprotected}");
        }
        migrate(this.first(parts).await?).await?;
        Ok(this)
    }

    /// Connects once and changes nothing. The schema must be that of this version.
    pub(super) async fn open_for_admin(parts: &Parts) -> Result<Self, StoreError> {
        let this = Self::to(parts).await?;
        require_our_schema(this.first(parts).await?).await?;
        Ok(this)
    }

    async fn to(parts: &Parts) -> Result<Self, StoreError> {
        let tls = tls::connector(&parts.tls)?;
        pooler::refuse_transaction_mode(parts, &tls).await?;
        let retired_at = Arc::new(Mutex::new(None));
        let retired = Arc::clone(&retired_at);
        let is_current = Hook::sync_fn(move |_: &mut deadpool_postgres::ClientWrapper, metrics| {
            let retired = *retired.lock().unwrap_or_else(PoisonError::into_inner);
            match retired {
                Some(at) if metrics.created <= at => Err(HookError::message("the connection has been retired")),
                _ => Ok(()),
            }
        });
        let manager = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let introduce = Hook::async_fn(|client: &mut deadpool_postgres::ClientWrapper, _| {
            Box::pin(async move { client.batch_execute(SESSION).await.map_err(HookError::Backend) })
        });
        let pool = Pool::builder(Manager::from_config(parts.config.clone(), tls, manager))
            .max_size(parts.pool_size)
            .timeouts(Timeouts { wait: Some(POOL_WAIT), create: Some(POOL_WAIT * 2), recycle: Some(POOL_WAIT) })
            .runtime(Runtime::Tokio1)
            .post_create(introduce)
            .pre_recycle(is_current)
            .build()
            .map_err(|error| StoreError::Database(error.to_string()))?;
        Ok(Self { pool, retired_at })
    }

    /// Makes the pool connect anew, because the database of its connections has become read-only: another host is the primary
    /// now. A connection finds the primary when it is opened.
    pub(super) fn retire(&self) {
        *self.retired_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        self.pool.retain(|_, _| false);
    }

    /// The first connection. Its error explains the check of the certificate if the URL does not mention it.
    async fn first(&self, parts: &Parts) -> Result<Client, StoreError> {
        self.pool.get().await.map_err(|error| match unavailable(error) {
            StoreError::Database(reason) if parts.verified_by_default && reason.contains("TLS") => {
                StoreError::Database(format!(
                    "{reason}. The certificate of a database on another machine is checked; name the certificates to trust with \
                     sslrootcert=FILE in the URL, or turn the check off with sslmode=require, or encryption with sslmode=disable"
                ))
            }
            error => error,
        })
    }

    /// Runs `job` on a connection. If the job exceeds its timeout, only its connection is closed.
    #[tracing::instrument(level = "debug", name = "postgresql", skip_all, fields(otel.kind = "client", db.system.name = "postgresql"))]
    pub(super) async fn run<T, F>(&self, job: F) -> Result<T, StoreError>
    where
        F: for<'c> FnOnce(&'c mut Client) -> Job<'c, T> + Send,
    {
        let mut client = self.pool.get().await.map_err(unavailable)?;
        match timeout(JOB_TIMEOUT, job(&mut client)).await {
            Ok(Err(error)) if error.code() == Some(&SqlState::READ_ONLY_SQL_TRANSACTION) => {
                drop(Object::take(client));
                self.retire();
                Err(failed(&error))
            }
            Ok(done) => done.map_err(|error| failed(&error)),
            Err(_) => {
                drop(Object::take(client));
                Err(StoreError::Database(format!("no response in {JOB_TIMEOUT:?}")))
            }
        }
    }

    pub(super) fn close(&self) {
        self.pool.close();
    }
}

/// Many nodes may start together: one migrates, and the others wait for it and find the schema up to date. The connection is
/// closed afterwards, which also releases the lock, because its settings differ from those of the pool.
async fn migrate(client: Client) -> Result<(), StoreError> {
    let mut client = Object::take(client);
    let work = async {
        let patient = "SET statement_timeout = 0; SET lock_timeout = 0";
        client.batch_execute(patient).await.map_err(|error| failed(&error.into()))?;
        let lock = client.execute("SELECT pg_advisory_lock($1, $2)", &[&LOCK_SPACE, &LOCK_MIGRATION]).await;
        lock.map_err(|error| failed(&error.into()))?;
        let runner = migrations::migrations::runner();
        let known = runner.get_migrations().iter().map(refinery::Migration::version).max();
        // A new store has no table of versions.
        if let Ok(applied) = runner.get_last_applied_migration_async(&mut *client).await {
            log_migration(applied.map(|last| last.version()), known);
        }
        runner.run_async(&mut *client).await.map_err(|error| StoreError::Migration(describe(&error)))?;
        Ok(())
    };
    timeout(MIGRATION_TIMEOUT, work)
        .await
        .unwrap_or_else(|_| Err(StoreError::Migration(format!("not done in {MIGRATION_TIMEOUT:?}"))))
}

/// Checks the schema for an administration command, which must not change it under running servers.
async fn require_our_schema(client: Client) -> Result<(), StoreError> {
    let mut client = Object::take(client);
    let runner = migrations::migrations::runner();
    let known = runner.get_migrations().iter().map(refinery::Migration::version).max();
    let applied = runner.get_last_applied_migration_async(&mut *client).await;
    match applied.map_err(|error| StoreError::Migration(describe(&error)))?.map(|last| last.version()) {
        applied if applied == known => Ok(()),
        _ => Err(StoreError::Migration(
            "the store has the schema of another version: start a server of this version with the store once"
                .to_owned(),
        )),
    }
}

impl Error {
    /// The SQLSTATE, if the database has reported the error.
    fn code(&self) -> Option<&SqlState> {
        match self {
            Self::Postgres(error) => error.code(),
            Self::Unreadable(_) => None,
        }
    }
}

/// Waits until no other transaction changes the keys.
pub(super) async fn lock_keys(transaction: &deadpool_postgres::Transaction<'_>) -> Result<(), Error> {
    transaction.execute("SELECT pg_advisory_xact_lock($1, $2)", &[&LOCK_SPACE, &LOCK_KEYS]).await?;
    Ok(())
}

fn unavailable(error: PoolError) -> StoreError {
    match error {
        PoolError::Backend(error) | PoolError::PostCreateHook(HookError::Backend(error)) => failed(&error.into()),
        PoolError::Timeout(_) => StoreError::Database(
            "no connection of the pool was free within 3 s; set a greater pool_size in the URL of the store".to_owned(),
        ),
        PoolError::Closed => StoreError::Closed,
        PoolError::PostCreateHook(_) | PoolError::NoRuntimeSpecified => StoreError::Database(error.to_string()),
    }
}

/// The error for the log: the message of the database, or the reason why it could not be reached. Neither contains rows.
fn failed(error: &Error) -> StoreError {
    let reported = match error {
        Error::Postgres(error) => error.as_db_error(),
        Error::Unreadable(_) => None,
    };
    StoreError::Database(match reported {
        Some(reported) if *reported.code() == SqlState::QUERY_CANCELED => "a statement took too long".to_owned(),
        Some(reported) => format!("{} (SQLSTATE {})", reported.message(), reported.code().code()),
        None => describe(error),
    })
}

/// An error with all its causes, in one line.
fn describe(error: &dyn std::error::Error) -> String {
    let mut description = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !description.contains(&text) {
            description = format!("{description}: {text}");
        }
        cause = error.source();
    }
    description
}
