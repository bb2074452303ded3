//! One timer, armed for one moment of the monotonic clock at a time.

use wasm_bindgen::prelude::*;

use crate::clock;
use crate::js::{self, Callback};

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = setTimeout)]
    fn set_timeout(callback: &Callback, delay: f64) -> JsValue;
    #[wasm_bindgen(js_name = clearTimeout)]
    fn clear_timeout(timer: &JsValue);
}

/// `setTimeout` takes a signed 32-bit number. A timer that fires early is harmless: the machine looks at the clock.
const LONGEST_DELAY: f64 = 2_147_483_647.0;

pub(crate) struct Timer {
    fired: Callback,
    timer: JsValue,
    armed_for: Option<u64>,
    in_background: bool,
}

impl Timer {
    pub(crate) fn new(fired: Callback) -> Self {
        Self { fired, timer: JsValue::UNDEFINED, armed_for: None, in_background: false }
    }

    /// Arms the timer for `at`, in milliseconds; disarms it for `None`. In the background, it does not keep a Node process
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
            // Of an unreferenced timer, Node keeps the list for its delay until that has passed, also when it is cleared.
            js::reference(&self.timer);
        }
        clear_timeout(&self.timer);
    }

    /// The timer has fired, and is no longer armed.
    pub(crate) fn fired(&mut self) {
        self.armed_for = None;
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.clear();
    }
}
