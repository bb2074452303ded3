//! The behaviour of the session machine, as transcripts: each input with its effects, its events and the status after it.

#![expect(clippy::unwrap_used, reason = "a transcript that does not parse is a failed test")]

mod acquire;
mod challenges;
mod erase;
mod expiry;
mod export;
mod failures;
#[path = "../support/handles.rs"]
mod handles;
mod handles_referenced;
mod identity;
mod lifecycle;
mod permanent_sign_out;
mod refresh;
mod render;
mod script;
mod sign_out;
mod snapshot;
mod storage;
mod tabs;
mod unauthorized;
mod upgrade;
mod upgrade_faults;
mod wire;
