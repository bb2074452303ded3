//! The query string (first line) and `Authorization` headers (one per further line) of a request.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| guestpass_server::fuzz::authorization(data));
