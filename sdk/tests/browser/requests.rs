//! Everything that `fetch` takes: sent as it was given, and sent again where that can be.

use js_sys::{Array, Function, Reflect};
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::wasm_bindgen_test;
use web_sys::{Request, RequestInit};

use crate::page::{
    RESOURCES, Replaced, Session, fresh_name, get, js, json, key_of, local_storage, object, open, open_for_resources,
    post, replace, settled, stored,
};

/// A resource that refuses the first request, and what it was sent.
struct Refusing(String);

impl Refusing {
    fn new() -> Self {
        Self(fresh_name())
    }

    fn url(&self) -> String {
        format!("{RESOURCES}/refuse-once?key={}", self.0)
    }

    async fn sent(&self) -> Vec<JsValue> {
        let window = web_sys::window().unwrap();
        let asked = window.fetch_with_str(&format!("{RESOURCES}/sent?key={}", self.0));
        let sent: Array = json(settled(asked).await.unwrap().unchecked_into()).await.unchecked_into();
        sent.iter().collect()
    }
}

fn header(sent: &JsValue, name: &str) -> String {
    get(&get(sent, "headers"), name).as_string().unwrap_or_default()
}

fn body(sent: &JsValue) -> String {
    get(sent, "body").as_string().unwrap()
}

/// Sent twice, alike but for the token.
fn assert_replayed(sent: &[JsValue], expected: &str) {
    assert_eq!(sent.len(), 2, "{expected}");
    for one in sent {
        assert_eq!(get(one, "method"), "POST");
        assert_eq!(header(one, "x-kept"), "kept", "{expected}");
        assert!(body(one).contains(expected), "{expected}");
        assert!(header(one, "authorization").starts_with("Bearer "));
    }
    assert_ne!(header(&sent[0], "authorization"), header(&sent[1], "authorization"));
}

#[wasm_bindgen_test]
async fn c03_a_body_of_every_kind_is_sent_and_replayed() {
    let bytes = "new TextEncoder().encode('a body')";
    let form = "(() => { const form = new FormData(); form.set('field', 'a body'); return form })()";
    for (kind, expected, content_type) in [
        ("'a body'", "a body", "text/plain;charset=UTF-8"),
        (bytes, "a body", ""),
        (&format!("{bytes}.buffer"), "a body", ""),
        (&format!("new DataView({bytes}.buffer, 2)"), "body", ""),
        ("new Blob(['a body'], { type: 'text/x-blob' })", "a body", "text/x-blob"),
        ("new URLSearchParams({ field: 'a body' })", "field=a+body", "application/x-www-form-urlencoded;charset=UTF-8"),
        (form, "a body", "multipart/form-data"),
    ] {
        let (session, resource) = (open_for_resources(), Refusing::new());
        let init = post(&js(kind), &[("X-Kept", "kept".into())]);
        assert_eq!(session.fetch(&resource.url().into(), &init).await.unwrap().status(), 200, "{kind}");
        let sent = resource.sent().await;
        assert_replayed(&sent, expected);
        assert!(sent.iter().all(|one| header(one, "content-type").starts_with(content_type)), "{kind}");
    }
}

#[wasm_bindgen_test]
async fn c03_a_request_object_is_replayed_with_its_body() {
    let (session, resource) = (open_for_resources(), Refusing::new());
    let request = request(&resource, "a body");
    assert_eq!(session.fetch(request.as_ref(), &JsValue::UNDEFINED).await.unwrap().status(), 200);
    assert_replayed(&resource.sent().await, "a body");
    assert!(request.body_used(), "as fetch leaves it");
    assert!(!request.headers().has("Authorization").unwrap(), "the caller's own object gets no token");
}

#[wasm_bindgen_test]
async fn c03_an_init_that_overrides_a_request_does_so_in_the_replay_too() {
    let (session, resource) = (open_for_resources(), Refusing::new());
    let request = request(&resource, "overridden");
    let init = post(&"the init's".into(), &[("X-Kept", "kept".into()), ("Content-Type", "text/plain".into())]);
    assert_eq!(session.fetch(&request.into(), &init).await.unwrap().status(), 200);
    assert_replayed(&resource.sent().await, "the init's");
}

/// Without a body: `fetch` itself would read that as a stream, which Chromium sends over HTTP/2 only.
#[wasm_bindgen_test]
async fn c03_a_request_object_may_be_the_init_as_fetch_allows() {
    let (session, resource) = (open_for_resources(), Refusing::new());
    let init = RequestInit::new();
    init.set_method("DELETE");
    init.set_headers(&object(&[("X-Kept", "kept".into())]));
    let request = Request::new_with_str_and_init(RESOURCES, &init).unwrap();
    assert_eq!(session.fetch(&resource.url().into(), &request.into()).await.unwrap().status(), 200);
    let sent = resource.sent().await;
    assert_eq!(sent.len(), 2);
    assert!(sent.iter().all(|one| get(one, "method") == "DELETE" && header(one, "x-kept") == "kept"));
}

#[wasm_bindgen_test]
async fn c03_a_second_401_goes_to_the_caller_untouched() {
    let session = open_for_resources();
    let init = post(&"a body".into(), &[]);
    let response = session.fetch(&format!("{RESOURCES}/echo?status=401").into(), &init).await.unwrap();
    assert_eq!(response.status(), 401);
    assert_eq!(body(&json(response).await), "a body");
    assert_eq!(session.events("unauthorized").len(), 1);
    assert_eq!(session.events("refreshed").len(), 1);
}

#[wasm_bindgen_test]
async fn a_url_object_and_a_relative_url_are_resolved_by_the_rules_for_urls() {
    let session = open(&fresh_name());
    let url = js(&format!("new URL('/me', '{}')", crate::page::SERVER));
    assert_eq!(session.fetch(&url, &JsValue::UNDEFINED).await.unwrap().status(), 200);
    assert_eq!(session.get("me").await.status(), 200);
    assert_eq!(session.get("./items/../me?x=1#y").await.status(), 200);
    let wrong = session.fetch(&"http://".into(), &JsValue::UNDEFINED).await.unwrap_err();
    assert_eq!(get(&wrong, "name"), "TypeError", "as fetch");
}

#[wasm_bindgen_test]
async fn what_the_caller_changes_after_the_call_does_not_count() {
    for by_request in [false, true] {
        let (session, resource) = (open_for_resources(), Refusing::new());
        let url: JsValue = resource.url().into();
        let input = if by_request { Request::new_with_str(&resource.url()).unwrap().into() } else { url };
        let init = post(&"first".into(), &[]);
        let headers = web_sys::Headers::new().unwrap();
        headers.set("X-Kept", "kept").unwrap();
        Reflect::set(&init, &"headers".into(), &headers).unwrap();
        let call = session.wasm.fetch(input, init.clone());
        Reflect::set(&init, &"body".into(), &"second".into()).unwrap();
        headers.set("X-Kept", "changed").unwrap();
        settled(call).await.unwrap();
        assert_replayed(&resource.sent().await, "first");
    }
}

#[wasm_bindgen_test]
async fn a_request_is_copied_only_for_a_replay_that_may_come() {
    let session = open_for_resources();
    let prototype = js("Request.prototype");
    let original = get(&prototype, "clone");
    let clone =
        Function::new_with_args("original", "return function () { globalThis.clones++; return original.call(this) }")
            .call1(&JsValue::UNDEFINED, &original)
            .unwrap();
    let _clone = replace(&prototype, "clone", &object(&[("value", clone), ("writable", true.into())]));
    let copies = async |session: &Session, request: JsValue| {
        js("globalThis.clones = 0");
        session.fetch(&request, &JsValue::UNDEFINED).await.unwrap();
        js("globalThis.clones").as_f64()
    };
    let elsewhere = RESOURCES.replace("127.0.0.1", "localhost");
    let get_request = js(&format!("new Request('{RESOURCES}/echo')"));
    let post_elsewhere = js(&format!("new Request('{elsewhere}/echo', {{ method: 'POST', body: 'x' }})"));
    let post_here = js(&format!("new Request('{RESOURCES}/echo', {{ method: 'POST', body: 'x' }})"));
    let post_refused = js(&format!("new Request('{RESOURCES}/echo?status=401', {{ method: 'POST', body: 'x' }})"));
    assert_eq!(copies(&session, get_request).await, Some(0.0), "no body");
    assert_eq!(copies(&session, post_elsewhere).await, Some(0.0), "no token");
    assert_eq!(copies(&session, post_here).await, Some(1.0));
    assert_eq!(copies(&session, post_refused).await, Some(1.0), "the replay is not replayed");
    assert_eq!(session.events("refreshed").len(), 1, "it was replayed");
}

/// Chromium sends streams over HTTP/2 only, and Firefox none at all: what the SDK asks of `fetch` is what is seen here.
#[wasm_bindgen_test]
async fn c20_a_stream_is_sent_once_with_a_fresh_token_and_a_401_is_the_callers() {
    let name = fresh_name();
    let first = open(&name);
    let old = first.token().await;
    first.wasm.close();
    near_its_end(&name);

    let session = open(&name);
    assert_eq!(session.token().await, old, "good enough for what can be replayed");
    let fetch = RecordingFetch::answering(401);
    let init = object(&[
        ("method", "POST".into()),
        ("duplex", "half".into()),
        ("body", js("new ReadableStream({ start(it) { it.enqueue(new Uint8Array(1)); it.close() } })")),
    ]);
    assert_eq!(session.fetch(&"/echo".into(), &init).await.unwrap().status(), 401);
    let calls = fetch.calls();
    assert_eq!(calls.len(), 1, "sent once");
    let sent = get(&calls[0], "init");
    assert_eq!(get(&sent, "duplex"), "half");
    let fresh = session.token().await;
    let authorization: Function = js("(headers) => new Headers(headers).get('Authorization')").unchecked_into();
    let authorization = authorization.call1(&JsValue::UNDEFINED, &get(&sent, "headers")).unwrap();
    assert_ne!(authorization, format!("Bearer {old}").as_str(), "made sure to be fresh");
    assert!(authorization.as_string().unwrap().starts_with("Bearer ") && fresh != old);
    assert_eq!(session.events("unauthorized").len(), 1);
}

#[wasm_bindgen_test]
async fn everything_else_that_the_caller_says_reaches_fetch() {
    let session = open(&fresh_name());
    session.token().await;
    let said = [
        ("mode", "same-origin"),
        ("credentials", "include"),
        ("cache", "reload"),
        ("redirect", "error"),
        ("referrer", "about:client"),
        ("referrerPolicy", "origin"),
        ("integrity", "sha256-x"),
        ("method", "PUT"),
    ];
    let init: Vec<_> = said.iter().map(|(name, value)| (*name, JsValue::from(*value))).collect();
    let init = object(&init);
    Reflect::set(&init, &"keepalive".into(), &true.into()).unwrap();
    Reflect::set(&init, &"unknown".into(), &"kept".into()).unwrap();
    let page = web_sys::window().unwrap().location().origin().unwrap();
    let to_request: Function = js("(url, init) => new Request(url, init)").unchecked_into();
    let url = JsValue::from(format!("{}/echo", crate::page::SERVER));
    let referring = object(&[("referrer", format!("{page}/from-here").into())]);

    let fetch = RecordingFetch::answering(200);
    session.fetch(&url, &init).await.unwrap();
    let request = to_request.call2(&JsValue::UNDEFINED, &url, &init).unwrap();
    session.fetch(&request, &JsValue::UNDEFINED).await.unwrap();
    let plain = to_request.call1(&JsValue::UNDEFINED, &url).unwrap();
    session.fetch(&plain, &init).await.unwrap();
    let referring = to_request.call2(&JsValue::UNDEFINED, &url, &referring).unwrap();
    session.fetch(&referring, &JsValue::UNDEFINED).await.unwrap();

    let calls = fetch.calls();
    for call in &calls[..3] {
        let sent = to_request.call2(&JsValue::UNDEFINED, &get(call, "input"), &get(call, "init")).unwrap();
        for (name, value) in said {
            assert_eq!(get(&sent, name), value, "{name}");
        }
    }
    assert_eq!(get(&get(&calls[0], "init"), "keepalive"), true);
    let copied = to_request.call1(&JsValue::UNDEFINED, &request).unwrap();
    let as_the_engine_copies_it = get(&copied, "keepalive");
    assert_eq!(get(&get(&calls[1], "input"), "keepalive"), as_the_engine_copies_it, "Firefox forgets it");
    assert_eq!(get(&get(&calls[0], "init"), "unknown"), "kept", "what only a wrapped fetch knows");
    assert_eq!(get(&get(&calls[2], "init"), "unknown"), "kept");
    let init: js_sys::Object = get(&calls[3], "init").unchecked_into();
    assert_eq!(js_sys::Object::keys(&init).length(), 0, "any init makes fetch forget the referrer");
    let sent = to_request.call2(&JsValue::UNDEFINED, &get(&calls[3], "input"), &init).unwrap();
    assert_eq!(get(&sent, "referrer"), format!("{page}/from-here").as_str());
}

/// Stands for `fetch` where the path is `/echo`, and notes what it is called with.
struct RecordingFetch(#[expect(dead_code, reason = "puts fetch back when dropped")] Replaced);

impl RecordingFetch {
    fn answering(status: u16) -> Self {
        js("globalThis.fetched = []");
        let wrap = "return (input, init) => {
            if (!String(input.url ?? input).endsWith('/echo')) return original(input, init)
            fetched.push({ input, init })
            return Promise.resolve(new Response('', { status }))
        }";
        let fetch = Function::new_with_args("original, status", wrap)
            .call2(&JsValue::UNDEFINED, &js("fetch.bind(globalThis)"), &status.into())
            .unwrap();
        Self(replace(&js_sys::global(), "fetch", &object(&[("value", fetch), ("writable", true.into())])))
    }

    fn calls(&self) -> Vec<JsValue> {
        js("fetched").unchecked_into::<Array>().iter().collect()
    }
}

fn request(resource: &Refusing, body: &str) -> Request {
    let init = post(&body.into(), &[("X-Kept", "kept".into())]);
    Request::new_with_str_and_init(&resource.url(), init.unchecked_ref()).unwrap()
}

/// Leaves a twentieth of the lifetime to the stored token.
fn near_its_end(name: &str) {
    let record = stored(name);
    let credential = get(&record, "credential");
    let lifetime = get(&credential, "lifetime").as_f64().unwrap();
    Reflect::set(&credential, &"expires_at".into(), &(js_sys::Date::now() + lifetime / 20.0).into()).unwrap();
    let text = String::from(js_sys::JSON::stringify(&record).unwrap());
    local_storage().set_item(&key_of(name), &text).unwrap();
}
