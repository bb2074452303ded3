//! The abort signal of the caller at every stage of a call (C4, C5), and the deadlines.

use std::time::Duration;

use guestpass_session::{ErrorCode, Options, SessionEvent, Status, StorageKind};
use js_sys::{Date, JsString};
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::wasm_bindgen_test;
use web_sys::{AbortController, AbortSignal, Request, RequestInit};

use crate::fixture::{
    RESOURCES, Resource, SERVER, code, fresh_name, get, open, options, options_for_resources, request_init, turn,
    with_signal, within,
};

fn aborted_by(controller: &AbortController) -> RequestInit {
    request_init(&[("signal", controller.signal().into())])
}

/// A request that is aborted.
fn aborted_request(reason: &str) -> JsValue {
    let init = RequestInit::new();
    init.set_signal(Some(&AbortSignal::abort_with_reason(&reason.into())));
    Request::new_with_str_and_init(&format!("{SERVER}/me"), &init).unwrap().into()
}

#[wasm_bindgen_test]
async fn c04_a_call_that_was_aborted_before_sends_no_request() {
    let session = open(options(&fresh_name()));
    let controller = AbortController::new().unwrap();
    controller.abort_with_reason(&"enough".into());
    assert_eq!(session.fetch_with("/me", &aborted_by(&controller)).await.unwrap_err(), "enough");
    assert_eq!(session.token_with(with_signal(&controller.signal())).await.unwrap_err(), "enough");
    assert_eq!(session.fetch(aborted_request("too late")).await.unwrap_err(), "too late");
    assert_eq!(session.changes(), 0, "no guest for a call that its caller has aborted");
}

#[wasm_bindgen_test]
async fn c04_a_call_that_was_aborted_before_gets_no_token() {
    let session = open(options(&fresh_name()));
    session.token().await.unwrap();
    let aborted = AbortSignal::abort_with_reason(&"enough".into());
    assert_eq!(session.token_with(with_signal(&aborted)).await.unwrap_err(), "enough");
    let init = request_init(&[("signal", aborted.into())]);
    assert_eq!(session.fetch_with("/me", &init).await.unwrap_err(), "enough");
}

#[wasm_bindgen_test]
async fn c05_an_abort_during_the_wait_for_a_token_does_not_affect_other_calls() {
    for turns in 0..3 {
        let session = open(options(&fresh_name()));
        let controller = AbortController::new().unwrap();
        let fetching = session.fetch_with("/me", &aborted_by(&controller));
        let pending = session.token_with(with_signal(&controller.signal()));
        let other = session.token();
        for _ in 0..turns {
            turn().await;
        }
        controller.abort_with_reason(&"enough".into());
        assert_eq!(fetching.await.unwrap_err(), "enough");
        assert_eq!(pending.await.unwrap_err(), "enough");
        assert!(other.await.unwrap().length() > 0);
    }
}

#[wasm_bindgen_test]
async fn c04_a_request_that_is_aborted_in_flight_rejects_like_fetch() {
    let session = open(options_for_resources());
    session.token().await.unwrap();
    let (controller, resource) = (AbortController::new().unwrap(), Resource::late());
    let call = session.fetch_with(resource.url(), &aborted_by(&controller));
    resource.arrival().await;
    controller.abort();
    assert_eq!(get(&call.await.unwrap_err(), "name"), "AbortError");
    assert_eq!(session.snapshot().status, Status::Active);
}

#[wasm_bindgen_test]
async fn c03_a_request_that_is_aborted_between_the_401_and_the_replay_is_not_replayed() {
    let (controller, resource) = (AbortController::new().unwrap(), Resource::refusing_once());
    let aborting = controller.clone();
    let session = open(options_for_resources().on_change(move |_, event| {
        if let Some(SessionEvent::Unauthorized { .. }) = event {
            aborting.abort_with_reason(&"enough".into());
        }
    }));
    let token = session.token().await.unwrap();
    assert_eq!(session.fetch_with(resource.url(), &aborted_by(&controller)).await.unwrap_err(), "enough");
    assert_ne!(session.token().await.unwrap(), token, "C5: the renewal goes on");
    assert_eq!(resource.sent().await.len(), 1);
}

#[wasm_bindgen_test]
async fn c04_a_null_signal_replaces_the_signal_of_the_request() {
    let session = open(options(&fresh_name()));
    let init = request_init(&[("signal", JsValue::NULL)]);
    assert_eq!(session.fetch_with(aborted_request("enough"), &init).await.unwrap().status(), 200);
}

#[wasm_bindgen_test]
async fn c04_a_call_rejects_at_its_own_deadline() {
    let base_url = JsString::from(format!("{RESOURCES}/never"));
    let session = open(Options::new(base_url).name(fresh_name()).storage(StorageKind::Memory));
    let start = Date::now();
    assert_eq!(
        code(&session.token_with(within(Duration::from_millis(50))).await.unwrap_err()),
        Some(ErrorCode::Timeout)
    );
    assert!(Date::now() - start < 9_000.0, "neither the timeout of the session nor that of a request");
}
