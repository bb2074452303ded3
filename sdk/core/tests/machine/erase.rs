use guestpass_core::{Config, OnIdentityLost};

use crate::script::{SIGNED_OUT, active, active_with, ended, tab};

/// The request of waiter 2.
const SENT: &str = "
    erase 2                    -> lock
    granted                    -> load
    loaded 0.1 a1/r1 as g1 900 -> send account 2 r1
";

const STORED: &str = "
    granted                    -> load
    loaded 0.1 a1/r1 as g1 900 -> send revoke r1, store 1.0 erased revoke r1
    saved                      -> unlock, publish signout 1 erased, settle 2 done | signed_out
";

#[test]
fn c08_an_erasure_signs_out_every_tab() {
    let mut tab = active();
    tab.run(
        "
        erase 2                    -> lock
        granted                    -> load
        loaded 0.1 a1/r1 as g1 900 -> send account 2 r1
        want 3                     -> settle 3 a1
        responded 204              -> unlock, publish signout 1 erased, lock; signed_out g1 this_tab erased | signed_out
        ",
    );
    tab.run(STORED);
    tab.run("want 4 -> lock | acquiring");
    active().run(
        "
        message signout 1 erased -> load; signed_out g1 another_tab erased | signed_out
        loaded 1.0 erased        ->
        ",
    );
    active().run(
        "
        visible                           -> load
        loaded 1.1 erased a5/r5 as g5 900 -> ; signed_out g1 another_tab erased; adopted g5 | active
        ",
    );
}

#[test]
fn an_erasure_without_a_response_is_complete_when_the_session_has_ended() {
    let mut tab = active();
    tab.run(SENT);
    tab.run("unsent ->");
    let wait = tab.timer().unwrap();
    tab.run(&format!("after {wait} -> load"));
    tab.run(
        "
        loaded 0.1 a1/r1 as g1 900  -> send account 2 r1
        responded 401               -> unlock, lock; unauthorized
        granted                     -> load
        loaded 0.1 a1/r1 as g1 900  -> send refresh r1
        responded 400 invalid_grant -> load
        loaded 0.1 a1/r1 as g1 900  -> unlock, publish signout 1 erased, lock; signed_out g1 this_tab erased | signed_out
        ",
    );
    tab.run(STORED);
}

#[test]
fn c10_an_erasure_fails_if_the_session_ended_before() {
    for stops in [false, true] {
        let on_identity_lost = if stops { OnIdentityLost::Stop } else { OnIdentityLost::Reacquire };
        let mut tab = active_with(Config { on_identity_lost, ..Config::default() });
        tab.run(SENT);
        tab.run(
            "
            responded 401               -> unlock, lock; unauthorized
            granted                     -> load
            loaded 0.1 a1/r1 as g1 900  -> send refresh r1
            responded 400 invalid_grant -> load
            ",
        );
        let output = tab.feed("loaded 0.1 a1/r1 as g1 900");
        assert!(output.starts_with("settle 2 session_ended, "), "{output}");
    }
}

#[test]
fn c10_an_erasure_fails_if_another_tab_has_another_guest() {
    let mut tab = active();
    tab.run(SENT);
    tab.run(
        "
        message 0.2                -> load
        loaded 0.2 a2/r2 as g2 900 -> settle 2 session_ended, cancel, unlock; identity g1 g2 another_tab; adopted g2
        ",
    );
    active().run(
        "
        erase 2                    -> lock
        granted                    -> load
        loaded 0.2 a2/r2 as g2 900 -> settle 2 session_ended, unlock; identity g1 g2 another_tab; adopted g2
        ",
    );
}

#[test]
fn a_rejected_erasure_does_not_change_the_session() {
    let mut tab = active();
    let before = *tab.machine.snapshot();
    tab.run(SENT);
    tab.run("responded 404 -> unlock, settle 2 rejected");
    assert_eq!(*tab.machine.snapshot(), before);
}

#[test]
fn only_a_response_with_status_204_counts_as_an_erasure() {
    for other in ["200", "member a2/r2 as user:g1 900", "text file", "302"] {
        let mut tab = active();
        tab.run(SENT);
        tab.run(&format!("responded {other} -> | active"));
    }
}

#[test]
fn no_guest_is_acquired_only_to_be_erased() {
    tab().run(
        "
        erase 1      -> load
        loaded empty -> publish 0.0, settle 1 done | idle
        ",
    );
}

#[test]
fn a_guest_that_is_being_acquired_is_erased_afterwards() {
    tab().run(
        "
        want 1                     -> load
        loaded empty               -> publish 0.0, lock
        erase 2                    ->
        abort 1                    -> settle 1 aborted
        nolock                     -> load
        loaded 0.1 a1/r1 as g1 900 -> lock; adopted g1
        granted                    -> load
        loaded 0.1 a1/r1 as g1 900 -> send account 2 r1
        ",
    );
}

#[test]
fn concurrent_erasures_share_one_result() {
    let two = || {
        let mut tab = active();
        tab.run(SENT);
        tab.run("erase 3 ->");
        tab
    };
    two().run(
        "
        responded 204              -> unlock, publish signout 1 erased, lock; signed_out g1 this_tab erased
        granted                    -> load
        loaded 0.1 a1/r1 as g1 900 -> send revoke r1, store 1.0 erased revoke r1
        saved                      -> unlock, publish signout 1 erased, settle 2 done, settle 3 done
        ",
    );
    two().run(
        "
        abort 2                    -> settle 2 aborted, cancel, unlock, lock
        granted                    -> load
        loaded 0.1 a1/r1 as g1 900 -> send account 3 r1
        responded 404              -> unlock, settle 3 rejected
        ",
    );
    two().run("message signout 1 erased -> cancel, unlock, settle 2 done, settle 3 done, load; signed_out g1 another_tab erased");
    two().run("message signout 1 -> cancel, unlock, settle 2 signed_out, settle 3 signed_out, load; signed_out g1 another_tab");
}

#[test]
fn the_deadline_of_an_erasure_does_not_end_the_sign_out_that_follows() {
    let mut tab = active();
    tab.run(SENT);
    tab.run(
        "
        after 9000    ->
        responded 204 -> unlock, publish signout 1 erased, lock; signed_out g1 this_tab erased
        after 12000   -> unlock, load
        ",
    );
    tab.now.mono += 1_000;
    tab.run("loaded 0.1 a1/r1 as g1 900 -> send revoke r1, store 1.0 erased revoke r1");
    tab.run("after 1999 ->");
    tab.run("saved -> publish signout 1 erased, settle 2 done");
}

#[test]
fn after_a_sign_out_there_is_nothing_to_erase() {
    let mut left = active();
    left.run(SIGNED_OUT);
    left.run("erase 3 -> settle 3 done | signed_out");
}

#[test]
fn an_erasure_of_an_ended_session_fails_and_acquires_no_guest() {
    ended().run("erase 3 -> settle 3 session_ended | ended");
}
