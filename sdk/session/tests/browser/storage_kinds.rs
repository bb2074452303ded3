//! The asynchronous storages: IndexedDB and custom storages, and their failures (C14).

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use guestpass_session::{AfterSignOut, CustomStorage, SessionEvent, SignedOutBy, Status, StorageFault, StorageKind};
use js_sys::futures::{future_to_promise, spawn_local};
use js_sys::{Error, JSON, Promise};
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::wasm_bindgen_test;
use web_sys::EventTarget;

use crate::fixture::{
    Opened, both_tokens, count, custom_storage, fresh_name, function, get, object, open, options, replace_getter,
    stored, turn, until,
};

fn open_in(name: &str, storage: StorageKind) -> Opened {
    open(options(name).storage(storage))
}

/// Asserts that the session reports the failure of its storage once, and uses the credential in memory.
pub(crate) async fn assert_in_memory(session: &Opened) {
    let token = session.token().await.unwrap();
    let reports = || count!(session, SessionEvent::Storage { state: StorageFault::Memory, .. });
    until("the failure is reported", || reports() == 1).await;
    let id = session.snapshot().id;
    session.expire();
    assert_ne!(session.token().await.unwrap(), token);
    assert_eq!(session.snapshot().id, id, "the credential in memory is kept");
    assert_eq!(reports(), 1, "it is not reported again");
}

/// Asserts that a session reads the credential that an earlier one has stored.
pub(crate) async fn assert_restored(open: impl Fn() -> Opened) {
    let first = open();
    let token = first.token().await.unwrap();
    first.close();
    let second = open();
    assert_eq!(second.token().await.unwrap(), token);
    assert_eq!((count!(second, SessionEvent::Restored { .. }), count!(second, SessionEvent::Acquired { .. })), (1, 0));
}

/// A storage in the memory of the page, which responds at once, or after some turns of the event loop.
#[derive(Clone, Default)]
struct Texts {
    text: Rc<RefCell<JsValue>>,
    turns: usize,
}

impl Texts {
    fn storage(&self, shared: bool) -> StorageKind {
        let (reading, writing) = (self.clone(), self.clone());
        let get = move || Ok(reading.clone().respond(|this| this.text.borrow().clone()));
        let set = move |text: JsValue| {
            Ok(writing.clone().respond(move |this| {
                this.text.replace(text);
                JsValue::UNDEFINED
            }))
        };
        custom_storage(shared, get, set)
    }

    fn respond(self, work: impl FnOnce(&Self) -> JsValue + 'static) -> JsValue {
        if self.turns == 0 {
            return work(&self);
        }
        let later = async move {
            for _ in 0..self.turns {
                turn().await;
            }
            Ok(work(&self))
        };
        future_to_promise(later).into()
    }
}

/// A promise that stays pending.
fn pending() -> JsValue {
    Promise::<JsValue>::new(&mut |_, _| ()).into()
}

fn rejected() -> JsValue {
    Promise::<JsValue>::reject(&Error::new("locked")).into()
}

fn thrown() -> Result<JsValue, JsValue> {
    Err(Error::new("locked").into())
}

#[wasm_bindgen_test]
async fn indexed_db_keeps_the_session_and_leaves_no_connection_open() {
    let name = fresh_name();
    assert_restored(|| open_in(&name, StorageKind::IndexedDb)).await;
    assert!(stored(&name).is_undefined(), "nothing in localStorage");
    // A connection that is open would block it.
    let factory: web_sys::IdbFactory = get(&js_sys::global(), "indexedDB").unchecked_into();
    let deleting = factory.delete_database("guestpass").unwrap();
    let outcome: Promise<JsValue> = Promise::new(&mut |resolve, reject| {
        deleting.add_event_listener_with_callback("success", &resolve).unwrap();
        deleting.add_event_listener_with_callback("blocked", &reject).unwrap();
    });
    outcome.await.unwrap();
}

#[wasm_bindgen_test]
async fn c02_tabs_share_one_session_in_indexed_db() {
    let name = fresh_name();
    let (one, two) = (open_in(&name, StorageKind::IndexedDb), open_in(&name, StorageKind::IndexedDb));
    let (first, second) = both_tokens(&one, &two).await;
    assert_eq!(first, second);
    assert_eq!(count!(one, SessionEvent::Acquired { .. }) + count!(two, SessionEvent::Acquired { .. }), 1);
}

#[wasm_bindgen_test]
async fn c14_a_session_whose_indexed_db_is_forbidden_missing_or_fails_is_kept_in_memory() {
    let refusing = || Ok(object(&[("open", function(|_, _| Err(Error::new("private").into())))]));
    let failing = || {
        let open = |_, _| {
            let request = EventTarget::new().unwrap();
            let failing = request.clone();
            spawn_local(async move {
                failing.dispatch_event(&web_sys::Event::new("error").unwrap()).unwrap();
            });
            Ok(request.into())
        };
        Ok(object(&[("open", function(open))]))
    };
    let factories: [fn() -> Result<JsValue, JsValue>; 4] = [thrown, || Ok(JsValue::UNDEFINED), refusing, failing];
    for factory in factories {
        let _replaced = replace_getter(&js_sys::global(), "indexedDB", factory);
        assert_in_memory(&open_in(&fresh_name(), StorageKind::IndexedDb)).await;
    }
}

#[wasm_bindgen_test]
async fn c14_a_session_whose_storage_hangs_is_kept_in_memory_within_a_deadline() {
    let hanging = custom_storage(false, || Ok(pending()), |_| Ok(pending()));
    let hanging_when_written = custom_storage(false, || Ok(JsValue::NULL), |_| Ok(pending()));
    let hanging_request = || Ok(object(&[("open", function(|_, _| Ok(EventTarget::new().unwrap().into())))]));
    let _replaced = replace_getter(&js_sys::global(), "indexedDB", hanging_request);
    for storage in [hanging, hanging_when_written, StorageKind::IndexedDb] {
        assert_in_memory(&open_in(&fresh_name(), storage)).await;
    }
}

#[wasm_bindgen_test]
async fn a_custom_storage_may_be_synchronous_or_asynchronous() {
    for turns in [0, 1] {
        let (name, texts) = (fresh_name(), Texts { turns, ..Texts::default() });
        assert_restored(|| open_in(&name, texts.storage(false))).await;
    }
}

#[wasm_bindgen_test]
async fn a_custom_storage_gets_one_call_at_a_time_in_order() {
    let running: Rc<Cell<bool>> = Rc::default();
    let overlapped: Rc<Cell<bool>> = Rc::default();
    let text: Rc<RefCell<JsValue>> = Rc::default();
    let operate = {
        let (running, overlapped, text) = (Rc::clone(&running), Rc::clone(&overlapped), Rc::clone(&text));
        move |written: Option<JsValue>| -> Result<JsValue, JsValue> {
            overlapped.set(overlapped.get() || running.replace(true));
            let (running, text) = (Rc::clone(&running), Rc::clone(&text));
            Ok(future_to_promise(async move {
                // A read takes longer than a write that would begin after it.
                for _ in 0..if written.is_some() { 1 } else { 10 } {
                    turn().await;
                }
                running.set(false);
                match written {
                    Some(written) => Ok(text.replace(written)),
                    None => Ok(text.borrow().clone()),
                }
            })
            .into())
        }
    };
    let writing = operate.clone();
    let storage = custom_storage(false, move || operate(None), move |text| writing(Some(text)));
    // The session reads after each change, also while the refresh reads and writes.
    let on_change = Box::new(|_: Option<&_>, _: Option<&_>| crate::lifecycle::dispatch("pageshow"));
    let session = open(options(&fresh_name()).storage(storage).on_change(on_change));
    session.token().await.unwrap();
    session.expire();
    let token = session.token().await.unwrap();
    assert!(!overlapped.get());
    let stored = JSON::parse(&text.borrow().as_string().unwrap()).unwrap();
    let stored = get(&get(&stored, "credential"), "access_token");
    assert_eq!(stored, JsValue::from(token), "the newest record was set last");
}

#[wasm_bindgen_test]
async fn c19_all_tabs_share_one_guest_in_a_shared_custom_storage() {
    let (name, texts) = (fresh_name(), Texts { turns: 1, ..Texts::default() });
    let (one, two) = (open_in(&name, texts.storage(true)), open_in(&name, texts.storage(true)));
    let (first, second) = both_tokens(&one, &two).await;
    assert_eq!(first, second);
    one.sign_out(AfterSignOut::Guest).await.unwrap();
    until("the other tab is signed out", || two.snapshot().status == Status::SignedOut).await;
    assert_eq!(count!(two, SessionEvent::SignedOut { by: SignedOutBy::AnotherTab, .. }), 1);
}

#[wasm_bindgen_test]
async fn c14_a_session_whose_custom_storage_fails_is_kept_in_memory() {
    for storage in [
        custom_storage(false, thrown, |_| Ok(JsValue::UNDEFINED)),
        custom_storage(false, || Ok(rejected()), |_| Ok(JsValue::UNDEFINED)),
        custom_storage(false, || Ok(JsValue::NULL), |_| thrown()),
        custom_storage(false, || Ok(JsValue::NULL), |_| Ok(rejected())),
        StorageKind::Custom(object(&[]).unchecked_into::<CustomStorage>()),
    ] {
        assert_in_memory(&open_in(&fresh_name(), storage)).await;
    }
}

#[wasm_bindgen_test]
async fn c14_a_custom_storage_with_another_value_is_corrupt() {
    let texts = Texts { text: Rc::new(RefCell::new(7.into())), turns: 0 };
    let session = open_in(&fresh_name(), texts.storage(false));
    session.token().await.unwrap();
    assert!(count!(session, SessionEvent::Storage { state: StorageFault::Corrupt, .. }) > 0);
    assert!(texts.text.borrow().is_string(), "replaced");
}
