//! The monotonic clock and the wall clock.

use core::time::Duration;

use guestpass_core::Timestamp;
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = performance, js_name = now)]
    fn performance_now() -> f64;
}

/// The monotonic clock, in whole milliseconds.
pub(crate) fn monotonic() -> f64 {
    performance_now().floor()
}

/// Milliseconds since the Unix epoch.
pub(crate) fn wall() -> f64 {
    js_sys::Date::now()
}

/// The current time on both clocks.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "no clock is negative or that far")]
pub(crate) fn now() -> Timestamp {
    Timestamp { mono: monotonic() as u64, wall: wall() as u64 }
}

/// The monotonic time, in milliseconds, at which a wait of `timeout` that begins now ends.
pub(crate) fn deadline(timeout: Duration) -> u64 {
    now().mono.saturating_add(milliseconds(timeout))
}

/// A duration in milliseconds.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates, as intended")]
pub(crate) fn milliseconds(duration: Duration) -> u64 {
    (duration.as_secs_f64() * 1_000.0) as u64
}
