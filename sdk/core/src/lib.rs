//! The Guestpass session machine: decides which credential a visitor has, and when to renew it.
//!
//! The crate is *sans-IO*: it has no clock, network, storage or source of randomness. The *session manager* provides them. It
//! hands one input to the machine, performs the effects, and hands in their completions:
//!
//! ```
//! use guestpass_core::{Config, Effect, Input, Machine, Stored, Timestamp, WaiterId};
//!
//! let mut machine = Machine::new(Config::default());
//! let mut inputs = vec![Input::Start { waiter: WaiterId(1), reset: false }];
//! while let Some(input) = inputs.pop() {
//!     let now = Timestamp { mono: 0, wall: 1_700_000_000_000 }; // the two clocks, in milliseconds
//!     machine.handle(now, input);
//!     while let Some(effect) = machine.poll_effect() {
//!         match effect {
//!             Effect::Load { op } => inputs.push(Input::Loaded { op, stored: Stored::Empty }),
//!             Effect::Settle { waiter, outcome } => println!("{waiter:?}: {outcome:?}"),
//!             _ => {} // the other effects
//!         }
//!     }
//!     while let Some(event) = machine.poll_event() {
//!         println!("{event:?}"); // for the subscribers
//!     }
//!     if let Some(at) = machine.poll_timeout() {
//!         println!("send Input::Tick at {at}"); // one timer
//!     }
//! }
//! ```
//!
//! # The run loop
//!
//! 1. Read both clocks, and hand one input to [`Machine::handle`].
//! 2. Perform every effect of [`Machine::poll_effect`]. The completion of an effect with an [`Op`] is a later input with the
//!    same op.
//! 3. Hand every event of [`Machine::poll_event`] to the subscribers.
//! 4. Arm one timer for [`Machine::poll_timeout`]. When it fires, the input is [`Input::Tick`].
//!
//! Drain the effects and events of an input before the next input. An input is a call of the app (a *waiter*, which is settled
//! exactly once), the completion of an effect, or a change outside of the machine: a message of another tab, the network, the
//! visibility of the page, the timer. No input causes a panic. Late and repeated completions are ignored, because the machine
//! no longer waits for their op.
//!
//! # How a credential is renewed
//!
//! A credential has a [`Version`]: an epoch, which every sign-out increases, and a generation, which every commit increases.
//! The machine never adopts a version that is older than its own. When a call wants a token and the current one cannot be used,
//! the machine runs one *transaction* for all calls:
//!
//! ```text
//! lock → load ─ newer credential stored? adopt it ────────────────────────────────────┐
//!          └─ else send (refresh; or acquire, under a stored acquire key)             │
//!               → load again, compare → store → release → publish → settle the waiters
//! ```
//!
//! An *account request* makes the visitor a member, erases it, or reads what only the visitor may read. It is a transaction,
//! too: it is sent under the lock, with the refresh token. The response to an upgrade has the tokens of a new session, and the
//! old session has ended; so the request is repeated under the lock, with the same idempotency key, until the server responds.
//!
//! The lock saves requests; the result is correct without it: the server responds to every client that has a refresh token with
//! the same new one, and to every client that has an acquire key with the same guest.

mod config;
mod credential;
mod effect;
mod event;
mod input;
mod machine;
mod response;
pub mod wire;

pub use config::{Config, OnIdentityLost, Sharing};
pub use credential::{
    Credential, EndReason, Expiry, Handle, Kind, MAX_REVOCATIONS, PendingRevocation, Record, Subject, Timestamp,
    Version,
};
pub use effect::{AccountRequestKind, Effect, Grant, Outcome, Request, SessionError};
pub use event::{Event, IdentityReason, SignedOutBy, Snapshot, Status, StorageFault};
pub use input::{Input, Op, Stored, TabMessage, WaiterId};
pub use machine::Machine;
pub use response::{Response, ResponseBody, TokenResponse};
