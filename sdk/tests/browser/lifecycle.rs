//! What a session takes of its page, and gives back.

use std::rc::Rc;

use js_sys::Promise;
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::wasm_bindgen_test;
use web_sys::Event;

use crate::page::{
    Replaced, code, fresh_name, get, js, key_of, local_storage, object, open, open_with, record, replace, settled,
    stored, until,
};

/// Counts what is taken and not given back: listeners, timers and channels.
struct Counting(#[expect(dead_code, reason = "puts everything back when dropped")] Vec<Replaced>);

impl Counting {
    fn start() -> Self {
        js("globalThis.held = { listeners: 0, timers: new Set(), channels: 0, opened: 0 }");
        let wrap = |owner: &str, name: &'static str, wrapper: &str| {
            let owner = js(owner);
            let original = get(&owner, name);
            let wrapped =
                js(wrapper).unchecked_into::<js_sys::Function>().call1(&JsValue::UNDEFINED, &original).unwrap();
            replace(&owner, name, &object(&[("value", wrapped), ("writable", true.into())]))
        };
        Self(vec![
            wrap(
                "EventTarget.prototype",
                "addEventListener",
                "(original) => function (...it) { held.listeners++; return original.apply(this, it) }",
            ),
            wrap(
                "EventTarget.prototype",
                "removeEventListener",
                "(original) => function (...it) { held.listeners--; return original.apply(this, it) }",
            ),
            wrap(
                "globalThis",
                "setTimeout",
                "(original) => (call, delay) => {
                const id = original(() => { held.timers.delete(id); call() }, delay)
                held.timers.add(id)
                return id
            }",
            ),
            wrap("globalThis", "clearTimeout", "(original) => (id) => { held.timers.delete(id); original(id) }"),
            wrap(
                "globalThis",
                "BroadcastChannel",
                "(original) => class extends original {
                constructor(name) { super(name); held.channels++; held.opened++ }
                close() { held.channels--; super.close() }
            }",
            ),
        ])
    }

    fn held(what: &str) -> f64 {
        js(&format!("held.{what}")).as_f64().unwrap()
    }
}

/// The locks of a name that are held or asked for.
async fn locks(name: &str) -> usize {
    let asked = js("navigator.locks.query()").unchecked_into::<Promise>();
    let all = settled(asked).await.unwrap();
    let lists = [get(&all, "held"), get(&all, "pending")];
    let locks = lists.iter().flat_map(|list| list.unchecked_ref::<js_sys::Array>().iter());
    locks.filter(|lock| get(lock, "name") == key_of(name).as_str()).count()
}

fn dispatch(event: &str) {
    web_sys::window().unwrap().dispatch_event(&Event::new(event).unwrap()).unwrap();
}

#[wasm_bindgen_test]
async fn c16_close_gives_back_every_timer_listener_lock_and_channel() {
    let counting = Counting::start();
    let name = fresh_name();
    let session = open(&name);
    let waiting = session.wasm.token(None, None);
    until("the call waits", || Counting::held("timers.size") > 0.0).await;
    assert!(Counting::held("listeners") > 0.0);
    assert_eq!(Counting::held("channels"), 1.0);
    session.wasm.close();
    assert_eq!(code(&settled(waiting).await.unwrap_err()), "closed");

    let session = open(&name);
    let aborting = web_sys::AbortController::new().unwrap();
    settled(session.wasm.token(Some(aborting.signal()), None)).await.unwrap();
    session.wasm.expire();
    session.token().await;
    session.wasm.close();
    session.wasm.close();
    for what in ["listeners", "timers.size", "channels"] {
        assert_eq!(Counting::held(what), 0.0, "{what}");
    }
    assert_eq!(locks(&name).await, 0);
    drop(counting);
}

/// The callback of the very listener that `close` removes is still running then.
#[wasm_bindgen_test]
async fn c16_a_session_may_be_closed_from_inside_a_page_event() {
    let name = fresh_name();
    let session = Rc::new(open(&name));
    session.token().await;
    let weak = Rc::downgrade(&session);
    session.on_notify(move || {
        if let Some(session) = weak.upgrade() {
            session.wasm.close();
        }
    });
    local_storage().set_item(&key_of(&name), "spoilt").unwrap();
    dispatch("pageshow");
    assert_eq!(session.status(), "closed");
}

/// As React's StrictMode does it, and hot reload.
#[wasm_bindgen_test]
async fn c16_create_close_create_ends_with_one_guest() {
    let name = fresh_name();
    let first = open(&name);
    let interrupted = first.wasm.token(None, None);
    // Once the request is on its way.
    until("it is asked for", || first.status() == "acquiring" && !stored(&name).is_null()).await;
    first.wasm.close();
    let second = open(&name);
    assert_eq!(code(&settled(interrupted).await.unwrap_err()), "closed");
    let token = second.token().await;
    assert_eq!(record(&name).generation, 1);
    let third = open(&name);
    assert_eq!(third.token().await, token);
    assert_eq!(locks(&name).await, 0);
}

#[wasm_bindgen_test]
async fn two_sessions_of_one_name_on_one_page_are_one_guest_whatever_the_storage() {
    for storage in ["local", "indexeddb", "session"] {
        let name = fresh_name();
        let pair = [0, 1].map(|_| open_with(&name, &[("storage", storage.into())]));
        let calls = pair.iter().map(|session| session.wasm.token(None, None)).collect::<js_sys::Array>();
        settled(Promise::all(&calls)).await.unwrap();
        for session in &pair {
            session.wasm.expire();
        }
        let calls = pair.iter().map(|session| session.wasm.token(None, None)).collect::<js_sys::Array>();
        settled(Promise::all(&calls)).await.unwrap();
        assert_eq!(pair[0].id(), pair[1].id(), "{storage}");
        assert!(pair.iter().all(|session| session.events("identity").is_empty()), "{storage}");
    }
}

#[wasm_bindgen_test]
async fn a_hidden_page_has_no_channel_and_a_page_that_comes_back_reads_what_it_missed() {
    let _counting = Counting::start();
    let name = fresh_name();
    let session = open(&name);
    session.token().await;
    dispatch("pagehide");
    assert_eq!(Counting::held("channels"), 0.0);
    let record = newer(&name);
    local_storage().set_item(&key_of(&name), &record).unwrap();
    dispatch("pageshow");
    let generation = JsValue::from(2);
    until("it is read", || session.events("adopted").iter().any(|event| get(event, "generation") == generation)).await;
    assert_eq!((Counting::held("channels"), Counting::held("opened")), (1.0, 2.0));
    session.wasm.close();
    dispatch("pageshow");
    assert_eq!(Counting::held("channels"), 0.0, "closed for good");
}

#[wasm_bindgen_test]
async fn without_a_channel_the_storage_tells_of_other_tabs() {
    let _without = replace(&js_sys::global(), "BroadcastChannel", &object(&[("value", JsValue::UNDEFINED)]));
    let name = fresh_name();
    let session = open(&name);
    session.token().await;
    let other =
        js("(() => { const frame = document.createElement('iframe'); document.body.append(frame); return frame })()");
    let storage: web_sys::Storage = get(&get(&other, "contentWindow"), "localStorage").unchecked_into();
    storage.set_item(&key_of(&name), &newer(&name)).unwrap();
    until("it is heard of", || session.events("adopted").len() == 1).await;
    storage.set_item(&key_of(&name), r#"{"v":1,"epoch":1,"generation":0}"#).unwrap();
    until("the sign-out is heard of", || session.status() == "signed_out").await;
    other.unchecked_into::<web_sys::Element>().remove();
}

/// What is stored, as another tab would have renewed it.
fn newer(name: &str) -> String {
    let record = stored(name);
    js_sys::Reflect::set(&record, &"generation".into(), &2.into()).unwrap();
    js_sys::JSON::stringify(&record).unwrap().into()
}
