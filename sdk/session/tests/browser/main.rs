//! The session in a real page, against a real server on another origin, and against the resource servers of
//! `resources.mjs`.

#![cfg(target_arch = "wasm32")]
#![expect(clippy::unwrap_used, reason = "a rejected promise is a failed test")]

mod aborts;
mod callbacks;
mod counting;
mod early_login;
mod foreign_fetch;
mod lifecycle;
mod log;
mod memory;
mod origins;
mod ownership;
mod replays;
mod request_options;
mod requests;
mod session;
mod storage;
mod storage_kinds;
mod storage_recovery;
mod tabs;

#[path = "../fixture/mod.rs"]
mod fixture;

wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_browser);
