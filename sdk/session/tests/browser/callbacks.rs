//! The callbacks of the app (listeners, log, storage) may call the session, and may fail.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use guestpass_session::{Options, Session, SessionEvent, Snapshot, Status, StorageKind, Subscription};
use js_sys::{Error, Function, JsString, Promise};
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::wasm_bindgen_test;

use crate::fixture::{Opened, custom_storage, fresh_name, function, open, options, until};

/// The session that a callback calls, when there is one.
#[derive(Clone, Default)]
struct Slot(Rc<RefCell<Option<Session>>>);

impl Slot {
    fn put(&self, session: &Session) {
        self.0.replace(Some(session.clone()));
    }

    fn session(&self) -> Option<Session> {
        self.0.borrow().clone()
    }
}

fn on_change(
    call: impl Fn(Option<&SessionEvent>) + 'static,
) -> impl Fn(Option<&Snapshot>, Option<&SessionEvent>) + 'static {
    move |_, event| call(event)
}

fn open_with_slot(options: Options, slot: &Slot) -> Opened {
    let session = open(options);
    slot.put(&session);
    session
}

/// Asserts that the session works after the test of a callback. The session may still call the callback.
async fn assert_works(session: &Opened) {
    assert_eq!(session.get("/me").await.status(), 200);
    let token = session.token().await.unwrap();
    session.expire();
    assert_ne!(session.token().await.unwrap(), token);
    assert_eq!(session.get("/me").await.status(), 200);
}

#[wasm_bindgen_test]
async fn c06_a_listener_may_call_the_session() {
    let (slot, inside) = (Slot::default(), Rc::new(RefCell::new(None)));
    let (calling, asked) = (slot.clone(), Rc::clone(&inside));
    let listener = on_change(move |_| {
        let first = asked.borrow().is_none();
        if let Some(session) = calling.session().filter(|_| first) {
            session.expire();
            asked.replace(Some(session.token()));
        }
    });
    let session = open_with_slot(options(&fresh_name()).on_change(listener), &slot);
    session.token().await.unwrap();
    let asked: Promise<JsString> = inside.take().unwrap();
    assert!(asked.await.unwrap().length() > 0);
    assert_works(&session).await;
    slot.0.take();
}

#[wasm_bindgen_test]
async fn c06_a_listener_may_ask_for_a_token_and_a_snapshot_at_each_change() {
    let (slot, asked) = (Slot::default(), Rc::new(RefCell::new(Vec::new())));
    let (calling, asking) = (slot.clone(), Rc::clone(&asked));
    let listener = on_change(move |_| {
        if let Some(session) = calling.session() {
            assert_ne!(session.snapshot().status, Status::Closed);
            let token = session.token();
            asking.borrow_mut().push(token);
        }
    });
    let session = open_with_slot(options(&fresh_name()).on_change(listener), &slot);
    session.token().await.unwrap();
    assert_works(&session).await;
    let asked = asked.take();
    assert!(asked.len() > 2);
    for token in asked {
        assert!(token.await.is_ok());
    }
    slot.0.take();
}

#[wasm_bindgen_test]
async fn c16_a_listener_may_close_the_session_at_any_change() {
    // More numbers than there are changes until the guest is acquired.
    for number in 0..6 {
        let (slot, reports) = (Slot::default(), Cell::new(0));
        let closing = slot.clone();
        let listener = on_change(move |_| {
            if let Some(session) = closing.session().filter(|_| reports.replace(reports.get() + 1) == number) {
                session.close();
            }
        });
        let session = open_with_slot(options(&fresh_name()).on_change(listener), &slot);
        let token = session.token().await;
        session.close();
        assert_eq!(session.snapshot().status, Status::Closed);
        assert!(number > 0 || token.is_err(), "closed before the guest was there");
        slot.0.take();
    }
}

/// The session is in its loop, and is freed after it.
#[wasm_bindgen_test]
async fn c26_a_listener_may_drop_the_last_clone_of_the_session() {
    let (slot, owned) = (Slot::default(), Rc::new(()));
    let (dropping, memory) = (slot.clone(), Rc::downgrade(&owned));
    let listener = move |_: Option<&Snapshot>, event: Option<&SessionEvent>| {
        let _owned = &owned;
        if let Some(SessionEvent::Acquired { .. }) = event {
            dropping.0.take();
        }
    };
    let session = Session::new(options(&fresh_name()).on_change(listener));
    slot.put(&session);
    let pending = session.token();
    drop(session);
    assert!(pending.await.unwrap().length() > 0);
    until("the memory is freed", || memory.strong_count() == 0).await;
}

#[wasm_bindgen_test]
async fn each_subscriber_is_called_until_its_subscription_is_dropped() {
    let session = Session::new(options(&fresh_name()));
    let calls: Rc<RefCell<Vec<&str>>> = Rc::default();
    let listener = |name| {
        let calls = Rc::clone(&calls);
        move |_: Option<&Snapshot>, event: Option<&SessionEvent>| {
            if let Some(SessionEvent::Acquired { .. } | SessionEvent::Refreshed { .. }) = event {
                calls.borrow_mut().push(name);
            }
        }
    };
    let first = session.subscribe(listener("first"));
    let second = session.subscribe(listener("second"));
    session.token().await.unwrap();
    assert_eq!(calls.take(), ["first", "second"]);
    drop(first);
    let third = session.subscribe(listener("third"));
    session.expire();
    session.token().await.unwrap();
    assert_eq!(calls.take(), ["second", "third"]);
    drop((second, third));
    session.expire();
    session.token().await.unwrap();
    assert_eq!(calls.take(), [""; 0]);
    session.close();
}

#[wasm_bindgen_test]
async fn a_subscriber_may_subscribe_and_unsubscribe_others() {
    let session = Session::new(options(&fresh_name()));
    let calls: Rc<Cell<u32>> = Rc::default();
    let subscriptions: Rc<RefCell<Vec<Subscription>>> = Rc::default();
    let (changing, counting, subscribing) = (Rc::clone(&subscriptions), Rc::clone(&calls), session.clone());
    let replacing = session.subscribe(move |_, _| {
        let counting = Rc::clone(&counting);
        let added = subscribing.subscribe(move |_, _| counting.set(counting.get() + 1));
        changing.replace(vec![added]);
    });
    session.token().await.unwrap();
    assert_eq!(calls.get(), 0, "each one is unsubscribed before it is called");
    drop(replacing);
    session.expire();
    session.token().await.unwrap();
    assert!(calls.get() > 0);
    session.close();
}

#[wasm_bindgen_test]
async fn a_log_may_call_the_session() {
    let (slot, asked) = (Slot::default(), Rc::new(RefCell::new(Vec::new())));
    let (calling, asking) = (slot.clone(), Rc::clone(&asked));
    let log = move |_: &str| {
        let few = asking.borrow().len() < 20;
        if let Some(session) = calling.session().filter(|_| few) {
            session.snapshot();
            let token = session.token();
            asking.borrow_mut().push(token);
        }
    };
    let session = open_with_slot(options(&fresh_name()).on_step(log), &slot);
    session.token().await.unwrap();
    assert_works(&session).await;
    let asked = asked.take();
    assert_eq!(asked.len(), 20);
    for token in asked {
        assert!(token.await.is_ok());
    }
    slot.0.take();
}

#[wasm_bindgen_test]
async fn c16_a_log_may_close_the_session() {
    let slot = Slot::default();
    let closing = slot.clone();
    let log = move |line: &str| {
        if let Some(session) = closing.session().filter(|_| line.contains(":acquire")) {
            session.close();
        }
    };
    let session = open_with_slot(options(&fresh_name()).on_step(log), &slot);
    assert!(session.token().await.is_err());
    assert_eq!(session.snapshot().status, Status::Closed);
    slot.0.take();
}

#[wasm_bindgen_test]
async fn a_custom_storage_may_call_the_session() {
    let (slot, text) = (Slot::default(), Rc::new(RefCell::new(JsValue::UNDEFINED)));
    let asked: Rc<RefCell<Vec<Promise<JsString>>>> = Rc::default();
    let call_back = {
        let (calling, asking) = (slot.clone(), Rc::clone(&asked));
        move || {
            if let Some(session) = calling.session() {
                let token = session.token();
                asking.borrow_mut().push(token);
            }
        }
    };
    let (reading, writing, calling) = (Rc::clone(&text), text, call_back.clone());
    let get = move || {
        calling();
        Ok(reading.borrow().clone())
    };
    let set = move |text| {
        call_back();
        Ok(writing.replace(text))
    };
    let storage = custom_storage(false, get, set);
    let session = open_with_slot(options(&fresh_name()).storage(storage), &slot);
    session.token().await.unwrap();
    assert_works(&session).await;
    let asked = asked.take();
    assert!(asked.len() > 2);
    for token in asked {
        assert!(token.await.is_ok());
    }
    slot.0.take();
}

/// As in the npm package: the listeners are JavaScript functions, whose exceptions do not concern the session.
#[wasm_bindgen_test]
async fn exceptions_of_listeners_do_not_affect_the_session() {
    let thrown: Rc<Cell<u32>> = Rc::default();
    let throwing = {
        let thrown = Rc::clone(&thrown);
        function(move |_, _| {
            thrown.set(thrown.get() + 1);
            Err(Error::new("a mistake").into())
        })
        .unchecked_into::<Function>()
    };
    let listener = throwing.clone();
    let listener = on_change(move |_| assert!(listener.call0(&JsValue::UNDEFINED).is_err()));
    let log = move |_: &str| assert!(throwing.call0(&JsValue::UNDEFINED).is_err());
    let session = open(options(&fresh_name()).on_change(listener).on_step(log));
    assert_works(&session).await;
    assert!(thrown.get() > 5);
}

#[wasm_bindgen_test]
async fn c14_a_storage_that_throws_a_value_other_than_an_error_does_not_affect_the_session() {
    let thrown: [fn() -> JsValue; 3] = [|| "locked".into(), || JsValue::UNDEFINED, || JsValue::NULL];
    for thrown in thrown {
        let storage = custom_storage(false, move || Err(thrown()), move |_| Err(thrown()));
        assert_works(&open(options(&fresh_name()).storage(storage))).await;
        let storage = custom_storage(
            false,
            move || Ok(Promise::<JsValue>::reject(&thrown()).into()),
            move |_| Ok(Promise::<JsValue>::reject(&thrown()).into()),
        );
        assert_works(&open(options(&fresh_name()).storage(storage))).await;
    }
    let nothing = StorageKind::Custom(JsValue::NULL.unchecked_into());
    assert_works(&open(options(&fresh_name()).storage(nothing))).await;
}
