//! Refresh tokens of any text, and tokens with any session and counter.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| guestpass_server::fuzz::refresh_token(data));
