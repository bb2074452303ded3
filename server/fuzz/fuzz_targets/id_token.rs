//! ID tokens of an OpenID Connect issuer.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| guestpass_server::fuzz::id_token(data));
