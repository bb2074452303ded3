//! The program in a process, and a database for it.

pub(crate) mod guest;
pub(crate) mod process;

// Shared with the tests of the library.
#[path = "../../../../tests/api/support/database.rs"]
#[expect(dead_code, reason = "used by the tests of the library only")]
pub(crate) mod database;
#[path = "../../../../tests/api/support/jwt.rs"]
pub(crate) mod jwt;
#[path = "../../../../tests/api/support/oidc_issuer.rs"]
#[expect(dead_code, reason = "used by the tests of the library only")]
pub(crate) mod oidc_issuer;
#[path = "../../../../tests/api/support/postgres.rs"]
#[expect(dead_code, reason = "a replica is used by the tests of several nodes only")]
pub(crate) mod postgres;
#[path = "../../../../tests/api/support/wait.rs"]
pub(crate) mod wait;
