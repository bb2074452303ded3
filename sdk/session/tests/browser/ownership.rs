//! C26: a session that is closed, or whose last clone is dropped, frees everything.

use std::rc::{Rc, Weak};
use std::time::Duration;

use guestpass_session::{AfterSignOut, ErrorCode, Options, Session, StorageKind};
use js_sys::JsString;
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::wasm_bindgen_test;
use web_sys::{AbortController, Response};

use crate::counting::{Counting, no_locks};
use crate::fixture::{
    Resource, code, custom_storage, fresh_name, options, options_for_resources, request_init, stored, turn, until,
    with_signal, within,
};

const NOTHING: [f64; 3] = [0.0; 3];

/// A session, and a reference to a value of its listener, which is dropped with the memory of the session.
fn open(options: Options) -> (Session, Weak<()>) {
    let owned = Rc::new(());
    let memory = Rc::downgrade(&owned);
    let on_change = Box::new(move |_: Option<&_>, _: Option<&_>| drop(Rc::clone(&owned)));
    (Session::new(options.on_change(on_change)), memory)
}

fn is_freed(memory: &Weak<()>) -> bool {
    memory.strong_count() == 0
}

#[wasm_bindgen_test]
async fn c16_close_frees_every_timer_listener_lock_and_channel() {
    let counting = Counting::start();
    let name = fresh_name();
    let (session, _) = open(options(&name));
    let waiting = session.token();
    until("the call waits", || counting.timers() > 0.0).await;
    assert!(counting.listeners() > 0.0);
    assert_eq!(counting.channels(), 1.0);
    session.close();
    assert_eq!(code(&waiting.await.unwrap_err()), Some(ErrorCode::Closed));
    assert_eq!(counting.held(), NOTHING);
    no_locks(&name).await;

    let (session, memory) = open(options(&name));
    let aborting = AbortController::new().unwrap();
    session.token_with(with_signal(&aborting.signal())).await.unwrap();
    session.expire();
    session.token().await.unwrap();
    session.close();
    session.close();
    assert_eq!(counting.held(), NOTHING);
    no_locks(&name).await;
    assert!(!is_freed(&memory), "the app has the session");
    drop(session);
    assert!(is_freed(&memory));
}

#[wasm_bindgen_test]
async fn c26_a_dropped_session_frees_everything() {
    for storage in [StorageKind::Local, StorageKind::Session, StorageKind::IndexedDb, StorageKind::Memory] {
        let counting = Counting::start();
        let name = fresh_name();
        let (session, memory) = open(options(&name).storage(storage.clone()));
        let clone = session.clone();
        session.token().await.unwrap();
        let before = counting.listeners();
        drop(session);
        assert_eq!(counting.listeners(), before, "there is a clone");
        assert!(clone.token().await.is_ok());
        drop(clone);
        assert!(is_freed(&memory), "{storage:?}");
        assert_eq!((counting.timers(), counting.channels()), (0.0, 0.0), "{storage:?}");
        if !matches!(storage, StorageKind::IndexedDb) {
            assert_eq!(counting.listeners(), 0.0, "{storage:?}");
        }
        no_locks(&name).await;
    }
}

#[wasm_bindgen_test]
fn c26_an_unused_session_frees_everything_when_it_is_dropped() {
    let counting = Counting::start();
    let (session, memory) = open(options(&fresh_name()));
    assert!(counting.listeners() > 0.0);
    drop(session);
    assert_eq!(counting.held(), NOTHING);
    assert!(is_freed(&memory));
}

#[wasm_bindgen_test]
async fn c26_the_stored_session_stays_when_the_session_is_dropped() {
    let name = fresh_name();
    let (session, _) = open(options(&name));
    let token = session.token().await.unwrap();
    drop(session);
    let (session, _) = open(options(&name));
    assert_eq!(session.token().await.unwrap(), token);
}

#[wasm_bindgen_test]
async fn c26_a_call_of_token_completes_although_the_session_is_dropped() {
    for turns in 0..4 {
        let counting = Counting::start();
        let name = fresh_name();
        let (session, memory) = open(options(&name));
        let pending = session.token();
        for _ in 0..turns {
            turn().await;
        }
        drop(session);
        assert!(pending.await.unwrap().length() > 0);
        until("everything is freed", || is_freed(&memory) && counting.held() == NOTHING).await;
        no_locks(&name).await;
        assert!(!stored(&name).is_undefined());
    }
}

#[wasm_bindgen_test]
async fn c26_a_request_completes_although_the_session_is_dropped() {
    let counting = Counting::start();
    let resource = Resource::late();
    let (session, memory) = open(options_for_resources());
    let call = session.fetch(resource.url());
    drop(session);
    resource.arrival().await;
    assert!(!is_freed(&memory), "a 401 would need the session");
    resource.release().await;
    assert_eq!(call.await.unwrap().status(), 200);
    until("everything is freed", || is_freed(&memory) && counting.held() == NOTHING).await;
}

#[wasm_bindgen_test]
async fn c26_a_request_is_replayed_although_the_session_is_dropped() {
    let counting = Counting::start();
    let resource = Resource::refusing_once();
    let (session, memory) = open(options_for_resources());
    session.token().await.unwrap();
    let call = session.fetch(resource.url());
    drop(session);
    assert_eq!(call.await.unwrap().status(), 200);
    assert_eq!(resource.sent().await.len(), 2);
    until("everything is freed", || is_freed(&memory) && counting.held() == NOTHING).await;
}

#[wasm_bindgen_test]
async fn c26_a_sign_out_reaches_storage_and_server_although_the_session_is_dropped() {
    let counting = Counting::start();
    let (revocations, name) = (crate::foreign_fetch::Revocations::counting(), fresh_name());
    let (session, memory) = open(options(&name));
    session.token().await.unwrap();
    let signing_out = session.sign_out(AfterSignOut::Guest);
    drop(session);
    signing_out.await.unwrap();
    until("the server has responded", || revocations.responded() == 1).await;
    until("everything is freed", || is_freed(&memory) && counting.held() == NOTHING).await;
}

#[wasm_bindgen_test]
async fn c26_a_failed_call_frees_a_dropped_session() {
    let counting = Counting::start();
    // Port 9 of the loopback address: nothing listens there.
    let base_url = JsString::from("http://127.0.0.1:9");
    let (session, memory) = open(Options::new(base_url).name(fresh_name()));
    let pending = session.token_with(within(Duration::from_millis(50)));
    drop(session);
    assert!(matches!(code(&pending.await.unwrap_err()), Some(ErrorCode::Network | ErrorCode::Timeout)));
    until("everything is freed", || is_freed(&memory) && counting.held() == NOTHING).await;
}

#[wasm_bindgen_test]
async fn c26_a_failed_request_frees_a_dropped_session() {
    let counting = Counting::start();
    let resource = Resource::late();
    let (session, memory) = open(options_for_resources());
    session.token().await.unwrap();
    let aborting = AbortController::new().unwrap();
    let init = request_init(&[("signal", aborting.signal().into())]);
    let call: js_sys::Promise<Response> = session.fetch_with(resource.url(), &init);
    drop(session);
    resource.arrival().await;
    aborting.abort_with_reason(&"enough".into());
    assert_eq!(call.await.unwrap_err(), "enough");
    until("everything is freed", || is_freed(&memory) && counting.held() == NOTHING).await;
}

/// The machine stops waiting for such a storage. A later response of the storage finds no session.
#[wasm_bindgen_test]
async fn c26_a_storage_that_hangs_does_not_keep_a_dropped_session_in_memory() {
    let counting = Counting::start();
    let hanging = custom_storage(false, pending, |_| pending());
    let (session, memory) = open(options(&fresh_name()).storage(hanging));
    let waiting = session.token();
    drop(session);
    assert!(waiting.await.is_ok());
    until("everything is freed", || is_freed(&memory) && counting.held() == NOTHING).await;
}

#[expect(clippy::unnecessary_wraps, reason = "a function of a storage")]
fn pending() -> Result<JsValue, JsValue> {
    Ok(js_sys::Promise::<JsValue>::new(&mut |_, _| ()).into())
}
