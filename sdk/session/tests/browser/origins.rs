//! C12: only requests to allowed origins carry the token, also after redirects.

use guestpass_session::{SessionEvent, Status};
use js_sys::Array;
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::wasm_bindgen_test;
use web_sys::{Blob, ResponseType, Url};

use crate::fixture::{
    RESOURCES, SERVER, count, echoed, fresh_name, get, open, options, options_for_resources, post, request_init,
};

/// The resource server under its other name: another origin.
fn elsewhere() -> String {
    RESOURCES.replace("127.0.0.1", "localhost")
}

fn redirect(status: u16, to: &str) -> JsValue {
    format!("{RESOURCES}/redirect?status={status}&to={}", String::from(js_sys::encode_uri_component(to))).into()
}

#[wasm_bindgen_test]
async fn c12_only_requests_to_an_exact_allowed_origin_carry_the_token() {
    let session = open(options(&fresh_name()));
    assert_eq!(session.get("/me").await.status(), 200);
    let other_name = SERVER.replace("127.0.0.1", "localhost");
    assert_eq!(session.get(&format!("{other_name}/me")).await.status(), 401, "another host of the same server");
    let sent = echoed(session.get(&format!("{RESOURCES}/echo")).await).await;
    assert_eq!(sent.authorization, None, "another port of the same host");

    let allowing = open(options(&fresh_name()).allowed_origin(other_name.as_str()));
    assert_eq!(allowing.get(&format!("{other_name}/me")).await.status(), 200);
}

#[wasm_bindgen_test]
async fn c12_a_redirect_to_another_origin_never_carries_the_token() {
    let session = open(options_for_resources());
    for status in [301, 302, 303, 307, 308] {
        let to = redirect(status, &format!("{}/echo", elsewhere()));
        let sent = echoed(session.fetch(to.clone()).await.unwrap()).await;
        assert_eq!(sent.authorization, None, "{status}");
    }
}

#[wasm_bindgen_test]
async fn c12_a_redirect_within_the_origin_carries_the_token() {
    let session = open(options_for_resources());
    let to = redirect(307, &format!("{RESOURCES}/echo"));
    let sent = echoed(session.fetch(to.clone()).await.unwrap()).await;
    assert_eq!(sent.authorization, Some(format!("Bearer {}", session.token().await.unwrap())));
}

#[wasm_bindgen_test]
async fn c12_a_body_follows_a_redirect_and_the_token_does_not() {
    let session = open(options_for_resources());
    for status in [307, 308] {
        let to = redirect(status, &format!("{}/echo", elsewhere()));
        let init = post(&"a body".into(), &[("Content-Type", "text/plain".into())]);
        let sent = echoed(session.fetch_with(to.clone(), &init).await.unwrap()).await;
        assert_eq!(sent.authorization, None, "{status}");
        assert_eq!((sent.method.as_str(), sent.body.as_str()), ("POST", "a body"), "{status}");
    }
}

#[wasm_bindgen_test]
async fn c12_a_401_of_another_origin_does_not_refresh_the_token() {
    let session = open(options_for_resources());
    let to = redirect(302, &format!("{}/echo?status=401", elsewhere()));
    let response = session.fetch(to.clone()).await.unwrap();
    assert_eq!(response.status(), 401);
    assert_eq!(count!(session, SessionEvent::Unauthorized { .. }), 0);
    assert_eq!(session.snapshot().status, Status::Active);
}

#[wasm_bindgen_test]
async fn the_callers_redirect_option_is_kept() {
    let session = open(options_for_resources());
    let to = redirect(302, &format!("{RESOURCES}/echo"));
    let manual = session.fetch_with(to.clone(), &request_init(&[("redirect", "manual".into())])).await.unwrap();
    assert_eq!(manual.type_(), ResponseType::Opaqueredirect);
    let error = session.fetch_with(to.clone(), &request_init(&[("redirect", "error".into())])).await.unwrap_err();
    assert_eq!(get(&error, "name"), "TypeError");
}

#[wasm_bindgen_test]
async fn c12_a_blob_url_is_not_a_request_to_the_origin_that_made_it() {
    let page = web_sys::window().unwrap().location().origin().unwrap();
    let session = open(options(&fresh_name()).allowed_origin(page));
    let blob = Blob::new_with_str_sequence(&Array::of1(&"text".into())).unwrap();
    let url = Url::create_object_url_with_blob(&blob).unwrap();
    assert_eq!(session.get(&url).await.status(), 200);
    assert_eq!(session.changes(), 0, "no session was needed");
}
