//! The other kinds of storage, and what each does when it fails (C14).

use js_sys::{Array, Function, Promise};
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::wasm_bindgen_test;

use crate::page::{
    Session, fresh_name, get, js, key_of, local_storage, object, open, open_with, record, replace, settled, stored,
    until,
};

fn open_in(name: &str, storage: impl Into<JsValue>) -> Session {
    open_with(name, &[("storage", storage.into())])
}

/// What a storage in trouble must come to: said once, and the session goes on with what it has.
async fn assert_in_memory(session: &Session) {
    let token = session.token().await;
    until("the trouble is said", || session.events("storage").len() == 1).await;
    assert_eq!(get(&session.events("storage")[0], "state"), "memory");
    let id = session.id();
    session.wasm.expire();
    assert_ne!(session.token().await, token);
    assert_eq!(session.id(), id, "nothing in memory was lost");
    assert_eq!(session.events("storage").len(), 1, "and not said again");
}

async fn assert_restored(first: Session, second: impl FnOnce() -> Session) {
    let token = first.token().await;
    first.wasm.close();
    let second = second();
    assert_eq!(second.token().await, token);
    assert_eq!(second.events("restored").len(), 1);
    second.wasm.close();
}

#[wasm_bindgen_test]
async fn session_storage_keeps_the_session_of_one_tab() {
    let name = fresh_name();
    assert_restored(open_in(&name, "session"), || open_in(&name, "session")).await;
    let storage = web_sys::window().unwrap().session_storage().unwrap().unwrap();
    assert!(storage.get_item(&key_of(&name)).unwrap().is_some());
    assert!(stored(&name).is_null(), "nothing in localStorage");
}

#[wasm_bindgen_test]
async fn indexed_db_keeps_the_session_and_leaves_no_connection_open() {
    let name = fresh_name();
    assert_restored(open_in(&name, "indexeddb"), || open_in(&name, "indexeddb")).await;
    assert!(stored(&name).is_null(), "nothing in localStorage");
    // A connection that is open would block it.
    let deleted = js("new Promise((resolve, reject) => {
        const request = indexedDB.deleteDatabase('guestpass')
        request.onsuccess = () => resolve('deleted')
        request.onblocked = () => reject(new Error('blocked'))
    })");
    assert_eq!(settled(deleted.unchecked_into::<Promise>()).await.unwrap(), "deleted");
}

#[wasm_bindgen_test]
async fn c02_tabs_share_one_session_in_indexed_db() {
    let name = fresh_name();
    let (one, two) = (open_in(&name, "indexeddb"), open_in(&name, "indexeddb"));
    let calls = Array::of2(&one.wasm.token(None, None), &two.wasm.token(None, None));
    let tokens: Array = settled(Promise::all(&calls)).await.unwrap().unchecked_into();
    assert_eq!(tokens.get(0), tokens.get(1));
    assert_eq!(one.events("acquired").len() + two.events("acquired").len(), 1);
}

#[wasm_bindgen_test]
async fn c14_an_indexed_db_that_is_forbidden_missing_or_fails_leaves_the_session_in_memory() {
    for factory in [
        "throw new DOMException('forbidden', 'SecurityError')",
        "return undefined",
        "return { open() { throw new DOMException('private', 'InvalidStateError') } }",
        "return { open() { const it = {}; queueMicrotask(() => it.onerror(new Error('full'))); return it } }",
    ] {
        let _replaced =
            replace(&js_sys::global(), "indexedDB", &object(&[("get", Function::new_no_args(factory).into())]));
        assert_in_memory(&open_in(&fresh_name(), "indexeddb")).await;
    }
}

#[wasm_bindgen_test]
async fn c14_a_storage_that_hangs_is_left_within_a_deadline() {
    let hanging = js("{ get: () => new Promise(() => {}), set: () => new Promise(() => {}) }");
    let half = js("{ get: () => null, set: () => new Promise(() => {}) }");
    let _replaced = replace(
        &js_sys::global(),
        "indexedDB",
        &object(&[("get", Function::new_no_args("return { open: () => ({}) }").into())]),
    );
    for storage in [hanging, half, "indexeddb".into()] {
        assert_in_memory(&open_in(&fresh_name(), storage)).await;
    }
}

#[wasm_bindgen_test]
async fn a_custom_storage_may_answer_at_once_or_later() {
    let at_once = "(() => {
        const map = new Map()
        return { get: (key) => map.get(key), set: (key, text) => map.set(key, text) }
    })()";
    let later = "(() => {
        const map = new Map()
        return { get: async (key) => map.get(key) ?? null, set: async (key, text) => { map.set(key, text) } }
    })()";
    for storage in [js(at_once), js(later)] {
        let name = fresh_name();
        assert_restored(open_in(&name, storage.clone()), || open_in(&name, storage.clone())).await;
    }
}

#[wasm_bindgen_test]
async fn a_custom_storage_is_called_once_at_a_time_in_order() {
    let storage = js("({
        calls: [], running: 0, overlaps: 0,
        async get(key) { return this.run('get', () => this.text) },
        async set(key, text) { return this.run('set', () => { this.text = text }) },
        async run(call, work) {
            this.overlaps += this.running++
            this.calls.push(call)
            await new Promise((resolve) => setTimeout(resolve, call === 'get' ? 15 : 1))
            const result = work()
            this.running--
            return result
        },
    })");
    let session = open_in(&fresh_name(), storage.clone());
    session.token().await;
    session.wasm.expire();
    // Reads while the refresh reads and writes.
    session.on_notify(show_page);
    let token = session.token().await;
    assert_eq!(get(&storage, "overlaps").as_f64(), Some(0.0));
    let text = get(&storage, "text").as_string().unwrap();
    let credential = get(&js_sys::JSON::parse(&text).unwrap(), "credential");
    assert_eq!(get(&credential, "access_token"), token.as_str(), "the last that was set is the newest");
}

#[wasm_bindgen_test]
async fn c19_a_shared_custom_storage_makes_one_guest_of_all_tabs() {
    let storage = js("(() => {
        const map = new Map()
        return { shared: true, get: async (key) => map.get(key), set: async (key, text) => { map.set(key, text) } }
    })()");
    let name = fresh_name();
    let (one, two) = (open_in(&name, storage.clone()), open_in(&name, storage));
    let calls = Array::of2(&one.wasm.token(None, None), &two.wasm.token(None, None));
    let tokens: Array = settled(Promise::all(&calls)).await.unwrap().unchecked_into();
    assert_eq!(tokens.get(0), tokens.get(1));
    settled(one.wasm.sign_out()).await.unwrap();
    until("the other tab is signed out", || two.status() == "signed_out").await;
}

#[wasm_bindgen_test]
async fn c14_a_custom_storage_that_fails_leaves_the_session_in_memory() {
    for storage in [
        "{ get() { throw new Error('locked') }, set() {} }",
        "{ get: () => Promise.reject(new Error('locked')), set() {} }",
        "{ get: () => null, set() { throw new Error('full') } }",
        "{ get: () => null, set: () => Promise.reject(new Error('full')) }",
    ] {
        assert_in_memory(&open_in(&fresh_name(), js(storage))).await;
    }
}

#[wasm_bindgen_test]
async fn c14_a_custom_storage_that_holds_something_else_is_corrupt() {
    let storage = js("{ text: 7, get() { return this.text }, set(key, text) { this.text = text } }");
    let session = open_in(&fresh_name(), storage.clone());
    session.token().await;
    assert_eq!(get(&session.events("storage")[0], "state"), "corrupt");
    assert!(get(&storage, "text").is_string(), "replaced");
}

#[wasm_bindgen_test]
async fn c14_what_a_newer_version_wrote_is_left_alone() {
    let name = fresh_name();
    let newer = r#"{"v":2,"epoch":0,"generation":5,"credential":{"access_token":{"new":"format"}}}"#;
    local_storage().set_item(&key_of(&name), newer).unwrap();
    assert_in_memory(&open(&name)).await;
    assert_eq!(local_storage().get_item(&key_of(&name)).unwrap().unwrap(), newer);
}

#[wasm_bindgen_test]
async fn c14_a_record_that_is_spoilt_while_the_session_lives_is_mended() {
    for spoilt in ["{", "null", ""] {
        let name = fresh_name();
        let session = open(&name);
        let token = session.token().await;
        local_storage().set_item(&key_of(&name), spoilt).unwrap();
        show_page();
        let mended = || local_storage().get_item(&key_of(&name)).unwrap().is_some_and(|it| it.len() > 10);
        until("it is mended", mended).await;
        assert_eq!(record(&name).generation, 1);
        assert_eq!(session.token().await, token, "nothing in memory was lost");
        assert_eq!(get(&session.events("storage")[0], "state"), "corrupt");
        session.wasm.close();
    }
}

/// As after a look at another page: the session reads its storage again.
fn show_page() {
    web_sys::window().unwrap().dispatch_event(&web_sys::Event::new("pageshow").unwrap()).unwrap();
}
