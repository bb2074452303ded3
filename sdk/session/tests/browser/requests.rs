//! The arguments of the caller reach `fetch`.

use std::cell::RefCell;
use std::rc::Rc;

use guestpass_session::{Session, SessionEvent};
use js_sys::{Date, JSON, JsString, Reflect};
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::wasm_bindgen_test;
use web_sys::{Headers, Request, RequestInit, Response, ResponseInit, Url};

use crate::fixture::{
    RESOURCES, Replaced, SERVER, count, fresh_name, function, get, js, key_of, local_storage, open, options,
    options_for_resources, record, replace, request_init,
};

#[wasm_bindgen_test]
async fn a_url_object_and_a_relative_url_are_resolved_by_the_rules_for_urls() {
    let session = open(options(&fresh_name()));
    let url = Url::new_with_base("/me", SERVER).unwrap();
    assert_eq!(session.fetch(url.clone()).await.unwrap().status(), 200);
    assert_eq!(session.get("me").await.status(), 200);
    assert_eq!(session.get("./items/../me?x=1#y").await.status(), 200);
    let wrong = session.fetch("http://").await.unwrap_err();
    assert_eq!(get(&wrong, "name"), "TypeError", "as fetch");
}

#[wasm_bindgen_test]
async fn a_request_is_copied_only_if_it_may_be_replayed() {
    let session = open(options_for_resources());
    let prototype = js("Request.prototype");
    js("globalThis.clones = 0");
    let counting = js("((clone) => function () { clones++; return clone.call(this) })(Request.prototype.clone)");
    let _counting = replace(&prototype, "clone", counting);
    let clones = async |session: &Session, method: &str, url: String| {
        js("globalThis.clones = 0");
        let init = RequestInit::new();
        init.set_method(method);
        if method == "POST" {
            init.set_body(&"x".into());
        }
        let request = Request::new_with_str_and_init(&url, &init).unwrap();
        session.fetch(request).await.unwrap();
        js("clones").as_f64()
    };
    let elsewhere = RESOURCES.replace("127.0.0.1", "localhost");
    assert_eq!(clones(&session, "GET", format!("{RESOURCES}/echo")).await, Some(0.0), "no body");
    assert_eq!(clones(&session, "POST", format!("{elsewhere}/echo")).await, Some(0.0), "no token");
    assert_eq!(clones(&session, "POST", format!("{RESOURCES}/echo")).await, Some(1.0));
    let refused = format!("{RESOURCES}/echo?status=401");
    assert_eq!(clones(&session, "POST", refused).await, Some(1.0), "the replay is not replayed");
    assert_eq!(count!(session, SessionEvent::Refreshed { .. }), 1, "it was replayed");
}

/// Chromium sends streams over HTTP/2 only, and Firefox does not send streams: the test checks the calls of `fetch`.
#[wasm_bindgen_test]
async fn c20_a_stream_is_sent_once_with_a_fresh_token_and_a_401_goes_to_the_caller() {
    let name = fresh_name();
    let first = open(options(&name));
    let old = first.token().await.unwrap();
    first.close();
    bring_near_expiry(&name);

    let session = open(options(&name));
    assert_eq!(session.token().await.unwrap(), old, "sufficient for a request that can be replayed");
    let fetch = RecordingFetch::responding_with(401);
    let stream = Response::new_with_opt_str(Some("a body")).unwrap().body().unwrap();
    let init = request_init(&[("method", "POST".into()), ("duplex", "half".into()), ("body", stream.clone().into())]);
    assert_eq!(session.fetch_with("/echo", &init).await.unwrap().status(), 401);
    let calls = fetch.calls();
    assert_eq!(calls.len(), 1, "sent once");
    let (_, sent) = &calls[0];
    assert_eq!(get(sent, "duplex"), "half");
    assert_eq!(get(sent, "body"), JsValue::from(stream));
    let fresh = session.token().await.unwrap();
    assert_ne!(fresh, old, "it was refreshed");
    assert!(authorization(sent).unwrap().starts_with("Bearer "));
    assert_ne!(authorization(sent), Some(format!("Bearer {old}")));
    assert_eq!(count!(session, SessionEvent::Unauthorized { .. }), 1);
}

#[wasm_bindgen_test]
async fn every_other_option_of_the_caller_reaches_fetch() {
    let session = open(options(&fresh_name()));
    session.token().await.unwrap();
    let options = [
        ("mode", "same-origin"),
        ("credentials", "include"),
        ("cache", "reload"),
        ("redirect", "error"),
        ("referrer", "about:client"),
        ("referrerPolicy", "origin"),
        ("integrity", "sha256-x"),
        ("method", "PUT"),
    ];
    let init = request_init(&options.map(|(name, value)| (name, value.into())));
    Reflect::set(&init, &"keepalive".into(), &true.into()).unwrap();
    Reflect::set(&init, &"unknown".into(), &"kept".into()).unwrap();
    let url = format!("{SERVER}/echo");
    let page = web_sys::window().unwrap().location().origin().unwrap();
    let referrer = format!("{page}/from-here");
    let fetch = RecordingFetch::responding_with(200);
    session.fetch_with(url.as_str(), &init).await.unwrap();
    let with_init = Request::new_with_str_and_init(&url, &init).unwrap();
    session.fetch(Clone::clone(&with_init)).await.unwrap();
    session.fetch_with(Request::new_with_str(&url).unwrap(), &init).await.unwrap();
    let referring = RequestInit::new();
    referring.set_referrer(&referrer);
    session.fetch(Request::new_with_str_and_init(&url, &referring).unwrap()).await.unwrap();

    let calls = fetch.calls();
    for (input, init) in &calls[..3] {
        let sent = as_fetch_reads(input, init);
        for (name, value) in options {
            assert_eq!(get(&sent, name), value, "{name}");
        }
    }
    assert_eq!(get(&calls[0].1, "keepalive"), true);
    let copied_by_the_engine = Request::new_with_request(&with_init).unwrap();
    assert_eq!(get(&calls[1].0, "keepalive"), get(&copied_by_the_engine, "keepalive"), "Firefox forgets it");
    assert_eq!(get(&calls[0].1, "unknown"), "kept", "an option of a wrapped fetch");
    assert_eq!(get(&calls[2].1, "unknown"), "kept");
    let (input, init) = &calls[3];
    let kept = get(&as_fetch_reads(input, init), "referrer");
    assert_eq!(kept, referrer.as_str(), "any init that is not empty makes fetch forget it");
}

fn as_fetch_reads(input: &JsValue, init: &JsValue) -> Request {
    match input.dyn_ref::<Request>() {
        Some(request) => Request::new_with_request_and_init(request, init.unchecked_ref()),
        None => Request::new_with_str_and_init(&input.as_string().unwrap(), init.unchecked_ref()),
    }
    .unwrap()
}

fn authorization(init: &JsValue) -> Option<String> {
    Headers::new_with_record_from_str_to_str(get(init, "headers").unchecked_ref())
        .unwrap()
        .get("Authorization")
        .unwrap()
}

/// Replaces `fetch` for the path `/echo`, and records its calls.
struct RecordingFetch {
    calls: Rc<RefCell<Vec<(JsValue, JsValue)>>>,
    _fetch: Replaced,
}

impl RecordingFetch {
    fn responding_with(status: u16) -> Self {
        let calls: Rc<RefCell<Vec<(JsValue, JsValue)>>> = Rc::default();
        let noting = Rc::clone(&calls);
        let window = web_sys::window().unwrap();
        let original: js_sys::Function = get(&window, "fetch").unchecked_into();
        let fetch = function(move |input, init| {
            let url = input.as_string().or_else(|| get(&input, "url").as_string()).unwrap();
            if !url.ends_with("/echo") {
                return original.call2(&JsValue::UNDEFINED, &input, &init);
            }
            noting.borrow_mut().push((input, init));
            let head = ResponseInit::new();
            head.set_status(status);
            let response = Response::new_with_opt_str_and_init(None, &head).unwrap();
            Ok(js_sys::Promise::resolve(&response).into())
        });
        Self { calls, _fetch: replace(&js_sys::global(), "fetch", fetch) }
    }

    /// The input and the init of each call.
    fn calls(&self) -> Vec<(JsValue, JsValue)> {
        self.calls.borrow().clone()
    }
}

/// Shortens the remaining time of the stored token to a twentieth of its lifetime.
fn bring_near_expiry(name: &str) {
    let record = record(name);
    let credential = get(&record, "credential");
    let lifetime = get(&credential, "lifetime").as_f64().unwrap();
    Reflect::set(&credential, &"expires_at".into(), &(Date::now() + lifetime / 20.0).into()).unwrap();
    let text: JsString = JSON::stringify(&record).unwrap();
    local_storage().set_item(&key_of(name), &String::from(text)).unwrap();
}
