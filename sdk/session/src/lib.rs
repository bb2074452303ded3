//! The Guestpass session manager for web apps that are written in Rust: it makes each visitor a guest of a Guestpass
//! server, stores the session in the browser, attaches the access token to requests, and refreshes it.
//!
//! ```no_run
//! use guestpass_session::{Error, Options, Session};
//! use js_sys::JsString;
//! use web_sys::Response;
//!
//! async fn read_cart() -> Result<(Response, JsString), Error> {
//!     let session = Session::new(Options::new("https://api.shop.example")); // one for the whole page
//!     let _subscription = session.subscribe(|snapshot, _event| {
//!         let _id = snapshot.and_then(|snapshot| snapshot.id.as_deref()); // show it in the page
//!     });
//!     let response = session.fetch("/me/cart").await?; // makes a guest first, if there is none
//!     let token = session.token().await?; // an access token that can be used now
//!     Ok((response, token))
//! }
//! ```
//!
//! Apps in JavaScript use the npm package `guestpass`, which is this crate with TypeScript around it.
//!
//! # Where it runs
//!
//! In every place that has a `fetch`: pages, workers, service workers, Node and edge runtimes. Where a place lacks a facility,
//! such as a storage, the Web Locks API or BroadcastChannel, the session works without it.
//!
//! # How it works
//!
//! The *session machine* (`guestpass-core`), a pure state machine, makes every decision. The *session manager* in this crate
//! runs it: it takes an input, performs the resulting effects, and reports each change to the subscribers. Each facility of
//! the browser has one small file: requests, storage, locks, messages between tabs, page events, timer.
//!
//! Tokens stay JavaScript strings: the session machine refers to each by a handle, and no token is copied into the memory of
//! the WebAssembly module.

mod base64url;
mod callbacks;
mod clock;
mod debug_log;
mod error;
mod fetch_call;
mod handles;
mod js;
mod listener;
mod options;
mod page_events;
mod record;
mod server_request;
mod server_response;
mod session;
mod session_event;
mod session_manager;
mod snapshot;
mod storage;
mod subscription;
mod tabs;
mod text_builder;
mod timer;
mod waiters;
mod web_locks;
mod www_authenticate;

pub use error::{Error, ErrorCode};
pub use guestpass_core::{AccountRequestKind, IdentityReason, Kind, OnIdentityLost, SignedOutBy, Status, StorageFault};
pub use options::{CustomStorage, Options, RequestOptions, StorageKind, TokenOptions};
pub use session::{AccountRequest, AfterSignOut, Session, Upgrade};
pub use session_event::{SessionEvent, SignedOutReason};
pub use snapshot::{Snapshot, SnapshotError};
pub use subscription::Subscription;
