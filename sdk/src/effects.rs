//! What JavaScript does for the session manager: `Effects` in `npm/src/machine.ts`. Numbers only: see `border`.

use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    /// Performs the effects. None of its methods throws.
    #[derive(Debug)]
    pub type Effects;

    /// Performs an effect that carries nothing but its op.
    #[wasm_bindgen(method)]
    pub(crate) fn effect(this: &Effects, kind: u32, op: f64);
    #[wasm_bindgen(method)]
    pub(crate) fn store(
        this: &Effects,
        op: f64,
        epoch: f64,
        generation: f64,
        parting: u32,
        claim: u32,
        access_token: u32,
        refresh_token: u32,
        subject: u32,
        lifetime: f64,
        expires_at: f64,
    );
    /// Sends a request of the session's own. `text`: the key or token that it is about; `body`: of an upgrade.
    #[wasm_bindgen(method)]
    pub(crate) fn send(this: &Effects, op: f64, kind: u32, text: u32, body: u32);
    /// Without a `generation` (not a number): signed out.
    #[wasm_bindgen(method)]
    pub(crate) fn publish(this: &Effects, epoch: f64, generation: f64, parting: u32);
    #[wasm_bindgen(method)]
    pub(crate) fn grant(this: &Effects, waiter: u32, access_token: u32, epoch: f64, generation: f64, attempt: u32);
    #[wasm_bindgen(method)]
    pub(crate) fn settle(this: &Effects, waiter: u32, outcome: u32, status: u32, text: u32);
    /// The snapshot has changed.
    #[wasm_bindgen(method)]
    pub(crate) fn show(
        this: &Effects,
        status: u32,
        subject: u32,
        expires_at: f64,
        failure: u32,
        http_status: u32,
        retry_at: f64,
    );
    /// An input has been handled.
    #[wasm_bindgen(method)]
    pub(crate) fn step(this: &Effects);
    /// An event; 0 when only the snapshot has changed.
    #[wasm_bindgen(method)]
    pub(crate) fn tell(this: &Effects, kind: u32, at: f64, first: f64, second: f64, third: f64);
    /// `at` is not a number: nothing is pending. Until `mono` and `wall`, what was granted last is what would be
    /// granted.
    #[wasm_bindgen(method)]
    pub(crate) fn arm(this: &Effects, at: f64, mono: f64, wall: f64);

    #[wasm_bindgen(js_namespace = performance, js_name = now)]
    pub(crate) fn monotonic() -> f64;
}
