//! The Guestpass session machine: which credential a visitor has, and what to do about it.
//!
//! The crate is *sans-IO*: no clock, no network, no storage, no randomness. The session manager owns those, and runs one loop:
//!
//! ```
//! use guestpass_core::{Config, Effect, Input, Machine, Stored, Timestamp, WaiterId};
//!
//! let mut machine = Machine::new(Config::default());
//! let mut inputs = vec![Input::Start { waiter: WaiterId(1), reset: false }];
//! while let Some(input) = inputs.pop() {
//!     let now = Timestamp { mono: 0, wall: 1_700_000_000_000 }; // read both clocks
//!     machine.handle(now, input); //                               1. one input
//!     while let Some(effect) = machine.poll_effect() {
//!         match effect {
//!             //                                                   2. perform every effect; what each
//!             //                                                      one results in is a later input
//!             Effect::Load { op } => inputs.push(Input::Loaded { op, stored: Stored::Empty }),
//!             Effect::Settle { waiter, outcome } => println!("{waiter:?}: {outcome:?}"),
//!             _ => {}
//!         }
//!     }
//!     while let Some(_event) = machine.poll_event() {} //           3. tell the subscribers
//!     let _arm = machine.poll_timeout(); //                        4. arm one timer; when it fires: Input::Tick
//! }
//! ```
//!
//! One input is handled at a time, and its effects and events are drained before the next. An input may come from a
//! caller (a *waiter* wants a token), from an effect's completion (by its [`Op`]), or from outside (another tab, the
//! network, the page becoming visible, the timer). No input panics, late and doubled completions included: an op that
//! the machine no longer waits for is ignored.
//!
//! # What it does
//!
//! A credential has a [`Version`]: an epoch, which every sign-out raises, and in it a generation, which every commit
//! raises. Whatever is older than what the machine has is never adopted. When somebody wants a token and there is no
//! usable one, the machine runs one *transaction* for all of them:
//!
//! ```text
//! lock → load ─ newer credential there? adopt it ────────────────────────────────┐
//!          └─ else send (refresh; or acquire, under a stored idempotency key)    │
//!               → load again, compare → store → release → publish → settle waiters
//! ```
//!
//! To become a member is an *account_request*: a request with the visitor's access token, outside of the lock, repeated until it is
//! answered. What it changes comes in by the ordinary way: a transaction that refreshes.
//!
//! Everything stays correct without the lock: the server gives every holder of one refresh token the same successor,
//! and every holder of one idempotency key the same guest.

mod config;
mod credential;
mod effect;
mod event;
mod input;
mod machine;
mod response;
pub mod wire;

pub use config::{Config, OnIdentityLost, Sharing};
pub use credential::{Credential, EndReason, Expiry, Handle, Kind, Record, Subject, Timestamp, Version};
pub use effect::{Effect, Grant, Outcome, Request, SessionError, Upgrade};
pub use event::{Event, IdentityReason, SignedOutBy, Snapshot, Status, StorageFault};
pub use input::{Input, Op, Stored, TabMessage, WaiterId};
pub use machine::Machine;
pub use response::{MembershipResponse, Response, ResponseBody, TokenResponse};
