//! The Guestpass session manager: acquires, stores, attaches and refreshes the tokens of a visitor who has not signed up.
//!
//! ```no_run
//! use guestpass_session::{Error, Options, Session};
//! use wasm_bindgen::JsValue;
//!
//! # async fn run() -> Result<(), Error> {
//! let session = Session::new(Options::new("https://api.shop.example"));
//! let response = session.fetch(&"/me/cart".into(), &JsValue::UNDEFINED).await?; // makes a guest if there is none
//! let token = session.token(None, None).await?; // an access token that can be used now
//! # Ok(())
//! # }
//! ```
//!
//! Every decision is made by the session machine (`guestpass-core`), a pure state machine. This crate runs it: the
//! manager takes an input, performs the effects that follow, and reports what has changed. Each facility of the
//! browser has one small file: requests, storage, locks, channel, page events, timer.
//!
//! The crate runs wherever there is a `fetch`: in pages, workers, service workers, Node and edge runtimes. A facility that
//! a place does not have is done without.
//!
//! Tokens stay JavaScript strings: the machine names each text by a handle, and no token is ever copied into the memory of
//! the WebAssembly.

mod base64url;
mod call;
mod change;
mod clock;
mod debug_log;
mod error;
mod handles;
mod js;
mod line;
mod listener;
mod manager;
mod options;
mod page_events;
mod reaction;
mod record;
mod server_request;
mod server_response;
mod session;
mod storage;
mod tabs;
mod timer;
mod waiters;
mod web_locks;

pub use change::{ChangeError, Event, SignedOutReason, Snapshot};
pub use error::{Error, ErrorCode};
pub use guestpass_core::{
    IdentityReason, Kind, OnIdentityLost, SignedOutBy, Status, StorageFault as StorageState, Upgrade,
};
pub use options::{CustomStorage, OnChange, OnStep, Options, StorageKind};
pub use session::Session;
