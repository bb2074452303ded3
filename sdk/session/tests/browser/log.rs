//! The log, which has a line for each step and no token.

use std::cell::RefCell;
use std::rc::Rc;

use guestpass_session::AfterSignOut;
use wasm_bindgen_test::wasm_bindgen_test;

use crate::fixture::{fresh_name, open, options, refresh_token};

#[wasm_bindgen_test]
async fn c13_the_log_has_every_step_and_no_token() {
    let name = fresh_name();
    let lines: Rc<RefCell<Vec<String>>> = Rc::default();
    let listening = Rc::clone(&lines);
    let session = open(options(&name).on_step(move |line| listening.borrow_mut().push(line.into())));

    let mut secrets = Vec::new();
    for _ in 0..2 {
        secrets.push(session.token().await.unwrap());
        secrets.push(refresh_token(&name));
        session.expire();
    }
    session.sign_out(AfterSignOut::Guest).await.unwrap();
    session.close();

    let lines = lines.borrow();
    assert_eq!(lines[0], "token-wanted~0 → load#1 | loading");
    assert_eq!(lines[1], "loaded#1:empty → publish@0.0:committed take-lock#2 | acquiring");
    let wanted = ["send#", ":acquire", ":refresh", ":revoke", "store#", "@0.1", "responded#", ":200", "settle~0:token"];
    for word in wanted.iter().chain(&["release-lock#2", "key-made#", "expire →", "sign-out~", "close → "]) {
        assert!(lines.iter().any(|line| line.contains(word)), "{word} in {lines:#?}");
    }
    assert!(lines.iter().any(|line| line.ends_with("| closed")));
    let words = lines.iter().flat_map(|line| line.split([' ', '#', ':', '~', '@', '|']));
    assert!(words.clone().all(|word| word.len() < 20), "no word is as long as a secret");
    for secret in secrets.iter().map(String::from) {
        assert!(lines.iter().all(|line| !line.contains(&secret)));
    }
}
