//! The Guestpass server: gives every visitor an identity before they sign up.
//!
//! [`Guestpass::open`] opens a store, [`Guestpass::router`] gives an axum [`Router`](axum::Router) with the whole API, and
//! [`Guest`] is the extractor that tells a handler of any axum application who asks:
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
//! axum::serve(tokio::net::TcpListener::bind("127.0.0.1:8000").await?, app).await?;
//! guestpass.close().await?;
//! # Ok(())
//! # }
//! ```
//!
//! A service that only verifies takes a [`ResourceServer`] and its [`Visitor`] instead: the public keys, and no store. Both
//! are shown whole in `examples/`.
//!
//! Inside, `routes` has one file per resource and decides nothing; `auth` knows keys, tokens and sessions; `accounts`
//! makes guests members; `store` keeps everything behind a trait; `activity` is what is allowed to be a few seconds late.

mod accounts;
mod activity;
mod auth;
mod clock;
mod config;
#[cfg(feature = "demo")]
pub mod demo;
mod error;
mod etag;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzz;
mod limits;
mod metrics;
mod recommend;
mod routes;
mod secret;
mod server;
mod shards;
mod store;
mod sweep;

pub use accounts::OidcIssuer;
pub use auth::{
    Algorithm, Guest, KeyAdmin, KeyInfo, KeyKind, Kind, Leak, ROTATION_NOTICE_MIN, ResourceServer, RotationError,
    UnknownAlgorithm, VerifyError, Visitor,
};
pub use clock::{Clock, SystemClock, Timestamp};
pub use config::{Config, ConfigError, InvalidValue, Origin, StoreLocation, duration};
pub use error::Unauthorized;
pub use limits::{ProofOfWork, Rate};
pub use routes::openapi::document as openapi;
pub use server::{Guestpass, OpenError};
pub use store::postgres::PostgresUrl;
pub use store::{KeyStage, StoreError};
pub use sweep::Swept;
