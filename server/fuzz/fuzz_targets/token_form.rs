//! The form body of `/token` and `/revoke`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| guestpass_server::fuzz::token_form(data));
