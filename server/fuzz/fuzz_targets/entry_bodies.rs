//! JSON bodies of changes of an entry.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| guestpass_server::fuzz::entry_bodies(data));
