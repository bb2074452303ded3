//! The options `fetch`, `headers` and `requests`, the options of one request, and objects of another realm as arguments.

use std::cell::RefCell;
use std::rc::Rc;

use guestpass_session::{RequestOptions, SessionEvent, StorageKind};
use js_sys::{Array, Function, JsString, Promise, Reflect};
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::wasm_bindgen_test;
use web_sys::{RequestInit, Url};

use crate::fixture::{
    Opened, RESOURCES, Resource, SERVER, count, fresh_name, function, get, js, object, open, options,
    options_for_resources, post, replace, request_init, until,
};
use crate::lifecycle::Frame;

fn construct(window: &JsValue, class: &str, arguments: &[JsValue]) -> JsValue {
    let class: Function = get(window, class).unchecked_into();
    Reflect::construct(&class, &arguments.iter().collect::<Array>()).unwrap()
}

/// The URLs of the requests that a function sends in the place of `fetch`, and the value of one header of each.
#[derive(Clone, Default)]
struct Sent(Rc<RefCell<Vec<(String, JsValue)>>>);

impl Sent {
    /// Notes each request, and sends it without that header, which the server does not allow other origins.
    fn fetch(&self, header: &'static str) -> Function {
        let (sent, original) = (self.clone(), get(&js_sys::global(), "fetch").unchecked_into::<Function>());
        let fetch = function(move |input, init| {
            let path = String::from(input.unchecked_ref::<JsString>()).replace(SERVER, "");
            let headers = construct(&js_sys::global(), "Headers", &[get(&init, "headers")]);
            let headers: web_sys::Headers = headers.unchecked_into();
            sent.0.borrow_mut().push((path, headers.get(header)?.into()));
            headers.delete(header)?;
            Reflect::set(&init, &"headers".into(), &headers)?;
            original.call2(&JsValue::UNDEFINED, &input, &init)
        });
        fetch.unchecked_into()
    }

    fn all(&self) -> Vec<(String, JsValue)> {
        self.0.borrow().clone()
    }
}

fn refresh(session: &Opened) -> Promise<JsString> {
    session.expire();
    session.token()
}

#[wasm_bindgen_test]
async fn the_option_fetch_sends_every_request_and_the_option_headers_adds_to_those_of_the_session() {
    let sent = Sent::default();
    let headers = function(|_, _| Ok(Promise::resolve(&object(&[("X-Tenant", "shop".into())])).into()));
    let options = options(&fresh_name()).storage(StorageKind::Memory);
    let session = open(options.fetch(sent.fetch("X-Tenant")).headers(headers.unchecked_into()));
    let global = replace(&js_sys::global(), "fetch", function(|_, _| Err("the global fetch".into())));

    assert_eq!(session.get("/me").await.status(), 200);
    refresh(&session).await.unwrap();
    drop(global);

    let (shop, none) = (JsValue::from("shop"), JsValue::NULL);
    // A header that is missing is null or undefined.
    let sent = sent.all().into_iter().map(|(path, tenant)| (path, if tenant == shop { tenant } else { none.clone() }));
    let expected = [("/anonymous-login", &shop), ("/me", &none), ("/token", &shop)];
    let expected: Vec<_> = expected.map(|(path, tenant)| (path.to_owned(), tenant.clone())).into();
    assert_eq!(sent.collect::<Vec<_>>(), expected);
}

#[wasm_bindgen_test]
async fn a_function_of_headers_that_throws_fails_the_attempt() {
    let failed = RefCell::new(false);
    let headers = function(move |_, _| if failed.replace(true) { Ok(object(&[])) } else { Err("no trace".into()) });
    let session = open(options(&fresh_name()).headers(headers.unchecked_into()));

    assert!(session.token().await.is_ok());

    assert_eq!(count!(session, SessionEvent::Retrying { .. }), 1);
}

#[wasm_bindgen_test]
async fn a_request_has_options_of_its_own_and_defaults() {
    let rule = function(|response, _| Ok((get(&response, "status") == 401).into()));
    let by_rule = RequestOptions::new().is_unauthorized(rule.unchecked_into());
    let never = function(|_, _| Ok(false.into()));
    let never = RequestOptions::default().is_unauthorized(never.unchecked_into());
    for (options, status, times, authorized) in [
        (RequestOptions::new(), 200, 2, true),
        (by_rule, 200, 2, true),
        (never, 401, 1, true),
        (RequestOptions::new().replay(false), 401, 1, true),
        (RequestOptions::new().token(false), 401, 1, false),
    ] {
        let resource = Resource::refusing_once();
        let session = open(options_for_resources());
        session.token().await.unwrap();
        let response = session.fetch_with_options(resource.url(), &RequestInit::new(), &options).await.unwrap();
        assert_eq!(response.status(), status);
        let sent = resource.sent().await;
        assert_eq!(sent.len(), times);
        assert_eq!(get(&get(&sent[0], "headers"), "authorization").is_string(), authorized);

        let resource = Resource::refusing_once();
        let session = open(options_for_resources().requests(options));
        session.token().await.unwrap();
        assert_eq!(session.get(&resource.url()).await.status(), status, "as a default");
    }
}

#[wasm_bindgen_test]
async fn c23_a_401_that_is_about_something_else_is_sent_once() {
    for (challenge, times) in [("Bearer", 2), ("Basic realm=\"shop\"", 1), ("Bearer error=\"insufficient_scope\"", 1)] {
        let session = open(options_for_resources());
        session.token().await.unwrap();
        let resource = Resource::refusing_once();
        let url = Url::new(&resource.url()).unwrap();
        url.search_params().set("challenge", challenge);
        let status = session.fetch(url).await.unwrap().status();
        assert_eq!((status, resource.sent().await.len()), (if times == 2 { 200 } else { 401 }, times), "{challenge}");
        assert_eq!(count!(session, SessionEvent::Unauthorized { .. }), times - 1, "{challenge}");
    }
}

/// Every object of the arguments is one of an iframe, whose classes are others.
#[wasm_bindgen_test]
async fn c25_arguments_of_another_realm_work_like_those_of_the_page() {
    let frame = Frame::open();
    let window: JsValue = frame.window().into();
    let form = || -> JsValue {
        let form: web_sys::FormData = construct(&window, "FormData", &[]).unchecked_into();
        form.set_with_str("item", "tea").unwrap();
        form.into()
    };
    let init = |body: &JsValue| {
        let headers = construct(&window, "Headers", &[object(&[("X-Kept", "kept".into())])]);
        let signal = get(&construct(&window, "AbortController", &[]), "signal");
        object(&[("method", "POST".into()), ("headers", headers), ("body", body.clone()), ("signal", signal)])
    };
    let request = |url: String, body: &JsValue| construct(&window, "Request", &[url.into(), init(body)]);
    let resource = Resource::refusing_once;
    let (one, two, three) = (resource(), resource(), resource());
    let url = construct(&window, "URL", &[three.url().into()]);
    // In the place of an init, the body of a `Request` would be a stream, which needs HTTP/2.
    let calls = [
        (request(one.url(), &form()), JsValue::UNDEFINED, &one, "tea"),
        (two.url().into(), request(format!("{RESOURCES}/ignored"), &JsValue::UNDEFINED), &two, ""),
        (url, init(&form()), &three, "tea"),
    ];
    for (input, init, resource, body) in calls {
        let session = open(options_for_resources());
        let response = session.fetch_with(input, init.unchecked_ref()).await.unwrap();
        assert_eq!(response.status(), 200);
        let sent = resource.sent().await;
        assert_eq!(sent.len(), 2);
        for seen in sent {
            assert_eq!(get(&seen, "method"), "POST");
            assert_eq!(get(&get(&seen, "headers"), "x-kept"), "kept");
            assert!(get(&seen, "body").as_string().unwrap().contains(body));
        }
    }
}

#[wasm_bindgen_test]
async fn c25_a_request_of_a_replaced_class_is_sent_as_it_is() {
    let (session, resource) = (open(options_for_resources()), Resource::refusing_once());
    let request = construct(
        &js_sys::global(),
        "Request",
        &[resource.url().into(), post(&"tea".into(), &[("X-Kept", "kept".into())]).into()],
    );
    let replaced = replace(&js_sys::global(), "Request", js("class extends Request {}"));

    assert_eq!(session.fetch(request).await.unwrap().status(), 200);

    drop(replaced);
    assert_eq!(resource.sent().await.len(), 2);
}

/// In a page, the text of such an object would be a relative URL.
#[wasm_bindgen_test]
async fn c25_an_object_that_is_no_url_is_rejected_and_nothing_is_sent() {
    let sent = Sent::default();
    let session = open(options(&fresh_name()).fetch(sent.fetch("X-None")));
    session.token().await.unwrap();
    until("the login", || sent.all().len() == 1).await;
    for object in [
        "new (class { url = '/me'; method = 'GET'; get [Symbol.toStringTag]() { return 'Request' } })",
        "{ url: '/me', method: 'GET' }",
        "Object.create(Request.prototype)",
        "new Proxy(new Request('/me'), {})",
    ] {
        let error = session.fetch_with(js(object), &request_init(&[])).await.unwrap_err();
        assert!(error.is_instance_of::<js_sys::TypeError>(), "{object}: {error:?}");
    }
    assert_eq!(sent.all().len(), 1);
}
