use guestpass_core::{Config, OnIdentityLost};

use crate::script::{SIGNED_OUT, active, active_with, ended, tab};

const STORED: &str = "
    granted                    -> load
    loaded 0.1 a1/r1 as g1 900 -> send revoke r1, store 1.0 erased
    saved                      -> unlock, publish signout 1 erased, settle 2 done | signed_out
";

#[test]
fn c08_who_is_erased_is_signed_out_in_every_tab() {
    let mut tab = active();
    tab.run(
        "
        erase 2       -> send erase a1
        want 3        -> settle 3 a1
        responded 204 -> publish signout 1 erased, lock; signed_out g1 this_tab erased | signed_out
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
fn an_erasure_whose_answer_was_lost_is_found_done_by_the_end_of_the_session() {
    let mut tab = active();
    tab.run("erase 2 -> send erase a1");
    tab.run("unsent ->");
    let wait = tab.timer().unwrap();
    tab.run(&format!("after {wait} -> send erase a1"));
    tab.run(
        "
        responded 401               -> lock; unauthorized
        granted                     -> load
        loaded 0.1 a1/r1 as g1 900  -> send refresh r1
        responded 400 invalid_grant -> load
        loaded 0.1 a1/r1 as g1 900  -> unlock, publish signout 1 erased, lock; signed_out g1 this_tab erased | signed_out
        ",
    );
    tab.run(STORED);
}

#[test]
fn c10_a_session_that_ended_before_it_could_be_erased_is_told() {
    for stops in [false, true] {
        let on_identity_lost = if stops { OnIdentityLost::Stop } else { OnIdentityLost::Reacquire };
        let mut tab = active_with(Config { on_identity_lost, ..Config::default() });
        tab.run(
            "
            erase 2                     -> send erase a1
            responded 401               -> lock; unauthorized
            granted                     -> load
            loaded 0.1 a1/r1 as g1 900  -> send refresh r1
            responded 400 invalid_grant -> load
            ",
        );
        let said = tab.feed("loaded 0.1 a1/r1 as g1 900");
        assert!(said.starts_with("settle 2 session_ended, "), "{said}");
    }
}

#[test]
fn c10_nobody_is_erased_in_another_ones_place() {
    active().run(
        "
        erase 2                    -> send erase a1
        message 0.2                -> load
        loaded 0.2 a2/r2 as g2 900 -> cancel, settle 2 session_ended; identity g1 g2 another_tab; adopted g2
        ",
    );
}

#[test]
fn an_erasure_that_is_refused_leaves_the_session_as_it_was() {
    let mut tab = active();
    let before = *tab.machine.snapshot();
    tab.run(
        "
        erase 2       -> send erase a1
        responded 404 -> settle 2 rejected
        ",
    );
    assert_eq!(*tab.machine.snapshot(), before);
}

#[test]
fn only_the_answer_of_the_server_itself_counts_as_an_erasure() {
    for other in ["200", "member user:g1", "302"] {
        let mut tab = active();
        tab.run("erase 2 -> send erase a1");
        tab.run(&format!("responded {other} -> | active"));
    }
}

#[test]
fn nobody_becomes_a_guest_to_be_erased() {
    tab().run(
        "
        erase 1      -> load
        loaded empty -> settle 1 done | idle
        ",
    );
}

#[test]
fn a_guest_that_is_being_acquired_is_erased_when_it_is_there() {
    tab().run(
        "
        want 1                     -> load
        loaded empty               -> lock
        erase 2                    ->
        abort 1                    -> settle 1 aborted
        nolock                     -> load
        loaded 0.1 a1/r1 as g1 900 -> send erase a1; adopted g1
        ",
    );
}

#[test]
fn two_erasures_at_once_end_with_one() {
    active().run(
        "
        erase 2                    -> send erase a1
        erase 3                    ->
        responded 204              -> publish signout 1 erased, lock; signed_out g1 this_tab erased
        granted                    -> load
        loaded 0.1 a1/r1 as g1 900 -> send revoke r1, store 1.0 erased
        saved                      -> unlock, publish signout 1 erased, settle 2 done, settle 3 done
        ",
    );
    active().run(
        "
        erase 2       -> send erase a1
        erase 3       ->
        abort 2       -> settle 2 aborted, cancel, send erase a1
        responded 404 -> settle 3 rejected
        ",
    );
    active().run(
        "
        erase 2                  -> send erase a1
        message signout 1 erased -> settle 2 done, load, cancel; signed_out g1 another_tab erased
        ",
    );
    active().run(
        "
        erase 2           -> send erase a1
        message signout 1 -> settle 2 signed_out, load, cancel; signed_out g1 another_tab
        ",
    );
}

#[test]
fn a_deadline_does_not_end_the_sign_out_that_follows() {
    let mut tab = active();
    tab.run(
        "
        erase 2       -> send erase a1
        after 9000    ->
        responded 204 -> publish signout 1 erased, lock; signed_out g1 this_tab erased
        after 12000   -> unlock, load
        ",
    );
    tab.now.mono += 1_000;
    tab.run("loaded 0.1 a1/r1 as g1 900 -> send revoke r1, store 1.0 erased");
    tab.run("after 1999 ->");
    tab.run("saved -> publish signout 1 erased, settle 2 done");
}

#[test]
fn who_has_left_already_need_not_be_erased() {
    let mut left = active();
    left.run(SIGNED_OUT);
    left.run("erase 3 -> settle 3 done | signed_out");
}

#[test]
fn where_the_session_has_ended_there_is_nothing_to_erase_and_nobody_follows() {
    ended().run("erase 3 -> settle 3 session_ended | ended");
}
