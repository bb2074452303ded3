//! JavaScript that web-sys and js-sys do not declare, or only for a place that has a `window`.
//!
//! Globals are looked up when they are used: test kits replace `fetch`, timers, clocks and random numbers.

use js_sys::{Function, JsString, Promise};
use serde::Serialize;
use serde_wasm_bindgen::Serializer;
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(thread_local_v2, js_name = globalThis)]
    static SCOPE: JsValue;

    /// A promise whose callbacks return a value; js-sys's `then` takes callbacks that return nothing.
    type Thenable;
    #[wasm_bindgen(method, js_name = then)]
    fn then_or(this: &Thenable, fulfilled: &JsValue, rejected: &JsValue) -> Promise;

    #[wasm_bindgen(js_namespace = Reflect, catch, js_name = get)]
    fn reflect_get(object: &JsValue, name: &str) -> Result<JsValue, JsValue>;
    /// Calls a getter of `object` for another object. It throws if the getter does not accept that object.
    #[wasm_bindgen(js_namespace = Reflect, catch, js_name = get)]
    pub(crate) fn get_for(object: &JsValue, name: &str, receiver: &JsValue) -> Result<JsValue, JsValue>;
    /// The text of any value. It throws what `toString` throws.
    #[wasm_bindgen(catch, js_name = String)]
    pub(crate) fn text_of(value: &JsValue) -> Result<JsString, JsValue>;
    /// An object that this crate has made.
    type Made;
    #[wasm_bindgen(method, indexing_setter)]
    fn set(this: &Made, name: &str, value: JsValue);

    #[wasm_bindgen(catch, js_name = fetch)]
    fn global_fetch(input: &JsValue, init: &JsValue) -> Result<JsValue, JsValue>;
    /// `Object.assign`. It throws what a getter of the source throws.
    #[wasm_bindgen(js_namespace = Object, catch, js_name = assign)]
    pub(crate) fn assign(target: &JsValue, source: &JsValue) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(js_namespace = JSON, catch, js_name = parse)]
    pub(crate) fn parse_json(text: &JsValue) -> Result<JsValue, JsValue>;
    /// The JSON text of an object without cycles. `members`: an array of the names of the members to write; undefined for all.
    #[wasm_bindgen(js_namespace = JSON, js_name = stringify)]
    pub(crate) fn stringify(value: &JsValue, members: &JsValue) -> JsString;
}

/// The type of every Rust function that JavaScript calls. Each further type would add an import and a shim to the module.
pub(crate) type JsFunction = Closure<dyn FnMut(JsValue) -> JsValue>;

/// A member of the global object; undefined where there is none, or where reading it throws. Pages, workers, Node and edge
/// runtimes have different members.
pub(crate) fn global(name: &str) -> JsValue {
    SCOPE.with(|scope| get(scope, name))
}

/// The global object.
pub(crate) fn scope() -> JsValue {
    SCOPE.with(Clone::clone)
}

/// A member of an object; undefined where there is none, where reading it throws, and where `object` is not an object. For
/// members that are read often, declare a getter instead.
pub(crate) fn get(object: &JsValue, name: &str) -> JsValue {
    reflect_get(object, name).unwrap_or_default()
}

/// Sets a member of an object that this crate has made.
pub(crate) fn set(object: &JsValue, name: &str, value: impl Into<JsValue>) {
    object.unchecked_ref::<Made>().set(name, value.into());
}

/// Calls `own`, or `fetch` if it is undefined.
pub(crate) fn fetch(own: &JsValue, input: &JsValue, init: &JsValue) -> Result<Promise, JsValue> {
    if own.is_undefined() {
        global_fetch(input, init).map(|sent| Promise::resolve(&sent))
    } else {
        call_own(own, input, init)
    }
}

/// Calls a function of the app, which may return a value that is not a promise.
pub(crate) fn call_own(function: &JsValue, one: &JsValue, two: &JsValue) -> Result<Promise, JsValue> {
    let function: &Function = function.unchecked_ref();
    function.call2(&JsValue::UNDEFINED, one, two).map(|returned| Promise::resolve(&returned))
}

/// `promise.then(fulfilled, rejected)`. The callbacks are freed with the promise.
pub(crate) fn then(promise: &Promise, fulfilled: Option<JsFunction>, rejected: Option<JsFunction>) -> Promise {
    let function = |callback: Option<JsFunction>| callback.map_or(JsValue::UNDEFINED, JsFunction::into_js_value);
    promise.unchecked_ref::<Thenable>().then_or(&function(fulfilled), &function(rejected))
}

/// Parses the JSON text of an object; `None` for any other value.
pub(crate) fn parse_object(text: &JsValue) -> Option<JsValue> {
    parse_json(text).ok().filter(JsValue::is_object)
}

/// The JavaScript value of a Rust value. `None` becomes null.
pub(crate) fn to_js(value: &impl Serialize) -> JsValue {
    const SERIALIZER: Serializer = Serializer::new().serialize_missing_as_null(true);
    value.serialize(&SERIALIZER).unwrap_or_default()
}

/// Lets a Node process end while this timer or channel is active.
pub(crate) fn unref(value: &JsValue) {
    call(value, "unref");
}

/// Undoes [`unref`].
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

/// A non-negative whole number up to 2^53 - 1; `None` for any other value.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    clippy::float_cmp,
    reason = "`as` saturates, and a number that it changes is not whole"
)]
pub(crate) fn whole_number(value: &JsValue) -> Option<u64> {
    let number = value.as_f64()?;
    let whole = number as u64;
    (number <= js_sys::Number::MAX_SAFE_INTEGER && whole as f64 == number).then_some(whole)
}

/// A JavaScript number from milliseconds, an epoch or a generation.
#[expect(clippy::cast_precision_loss, reason = "they stay below 2^53")]
pub(crate) fn number(whole: u64) -> f64 {
    whole as f64
}
