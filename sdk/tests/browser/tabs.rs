//! Two sessions of one name on one page stand for two tabs: they share storage, lock and channel, and no memory.

use js_sys::{Array, Function, Object, Promise, Reflect};
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::wasm_bindgen_test;

use crate::page::{Session, fresh_name, get, open, record, settled, until};

async fn both_tokens(one: &Session, two: &Session) -> (String, String) {
    let calls = Array::of2(&one.wasm.token(None, None), &two.wasm.token(None, None));
    let tokens: Array = settled(Promise::all(&calls)).await.unwrap().unchecked_into();
    (tokens.get(0).as_string().unwrap(), tokens.get(1).as_string().unwrap())
}

#[wasm_bindgen_test]
async fn c19_two_tabs_at_once_end_with_one_guest() {
    let name = fresh_name();
    let (one, two) = (open(&name), open(&name));
    let (first, second) = both_tokens(&one, &two).await;
    assert_eq!(first, second);
    assert_eq!(one.events("acquired").len() + two.events("acquired").len(), 1);
}

#[wasm_bindgen_test]
async fn c19_two_tabs_at_once_end_with_one_guest_without_the_lock() {
    let locks = take_locks_away();
    let name = fresh_name();
    let (one, two) = (open(&name), open(&name));
    both_tokens(&one, &two).await;
    until("both tabs are of one guest", || one.id() == two.id()).await;
    give_locks_back(&locks);
}

#[wasm_bindgen_test]
async fn c02_two_tabs_refresh_once() {
    let name = fresh_name();
    let (one, two) = (open(&name), open(&name));
    both_tokens(&one, &two).await;
    one.wasm.expire();
    two.wasm.expire();
    let (first, second) = both_tokens(&one, &two).await;
    assert_eq!(first, second);
    assert_eq!(record(&name).generation, 2);
    assert_eq!(one.events("refreshed").len() + two.events("refreshed").len(), 1);
}

#[wasm_bindgen_test]
async fn c02_without_the_lock_two_refreshes_converge_on_one_successor() {
    let locks = take_locks_away();
    let name = fresh_name();
    let (one, two) = (open(&name), open(&name));
    both_tokens(&one, &two).await;
    until("both tabs are of one guest", || one.id() == two.id()).await;
    let id = one.id();
    one.wasm.expire();
    two.wasm.expire();
    both_tokens(&one, &two).await;
    give_locks_back(&locks);
    for tab in [&one, &two] {
        tab.wasm.expire();
        tab.token().await;
        assert_eq!(tab.get("/me").await.status(), 200);
        assert_eq!(tab.id(), id);
    }
}

#[wasm_bindgen_test]
async fn news_of_a_refresh_reaches_the_other_tab() {
    let name = fresh_name();
    let (one, two) = (open(&name), open(&name));
    both_tokens(&one, &two).await;
    one.wasm.expire();
    let token = one.token().await;
    let generation = JsValue::from(2);
    let adopted = |tab: &Session| tab.events("adopted").iter().any(|event| get(event, "generation") == generation);
    until("the other tab has adopted it", || adopted(&two)).await;
    assert_eq!(two.token().await, token);
}

#[wasm_bindgen_test]
async fn c08_a_sign_out_signs_out_the_other_tab_and_revokes() {
    let name = fresh_name();
    let (one, two) = (open(&name), open(&name));
    let (token, _) = both_tokens(&one, &two).await;
    settled(one.wasm.sign_out()).await.unwrap();
    assert_eq!(one.status(), "signed_out");
    until("the other tab is signed out", || two.status() == "signed_out").await;
    assert_eq!(get(&two.events("signed_out")[0], "by"), "another_tab");
    assert!(record(&name).credential.is_none());

    let next = two.token().await;
    assert_ne!(next, token, "a fresh guest");
    until("the first tab has the fresh guest too", || one.id() == two.id() && !one.id().is_empty()).await;
}

#[wasm_bindgen_test]
async fn sessions_of_different_names_do_not_see_each_other() {
    let (one, two) = (open(&fresh_name()), open(&fresh_name()));
    let (first, second) = both_tokens(&one, &two).await;
    assert_ne!(first, second);
    assert_ne!(one.id(), two.id());
}

/// Shadows `navigator.locks`, as in a browser that has none.
fn take_locks_away() -> JsValue {
    let navigator = get(&js_sys::global(), "navigator");
    let none = Object::new();
    Reflect::set(&none, &"get".into(), &Function::new_no_args("return undefined")).unwrap();
    Reflect::set(&none, &"configurable".into(), &true.into()).unwrap();
    Object::define_property(navigator.unchecked_ref::<Object>(), &"locks".into(), &none);
    assert!(get(&navigator, "locks").is_undefined());
    navigator
}

fn give_locks_back(navigator: &JsValue) {
    Reflect::delete_property(navigator.unchecked_ref::<Object>(), &"locks".into()).unwrap();
    assert!(get(navigator, "locks").is_object());
}
