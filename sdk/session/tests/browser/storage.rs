//! localStorage, sessionStorage and memory, and what each does when it fails (C14).

use guestpass_session::{SessionEvent, StorageFault, StorageKind};
use js_sys::Error;
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::wasm_bindgen_test;

use crate::fixture::{
    count, fresh_name, function, get, js, key_of, local_storage, open, options, record, replace, replace_getter,
    stored, until,
};
use crate::storage_kinds::{assert_in_memory, assert_restored};

#[wasm_bindgen_test]
async fn the_session_is_kept_in_local_storage_and_restored_from_it() {
    let name = fresh_name();
    assert_restored(|| open(options(&name))).await;
    assert_eq!(get(&record(&name), "generation"), 1.0);
}

#[wasm_bindgen_test]
async fn session_storage_keeps_the_session_of_one_tab() {
    let name = fresh_name();
    assert_restored(|| open(options(&name).storage(StorageKind::Session))).await;
    let storage = web_sys::window().unwrap().session_storage().unwrap().unwrap();
    assert!(storage.get_item(&key_of(&name)).unwrap().is_some());
    assert!(stored(&name).is_undefined(), "nothing in localStorage");
}

#[wasm_bindgen_test]
async fn memory_leaves_no_trace() {
    let name = fresh_name();
    let session = open(options(&name).storage(StorageKind::Memory));
    session.token().await.unwrap();
    assert!(stored(&name).is_undefined());
    assert_eq!(count!(session, SessionEvent::Storage { .. }), 0, "it was asked for");
}

#[wasm_bindgen_test]
async fn c14_what_cannot_be_read_is_ignored_and_said() {
    for text in [
        "{",
        "null",
        "[]",
        r#"{"v":0,"epoch":0,"generation":1}"#,
        r#"{"v":1,"epoch":0}"#,
        r#"{"v":1,"epoch":0,"generation":1,"credential":{}}"#,
        r#"{"v":1,"epoch":0,"generation":1,"credential":{"access_token":7}}"#,
        r#"{"v":1,"epoch":0,"generation":1,"claim":7}"#,
        r#"{"v":1,"epoch":"0","generation":1}"#,
        r#"{"v":1,"epoch":-1,"generation":1}"#,
        r#"{"v":1,"epoch":0,"generation":0.5}"#,
        r#"{"v":1,"epoch":1e300,"generation":1}"#,
    ] {
        let name = fresh_name();
        local_storage().set_item(&key_of(&name), text).unwrap();
        let session = open(options(&name));
        session.token().await.unwrap();
        assert!(count!(session, SessionEvent::Storage { state: StorageFault::Corrupt, .. }) > 0, "{text}");
        assert_eq!(get(&record(&name), "generation"), 1.0, "replaced: {text}");
    }
}

#[wasm_bindgen_test]
async fn c14_what_a_newer_version_wrote_is_left_alone() {
    let name = fresh_name();
    let newer = r#"{"v":2,"epoch":0,"generation":5,"credential":{"access_token":{"new":"format"}}}"#;
    local_storage().set_item(&key_of(&name), newer).unwrap();
    assert_in_memory(&open(options(&name))).await;
    assert_eq!(stored(&name), newer);
}

#[wasm_bindgen_test]
async fn c14_a_record_that_is_spoilt_while_the_session_lives_is_mended() {
    for spoilt in ["{", "null", ""] {
        let name = fresh_name();
        let session = open(options(&name));
        let token = session.token().await.unwrap();
        local_storage().set_item(&key_of(&name), spoilt).unwrap();
        crate::lifecycle::dispatch("pageshow");
        until("it is mended", || stored(&name).as_string().is_some_and(|text| text.len() > 10)).await;
        assert_eq!(get(&record(&name), "generation"), 1.0);
        assert_eq!(session.token().await.unwrap(), token, "nothing in memory was lost");
        assert!(count!(session, SessionEvent::Storage { state: StorageFault::Corrupt, .. }) > 0);
    }
}

#[wasm_bindgen_test]
async fn c14_a_storage_that_refuses_leaves_the_session_in_memory_and_is_said() {
    let full = || web_sys::DomException::new_with_message_and_name("full", "QuotaExceededError").unwrap();
    let _refusing = replace(&js("Storage.prototype"), "setItem", function(move |_, _| Err(full().into())));
    let name = fresh_name();
    let session = open(options(&name));
    assert_in_memory(&session).await;
    assert_eq!(session.get("/me").await.status(), 200);
    assert!(stored(&name).is_undefined());
}

#[wasm_bindgen_test]
async fn c14_where_there_is_no_local_storage_the_session_lives_in_memory_and_says_so() {
    let blocked: [fn() -> Result<JsValue, JsValue>; 3] =
        [|| Err(Error::new("blocked").into()), || Ok(JsValue::NULL), || Ok(JsValue::UNDEFINED)];
    for local_storage in blocked {
        let _blocked = replace_getter(&js_sys::global(), "localStorage", local_storage);
        let session = open(options(&fresh_name()));
        assert_in_memory(&session).await;
        assert_eq!(session.get("/me").await.status(), 200);
    }
}
