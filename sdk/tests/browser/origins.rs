//! C12: the token goes where it belongs, and no redirect takes it elsewhere.

use js_sys::Array;
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::wasm_bindgen_test;
use web_sys::{Response, ResponseType};

use crate::page::{RESOURCES, SERVER, fresh_name, get, js, json, object, open, open_for_resources, open_with, post};

/// The same server under its other name: another origin.
fn elsewhere() -> String {
    RESOURCES.replace("127.0.0.1", "localhost")
}

fn redirect(status: u16, to: &str) -> JsValue {
    format!("{RESOURCES}/redirect?status={status}&to={}", String::from(js_sys::encode_uri_component(to))).into()
}

/// What the last server of a request was sent.
async fn received(response: Response) -> (JsValue, String, JsValue) {
    let seen = json(response).await;
    let body = get(&seen, "body").as_string().unwrap();
    (get(&get(&seen, "headers"), "authorization"), body, get(&seen, "method"))
}

#[wasm_bindgen_test]
async fn c12_the_token_stays_with_its_exact_origin() {
    let session = open(&fresh_name());
    assert_eq!(session.get("/me").await.status(), 200);
    let other_name = SERVER.replace("127.0.0.1", "localhost");
    assert_eq!(session.get(&format!("{other_name}/me")).await.status(), 401, "another host of the same server");
    let (authorization, ..) = received(session.get(&format!("{RESOURCES}/echo")).await).await;
    assert!(authorization.is_undefined(), "another port of the same host");

    let origins = Array::of2(&SERVER.into(), &other_name.as_str().into()).into();
    let allowed = open_with(&fresh_name(), &[("allowedOrigins", origins)]);
    assert_eq!(allowed.get(&format!("{other_name}/me")).await.status(), 200);
}

#[wasm_bindgen_test]
async fn c12_a_redirect_to_another_origin_never_carries_the_token() {
    let session = open_for_resources();
    for status in [301, 302, 303, 307, 308] {
        let to = redirect(status, &format!("{}/echo", elsewhere()));
        let (authorization, ..) = received(session.fetch(&to, &JsValue::UNDEFINED).await.unwrap()).await;
        assert!(authorization.is_undefined(), "{status}");
    }
}

#[wasm_bindgen_test]
async fn c12_a_redirect_within_the_origin_carries_the_token() {
    let session = open_for_resources();
    let to = redirect(307, &format!("{RESOURCES}/echo"));
    let (authorization, ..) = received(session.fetch(&to, &JsValue::UNDEFINED).await.unwrap()).await;
    assert_eq!(authorization, format!("Bearer {}", session.token().await).as_str());
}

#[wasm_bindgen_test]
async fn c12_a_body_follows_a_redirect_and_the_token_does_not() {
    let session = open_for_resources();
    for status in [307, 308] {
        let to = redirect(status, &format!("{}/echo", elsewhere()));
        let init = post(&"a body".into(), &[("Content-Type", "text/plain".into())]);
        let (authorization, body, method) = received(session.fetch(&to, &init).await.unwrap()).await;
        assert!(authorization.is_undefined(), "{status}");
        assert_eq!((method, body.as_str()), ("POST".into(), "a body"), "{status}");
    }
}

#[wasm_bindgen_test]
async fn c12_a_401_of_another_origin_is_not_about_the_token() {
    let session = open_for_resources();
    let to = redirect(302, &format!("{}/echo?status=401", elsewhere()));
    let response = session.fetch(&to, &JsValue::UNDEFINED).await.unwrap();
    assert_eq!(response.status(), 401);
    assert!(session.events("unauthorized").is_empty());
    assert_eq!(session.status(), "active");
}

#[wasm_bindgen_test]
async fn what_the_caller_says_of_redirects_holds() {
    let session = open_for_resources();
    let to = redirect(302, &format!("{RESOURCES}/echo"));
    let manual = session.fetch(&to, &object(&[("redirect", "manual".into())])).await.unwrap();
    assert_eq!(manual.type_(), ResponseType::Opaqueredirect);
    let error = session.fetch(&to, &object(&[("redirect", "error".into())])).await.unwrap_err();
    assert_eq!(get(&error, "name"), "TypeError");
}

#[wasm_bindgen_test]
async fn c12_a_blob_is_no_request_to_the_origin_that_made_it() {
    let page: JsValue = web_sys::window().unwrap().location().origin().unwrap().into();
    let origins = Array::of2(&SERVER.into(), &page).into();
    let session = open_with(&fresh_name(), &[("allowedOrigins", origins)]);
    let url = js("URL.createObjectURL(new Blob(['text']))");
    assert_eq!(session.fetch(&url, &JsValue::UNDEFINED).await.unwrap().status(), 200);
    assert!(session.told.borrow().is_empty(), "no session was needed");
}
