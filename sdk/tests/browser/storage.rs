use js_sys::{Function, Object, Reflect};
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::wasm_bindgen_test;

use crate::page::{fresh_name, get, key_of, local_storage, open, open_with, record, stored};

#[wasm_bindgen_test]
async fn the_session_is_kept_in_local_storage_and_restored_from_it() {
    let name = fresh_name();
    let first = open(&name);
    let token = first.token().await;
    first.wasm.close();
    assert_eq!(record(&name).generation, 1);

    let second = open(&name);
    assert_eq!(second.token().await, token);
    assert_eq!(second.events("restored").len(), 1);
    assert_eq!(second.events("acquired").len(), 0);
}

#[wasm_bindgen_test]
async fn memory_leaves_no_trace() {
    let name = fresh_name();
    let session = open_with(&name, &[("storage", "memory".into())]);
    session.token().await;
    assert!(stored(&name).is_null());
    assert!(session.events("storage").is_empty(), "it was asked for");
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
        let session = open(&name);
        session.token().await;
        assert!(!session.events("storage").is_empty(), "{text}");
        assert_eq!(get(&session.events("storage")[0], "state"), "corrupt");
        assert_eq!(record(&name).generation, 1, "replaced: {text}");
    }
}

#[wasm_bindgen_test]
async fn c14_a_storage_that_refuses_leaves_the_session_in_memory_and_is_said() {
    let prototype = get(&get(&js_sys::global(), "Storage"), "prototype");
    let original = get(&prototype, "setItem");
    let refusing = Function::new_no_args("throw new DOMException('full', 'QuotaExceededError')");
    Reflect::set(&prototype, &"setItem".into(), &refusing).unwrap();
    let name = fresh_name();
    let session = open(&name);
    session.token().await;
    assert_eq!(session.events("storage").len(), 1);
    assert_eq!(get(&session.events("storage")[0], "state"), "memory");
    session.wasm.expire();
    session.token().await;
    assert_eq!(session.get("/me").await.status(), 200);
    Reflect::set(&prototype, &"setItem".into(), &original).unwrap();
    assert!(stored(&name).is_null());
}

#[wasm_bindgen_test]
async fn c14_where_there_is_no_local_storage_the_session_lives_in_memory_and_says_so() {
    let window: Object = js_sys::global();
    let descriptor = Object::get_own_property_descriptor(&window, &"localStorage".into());
    let throwing = Object::new();
    let getter = Function::new_no_args("throw new DOMException('blocked', 'SecurityError')");
    Reflect::set(&throwing, &"get".into(), &getter).unwrap();
    Reflect::set(&throwing, &"configurable".into(), &true.into()).unwrap();
    Object::define_property(&window, &"localStorage".into(), &throwing);
    let session = open(&fresh_name());
    session.token().await;
    Object::define_property(&window, &"localStorage".into(), descriptor.unchecked_ref());
    assert_eq!(session.events("storage").len(), 1);
    assert_eq!(session.get("/me").await.status(), 200);
}
