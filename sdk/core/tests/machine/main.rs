//! The machine's transitions, as transcripts: what goes in, what comes out, and where the session stands then.

#![expect(clippy::unwrap_used, reason = "a transcript that does not parse is a failed test")]

mod acquire;
mod erase;
mod expiry;
mod failures;
mod identity;
mod lifecycle;
mod refresh;
mod script;
mod sign_out;
mod sign_out_for_good;
mod snapshot;
mod storage;
mod tabs;
#[path = "../support/texts.rs"]
mod texts;
mod texts_held;
mod unauthorized;
mod upgrade;
mod upgrade_faults;
mod wire;
