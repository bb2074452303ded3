//! The `after` parameter of paged lists.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| guestpass_server::fuzz::page_cursor(data));
