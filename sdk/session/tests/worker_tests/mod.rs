//! The tests that run in every kind of worker.

use guestpass_session::{AfterSignOut, Session, SessionEvent, Status, StorageFault, StorageKind};
use wasm_bindgen_test::wasm_bindgen_test;

use crate::fixture::{
    Opened, Resource, SERVER, both_tokens, count, fresh_name, get, json, open, options, options_for_resources, until,
};

fn open_in_indexed_db(name: &str) -> Opened {
    open(options(name).storage(StorageKind::IndexedDb))
}

#[wasm_bindgen_test]
fn a_worker_has_no_window() {
    assert!(web_sys::window().is_none());
    for name in ["window", "document", "localStorage"] {
        assert!(get(&js_sys::global(), name).is_undefined(), "{name}");
    }
}

#[wasm_bindgen_test]
async fn a_worker_acquires_a_guest_and_carries_its_token() {
    let session = open_in_indexed_db(&fresh_name());
    let response = session.get("/me").await;
    assert_eq!(response.status(), 200);
    assert_eq!(get(&json(response).await, "id"), session.snapshot().id.unwrap().as_str());
    assert_eq!(session.snapshot().status, Status::Active);
    assert_eq!(count!(session, SessionEvent::Storage { .. }), 0);
}

#[wasm_bindgen_test]
async fn a_worker_refreshes_an_expired_token() {
    let session = open_in_indexed_db(&fresh_name());
    let (token, id) = (session.token().await.unwrap(), session.snapshot().id);
    session.expire();
    assert_ne!(session.token().await.unwrap(), token);
    assert_eq!(session.snapshot().id, id);
    assert_eq!(session.get(&format!("{SERVER}/me")).await.status(), 200);
}

#[wasm_bindgen_test]
async fn c03_a_worker_replays_a_request_that_was_refused() {
    let (session, resource) = (open(options_for_resources()), Resource::refusing_once());
    assert_eq!(session.get(&resource.url()).await.status(), 200);
    assert_eq!(resource.sent().await.len(), 2);
}

#[wasm_bindgen_test]
async fn c19_sessions_of_one_worker_share_one_guest_in_indexed_db() {
    let name = fresh_name();
    let (one, two) = (open_in_indexed_db(&name), open_in_indexed_db(&name));
    let (first, second) = both_tokens(&one, &two).await;
    assert_eq!(first, second);
    assert_eq!(count!(one, SessionEvent::Acquired { .. }) + count!(two, SessionEvent::Acquired { .. }), 1);

    one.expire();
    let token = one.token().await.unwrap();
    until("the other session has adopted it", || count!(two, SessionEvent::Adopted { generation: 2.0, .. }) == 1).await;
    assert_eq!(two.token().await.unwrap(), token);

    one.close();
    two.close();
    let later = open_in_indexed_db(&name);
    assert_eq!(later.token().await.unwrap(), token);
    assert_eq!(count!(later, SessionEvent::Restored { .. }), 1);
}

#[wasm_bindgen_test]
async fn c08_a_sign_out_in_a_worker_reaches_the_other_session() {
    let name = fresh_name();
    let (one, two) = (open_in_indexed_db(&name), open_in_indexed_db(&name));
    both_tokens(&one, &two).await;
    one.sign_out(AfterSignOut::Guest).await.unwrap();
    until("the other session is signed out", || two.snapshot().status == Status::SignedOut).await;
}

/// A worker has no localStorage, which is the default.
#[wasm_bindgen_test]
async fn c14_without_local_storage_a_worker_keeps_the_session_in_memory_and_says_what_to_do() {
    for storage in [StorageKind::Local, StorageKind::Session] {
        let session = open(options(&fresh_name()).storage(storage));
        assert_eq!(session.get("/me").await.status(), 200);
        let id = session.snapshot().id;
        session.expire();
        session.token().await.unwrap();
        assert_eq!(session.snapshot().id, id);
        let messages: Vec<_> = session.events().into_iter().filter_map(message_of_fault).collect();
        assert_eq!(messages.len(), 1);
        assert!(messages[0].contains("`storage: 'indexeddb'`"), "{messages:?}");
    }
    let session = open(options(&fresh_name()).storage(StorageKind::Memory));
    session.token().await.unwrap();
    assert_eq!(count!(session, SessionEvent::Storage { .. }), 0, "memory was chosen");
}

fn message_of_fault(event: SessionEvent) -> Option<&'static str> {
    match event {
        SessionEvent::Storage { state: StorageFault::Memory, message, .. } => Some(message),
        _ => None,
    }
}

#[wasm_bindgen_test]
async fn c26_a_session_that_is_dropped_in_a_worker_completes_its_call() {
    let session = Session::new(options(&fresh_name()).storage(StorageKind::IndexedDb));
    let pending = session.token();
    drop(session);
    assert!(pending.await.unwrap().length() > 0);
}
