//! The log, which tells every step and no token.

use std::cell::RefCell;
use std::rc::Rc;

use wasm_bindgen::prelude::*;
use wasm_bindgen_test::wasm_bindgen_test;

use crate::page::{fresh_name, open_with, record, settled};

#[wasm_bindgen_test]
async fn c13_the_log_tells_every_step_and_never_a_token() {
    let name = fresh_name();
    let lines: Rc<RefCell<Vec<String>>> = Rc::default();
    let listening = Rc::clone(&lines);
    let listener = Closure::<dyn FnMut(String)>::new(move |line| listening.borrow_mut().push(line));
    let session = open_with(&name, &[("debug", listener.as_ref().clone())]);

    let mut secrets = Vec::new();
    for _ in 0..2 {
        secrets.push(session.token().await);
        secrets.push(record(&name).refresh_token());
        session.wasm.expire();
    }
    settled(session.wasm.sign_out()).await.unwrap();
    session.wasm.close();

    let lines = lines.borrow();
    assert_eq!(lines[0], "token-wanted~0 → load#1 | loading");
    assert_eq!(lines[1], "loaded#1:empty → take-lock#2 | acquiring");
    let wanted = ["send#", ":acquire", ":refresh", ":revoke", "store#", "@0.1", "answered#", ":200", "settle~0:token"];
    for word in wanted.iter().chain(&["release-lock#2", "key-made#", "expire →", "sign-out~", "close → "]) {
        assert!(lines.iter().any(|line| line.contains(word)), "{word} in {lines:#?}");
    }
    assert!(lines.iter().any(|line| line.ends_with("| closed")));
    let long_words = lines.iter().flat_map(|line| line.split([' ', '#', ':', '~', '@', '|']));
    assert!(long_words.clone().all(|word| word.len() < 20), "no word is as long as a secret");
    for secret in secrets {
        assert!(lines.iter().all(|line| !line.contains(&secret)));
    }
}

#[wasm_bindgen_test]
async fn a_log_whose_listener_throws_does_not_disturb_the_session() {
    let throwing = js_sys::Function::new_no_args("throw new Error('a mistake')");
    let session = open_with(&fresh_name(), &[("debug", throwing.into())]);
    assert_eq!(session.get("/me").await.status(), 200);
}
