//! Access tokens of any text.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| guestpass_server::fuzz::access_token(data));
