//! A JWT header (first line) and claims (the rest), with a valid signature.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| guestpass_server::fuzz::claims(data));
