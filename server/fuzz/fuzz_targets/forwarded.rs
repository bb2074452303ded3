//! `X-Forwarded-For` headers, from a trusted and from an untrusted peer.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| guestpass_server::fuzz::forwarded(data));
