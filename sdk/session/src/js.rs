//! JavaScript that web-sys and js-sys do not declare, or only for a place that has a `window`.
//!
//! Globals are looked up when they are used: test kits replace `fetch`, timers, clocks and random numbers.

use js_sys::{Function, Promise, Reflect};
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(thread_local_v2, js_name = globalThis)]
    static SCOPE: JsValue;

    /// A promise whose callbacks answer with a value; js-sys's `then` takes callbacks without one.
    type Thenable;
    #[wasm_bindgen(method, js_name = then)]
    fn then_or(this: &Thenable, fulfilled: &JsValue, rejected: &JsValue) -> Promise;

    #[wasm_bindgen(catch, js_name = fetch)]
    fn global_fetch(input: &JsValue, init: &JsValue) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(js_namespace = JSON, catch, js_name = parse)]
    pub(crate) fn parse_json(text: &JsValue) -> Result<JsValue, JsValue>;
}

/// One shape for all functions that JavaScript calls: each further shape would weigh an import and a shim.
pub(crate) type Callback = Closure<dyn FnMut(JsValue) -> JsValue>;

/// A member of the global object, which a page, a worker, Node and an edge runtime have different ones of; undefined where
/// there is none, and where reading it throws.
pub(crate) fn global(name: &str) -> JsValue {
    SCOPE.with(|scope| get(scope, name))
}

/// The global object.
pub(crate) fn scope() -> JsValue {
    SCOPE.with(Clone::clone)
}

/// A member of an object; undefined where there is none, where reading it throws, and where this is no object. What is read
/// often has a getter of its own instead.
pub(crate) fn get(object: &JsValue, name: &str) -> JsValue {
    Reflect::get(object, &name.into()).unwrap_or_default()
}

/// `fetch`. One that an app has replaced may answer without a promise.
pub(crate) fn fetch(input: &JsValue, init: &JsValue) -> Result<Promise, JsValue> {
    global_fetch(input, init).map(|sent| Promise::resolve(&sent))
}

/// `promise.then(fulfilled, rejected)`. The callbacks are freed with the promise.
pub(crate) fn then(promise: &Promise, fulfilled: Option<Callback>, rejected: Option<Callback>) -> Promise {
    let function = |callback: Option<Callback>| callback.map_or(JsValue::UNDEFINED, Callback::into_js_value);
    promise.unchecked_ref::<Thenable>().then_or(&function(fulfilled), &function(rejected))
}

/// The object that a JSON text is; `None` where it is none.
pub(crate) fn parse_object(text: &JsValue) -> Option<JsValue> {
    parse_json(text).ok().filter(JsValue::is_object)
}

/// Lets a Node process end although this timer or channel is there.
pub(crate) fn unref(value: &JsValue) {
    call(value, "unref");
}

/// Takes `unref` back.
pub(crate) fn reference(value: &JsValue) {
    call(value, "ref");
}

/// Calls a method that only Node's timers and channels have.
fn call(value: &JsValue, method: &str) {
    if let Some(method) = get(value, method).dyn_ref::<Function>() {
        let _ = method.call1(value, &JsValue::UNDEFINED);
    }
}

pub(crate) fn is_missing(value: &JsValue) -> bool {
    value.is_null() || value.is_undefined()
}

/// A whole number that JavaScript holds exactly; `None` for anything else.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    clippy::float_cmp,
    reason = "`as` saturates, and what it changes is not whole"
)]
pub(crate) fn whole_number(value: &JsValue) -> Option<u64> {
    let number = value.as_f64()?;
    let whole = number as u64;
    (number <= js_sys::Number::MAX_SAFE_INTEGER && whole as f64 == number).then_some(whole)
}

/// Milliseconds, epochs and generations as JavaScript numbers.
#[expect(clippy::cast_precision_loss, reason = "they stay below 2^53")]
pub(crate) fn number(whole: u64) -> f64 {
    whole as f64
}
