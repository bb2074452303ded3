//! The body of `/anonymous-login`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| guestpass_server::fuzz::login_body(data));
