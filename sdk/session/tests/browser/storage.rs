//! localStorage, sessionStorage and memory, the formats of the record, and failures of the storage (C14).

use guestpass_session::{ErrorCode, SessionEvent, StorageFault, StorageKind};
use js_sys::{Error, JSON, Object};
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::wasm_bindgen_test;

use crate::fixture::{
    code, count, fresh_name, function, get, js, key_of, local_storage, open, options, record, replace, replace_getter,
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
async fn memory_storage_stores_nothing() {
    let name = fresh_name();
    let session = open(options(&name).storage(StorageKind::Memory));
    session.token().await.unwrap();
    assert!(stored(&name).is_undefined());
    assert_eq!(count!(session, SessionEvent::Storage { .. }), 0, "memory was chosen");
}

#[wasm_bindgen_test]
async fn c14_a_record_that_cannot_be_read_is_replaced_and_reported() {
    for text in [
        "{",
        "null",
        "[]",
        r#"{"v":0,"epoch":0,"generation":1}"#,
        r#"{"v":1,"epoch":0}"#,
        r#"{"v":1,"epoch":0,"generation":1,"claim":7}"#,
        r#"{"v":2,"epoch":0}"#,
        r#"{"v":2,"epoch":0,"generation":1,"credential":{}}"#,
        r#"{"v":2,"epoch":0,"generation":1,"credential":{"access_token":7}}"#,
        r#"{"v":2,"epoch":0,"generation":1,"acquire_key":7}"#,
        r#"{"v":2,"epoch":"0","generation":1}"#,
        r#"{"v":2,"epoch":-1,"generation":1}"#,
        r#"{"v":2,"epoch":0,"generation":0.5}"#,
        r#"{"v":2,"epoch":1e300,"generation":1}"#,
    ] {
        let name = fresh_name();
        local_storage().set_item(&key_of(&name), text).unwrap();
        let session = open(options(&name));
        session.token().await.unwrap();
        assert!(count!(session, SessionEvent::Storage { state: StorageFault::Corrupt, .. }) > 0, "{text}");
        assert_eq!(get(&record(&name), "generation"), 1.0, "replaced: {text}");
    }
}

/// The record of a session as version 1 of the format has it.
fn in_format_1(name: &str) -> String {
    let record = record(name);
    let credential = JSON::stringify(&get(&record, "credential")).unwrap();
    let generation = get(&record, "generation").as_f64().unwrap();
    format!(
        r#"{{"v":1,"epoch":0,"generation":{generation},"parting":0,"claim":null,"credential":{}}}"#,
        String::from(credential)
    )
}

#[wasm_bindgen_test]
async fn a_record_of_format_1_is_read_and_written_in_format_2_at_the_next_commit() {
    let name = fresh_name();
    let first = open(options(&name));
    let (token, id) = (first.token().await.unwrap(), first.snapshot().id);
    first.close();
    let in_format_1 = in_format_1(&name);
    local_storage().set_item(&key_of(&name), &in_format_1).unwrap();

    let session = open(options(&name));
    assert_eq!((session.token().await.unwrap(), session.snapshot().id), (token, id.clone()));
    assert_eq!(stored(&name), in_format_1.as_str(), "reading does not write");
    session.expire();
    session.token().await.unwrap();
    assert_eq!(session.snapshot().id, id);
    let names: Vec<_> =
        Object::keys(record(&name).unchecked_ref::<Object>()).iter().map(|name| name.as_string().unwrap()).collect();
    assert_eq!(names, ["v", "epoch", "generation", "end_reason", "acquire_key", "credential"]);
    assert_eq!((get(&record(&name), "v"), get(&record(&name), "end_reason")), (2.into(), "signed_out".into()));
}

#[wasm_bindgen_test]
async fn c19_an_acquire_key_of_either_format_is_used() {
    let key = &js("crypto.randomUUID()").as_string().unwrap();
    let mut ids = Vec::new();
    for record in [
        format!(r#"{{"v":1,"epoch":0,"generation":0,"parting":0,"claim":"{key}","credential":null}}"#),
        format!(
            r#"{{"v":2,"epoch":0,"generation":0,"end_reason":"signed_out","acquire_key":"{key}","credential":null}}"#
        ),
    ] {
        let name = fresh_name();
        local_storage().set_item(&key_of(&name), &record).unwrap();
        let session = open(options(&name));
        session.token().await.unwrap();
        ids.push(session.snapshot().id.unwrap());
    }
    assert_eq!(ids[0], ids[1], "the server makes one guest for one key");
}

#[wasm_bindgen_test]
async fn a_permanent_sign_out_of_either_format_stays_permanent() {
    for record in [
        r#"{"v":1,"epoch":1,"generation":0,"parting":2,"claim":null,"credential":null}"#,
        r#"{"v":2,"epoch":1,"generation":0,"end_reason":"permanent","acquire_key":null,"credential":null}"#,
    ] {
        let name = fresh_name();
        local_storage().set_item(&key_of(&name), record).unwrap();
        let error = open(options(&name)).token().await.unwrap_err();
        assert_eq!(code(&error), Some(ErrorCode::SignedOut), "{record}");
    }
}

#[wasm_bindgen_test]
async fn c14_a_record_of_a_newer_format_is_not_changed() {
    let name = fresh_name();
    let newer = r#"{"v":3,"epoch":0,"generation":5,"credential":{"access_token":{"new":"format"}}}"#;
    local_storage().set_item(&key_of(&name), newer).unwrap();
    assert_in_memory(&open(options(&name))).await;
    assert_eq!(stored(&name), newer);
}

#[wasm_bindgen_test]
async fn c14_a_record_that_becomes_unreadable_is_written_again() {
    for unreadable in ["{", "null", ""] {
        let name = fresh_name();
        let session = open(options(&name));
        let token = session.token().await.unwrap();
        local_storage().set_item(&key_of(&name), unreadable).unwrap();
        crate::lifecycle::dispatch("pageshow");
        until("the record is written again", || stored(&name).as_string().is_some_and(|text| text.len() > 10)).await;
        assert_eq!(get(&record(&name), "generation"), 1.0);
        assert_eq!(session.token().await.unwrap(), token, "the credential in memory is kept");
        assert!(count!(session, SessionEvent::Storage { state: StorageFault::Corrupt, .. }) > 0);
    }
}

#[wasm_bindgen_test]
async fn c14_a_session_whose_storage_is_full_is_kept_in_memory() {
    let full = || web_sys::DomException::new_with_message_and_name("full", "QuotaExceededError").unwrap();
    let _refusing = replace(&js("Storage.prototype"), "setItem", function(move |_, _| Err(full().into())));
    let name = fresh_name();
    let session = open(options(&name));
    assert_in_memory(&session).await;
    assert_eq!(session.get("/me").await.status(), 200);
    assert!(stored(&name).is_undefined());
}

#[wasm_bindgen_test]
async fn c14_without_local_storage_the_session_is_kept_in_memory() {
    let blocked: [fn() -> Result<JsValue, JsValue>; 3] =
        [|| Err(Error::new("blocked").into()), || Ok(JsValue::NULL), || Ok(JsValue::UNDEFINED)];
    for local_storage in blocked {
        let _blocked = replace_getter(&js_sys::global(), "localStorage", local_storage);
        let session = open(options(&fresh_name()));
        assert_in_memory(&session).await;
        assert_eq!(session.get("/me").await.status(), 200);
    }
}
