//! The two clocks of the place that the session manager runs in.

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

/// This moment on both clocks.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "no clock is negative or that far")]
pub(crate) fn now() -> Timestamp {
    Timestamp { mono: monotonic() as u64, wall: wall() as u64 }
}

/// The monotonic time, in whole milliseconds, at which a wait that begins now and takes at most `timeout` ends.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates, which is what is wanted")]
pub(crate) fn deadline(timeout: f64) -> u64 {
    (monotonic() + timeout) as u64
}
