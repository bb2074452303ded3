use crate::script::{active, ended, tab};

#[test]
fn a_refused_token_is_renewed_and_the_request_replayed() {
    active().run(
        "
        401 2 0.1                  -> lock; unauthorized | refreshing
        granted                    -> load
        loaded 0.1 a1/r1 as g1 900 -> send refresh r1
        responded a2/r2 as g1 900  -> load
        loaded 0.1 a1/r1 as g1 900 -> store 0.2 a2/r2
        saved                      -> unlock, publish 0.2, settle 2 a2 replay; refreshed g1
        ",
    );
}

#[test]
fn c03_a_second_401_is_passed_through() {
    let mut tab = active();
    tab.run(
        "
        401 2 0.1                  -> lock; unauthorized
        granted                    -> load
        loaded 0.2 a2/r2 as g1 900 -> unlock, settle 2 a2 replay; adopted g1
        401 3 0.2 replay           -> settle 3 401
        want 4                     -> settle 4 a2
        ",
    );
}

#[test]
fn c02_a_401_for_a_token_that_has_been_replaced_is_replayed_at_once() {
    active().run(
        "
        message 0.2                -> load
        loaded 0.2 a2/r2 as g1 900 -> ; adopted g1
        401 2 0.1                  -> settle 2 a2 replay; unauthorized
        ",
    );
}

#[test]
fn c02_many_401_share_one_refresh() {
    active().run(
        "
        401 2 0.1                  -> lock; unauthorized
        401 3 0.1                  ->
        want 4                     ->
        granted                    -> load
        loaded 0.1 a1/r1 as g1 900 -> send refresh r1
        responded a2/r2 as g1 900  -> load
        loaded 0.1 a1/r1 as g1 900 -> store 0.2 a2/r2
        saved                      -> unlock, publish 0.2, settle 2 a2 replay, settle 3 a2 replay, settle 4 a2; refreshed g1
        ",
    );
}

#[test]
fn c20_a_401_of_a_request_that_cannot_be_replayed_is_passed_through_and_the_next_use_renews() {
    active().run(
        "
        401 2 0.1 stream -> settle 2 401; unauthorized
        want 3           -> lock
        ",
    );
}

#[test]
fn a_resource_that_always_responds_with_401_does_not_cause_refreshes() {
    let mut tab = active();
    tab.run(
        "
        401 2 0.1                  -> lock; unauthorized
        granted                    -> load
        loaded 0.1 a1/r1 as g1 900 -> send refresh r1
        responded a2/r2 as g1 900  -> load
        loaded 0.1 a1/r1 as g1 900 -> store 0.2 a2/r2
        saved                      -> unlock, publish 0.2, settle 2 a2 replay; refreshed g1
        401 3 0.2 replay           -> settle 3 401
        401 4 0.2                  -> settle 4 401; unauthorized
        after 10000                ->
        401 5 0.2                  -> lock
        ",
    );
}

#[test]
fn c08_a_401_of_a_session_that_was_signed_out_is_passed_through() {
    let mut tab = active();
    tab.feed("signout 2");
    tab.run("401 3 0.1 -> settle 3 401 | signed_out");
}

#[test]
fn a_401_before_the_first_read_is_passed_through() {
    tab().run("401 1 4.1 -> settle 1 401 | idle");
}

#[test]
fn c05_an_abort_while_a_401_waits_settles_it() {
    active().run(
        "
        401 2 0.1 -> lock; unauthorized
        abort 2   -> settle 2 aborted
        ",
    );
}

#[test]
fn c08_a_401_of_a_session_that_was_signed_out_is_passed_through_although_there_is_a_new_guest() {
    active().run(
        "
        message signout 1          -> load; signed_out g1 another_tab
        loaded 1.1 a5/r5 as g5 900 -> ; adopted g5 | active
        401 2 0.1                  -> settle 2 401
        want 3                     -> settle 3 a5
        ",
    );
}

#[test]
fn a_401_of_an_ended_session_is_passed_through() {
    ended().run("401 3 0.1 -> settle 3 401 | ended");
}

#[test]
fn a_resource_that_always_responds_with_401_does_not_cause_acquisitions() {
    tab().run(
        "
        want 1                    -> load
        loaded 0.1 a1/- as g1 900 -> settle 1 a1; restored g1
        401 2 0.1                 -> lock; unauthorized
        granted                   -> load
        loaded 0.1 a1/- as g1 900 -> key
        key k2                    -> store 0.1 acquire_key k2
        saved                     -> send acquire k2
        responded a2/- as g2 900  -> load
        loaded 0.1 acquire_key k2 -> store 0.2 a2/-
        saved                     -> unlock, publish 0.2, settle 2 a2 replay; identity g1 g2 unauthorized; acquired g2
        401 3 0.2                 -> settle 3 401; unauthorized
        after 10000               ->
        401 4 0.2                 -> lock
        ",
    );
}

#[test]
fn a_401_of_the_guest_that_followed_an_ended_session_causes_a_refresh() {
    active().run(
        "
        expire                      ->
        want 2                      -> lock
        granted                     -> load
        loaded 0.1 a1/r1 as g1 900  -> send refresh r1
        responded 400 invalid_grant -> load
        loaded 0.1 a1/r1 as g1 900  -> key
        key k2                      -> store 0.1 acquire_key k2
        saved                       -> send acquire k2
        responded a2/r2 as g2 900   -> load
        loaded 0.1 acquire_key k2   -> store 0.2 a2/r2
        saved                       -> unlock, publish 0.2, settle 2 a2; identity g1 g2 invalid_grant; acquired g2
        401 3 0.2                   -> lock; unauthorized
        ",
    );
}

#[test]
fn a_401_of_the_guest_that_another_tab_acquired_after_a_sign_out_causes_a_refresh() {
    active().run(
        "
        message signout 1          -> load; signed_out g1 another_tab
        loaded 1.1 a5/r5 as g5 900 -> ; adopted g5
        401 2 1.1                  -> lock; unauthorized
        ",
    );
}

#[test]
fn many_401_for_one_token_are_reported_once() {
    let mut tab = active();
    tab.run("401 2 0.1 -> lock; unauthorized");
    for waiter in 3..22 {
        tab.run(&format!("401 {waiter} 0.1 ->"));
    }
}
