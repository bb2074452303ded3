//! `If-Match` and `If-None-Match` headers.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| guestpass_server::fuzz::conditions(data));
