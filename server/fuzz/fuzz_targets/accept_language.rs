//! The header `Accept-Language`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| guestpass_server::fuzz::accept_language(data));
