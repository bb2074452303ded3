//! `Idempotency-Key` headers, one per line.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| guestpass_server::fuzz::idempotency_key(data));
