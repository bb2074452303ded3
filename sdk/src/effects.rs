//! What JavaScript does for the session manager: `Effects` in `npm/src/machine.ts`.

use wasm_bindgen::prelude::*;
use web_sys::Headers;

#[wasm_bindgen]
extern "C" {
    /// Performs the effects. None of its methods throws.
    #[derive(Debug)]
    pub type Effects;

    /// Performs an effect that carries nothing but its op.
    #[wasm_bindgen(method)]
    pub(crate) fn effect(this: &Effects, name: &str, op: f64);
    #[wasm_bindgen(method)]
    pub(crate) fn store(
        this: &Effects,
        op: f64,
        epoch: f64,
        generation: f64,
        parting: u8,
        claim: Option<&str>,
        access_token: Option<&str>,
        refresh_token: Option<&str>,
        id: Option<&str>,
        lifetime: Option<f64>,
        expires_at: Option<f64>,
    );
    /// Sends a request of the session's own.
    #[wasm_bindgen(method)]
    pub(crate) fn send(this: &Effects, op: f64, kind: &str, path: &str, headers: Headers, body: &str);
    #[wasm_bindgen(method)]
    pub(crate) fn publish(this: &Effects, epoch: f64, generation: Option<f64>, parting: u8);
    #[wasm_bindgen(method)]
    pub(crate) fn grant(this: &Effects, waiter: u32, access_token: &str, epoch: f64, generation: f64, attempt: u8);
    #[wasm_bindgen(method)]
    pub(crate) fn settle(this: &Effects, waiter: u32, outcome: &str, message: &str);
    #[wasm_bindgen(method)]
    pub(crate) fn refuse(this: &Effects, waiter: u32, status: u16, reason: &str);
    /// An input has been handled; the snapshot, where it has changed, as a row (see `view`), as events are.
    #[wasm_bindgen(method)]
    pub(crate) fn step(this: &Effects, snapshot: &JsValue);
    #[wasm_bindgen(method)]
    pub(crate) fn tell(this: &Effects, event: &JsValue, at: f64);
    /// `at` is not a number: nothing is pending. Until `mono` and `wall`, what was granted last is what would be
    /// granted.
    #[wasm_bindgen(method)]
    pub(crate) fn arm(this: &Effects, at: f64, mono: f64, wall: f64);

    #[wasm_bindgen(js_namespace = performance, js_name = now)]
    pub(crate) fn monotonic() -> f64;
}
