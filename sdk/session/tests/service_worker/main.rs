//! The session in a service worker, which has no `window`.

#![cfg(target_arch = "wasm32")]
#![expect(clippy::unwrap_used, reason = "a rejected promise is a failed test")]

#[path = "../fixture/mod.rs"]
#[expect(dead_code, unused_imports, reason = "the tests in the page use the rest")]
mod fixture;
#[path = "../worker_tests/mod.rs"]
mod worker_tests;

wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_service_worker);
