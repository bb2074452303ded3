//! Storages that fail for a moment or are emptied by other code, and revocations that wait (C14, C21, C22, C28).

use std::cell::Cell;
use std::rc::Rc;

use guestpass_session::{AfterSignOut, SessionEvent, Status, StorageFault, StorageKind};
use js_sys::{Array, Error, Promise};
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::wasm_bindgen_test;
use web_sys::{DomException, Response};

use crate::fixture::{
    Opened, SERVER, both_tokens, count, custom_storage, fresh_name, function, get, js, key_of, local_storage, object,
    open, options, record, refresh_token, replace, replace_getter, stored, until,
};
use crate::lifecycle::dispatch;

/// Refreshes twice, and opens the page again: the guest and the newest token are stored.
async fn assert_stored_again(session: Opened, reopen: impl Fn() -> Opened) {
    let id = session.snapshot().id;
    for _ in 0..2 {
        session.expire();
        session.token().await.unwrap();
    }
    let token = session.token().await.unwrap();
    session.close();
    let next = reopen();
    assert_eq!(next.token().await.unwrap(), token);
    assert_eq!(next.snapshot().id, id);
    next.expire();
    next.token().await.unwrap();
    assert_eq!(next.snapshot().id, id, "one guest");
    assert_eq!(count!(next, SessionEvent::Identity { .. }), 0);
}

fn faults(session: &Opened) -> usize {
    count!(session, SessionEvent::Storage { state: StorageFault::Memory, .. })
}

#[wasm_bindgen_test]
async fn c14_a_custom_storage_that_throws_once_at_a_refresh_is_written_at_the_next_attempt() {
    let text: Rc<std::cell::RefCell<JsValue>> = Rc::default();
    let fails: Rc<Cell<bool>> = Rc::default();
    let (reading, writing, failing) = (Rc::clone(&text), Rc::clone(&text), Rc::clone(&fails));
    let get_text = move || Ok(reading.borrow().clone());
    let set_text = move |new: JsValue| {
        if failing.take() {
            return Err(Error::new("busy").into());
        }
        writing.replace(new);
        Ok(JsValue::UNDEFINED)
    };
    let storage = custom_storage(true, get_text, set_text);
    let name = fresh_name();
    let reopen = || open(options(&name).storage(storage.clone()));
    let session = reopen();
    session.token().await.unwrap();
    fails.set(true);
    session.expire();
    session.token().await.unwrap();
    assert_eq!(faults(&session), 1);
    assert_stored_again(session, reopen).await;
}

#[wasm_bindgen_test]
async fn c14_a_quota_that_is_exceeded_once_loses_nothing() {
    // At the acquire key, at the first credential, and at a refresh.
    for failing in 1..=3 {
        let name = fresh_name();
        let session = open(options(&name));
        let calls: Rc<Cell<u32>> = Rc::default();
        let prototype = js("Storage.prototype");
        let set_item = get(&prototype, "setItem");
        let refusing = replace(
            &prototype,
            "setItem",
            function({
                let key = key_of(&name);
                let (calls, set_item) = (Rc::clone(&calls), set_item.clone());
                move |first, second| {
                    if first == key.as_str() && calls.replace(calls.get() + 1) + 1 == failing {
                        return Err(DomException::new_with_message_and_name("full", "QuotaExceededError")
                            .unwrap()
                            .into());
                    }
                    let set_item: &js_sys::Function = set_item.unchecked_ref();
                    set_item.call2(&local_storage(), &first, &second)
                }
            }),
        );
        session.token().await.unwrap();
        session.expire();
        session.token().await.unwrap();
        drop(refusing);
        assert_eq!(faults(&session), 1, "at store {failing}");
        assert_eq!(count!(session, SessionEvent::Acquired { .. }), 1);
        assert_stored_again(session, || open(options(&name))).await;
    }
}

#[wasm_bindgen_test]
async fn c14_an_indexed_db_that_fails_to_open_once_makes_one_guest() {
    let name = fresh_name();
    let reopen = || open(options(&name).storage(StorageKind::IndexedDb));
    let factory = get(&js_sys::global(), "indexedDB");
    let failed: Rc<Cell<bool>> = Rc::default();
    let failing = Rc::clone(&failed);
    let once = replace_getter(&js_sys::global(), "indexedDB", move || {
        if failing.replace(true) {
            return Ok(factory.clone());
        }
        Ok(object(&[("open", function(|_, _| Err(Error::new("backing store").into())))]))
    });
    let session = reopen();
    session.token().await.unwrap();
    drop(once);
    assert!(failed.get());
    assert_eq!((faults(&session), count!(session, SessionEvent::Acquired { .. })), (1, 1));
    assert_stored_again(session, reopen).await;
}

/// One promise of the storage stays pending; later calls work.
#[wasm_bindgen_test]
async fn c14_a_storage_that_hangs_once_is_used_again_when_the_page_is_shown() {
    let text: Rc<std::cell::RefCell<JsValue>> = Rc::default();
    let hangs: Rc<Cell<bool>> = Rc::default();
    let (reading, writing, hanging) = (Rc::clone(&text), Rc::clone(&text), Rc::clone(&hangs));
    let storage = custom_storage(
        false,
        move || {
            let pending = || Promise::<JsValue>::new(&mut |_, _| ()).into();
            Ok(if hanging.take() { pending() } else { reading.borrow().clone() })
        },
        move |new| {
            writing.replace(new);
            Ok(JsValue::UNDEFINED)
        },
    );
    let name = fresh_name();
    let reopen = || open(options(&name).storage(storage.clone()));
    let session = reopen();
    session.token().await.unwrap();
    hangs.set(true);
    dispatch("pageshow");
    until("the fault is reported", || faults(&session) == 1).await;
    dispatch("pageshow");
    assert_stored_again(session, reopen).await;
}

#[wasm_bindgen_test]
async fn c21_an_emptied_local_storage_is_written_again_by_a_tab_that_has_the_session() {
    let name = fresh_name();
    let (one, two) = (open(options(&name)), open(options(&name)));
    both_tokens(&one, &two).await;
    let id = one.snapshot().id;
    local_storage().clear().unwrap();
    // As the browser reports to the pages that have not emptied it.
    js("dispatchEvent(new StorageEvent('storage', { key: null, newValue: null, storageArea: localStorage }))");
    until("the session is stored", || stored(&name).is_string()).await;
    let next = open(options(&name));
    next.token().await.unwrap();
    assert_eq!(next.snapshot().id, id);
    assert_eq!(count!(next, SessionEvent::Acquired { .. }), 0);
}

#[wasm_bindgen_test]
async fn c21_a_page_that_empties_its_own_storage_and_is_left_keeps_the_guest() {
    let name = fresh_name();
    let session = open(options(&name));
    let token = session.token().await.unwrap();
    local_storage().remove_item(&key_of(&name)).unwrap();
    dispatch("pagehide");
    assert!(stored(&name).is_string(), "written before the page is gone");
    session.close();
    assert_eq!(open(options(&name)).token().await.unwrap(), token);
}

#[wasm_bindgen_test]
async fn c21_a_page_that_is_opened_after_other_code_has_emptied_the_storage_gets_the_guest_of_the_others() {
    for storage in [StorageKind::Local, StorageKind::IndexedDb] {
        let name = fresh_name();
        let first = open(options(&name).storage(storage.clone()));
        first.token().await.unwrap();
        first.expire();
        first.token().await.unwrap();
        let id = first.snapshot().id;
        empty(&name, &storage).await;
        let next = open(options(&name).storage(storage));
        next.token().await.unwrap();
        until("both have the guest", || next.snapshot().id == id && first.snapshot().id == id).await;
    }
}

#[wasm_bindgen_test]
async fn c21_after_a_sign_out_an_emptied_storage_does_not_bring_the_guest_back() {
    let name = fresh_name();
    let session = open(options(&name));
    session.token().await.unwrap();
    session.sign_out(AfterSignOut::None).await.unwrap();
    local_storage().remove_item(&key_of(&name)).unwrap();
    dispatch("pageshow");
    until("the sign-out is stored", || stored(&name).is_string()).await;
    assert!(get(&record(&name), "credential").is_null());
    assert_eq!(session.snapshot().status, Status::SignedOut);
}

/// Deletes the session as other code would.
async fn empty(name: &str, storage: &StorageKind) {
    if matches!(storage, StorageKind::Local) {
        return local_storage().remove_item(&key_of(name)).unwrap();
    }
    let deleting: Promise<JsValue> =
        js("new Promise((done) => { indexedDB.deleteDatabase('guestpass').onsuccess = done })").unchecked_into();
    deleting.await.unwrap();
}

/// Replaces `fetch` for requests to `/revoke`; others pass.
fn failing_revocations(status: Option<u16>) -> (crate::fixture::Replaced, Rc<Cell<u32>>) {
    let asked: Rc<Cell<u32>> = Rc::default();
    let counting = Rc::clone(&asked);
    let fetch: js_sys::Function = get(&js_sys::global(), "fetch").unchecked_into();
    let replaced = replace(
        &js_sys::global(),
        "fetch",
        function(move |input, init| {
            if input != format!("{SERVER}/revoke").as_str() {
                return fetch.call2(&JsValue::UNDEFINED, &input, &init);
            }
            counting.set(counting.get() + 1);
            let refused = || Promise::<JsValue>::reject(&js_sys::TypeError::new("offline")).into();
            Ok(match status {
                Some(status) => {
                    let init = web_sys::ResponseInit::new();
                    init.set_status(status);
                    init.set_headers(&object(&[("Retry-After", "30".into())]));
                    Promise::<JsValue>::resolve(&Response::new_with_opt_str_and_init(None, &init).unwrap()).into()
                }
                None => refused(),
            })
        }),
    );
    (replaced, asked)
}

fn pending(name: &str) -> u32 {
    let list = get(&record(name), "revocations");
    if list.is_undefined() { 0 } else { list.unchecked_into::<Array>().length() }
}

#[wasm_bindgen_test]
async fn c22_a_sign_out_without_a_network_is_revoked_when_the_page_is_online_again() {
    let name = fresh_name();
    let session = open(options(&name));
    session.token().await.unwrap();
    let token = refresh_token(&name);
    let (offline, asked) = failing_revocations(None);
    session.sign_out(AfterSignOut::Guest).await.unwrap();
    until("a revocation has failed", || asked.get() > 0).await;
    // The next guest keeps it.
    session.token().await.unwrap();
    assert_eq!(pending(&name), 1);
    drop(offline);
    dispatch("online");
    until("the revocation is removed", || pending(&name) == 0).await;
    crate::tabs::revocation(&token).await;
}

#[wasm_bindgen_test]
async fn c22_a_sign_out_without_a_network_is_revoked_by_the_next_page() {
    let name = fresh_name();
    let session = open(options(&name));
    session.token().await.unwrap();
    let token = refresh_token(&name);
    let (offline, _) = failing_revocations(None);
    session.sign_out(AfterSignOut::Guest).await.unwrap();
    session.close();
    assert_eq!(pending(&name), 1);
    drop(offline);
    let next = open(options(&name));
    next.start().await.unwrap();
    until("the revocation is removed", || pending(&name) == 0).await;
    crate::tabs::revocation(&token).await;
}

#[wasm_bindgen_test]
async fn c22_a_revocation_is_not_sent_before_the_server_allows_it() {
    let name = fresh_name();
    let session = open(options(&name));
    session.token().await.unwrap();
    let (_overloaded, asked) = failing_revocations(Some(503));
    session.sign_out(AfterSignOut::Guest).await.unwrap();
    until("the server was asked", || asked.get() == 1).await;
    for event in ["online", "pageshow"] {
        dispatch(event);
        session.token().await.unwrap();
    }
    assert_eq!((asked.get(), pending(&name)), (1, 1));
}
