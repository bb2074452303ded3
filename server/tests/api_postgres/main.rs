//! The tests of `api` that depend on the store, again on PostgreSQL: the same files, the same assertions. `locks` is for
//! PostgreSQL only.

#![expect(clippy::unwrap_used, reason = "clippy recognises tests by their attribute, and not the code that they share")]

#[path = "../api/support/mod.rs"]
mod support;

const STORE: support::database::Kind = support::database::Kind::Postgres;

#[path = "../api/cart.rs"]
mod cart;
#[path = "../api/cart_conditions.rs"]
mod cart_conditions;
#[path = "../api/erase.rs"]
mod erase;
#[path = "../api/export.rs"]
mod export;
#[path = "../api/favorites.rs"]
mod favorites;
#[path = "../api/history.rs"]
mod history;
#[path = "../api/introspect.rs"]
mod introspect;
#[path = "../api/issuer.rs"]
mod issuer;
#[path = "../api/items.rs"]
mod items;
#[path = "../api/keys.rs"]
mod keys;
#[path = "../api/link.rs"]
mod link;
#[path = "../api/login.rs"]
mod login;
#[path = "../api/me.rs"]
mod me;
#[path = "../api/member_login.rs"]
mod member_login;
#[path = "../api/membership.rs"]
mod membership;
#[path = "../api/merge.rs"]
mod merge;
#[path = "../api/passkeys.rs"]
mod passkeys;
#[path = "../api/preferences.rs"]
mod preferences;
#[path = "../api/register.rs"]
mod register;
#[path = "../api/revoke.rs"]
mod revoke;
#[path = "../api/sessions.rs"]
mod sessions;
#[path = "../api/sweep.rs"]
mod sweep;
#[path = "../api/token.rs"]
mod token;

mod locks;
