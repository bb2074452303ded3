//! The caller's own abort, at every stage of a call (C4, C5), and the deadlines.

use guestpass_session::{ErrorCode, Event, Options, Status, StorageKind};
use js_sys::{Date, JsString};
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::wasm_bindgen_test;
use web_sys::{AbortController, AbortSignal, Request, RequestInit};

use crate::fixture::{
    RESOURCES, Resource, SERVER, code, fresh_name, get, object, open, options, options_for_resources, turn,
};

fn aborted_by(controller: &AbortController) -> JsValue {
    object(&[("signal", controller.signal().into())])
}

/// A request that has been aborted already.
fn aborted_request(reason: &str) -> JsValue {
    let init = RequestInit::new();
    init.set_signal(Some(&AbortSignal::abort_with_reason(&reason.into())));
    Request::new_with_str_and_init(&format!("{SERVER}/me"), &init).unwrap().into()
}

#[wasm_bindgen_test]
async fn c04_aborted_before_the_call_nothing_is_asked_for() {
    let session = open(options(&fresh_name()));
    let controller = AbortController::new().unwrap();
    controller.abort_with_reason(&"enough".into());
    assert_eq!(session.fetch(&"/me".into(), &aborted_by(&controller)).await.unwrap_err(), "enough");
    assert_eq!(session.token(Some(&controller.signal()), None).await.unwrap_err(), "enough");
    assert_eq!(session.fetch(&aborted_request("too late"), &JsValue::UNDEFINED).await.unwrap_err(), "too late");
    assert_eq!(session.reports(), 0, "no guest for a call that its caller has aborted");
}

#[wasm_bindgen_test]
async fn c04_aborted_before_the_call_a_token_that_is_there_is_not_given() {
    let session = open(options(&fresh_name()));
    session.token(None, None).await.unwrap();
    let aborted = AbortSignal::abort_with_reason(&"enough".into());
    assert_eq!(session.token(Some(&aborted), None).await.unwrap_err(), "enough");
    let init = object(&[("signal", aborted.into())]);
    assert_eq!(session.fetch(&"/me".into(), &init).await.unwrap_err(), "enough");
}

#[wasm_bindgen_test]
async fn c05_aborted_while_it_waits_for_a_token_the_others_go_on() {
    for turns in 0..3 {
        let session = open(options(&fresh_name()));
        let controller = AbortController::new().unwrap();
        let fetching = session.fetch(&"/me".into(), &aborted_by(&controller));
        let asking = session.token(Some(&controller.signal()), None);
        let other = session.token(None, None);
        for _ in 0..turns {
            turn().await;
        }
        controller.abort_with_reason(&"enough".into());
        assert_eq!(fetching.await.unwrap_err(), "enough");
        assert_eq!(asking.await.unwrap_err(), "enough");
        assert!(other.await.unwrap().length() > 0);
    }
}

#[wasm_bindgen_test]
async fn c04_aborted_in_flight_it_rejects_as_fetch_does() {
    let session = open(options_for_resources());
    session.token(None, None).await.unwrap();
    let (controller, resource) = (AbortController::new().unwrap(), Resource::late());
    let call = session.fetch(&resource.url().into(), &aborted_by(&controller));
    resource.arrival().await;
    controller.abort();
    assert_eq!(get(&call.await.unwrap_err(), "name"), "AbortError");
    assert_eq!(session.snapshot().status, Status::Active);
}

#[wasm_bindgen_test]
async fn c03_aborted_between_the_401_and_the_replay_it_is_not_replayed() {
    let (controller, resource) = (AbortController::new().unwrap(), Resource::refusing_once());
    let aborting = controller.clone();
    let session = open(Options {
        on_change: Box::new(move |_, event| {
            if let Some(Event::Unauthorized { .. }) = event {
                aborting.abort_with_reason(&"enough".into());
            }
        }),
        ..options_for_resources()
    });
    let token = session.token(None, None).await.unwrap();
    assert_eq!(session.fetch(&resource.url().into(), &aborted_by(&controller)).await.unwrap_err(), "enough");
    assert_ne!(session.token(None, None).await.unwrap(), token, "C5: the renewal goes on");
    assert_eq!(resource.sent().await.len(), 1);
}

#[wasm_bindgen_test]
async fn c04_a_null_signal_is_no_signal_even_if_the_request_has_one() {
    let session = open(options(&fresh_name()));
    let init = object(&[("signal", JsValue::NULL)]);
    assert_eq!(session.fetch(&aborted_request("enough"), &init).await.unwrap().status(), 200);
}

#[wasm_bindgen_test]
async fn c04_a_call_has_its_own_deadline_within_which_nothing_hangs() {
    let base_url = JsString::from(format!("{RESOURCES}/never"));
    let session = open(Options { base_url, storage: StorageKind::Memory, ..options(&fresh_name()) });
    let start = Date::now();
    assert_eq!(code(&session.token(None, Some(50.0)).await.unwrap_err()), Some(ErrorCode::Timeout));
    assert!(Date::now() - start < 9_000.0, "neither the timeout of the session nor that of a request");
}
