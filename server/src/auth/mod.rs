//! Who asks, and what proves it: keys, access tokens, refresh tokens, sessions.

mod access_token;
mod algorithm;
mod bearer;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzz;
mod guest;
mod introspection;
mod jwks;
mod key_admin;
mod keys;
mod members;
mod refresh_token;
mod resource_server;
mod revoked;
mod rotation;
mod sessions;
mod token_cache;
mod verify;

pub use algorithm::{Algorithm, UnknownAlgorithm};
pub use guest::{Guest, Kind};
pub use key_admin::{KeyAdmin, KeyInfo, KeyKind, KeyScope, ROTATION_NOTICE_MIN, RotationError};
pub use resource_server::{ResourceServer, VerifyError, Visitor};

pub(crate) use access_token::Issuer;
pub(crate) use bearer::BearerError;
pub(crate) use guest::Subject;
pub(crate) use introspection::Introspection;
pub(crate) use keys::{KeyError, Keys};
pub(crate) use members::Members;
pub(crate) use revoked::RevokedSessions;
pub(crate) use rotation::{KEY_POLL, KeyKeeper, PrepareKeysError, prepare};
pub(crate) use sessions::{Lifetimes, LoginError, RefreshError, Sessions, UnavailableError, run_to_completion};
pub(crate) use verify::{AccessTokenError, Verifier};
