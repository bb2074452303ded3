//! A session and the lifecycle of its page: opened and closed, hidden and shown, and next to another session.

use std::cell::RefCell;
use std::rc::Rc;

use guestpass_session::{ErrorCode, Session, SessionEvent, Status, StorageKind};
use js_sys::{JSON, Reflect};
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::wasm_bindgen_test;
use web_sys::HtmlIFrameElement;

use crate::counting::{Counting, no_locks};
use crate::fixture::{
    both_tokens, code, count, fresh_name, get, key_of, local_storage, open, options, record, replace, stored, until,
};

/// Dispatches an event to the window.
pub(crate) fn dispatch(event: &str) {
    web_sys::window().unwrap().dispatch_event(&web_sys::Event::new(event).unwrap()).unwrap();
}

/// A frame of the page, which is another page of the same origin until it is dropped.
pub(crate) struct Frame(HtmlIFrameElement);

impl Frame {
    pub(crate) fn open() -> Self {
        let document = web_sys::window().unwrap().document().unwrap();
        let frame: HtmlIFrameElement = document.create_element("iframe").unwrap().unchecked_into();
        document.body().unwrap().append_child(&frame).unwrap();
        Self(frame)
    }

    pub(crate) fn window(&self) -> web_sys::Window {
        self.0.content_window().unwrap()
    }
}

impl Drop for Frame {
    fn drop(&mut self) {
        self.0.remove();
    }
}

/// The callback of the listener that `close` removes is running during `close`.
#[wasm_bindgen_test]
async fn c16_a_session_may_be_closed_during_a_page_event() {
    let name = fresh_name();
    let closing: Rc<RefCell<Option<Session>>> = Rc::default();
    let to_close = Rc::clone(&closing);
    let on_change = Box::new(move |_: Option<&_>, _: Option<&_>| {
        if let Some(session) = to_close.take() {
            session.close();
        }
    });
    let session = open(options(&name).on_change(on_change));
    session.token().await.unwrap();
    closing.replace(Some(Session::clone(&session)));
    local_storage().set_item(&key_of(&name), "unreadable").unwrap();
    dispatch("pageshow");
    assert_eq!(session.snapshot().status, Status::Closed);
}

/// Like React's StrictMode, and hot reload.
#[wasm_bindgen_test]
async fn c16_creating_closing_and_creating_a_session_makes_one_guest() {
    let name = fresh_name();
    let first = open(options(&name));
    let interrupted = first.token();
    let key_is_stored = || first.snapshot().status == Status::Acquiring && !stored(&name).is_undefined();
    until("the guest is requested", key_is_stored).await;
    first.close();
    let second = open(options(&name));
    assert_eq!(code(&interrupted.await.unwrap_err()), Some(ErrorCode::Closed));
    let token = second.token().await.unwrap();
    assert_eq!(get(&record(&name), "generation"), 1.0);
    let third = open(options(&name));
    assert_eq!(third.token().await.unwrap(), token);
    no_locks(&name).await;
}

#[wasm_bindgen_test]
async fn two_sessions_of_one_name_on_one_page_share_one_guest_in_every_storage() {
    for storage in [StorageKind::Local, StorageKind::IndexedDb, StorageKind::Session] {
        let name = fresh_name();
        let [one, two] = [0, 1].map(|_| open(options(&name).storage(storage.clone())));
        both_tokens(&one, &two).await;
        one.expire();
        two.expire();
        both_tokens(&one, &two).await;
        assert_eq!(one.snapshot().id, two.snapshot().id, "{storage:?}");
        assert_eq!(
            count!(one, SessionEvent::Identity { .. }) + count!(two, SessionEvent::Identity { .. }),
            0,
            "{storage:?}"
        );
    }
}

#[wasm_bindgen_test]
async fn a_hidden_page_has_no_channel_and_reads_the_storage_when_it_is_shown() {
    let counting = Counting::start();
    let name = fresh_name();
    let session = open(options(&name));
    session.token().await.unwrap();
    dispatch("pagehide");
    assert_eq!(counting.channels(), 0.0);
    local_storage().set_item(&key_of(&name), &refreshed(&name)).unwrap();
    dispatch("pageshow");
    until("the record is adopted", || count!(session, SessionEvent::Adopted { generation: 2.0, .. }) == 1).await;
    assert_eq!((counting.channels(), counting.channels_opened()), (1.0, 2.0));
    session.close();
    dispatch("pageshow");
    assert_eq!(counting.channels(), 0.0, "a closed session opens no channel");
}

#[wasm_bindgen_test]
async fn without_a_channel_storage_events_report_other_tabs() {
    let _without = replace(&js_sys::global(), "BroadcastChannel", JsValue::UNDEFINED);
    let name = fresh_name();
    let session = open(options(&name));
    session.token().await.unwrap();
    let other = Frame::open();
    let storage = other.window().local_storage().unwrap().unwrap();
    storage.set_item(&key_of(&name), &refreshed(&name)).unwrap();
    until("the session has adopted what the other page stored", || {
        count!(session, SessionEvent::Adopted { generation: 2.0, .. }) == 1
    })
    .await;
    storage.set_item(&key_of(&name), r#"{"v":2,"epoch":1,"generation":0}"#).unwrap();
    until("the session is signed out", || session.snapshot().status == Status::SignedOut).await;
}

/// The stored record, as if another tab had refreshed the token.
fn refreshed(name: &str) -> String {
    let record = record(name);
    Reflect::set(&record, &"generation".into(), &2.into()).unwrap();
    JSON::stringify(&record).unwrap().into()
}
