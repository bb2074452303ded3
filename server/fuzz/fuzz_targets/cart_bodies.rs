//! JSON bodies of changes to a cart.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| guestpass_server::fuzz::cart_bodies(data));
