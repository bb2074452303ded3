//! The caller's own abort, at every stage of a call (C4, C5), and the deadlines.

use std::rc::Rc;

use js_sys::{Array, Promise};
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::wasm_bindgen_test;
use web_sys::AbortController;

use crate::page::{
    RESOURCES, SERVER, code, fresh_name, get, js, json, object, open, open_for_resources, open_with, settled,
};

fn aborted_by(controller: &AbortController) -> JsValue {
    object(&[("signal", controller.signal().into())])
}

async fn sent(key: &str) -> u32 {
    let response = gloo_net::http::Request::get(&format!("{RESOURCES}/sent?key={key}")).send().await.unwrap();
    json(response.into()).await.unchecked_into::<Array>().length()
}

#[wasm_bindgen_test]
async fn c04_aborted_before_the_call_nothing_is_asked_for() {
    let session = open(&fresh_name());
    let controller = AbortController::new().unwrap();
    controller.abort_with_reason(&"enough".into());
    assert_eq!(session.fetch(&"/me".into(), &aborted_by(&controller)).await.unwrap_err(), "enough");
    let token = session.wasm.token(Some(controller.signal()), None);
    assert_eq!(settled(token).await.unwrap_err(), "enough");
    let request = js(&format!("new Request('{SERVER}/me', {{ signal: AbortSignal.abort('too late') }})"));
    assert_eq!(session.fetch(&request, &JsValue::UNDEFINED).await.unwrap_err(), "too late");
    assert!(session.told.borrow().is_empty(), "no guest for a call that nobody wants");
}

#[wasm_bindgen_test]
async fn c05_aborted_while_it_waits_for_a_token_the_others_go_on() {
    let session = open(&fresh_name());
    let controller = AbortController::new().unwrap();
    let fetching = session.wasm.fetch("/me".into(), aborted_by(&controller));
    let asking = session.wasm.token(Some(controller.signal()), None);
    let other = session.wasm.token(None, None);
    // Once the calls wait: a promise's turn later.
    settled(Promise::resolve(&JsValue::UNDEFINED)).await.unwrap();
    controller.abort_with_reason(&"enough".into());
    assert_eq!(settled(fetching).await.unwrap_err(), "enough");
    assert_eq!(settled(asking).await.unwrap_err(), "enough");
    assert!(settled(other).await.unwrap().is_string());
}

#[wasm_bindgen_test]
async fn c04_aborted_in_flight_it_rejects_as_fetch_does() {
    let session = open_for_resources();
    session.token().await;
    let controller = AbortController::new().unwrap();
    let key = fresh_name();
    let call = session.wasm.fetch(format!("{RESOURCES}/late?key={key}").into(), aborted_by(&controller));
    // Asking sets the late answer free; it must be on its way before that.
    while sent("another").await > 0 {}
    controller.abort();
    assert_eq!(get(&settled(call).await.unwrap_err(), "name"), "AbortError");
    assert_eq!(session.status(), "active");
}

#[wasm_bindgen_test]
async fn c03_aborted_between_the_401_and_the_replay_it_is_not_replayed() {
    let session = Rc::new(open_for_resources());
    session.token().await;
    let controller = AbortController::new().unwrap();
    let (aborting, weak) = (controller.clone(), Rc::downgrade(&session));
    session.on_notify(move || {
        if weak.upgrade().is_some_and(|session| !session.events("unauthorized").is_empty()) {
            aborting.abort_with_reason(&"enough".into());
        }
    });
    let key = fresh_name();
    let url = format!("{RESOURCES}/refuse-once?key={key}");
    assert_eq!(session.fetch(&url.into(), &aborted_by(&controller)).await.unwrap_err(), "enough");
    assert!(settled(session.wasm.token(None, None)).await.unwrap().is_string(), "C5: the renewal goes on");
    assert_eq!(sent(&key).await, 1);
}

#[wasm_bindgen_test]
async fn c04_a_null_signal_is_no_signal_even_if_the_request_has_one() {
    let session = open(&fresh_name());
    let request = js(&format!("new Request('{SERVER}/me', {{ signal: AbortSignal.abort() }})"));
    let response = session.fetch(&request, &object(&[("signal", JsValue::NULL)])).await.unwrap();
    assert_eq!(response.status(), 200);
}

#[wasm_bindgen_test]
async fn c04_a_call_has_its_own_deadline_within_which_nothing_hangs() {
    let never: JsValue = format!("{RESOURCES}/never").into();
    let session = open_with(&fresh_name(), &[("baseUrl", never), ("storage", "memory".into())]);
    let start = js_sys::Date::now();
    let error = settled(session.wasm.token(None, Some(50.0))).await.unwrap_err();
    assert_eq!(code(&error), "timeout");
    assert!(js_sys::Date::now() - start < 4_000.0, "not the session's 5 s");
    session.wasm.close();
}
