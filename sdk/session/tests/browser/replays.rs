//! C3: after a response of 401, a request is sent once more, unchanged except for a new token.

use guestpass_session::SessionEvent;
use js_sys::{ArrayBuffer, DataView, JsString, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::wasm_bindgen_test;
use web_sys::{Blob, BlobPropertyBag, FormData, Request, RequestInit, UrlSearchParams};

use crate::fixture::{
    RESOURCES, Resource, SERVER, count, echoed, fresh_name, get, object, open, options, options_for_resources, post,
};

fn header(sent: &JsValue, name: &str) -> String {
    get(&get(sent, "headers"), name).as_string().unwrap_or_default()
}

/// Asserts that a request was sent twice, with different tokens.
fn assert_replayed(sent: &[JsValue], body: &str) {
    assert_eq!(sent.len(), 2, "{body}");
    for one in sent {
        assert_eq!(get(one, "method"), "POST");
        assert_eq!(header(one, "x-kept"), "kept", "{body}");
        assert!(get(one, "body").as_string().unwrap().contains(body), "{body}");
        assert!(header(one, "authorization").starts_with("Bearer "));
    }
    assert_ne!(header(&sent[0], "authorization"), header(&sent[1], "authorization"));
}

fn request(resource: &Resource, body: &str) -> Request {
    let init = post(&body.into(), &[("X-Kept", "kept".into())]);
    Request::new_with_str_and_init(&resource.url(), &init).unwrap()
}

#[wasm_bindgen_test]
async fn c03_a_body_of_every_kind_is_sent_and_replayed() {
    let bytes = Uint8Array::from(&b"a body"[..]);
    let form = FormData::new().unwrap();
    form.set_with_str("field", "a body").unwrap();
    let parameters = UrlSearchParams::new().unwrap();
    parameters.set("field", "a body");
    let kind = BlobPropertyBag::new();
    kind.set_type("text/x-blob");
    let parts = js_sys::Array::of1(&"a body".into());
    let blob = Blob::new_with_str_sequence_and_options(&parts, &kind).unwrap();
    let url_encoded = "application/x-www-form-urlencoded;charset=UTF-8";
    let bodies: [(JsValue, &str, &str); 7] = [
        ("a body".into(), "a body", "text/plain;charset=UTF-8"),
        (bytes.buffer().into(), "a body", ""),
        (DataView::new(&bytes.buffer().unchecked_into::<ArrayBuffer>(), 2, 4).into(), "body", ""),
        (bytes.into(), "a body", ""),
        (blob.into(), "a body", "text/x-blob"),
        (parameters.into(), "field=a+body", url_encoded),
        (form.into(), "a body", "multipart/form-data"),
    ];
    for (body, expected, content_type) in bodies {
        let (session, resource) = (open(options_for_resources()), Resource::refusing_once());
        let init = post(&body, &[("X-Kept", "kept".into())]);
        assert_eq!(session.fetch_with(resource.url(), &init).await.unwrap().status(), 200, "{body:?}");
        let sent = resource.sent().await;
        assert_replayed(&sent, expected);
        assert!(sent.iter().all(|one| header(one, "content-type").starts_with(content_type)), "{body:?}");
    }
}

#[wasm_bindgen_test]
async fn c03_a_request_object_is_replayed_with_its_body() {
    let (session, resource) = (open(options_for_resources()), Resource::refusing_once());
    let request = request(&resource, "a body");
    assert_eq!(session.fetch(Clone::clone(&request)).await.unwrap().status(), 200);
    assert_replayed(&resource.sent().await, "a body");
    assert!(request.body_used(), "like fetch");
    assert!(!request.headers().has("Authorization").unwrap(), "the caller's own object gets no token");
}

#[wasm_bindgen_test]
async fn c03_an_init_that_overrides_a_request_does_so_in_the_replay_too() {
    let (session, resource) = (open(options_for_resources()), Resource::refusing_once());
    let init = post(&"the init's".into(), &[("X-Kept", "kept".into()), ("Content-Type", "text/plain".into())]);
    let response = session.fetch_with(request(&resource, "overridden"), &init).await.unwrap();
    assert_eq!(response.status(), 200);
    assert_replayed(&resource.sent().await, "the init's");
}

/// Without a body: `fetch` itself reads that as a stream, which Chromium sends over HTTP/2 only.
#[wasm_bindgen_test]
async fn c03_a_request_object_may_be_the_init_as_fetch_allows() {
    let (session, resource) = (open(options_for_resources()), Resource::refusing_once());
    let init = RequestInit::new();
    init.set_method("DELETE");
    init.set_headers(&object(&[("X-Kept", "kept".into())]));
    let request = Request::new_with_str_and_init(RESOURCES, &init).unwrap();
    assert_eq!(session.fetch_with(resource.url(), request.unchecked_ref()).await.unwrap().status(), 200);
    let sent = resource.sent().await;
    assert_eq!(sent.len(), 2);
    assert!(sent.iter().all(|one| get(one, "method") == "DELETE" && header(one, "x-kept") == "kept"));
}

#[wasm_bindgen_test]
async fn a_request_object_as_the_init_of_a_relative_url_is_sent_to_that_url() {
    let session = open(options(&fresh_name()));
    let init = RequestInit::new();
    init.set_method("DELETE");
    let request = Request::new_with_str_and_init(SERVER, &init).unwrap();
    let response = session.fetch_with("/me/cart/1", request.unchecked_ref()).await.unwrap();
    assert_eq!(response.status(), 204);
}

#[wasm_bindgen_test]
async fn c03_a_second_401_goes_to_the_caller_untouched() {
    let session = open(options_for_resources());
    let url = format!("{RESOURCES}/echo?status=401");
    let response = session.fetch_with(url, &post(&"a body".into(), &[])).await.unwrap();
    assert_eq!(response.status(), 401);
    assert_eq!(echoed(response).await.body, "a body");
    assert_eq!(count!(session, SessionEvent::Unauthorized { .. }), 1);
    assert_eq!(count!(session, SessionEvent::Refreshed { .. }), 1);
}

#[wasm_bindgen_test]
async fn c03_changes_of_the_arguments_after_the_call_have_no_effect() {
    for by_request in [false, true] {
        let (session, resource) = (open(options_for_resources()), Resource::refusing_once());
        let url = JsString::from(resource.url());
        let input: JsValue =
            if by_request { Request::new_with_str(&resource.url()).unwrap().into() } else { url.into() };
        let headers = web_sys::Headers::new().unwrap();
        headers.set("X-Kept", "kept").unwrap();
        let init = RequestInit::new();
        init.set_method("POST");
        init.set_body(&"first".into());
        init.set_headers(&headers);
        let call = session.fetch_with(input.clone(), &init);
        init.set_body(&"second".into());
        headers.set("X-Kept", "changed").unwrap();
        call.await.unwrap();
        assert_replayed(&resource.sent().await, "first");
    }
}
