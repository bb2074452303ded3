//! A `fetch` that an app has replaced: it fails in different ways, or its responses are of another realm.

use std::cell::Cell;
use std::panic;
use std::rc::Rc;
use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use guestpass_session::{ErrorCode, Session, SessionEvent, StorageKind};
use js_sys::{Error, Function, Promise, Reflect};
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::wasm_bindgen_test;

use crate::fixture::{
    Opened, Replaced, SERVER, code, count, fresh_name, function, get, object, open, options, replace, until, within,
};
use crate::lifecycle::Frame;

/// The result of a call of `fetch`: a value, or an exception.
type Fetched = Result<JsValue, JsValue>;
type Failure = Box<dyn Fn() -> Fetched>;

fn original() -> Function {
    get(&js_sys::global(), "fetch").unchecked_into()
}

fn replace_fetch(fetch: impl Fn(JsValue, JsValue) -> Fetched + 'static) -> Replaced {
    replace(&js_sys::global(), "fetch", function(fetch))
}

/// The ways in which `fetch` may fail, with their names.
fn failures() -> Vec<(&'static str, Failure)> {
    let resolved = |value: fn() -> JsValue| move || Ok(Promise::resolve(&value()).into());
    vec![
        ("rejects with a string", Box::new(|| Ok(Promise::<JsValue>::reject(&"offline".into()).into()))),
        ("rejects with nothing", Box::new(|| Ok(Promise::<JsValue>::reject(&JsValue::UNDEFINED).into()))),
        ("throws", Box::new(|| Err(Error::new("offline").into()))),
        ("throws a string", Box::new(|| Err("offline".into()))),
        ("resolves with nothing", Box::new(resolved(|| JsValue::UNDEFINED))),
        ("resolves with a text", Box::new(resolved(|| "{}".into()))),
        ("resolves with an object without a status", Box::new(resolved(|| object(&[])))),
        ("resolves with an object without headers and body", Box::new(resolved(bodiless))),
        ("resolves with an object without headers", Box::new(resolved(without_headers))),
        ("returns nothing", Box::new(|| Ok(JsValue::UNDEFINED))),
        ("returns no promise", Box::new(|| Ok(bodiless()))),
    ]
}

fn bodiless() -> JsValue {
    object(&[("status", 200.into()), ("ok", true.into())])
}

/// A response as the test of an app may make it.
fn without_headers() -> JsValue {
    let text = function(|_, _| Ok(Promise::resolve(&JsValue::from("{}")).into()));
    object(&[("status", 200.into()), ("ok", true.into()), ("text", text)])
}

static PANICS: AtomicU32 = AtomicU32::new(0);

/// Counts panics. A panic in a callback of JavaScript rejects a promise, and would not fail the test.
struct Panics;

impl Panics {
    fn counting() -> Self {
        static HOOK: Once = Once::new();
        HOOK.call_once(|| {
            let report = panic::take_hook();
            panic::set_hook(Box::new(move |panic| {
                PANICS.fetch_add(1, Ordering::Relaxed);
                report(panic);
            }));
        });
        PANICS.store(0, Ordering::Relaxed);
        Self
    }

    fn assert_none(&self, what: &str) {
        assert_eq!(PANICS.load(Ordering::Relaxed), 0, "{what}");
    }
}

async fn assert_works(session: &Opened) {
    assert_eq!(session.get("/me").await.status(), 200);
    session.expire();
    assert!(session.token().await.is_ok());
    assert_eq!(session.get("/me").await.status(), 200);
}

#[wasm_bindgen_test]
async fn c04_a_fetch_that_fails_in_any_way_is_retried() {
    let panics = Panics::counting();
    for (what, fail) in failures() {
        let (original, failed) = (original(), Cell::new(false));
        let fetch = replace_fetch(move |input, init| {
            if failed.replace(true) { original.call2(&JsValue::UNDEFINED, &input, &init) } else { fail() }
        });
        let session = open(options(&fresh_name()));
        let token = session.token().await;
        assert!(token.is_ok(), "{what}: {token:?}");
        assert_eq!(count!(session, SessionEvent::Retrying { .. }), 1, "{what}");
        panics.assert_none(what);
        drop(fetch);
        assert_works(&session).await;
    }
}

#[wasm_bindgen_test]
async fn c04_a_fetch_that_keeps_failing_rejects_by_the_deadline_and_the_session_works_afterwards() {
    let panics = Panics::counting();
    for (what, fail) in failures() {
        let fetch = replace_fetch(move |_, _| fail());
        let session = open(options(&fresh_name()).storage(StorageKind::Memory));
        let pending = session.token_with(within(Duration::from_millis(200)));
        let failures =
            || count!(session, SessionEvent::Retrying { code: ErrorCode::Network | ErrorCode::Unavailable, .. });
        until(what, || failures() > 0).await;
        let code = code(&pending.await.unwrap_err());
        let expected = [ErrorCode::Network, ErrorCode::Unavailable, ErrorCode::Timeout];
        assert!(code.is_some_and(|code| expected.contains(&code)), "{what}: {code:?}");
        panics.assert_none(what);
        drop(fetch);
        let token = session.token().await;
        assert!(token.is_ok(), "{what}: {token:?}");
        assert_works(&session).await;
    }
}

#[wasm_bindgen_test]
async fn a_fetch_that_rejects_with_a_string_is_a_network_error() {
    let fetch = replace_fetch(|_, _| Ok(Promise::<JsValue>::reject(&"offline".into()).into()));
    let session = open(options(&fresh_name()).timeout(Duration::from_secs(1)));
    assert_eq!(code(&session.token().await.unwrap_err()), Some(ErrorCode::Network));
    assert_eq!(session.snapshot().error.unwrap().code, ErrorCode::Network);
    drop(fetch);
}

/// An exception that passes through the session would leave it and its listeners in memory.
#[wasm_bindgen_test]
async fn c26_a_session_whose_fetch_failed_frees_its_memory() {
    for (what, fail) in failures() {
        // wasm-bindgen's own checks, which a release does not have, throw where the status is no number.
        if what == "resolves with an object without a status" {
            continue;
        }
        let _fetch = replace_fetch(move |_, _| fail());
        let owned = Rc::new(());
        let memory = Rc::downgrade(&owned);
        let on_change = Box::new(move |_: Option<&_>, _: Option<&_>| drop(Rc::clone(&owned)));
        let session = Session::new(options(&fresh_name()).on_change(on_change));
        assert!(session.token_with(within(Duration::from_millis(50))).await.is_err(), "{what}");
        drop(session);
        until(what, || memory.strong_count() == 0).await;
    }
}

#[wasm_bindgen_test]
async fn the_callers_own_request_rejects_like_fetch() {
    let session = open(options(&fresh_name()));
    session.token().await.unwrap();
    let failures: [fn() -> Fetched; 2] =
        [|| Ok(Promise::<JsValue>::reject(&"offline".into()).into()), || Err("offline".into())];
    for fail in failures {
        let fetch = replace_fetch(move |_, _| fail());
        assert_eq!(session.fetch("/me").await.unwrap_err(), "offline");
        assert_eq!(session.fetch("https://elsewhere.example").await.unwrap_err(), "offline");
        drop(fetch);
        assert_works(&session).await;
    }
}

#[wasm_bindgen_test]
async fn the_callers_own_request_resolves_with_the_response_of_fetch() {
    let session = open(options(&fresh_name()));
    session.token().await.unwrap();
    let fetch = replace_fetch(|_, _| Ok(Promise::resolve(&bodiless()).into()));
    let response = session.fetch("/me").await.unwrap();
    assert!(get(&response, "headers").is_undefined(), "the very object");
    drop(fetch);
    assert_works(&session).await;
}

/// An iframe's `fetch`, as a micro frontend may have it: each `Response` is one of the other realm.
#[wasm_bindgen_test]
async fn responses_of_another_realm_work_like_those_of_the_page() {
    let panics = Panics::counting();
    let frame = Frame::open();
    let (window, responses) = (frame.window(), Rc::new(Cell::new(0)));
    let foreign: Function = get(&window, "fetch").unchecked_into();
    let counting = Rc::clone(&responses);
    let fetch = replace_fetch(move |input, init| {
        counting.set(counting.get() + 1);
        foreign.call2(&window, &input, &init)
    });
    let session = open(options(&fresh_name()));
    let response = session.get("/me").await;
    assert!(!response.is_instance_of::<web_sys::Response>(), "of the other realm");
    assert_works(&session).await;
    assert_eq!(count!(session, SessionEvent::Retrying { .. }), 0);
    assert!(responses.get() > 4);
    panics.assert_none("a response of another realm");
    drop(fetch);
    assert_works(&session).await;
}

/// A 401 of another realm is one: the request is replayed.
#[wasm_bindgen_test]
async fn c03_a_401_of_another_realm_is_replayed() {
    let frame = Frame::open();
    let session = open(options(&fresh_name()));
    session.token().await.unwrap();
    let (original, refused) = (original(), Cell::new(false));
    let class: Function = get(&frame.window(), "Response").unchecked_into();
    let _fetch = replace_fetch(move |input, init| {
        if refused.replace(true) {
            return original.call2(&JsValue::UNDEFINED, &input, &init);
        }
        let head = object(&[("status", 401.into())]);
        let response = Reflect::construct(&class, &js_sys::Array::of2(&JsValue::NULL, &head))?;
        Ok(Promise::resolve(&response).into())
    });
    assert_eq!(session.get("/me").await.status(), 200);
    assert_eq!(count!(session, SessionEvent::Unauthorized { .. }), 1);
}

/// Counts the responses to revocations.
pub(crate) struct Revocations {
    responded: Rc<Cell<u32>>,
    _fetch: Replaced,
}

impl Revocations {
    pub(crate) fn counting() -> Self {
        let responded: Rc<Cell<u32>> = Rc::default();
        let (counting, original) = (Rc::clone(&responded), original());
        let _fetch = replace_fetch(move |input, init| {
            let sent = original.call2(&JsValue::UNDEFINED, &input, &init)?;
            if input != format!("{SERVER}/revoke").as_str() {
                return Ok(sent);
            }
            let counting = Rc::clone(&counting);
            Ok(js_sys::futures::future_to_promise(async move {
                let response = sent.unchecked_into::<Promise>().await?;
                counting.set(counting.get() + 1);
                Ok(response)
            })
            .into())
        });
        Self { responded, _fetch }
    }

    pub(crate) fn responded(&self) -> u32 {
        self.responded.get()
    }
}
