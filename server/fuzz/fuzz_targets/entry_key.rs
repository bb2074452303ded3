//! Keys of entries, percent-decoded.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| guestpass_server::fuzz::entry_key(data));
