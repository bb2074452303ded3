//! The session manager as JavaScript sees it, in a real browser, against a real server on another origin, and against
//! the resource servers of `sdk/tests/resources.mjs`.

#![cfg(target_arch = "wasm32")]
#![expect(clippy::unwrap_used, reason = "a rejected promise is a failed test")]

mod aborts;
mod lifecycle;
mod log;
mod origins;
mod page;
mod requests;
mod session;
mod storage;
mod storage_kinds;
mod tabs;

wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_browser);
