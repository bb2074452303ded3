//! Identity for visitors who have not signed up yet: an axum library that issues, refreshes, verifies and revokes *anonymous
//! sessions*, keeps the data of guests, and makes guests members.
//!
//! [`Guestpass::open`] opens the store, [`Guestpass::router`] is the HTTP API, and the extractor [`Guest`] gives a handler of
//! your axum application the guest of the request:
//!
//! ```no_run
//! use axum::{Router, routing::get};
//! use guestpass_server::{Config, Guest, Guestpass};
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let guestpass = Guestpass::open(Config::default()).await?;
//! let app = Router::new()
//!     .route("/hello", get(|guest: Guest| async move { format!("hello, {}", guest.subject()) }))
//!     .with_state(guestpass.clone())
//!     .merge(guestpass.router());
//! // Without `into_make_service`, axum makes all routes again for each connection: 70 KB, and the time for it.
//! axum::serve(tokio::net::TcpListener::bind("127.0.0.1:8000").await?, app.into_make_service()).await?;
//! guestpass.close().await?;
//! # Ok(())
//! # }
//! ```
//!
//! A service that only verifies tokens uses [`ResourceServer`] and its extractor [`Visitor`] instead: they need the public
//! keys, and no store. `examples/` has both as complete programs. The crate `guestpass-cli` is the program `guestpass`, for
//! apps that are not written in Rust.
//!
//! # Modules
//!
//! Each module imports only modules of the same line or of the lines above; a test checks this order, module by module.
//!
//! - `clock`, `shared_time`, `secret`, `shards`, `http_client`, `settings`, `etag`, `metrics`: types without dependencies on the rest
//! - `collections`: the declarations of a guest's data, and the rules for its values
//! - `actor`: who makes a change
//! - `store`: the data, behind one trait per domain, with SQLite and PostgreSQL
//! - `config`: all settings
//! - `activity`, `sweep`: work on the store that no request waits for
//! - `auth`: keys, tokens, sessions, and their verification
//! - `catalogue`: the operator's items, read from a file
//! - `recommend`, `limits`, `accounts`: recommendations, the policy of limits, how guests become members
//! - `failed_attempts`: failed attempts to sign in, in number, for the audit trail
//! - `open`, `key_admin`, `backup`, `audit`, `user_admin`, `collection_admin`, `server`: a server as a whole, and the administration of a store
//! - `routes`: HTTP and OpenAPI, which no module above uses

mod accounts;
mod activity;
mod actor;
#[cfg(test)]
mod architecture;
mod audit;
mod auth;
mod backup;
mod catalogue;
mod clock;
mod collection_admin;
mod collections;
mod config;
mod etag;
mod failed_attempts;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzz;
mod http_client;
mod key_admin;
mod limits;
mod metrics;
mod open;
mod readiness;
mod recommend;
mod routes;
mod secret;
mod server;
mod settings;
mod shards;
mod shared_time;
mod store;
mod sweep;
mod user_admin;

pub use actor::Role;
pub use audit::AuditTrail;
pub use auth::{Guest, Kind, ResourceServer, Unauthorized, VerifyError, Visitor};
pub use backup::{Restore, back_up};
pub use catalogue::{CatalogueError, ItemError};
pub use clock::{Clock, SystemClock, Timestamp};
pub use collection_admin::{CollectionAdmin, CollectionProblem, CollectionReport};
pub use collections::{Collections, DeclarationError};
pub use config::{Config, ConfigError, IntrospectionSecret, StoreLocation};
pub use key_admin::{KeyAdmin, KeyInfo, KeyKind, KeyScope, ROTATION_NOTICE_MIN, RotationError};
pub use limits::ClientNetwork;
pub use open::OpenError;
pub use routes::openapi::document as openapi;
pub use server::Guestpass;
pub use settings::{
    Algorithm, CaptchaSecret, CaptchaUrl, InvalidOrigin, InvalidValue, KeyEncryptionKey, KeyEncryptionKeyId,
    OidcIssuer, Origin, ProofOfWork, Rate, UnknownAlgorithm,
};
pub use store::postgres::PostgresUrl;
pub use store::{
    AuditEntry, AuditEvent, AuditFilter, BackupError, BackupProgress, DatabaseContents, KeyEncryptionError, KeyState,
    ReplacedDatabase, RestoreOptions, RestoreSummary, SinceBackup, StoreError,
};
pub use sweep::{ClockDoubt, SweepError, SweepReport};
pub use user_admin::{SessionInfo, UserAdmin, UserInfo, UserKey};
