use std::cell::RefCell;
use std::rc::Rc;

use js_sys::Array;
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::wasm_bindgen_test;
use web_sys::{AbortController, Request, RequestInit};

use crate::page::{SERVER, code, fresh_name, get, json, object, open, open_with, record, settled, until};

#[wasm_bindgen_test]
async fn a_first_request_makes_a_guest_and_carries_its_token() {
    let session = open(&fresh_name());
    let response = session.get("/me").await;
    assert_eq!(response.status(), 200);
    let me = json(response).await;
    assert_eq!(get(&me, "id").as_string().unwrap(), session.id());
    assert!(session.id().starts_with("anonymous_"));
    assert_eq!(session.status(), "active");
    assert_eq!(session.snapshot("kind"), "guest");
    assert!(session.snapshot("expiresAt").as_f64().unwrap() > js_sys::Date::now());
    assert_eq!(session.events("acquired").len(), 1);
}

#[wasm_bindgen_test]
async fn c19_calls_at_once_share_one_guest() {
    let session = open(&fresh_name());
    let calls = Array::new();
    for _ in 0..20 {
        calls.push(&session.wasm.token(None, None));
    }
    let tokens = settled(js_sys::Promise::all(&calls)).await.unwrap();
    let tokens: Array = tokens.unchecked_into();
    assert!(tokens.iter().all(|token| token == tokens.get(0)));
    assert_eq!(session.events("acquired").len(), 1);
}

#[wasm_bindgen_test]
async fn an_expired_token_is_refreshed_and_the_guest_stays() {
    let session = open(&fresh_name());
    let (first, id) = (session.token().await, session.id());
    session.wasm.expire();
    let second = session.token().await;
    assert_ne!(first, second);
    assert_eq!(session.id(), id);
    assert_eq!(session.events("refreshed").len(), 1);
    assert_eq!(session.get("/me").await.status(), 200);
}

#[wasm_bindgen_test]
async fn c03_a_refused_token_is_renewed_and_the_request_replayed_once() {
    let name = fresh_name();
    let session = open(&name);
    session.token().await;
    let id = session.id();
    revoke(&record(&name).refresh_token()).await;

    let init = object(&[
        ("method", "POST".into()),
        ("body", r#"{"item_id":1,"quantity":2}"#.into()),
        ("headers", object(&[("Content-Type", "application/json".into())])),
    ]);
    let response = session.fetch(&"/me/cart".into(), &init).await.unwrap();
    assert_eq!(response.status(), 200, "replayed with its method, headers and body");
    assert_eq!(session.events("unauthorized").len(), 1);
    let identity = session.events("identity");
    assert_eq!(identity.len(), 1);
    assert_eq!(get(&identity[0], "oldId"), id.as_str());
    assert_eq!(get(&identity[0], "newId"), session.id().as_str());
    assert_eq!(get(&identity[0], "reason"), "invalid_grant");
}

#[wasm_bindgen_test]
async fn a_request_object_is_replayed_with_its_body() {
    let name = fresh_name();
    let session = open(&name);
    session.token().await;
    revoke(&record(&name).refresh_token()).await;
    let response = session.fetch(&post_to_cart().into(), &JsValue::UNDEFINED).await.unwrap();
    assert_eq!(response.status(), 200);
}

/// Without a body: `fetch` itself would read that as a stream, which Chromium sends over HTTP/2 only.
#[wasm_bindgen_test]
async fn a_request_object_may_be_the_init_as_fetch_allows() {
    let session = open(&fresh_name());
    let init = RequestInit::new();
    init.set_method("DELETE");
    let request = Request::new_with_str_and_init(SERVER, &init).unwrap();
    let response = session.fetch(&"/me/cart/1".into(), &request.into()).await.unwrap();
    assert_eq!(response.status(), 200);
    assert!(get(&json(response).await, "lines").is_array());
}

#[wasm_bindgen_test]
async fn the_callers_own_credentials_are_left_alone() {
    let session = open(&fresh_name());
    let init = object(&[("headers", object(&[("Authorization", "Bearer mine".into())]))]);
    let response = session.fetch(&"/me".into(), &init).await.unwrap();
    assert_eq!(response.status(), 401);
    assert_eq!(session.told.borrow().len(), 0, "no session was needed");
}

#[wasm_bindgen_test]
async fn c05_an_abort_rejects_with_its_reason_and_the_others_go_on() {
    let session = open(&fresh_name());
    let controller = AbortController::new().unwrap();
    let aborted = session.wasm.token(Some(controller.signal()), None);
    let other = session.wasm.token(None, None);
    // Once the call waits: a promise's turn later.
    settled(js_sys::Promise::resolve(&JsValue::UNDEFINED)).await.unwrap();
    controller.abort_with_reason(&"enough".into());
    assert_eq!(settled(aborted).await.unwrap_err(), "enough");
    assert!(settled(other).await.unwrap().is_string());

    let init = object(&[("signal", controller.signal().into())]);
    assert_eq!(session.fetch(&"/me".into(), &init).await.unwrap_err(), "enough", "aborted before it began");
}

#[wasm_bindgen_test]
async fn c04_a_server_that_is_not_there_is_a_typed_error_by_the_deadline() {
    // Port 9 of the loopback address: nothing listens there.
    let nowhere: JsValue = "http://127.0.0.1:9".into();
    let options =
        [("baseUrl", nowhere.clone()), ("allowedOrigins", Array::of1(&nowhere).into()), ("timeout", 300.into())];
    let session = open_with(&fresh_name(), &options);
    let error = settled(session.wasm.token(None, None)).await.unwrap_err();
    assert_eq!(code(&error), "network");
    assert_eq!(session.status(), "unavailable");
    assert_eq!(get(&session.snapshot("error"), "code"), "network");
    assert!(!session.events("retrying").is_empty());
    // Null while an attempt is under way.
    until("the next attempt is announced", || get(&session.snapshot("error"), "retryAt").as_f64().is_some()).await;
    session.wasm.close();
}

#[wasm_bindgen_test]
async fn a_wrong_base_url_is_said_at_once() {
    let wrong: JsValue = format!("{SERVER}/nowhere").into();
    let session = open_with(&fresh_name(), &[("baseUrl", wrong)]);
    let error = settled(session.wasm.token(None, None)).await.unwrap_err();
    assert_eq!(code(&error), "rejected");
    assert!(get(&error, "message").as_string().unwrap().contains("baseUrl"));
}

#[wasm_bindgen_test]
async fn c16_close_is_idempotent_and_settles_what_waits() {
    let session = open(&fresh_name());
    let waiting = session.wasm.token(None, None);
    settled(js_sys::Promise::resolve(&JsValue::UNDEFINED)).await.unwrap();
    session.wasm.close();
    session.wasm.close();
    assert_eq!(code(&settled(waiting).await.unwrap_err()), "closed");
    assert_eq!(code(&settled(session.wasm.token(None, None)).await.unwrap_err()), "closed");
    assert_eq!(session.status(), "closed");
}

#[wasm_bindgen_test]
async fn c15_the_snapshot_is_the_same_object_until_it_changes() {
    let session = open(&fresh_name());
    session.token().await;
    let told = session.told.borrow().len();
    session.token().await;
    session.get("/me").await;
    assert_eq!(session.told.borrow().len(), told, "nothing changed, so nothing was told");
}

/// The driver is in the middle of its loop then: "recursive use of an object" is what must not happen.
#[wasm_bindgen_test]
async fn c06_a_listener_may_call_the_session() {
    let session = Rc::new(open(&fresh_name()));
    let weak = Rc::downgrade(&session);
    let inside: Rc<RefCell<Option<js_sys::Promise>>> = Rc::default();
    let called = Rc::clone(&inside);
    session.on_notify(move || {
        let first = called.borrow().is_none();
        if let Some(session) = weak.upgrade().filter(|_| first) {
            session.wasm.expire();
            called.replace(Some(session.wasm.token(None, None)));
        }
    });
    session.token().await;
    let token = inside.take().unwrap();
    assert!(settled(token).await.unwrap().is_string());
    assert_eq!(session.get("/me").await.status(), 200);
}

fn post_to_cart() -> Request {
    let init = RequestInit::new();
    init.set_method("POST");
    init.set_body(&r#"{"item_id":1,"quantity":2}"#.into());
    let request = Request::new_with_str_and_init(&format!("{SERVER}/me/cart"), &init).unwrap();
    request.headers().set("Content-Type", "application/json").unwrap();
    request
}

async fn revoke(token: &str) {
    let form = gloo_net::http::Request::post(&format!("{SERVER}/revoke"))
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body(format!("token={token}"));
    assert!(form.unwrap().send().await.unwrap().ok());
}
