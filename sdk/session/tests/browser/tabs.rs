//! Two sessions of one name on one page represent two tabs: they share the storage, the lock and the channel, but no memory.

use guestpass_session::{AfterSignOut, SessionEvent, SignedOutBy, Status};
use js_sys::{Date, JsString};
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::wasm_bindgen_test;

use crate::fixture::{
    Opened, Replaced, SERVER, both_tokens, count, fresh_name, get, open, options, record, refresh_token,
    replace_getter, until,
};

fn two_tabs() -> (String, Opened, Opened) {
    let name = fresh_name();
    let (one, two) = (open(options(&name)), open(options(&name)));
    (name, one, two)
}

/// Waits until the server refuses to refresh a session: the sign-out resolves before the revocation.
pub(crate) async fn revocation(refresh_token: &JsString) {
    let start = Date::now();
    loop {
        let form = JsString::from("grant_type=refresh_token&refresh_token=").concat(refresh_token);
        let request = gloo_net::http::Request::post(&format!("{SERVER}/token"))
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body(form);
        if request.unwrap().send().await.unwrap().status() == 400 {
            return;
        }
        assert!(Date::now() - start < 10_000.0, "the session is not revoked");
    }
}

/// Waits until both tabs have the same guest.
async fn one_guest(one: &Opened, two: &Opened) {
    let same = || one.snapshot().id.is_some() && one.snapshot().id == two.snapshot().id;
    until("both tabs have one guest", same).await;
}

#[wasm_bindgen_test]
async fn c19_two_tabs_that_start_at_once_share_one_guest() {
    let (_, one, two) = two_tabs();
    let (first, second) = both_tokens(&one, &two).await;
    assert_eq!(first, second);
    assert_eq!(count!(one, SessionEvent::Acquired { .. }) + count!(two, SessionEvent::Acquired { .. }), 1);
}

#[wasm_bindgen_test]
async fn c19_two_tabs_that_start_at_once_without_the_lock_share_one_guest() {
    let _no_locks = take_locks_away();
    let (_, one, two) = two_tabs();
    both_tokens(&one, &two).await;
    one_guest(&one, &two).await;
}

#[wasm_bindgen_test]
async fn c02_two_tabs_refresh_once() {
    let (name, one, two) = two_tabs();
    both_tokens(&one, &two).await;
    one.expire();
    two.expire();
    let (first, second) = both_tokens(&one, &two).await;
    assert_eq!(first, second);
    assert_eq!(get(&record(&name), "generation"), 2.0);
    assert_eq!(count!(one, SessionEvent::Refreshed { .. }) + count!(two, SessionEvent::Refreshed { .. }), 1);
}

#[wasm_bindgen_test]
async fn c02_without_the_lock_two_refreshes_converge_on_one_successor() {
    let no_locks = take_locks_away();
    let (_, one, two) = two_tabs();
    both_tokens(&one, &two).await;
    one_guest(&one, &two).await;
    let id = one.snapshot().id;
    one.expire();
    two.expire();
    both_tokens(&one, &two).await;
    drop(no_locks);
    for tab in [&one, &two] {
        tab.expire();
        tab.token().await.unwrap();
        assert_eq!(tab.get("/me").await.status(), 200);
        assert_eq!(tab.snapshot().id, id);
    }
}

#[wasm_bindgen_test]
async fn the_other_tab_adopts_a_refresh() {
    let (_, one, two) = two_tabs();
    both_tokens(&one, &two).await;
    one.expire();
    let token = one.token().await.unwrap();
    until("the other tab has adopted it", || count!(two, SessionEvent::Adopted { generation: 2.0, .. }) == 1).await;
    assert_eq!(two.token().await.unwrap(), token);
}

#[wasm_bindgen_test]
async fn c08_a_sign_out_signs_out_the_other_tab_and_revokes() {
    let (name, one, two) = two_tabs();
    let (token, _) = both_tokens(&one, &two).await;
    let refresh_token = refresh_token(&name);
    one.sign_out(AfterSignOut::Guest).await.unwrap();
    assert_eq!(one.snapshot().status, Status::SignedOut);
    assert_eq!(count!(one, SessionEvent::SignedOut { by: SignedOutBy::ThisTab, .. }), 1);
    until("the other tab is signed out", || two.snapshot().status == Status::SignedOut).await;
    assert_eq!(count!(two, SessionEvent::SignedOut { by: SignedOutBy::AnotherTab, .. }), 1);
    assert!(get(&record(&name), "credential").is_null());
    revocation(&refresh_token).await;

    let next = two.token().await.unwrap();
    assert_ne!(next, token, "a new guest");
    one_guest(&one, &two).await;
}

#[wasm_bindgen_test]
async fn sessions_with_different_names_are_independent() {
    let (one, two) = (open(options(&fresh_name())), open(options(&fresh_name())));
    let (first, second) = both_tokens(&one, &two).await;
    assert_ne!(first, second);
    assert_ne!(one.snapshot().id, two.snapshot().id);
}

/// Shadows `navigator.locks`, like a browser without the Web Locks API.
fn take_locks_away() -> Replaced {
    let navigator = get(&js_sys::global(), "navigator");
    let replaced = replace_getter(&navigator, "locks", || Ok(JsValue::UNDEFINED));
    assert!(get(&navigator, "locks").is_undefined());
    replaced
}
