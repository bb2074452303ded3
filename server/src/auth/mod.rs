//! Authentication: keys, access tokens, refresh tokens, sessions, and the verification of all of them.

mod access_token;
mod account_caller;
mod algorithm;
mod future_tokens;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzz;
mod guest;
mod introspection;
mod jwks;
mod key_rotation;
mod keys;
mod refresh_token;
mod resource_server;
mod revoked;
mod sessions;
mod token_cache;
mod unauthorized;
mod verify;

pub use guest::{Guest, Kind};
pub use resource_server::{ResourceServer, VerifyError, Visitor};
pub use unauthorized::Unauthorized;

pub(crate) use access_token::Issuer;
pub(crate) use account_caller::{AccountCaller, AccountCallerError};
pub(crate) use guest::Subject;
pub(crate) use introspection::ActiveToken;
pub(crate) use key_rotation::{KEY_POLL_INTERVAL, KeyReloader, PrepareKeysError, make_signing_key, prepare_keys};
pub(crate) use keys::{KeyError, Keys, fresh_refresh_key};
pub(crate) use refresh_token::RefreshToken;
pub(crate) use revoked::RevokedSessions;
pub(crate) use sessions::{Lifetimes, LoginError, RefreshError, Sessions, UnavailableError, run_to_completion};
pub(crate) use verify::{AccessTokenError, Verifier};
