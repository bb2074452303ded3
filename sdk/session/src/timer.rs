//! One timer, armed for a time of the monotonic clock.

use wasm_bindgen::prelude::*;

use crate::clock;
use crate::js::{self, JsFunction};

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = setTimeout)]
    fn set_timeout(callback: &JsFunction, delay: f64) -> JsValue;
    #[wasm_bindgen(js_name = clearTimeout)]
    fn clear_timeout(timer: &JsValue);
}

/// `setTimeout` takes a signed 32-bit number of milliseconds. A timer that fires early is harmless: the machine reads the clock.
const LONGEST_DELAY: f64 = 2_147_483_647.0;

pub(crate) struct Timer {
    fired: JsFunction,
    timer: JsValue,
    armed_for: Option<u64>,
    in_background: bool,
}

impl Timer {
    pub(crate) fn new(fired: JsFunction) -> Self {
        Self { fired, timer: JsValue::UNDEFINED, armed_for: None, in_background: false }
    }

    /// Arms the timer for `at`, in milliseconds; disarms it for `None`. With `in_background`, it does not keep a Node process
    /// alive.
    pub(crate) fn arm(&mut self, at: Option<u64>, in_background: bool) {
        if self.armed_for == at && self.in_background == in_background {
            return;
        }
        self.clear();
        self.armed_for = at;
        self.in_background = in_background;
        let Some(at) = at else { return };
        self.timer = set_timeout(&self.fired, (js::number(at) - clock::monotonic()).min(LONGEST_DELAY));
        if in_background {
            js::unref(&self.timer);
        }
    }

    fn clear(&self) {
        if self.in_background {
            // Node keeps the list of unreferenced timers with this delay until the delay has passed, even when they are cleared.
            js::reference(&self.timer);
        }
        clear_timeout(&self.timer);
    }

    /// The timer has fired; it is not armed.
    pub(crate) fn fired(&mut self) {
        self.armed_for = None;
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.clear();
    }
}
