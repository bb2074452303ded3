//! Bodies of preferences and of their merge patches.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| guestpass_server::fuzz::preferences(data));
