//! The handles that the machine references. The session manager drops the other texts, such as old tokens and passwords.

use crate::handles::handle;
use crate::script::{FIRST_VISIT, REFRESHED, Tab, UPGRADE_SENT, active, tab};

/// The texts whose handles the machine references.
fn referenced<'a>(tab: &Tab, texts: &[&'a str]) -> Vec<&'a str> {
    texts.iter().copied().filter(|name| tab.machine.references(handle(name))).collect()
}

/// A first visit up to the request for a guest, and the rest of its transcript.
fn acquiring() -> (Tab, &'static str) {
    let mut tab = tab();
    let (before, after) = FIRST_VISIT.split_at(FIRST_VISIT.find("responded").unwrap());
    tab.run(before);
    (tab, after)
}

/// A tab that has sent its refresh token.
fn refreshing() -> Tab {
    let mut tab = active();
    tab.run(
        "
        expire                     ->
        want 2                     -> lock
        granted                    -> load
        loaded 0.1 a1/r1 as g1 900 -> send refresh r1
        ",
    );
    tab
}

#[test]
fn an_acquire_key_is_referenced_until_the_guest_is_acquired() {
    let (mut tab, after) = acquiring();
    assert_eq!(referenced(&tab, &["k1", "a1"]), ["k1"]);
    tab.run(after);
    assert_eq!(referenced(&tab, &["k1", "a1", "r1", "g1", "a2"]), ["a1", "r1", "g1"]);
}

#[test]
fn a_rejected_acquire_key_is_referenced() {
    let (mut tab, _) = acquiring();
    tab.feed("responded 409");
    assert_eq!(referenced(&tab, &["k1", "k2"]), ["k1"]);
}

#[test]
fn a_token_is_referenced_until_the_next_one_is_stored() {
    let mut tab = active();
    tab.feed("expire");
    tab.run("want 2 -> lock");
    tab.run(REFRESHED);
    assert_eq!(referenced(&tab, &["a1", "r1", "a2", "r2", "g1"]), ["a1", "r1", "a2", "r2", "g1"]);
    tab.feed("saved");
    assert_eq!(referenced(&tab, &["a1", "r1", "a2", "r2", "g1"]), ["a2", "r2", "g1"]);
}

#[test]
fn a_token_response_is_referenced_while_it_is_compared() {
    let mut tab = refreshing();
    tab.run("responded a2/r2 as g2 900 -> load");
    assert_eq!(referenced(&tab, &["a2", "r2", "g2", "a3"]), ["a2", "r2", "g2"]);
}

#[test]
fn after_a_sign_out_a_token_is_referenced_until_it_is_revoked() {
    let mut tab = active();
    tab.feed("signout 2");
    assert_eq!(referenced(&tab, &["a1", "r1", "g1"]), ["r1"]);
    for line in ["granted", "loaded 0.1 a1/r1 as g1 900", "saved", "responded 200", "loaded 1.0 revoke r1"] {
        tab.feed(line);
    }
    assert_eq!(referenced(&tab, &["a1", "r1", "g1"]), ["r1"], "the storage still has it");
    for line in ["granted", "loaded 1.0 revoke r1", "saved"] {
        tab.feed(line);
    }
    assert!(referenced(&tab, &["a1", "r1", "g1"]).is_empty());
}

#[test]
fn the_key_and_the_response_of_an_account_request_are_referenced_until_the_call_is_settled() {
    let mut tab = active();
    tab.run(UPGRADE_SENT);
    assert_eq!(referenced(&tab, &["k2", "r1", "other"]), ["k2", "r1"]);
    tab.feed("responded 409 email_taken");
    assert!(referenced(&tab, &["k2", "email_taken"]).is_empty());

    let mut tab = active();
    tab.run(UPGRADE_SENT);
    tab.run("responded member a2/r2 as user:m1 900 -> load");
    assert_eq!(referenced(&tab, &["k2", "a2", "r2", "m1", "member"]), ["k2", "a2", "r2", "m1", "member"]);
    tab.feed("loaded 0.1 acquire_key k2 a1/r1 as g1 900");
    tab.feed("saved");
    assert_eq!(referenced(&tab, &["k2", "a1", "r1", "g1", "a2", "r2", "m1", "member"]), ["a2", "r2", "m1"]);
}

#[test]
fn an_ended_identity_is_referenced_until_it_is_reported() {
    let mut tab = refreshing();
    tab.run(
        "
        responded 400 invalid_grant -> load
        loaded 0.1 a1/r1 as g1 900  -> key
        ",
    );
    assert_eq!(referenced(&tab, &["a1", "r1", "g1"]), ["g1"]);
}

#[test]
fn a_closed_machine_references_nothing() {
    let mut tab = active();
    tab.run(UPGRADE_SENT);
    tab.feed("close");
    assert!(referenced(&tab, &["a1", "r1", "g1", "k2"]).is_empty());
}
