//! The takeover of an early login: the session uses the object that the inline script of the page has made, in place of the lock
//! manager and of `fetch`. The npm package and the end-to-end tests test it with the script itself.

use guestpass_session::{Options, SessionEvent};
use js_sys::{Array, Function, Promise, Reflect};
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::wasm_bindgen_test;

use crate::fixture::{
    Opened, SERVER, count, fresh_name, function, get, js, key_of, local_storage, object, open, options, record,
};

const KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAA";

/// Sends the login, and returns the object for the session.
const SCRIPT: &str = r#"(url, key) => {
    const headers = { 'Content-Type': 'application/json', 'Idempotency-Key': key }
    const sent = fetch(url, { method: 'POST', headers, body: '{"refresh":true}' })
    const calls = []
    return {
        calls,
        request(name, options, granted) {
            calls.push(name)
            return navigator.locks.request(name, options, granted)
        },
        fetch(url, init) {
            calls.push(init.headers.get('Idempotency-Key'))
            return sent
        },
    }
}"#;

/// What the script leaves behind: the stored acquire key, a request that is under way, and the object with the two functions,
/// which also has the list of their `calls`.
struct EarlyLogin(JsValue);

impl EarlyLogin {
    fn begin(name: &str) -> Self {
        let key = key_of(name);
        let record = format!(
            r#"{{"v":2,"epoch":0,"generation":0,"end_reason":"signed_out","acquire_key":"{KEY}{name}","credential":null}}"#
        );
        local_storage().set_item(&key, &record).unwrap();
        let script: Function = js(SCRIPT).unchecked_into();
        let (url, acquire_key) = (format!("{SERVER}/anonymous-login"), format!("{KEY}{name}"));
        let early = script.call2(&JsValue::UNDEFINED, &JsValue::from(url), &JsValue::from(acquire_key)).unwrap();
        Reflect::set(&js_sys::global(), &key.into(), &early).unwrap();
        Self(early)
    }

    fn calls(&self) -> Vec<String> {
        get(&self.0, "calls").unchecked_into::<Array>().iter().filter_map(|call| call.as_string()).collect()
    }
}

/// A session that has acquired its guest after an early login.
async fn acquired(name: &str, options: Options) -> (EarlyLogin, Opened) {
    let early = EarlyLogin::begin(name);
    let session = open(options);
    session.token().await.unwrap();
    assert_eq!(count!(session, SessionEvent::Acquired { .. }), 1);
    assert_eq!(get(&record(name), "generation"), 1.0);
    (early, session)
}

#[wasm_bindgen_test]
async fn c02_c19_the_session_takes_over_the_lock_and_the_request() {
    let name = fresh_name();
    let (early, session) = acquired(&name, options(&name)).await;
    assert_eq!(early.calls(), [key_of(&name), format!("{KEY}{name}")]);
    assert_eq!(session.get("/me").await.status(), 200);
}

#[wasm_bindgen_test]
async fn c19_a_session_with_headers_of_its_own_sends_its_own_request() {
    let name = fresh_name();
    let headers = function(|_, _| Ok(Promise::resolve(&object(&[])).into()));
    let (early, _session) = acquired(&name, options(&name).headers(headers.unchecked_into())).await;
    assert_eq!(early.calls(), [key_of(&name)]);
}

#[wasm_bindgen_test]
async fn c19_a_session_with_a_fetch_of_its_own_sends_its_own_request() {
    let name = fresh_name();
    let fetch = get(&js_sys::global(), "fetch").unchecked_into();
    let (early, _session) = acquired(&name, options(&name).fetch(fetch)).await;
    assert_eq!(early.calls(), [key_of(&name)]);
}
