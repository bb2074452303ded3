//! What handlers read from a request: the user, the client, the body, the conditions, the language.

mod account_caller;
mod bearer;
mod body;
mod client;
mod collection;
mod conditions;
mod guest;
mod idempotency_key;
mod language;
mod visitor;

pub(super) use self::body::{JsonBody, JsonBodyBytes, JsonValue, MergePatchValue, OAuthForm, OptionalJsonBody, given};
pub(super) use self::client::{Client, ClientAddress};
pub(super) use self::collection::{DeclaredCollection, EntryKey};
pub(super) use self::idempotency_key::idempotency_key;
pub(super) use self::language::{AcceptLanguage, Language};

pub(crate) use self::client::client_of;

/// See [`crate::fuzz`].
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzz {
    pub use super::bearer::fuzz::authorization;
    pub(in crate::routes) use super::body::{json, object};
    pub use super::client::fuzz::forwarded;
    pub use super::conditions::fuzz::conditions;
    pub use super::language::fuzz::accept_language;
}
