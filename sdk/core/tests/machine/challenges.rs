//! Challenges of the server: a login that needs a proof of work or a CAPTCHA.

use crate::script::{CALL_TIMEOUT, Tab, tab};

/// A first visit, up to the challenge `q1`.
const CHALLENGED: &str = "
    want 1                    -> load | loading
    loaded empty              -> publish 0.0, lock | acquiring
    granted                   -> load
    loaded empty              -> key
    key k1                    -> store 0.0 acquire_key k1
    saved                     -> send acquire k1
    responded 428 q1          -> solve q1 | acquiring
";

fn challenged() -> Tab {
    let mut tab = tab();
    tab.run(CHALLENGED);
    tab
}

#[test]
fn c19_a_challenge_is_answered_under_the_lock_and_with_the_same_key() {
    challenged().run(
        "
        after 20000               ->
        want 2                    ->
        solved p1                 -> send acquire k1 answer p1 | acquiring
        responded a1/r1 as g1 900 -> load
        loaded 0.0 acquire_key k1 -> store 0.1 a1/r1
        saved                     -> unlock, publish 0.1, settle 1 a1, settle 2 a1; acquired g1 | active
        ",
    );
}

#[test]
fn a_second_challenge_is_answered_too() {
    challenged().run(
        "
        solved p1        -> send acquire k1 answer p1
        responded 428 q2 -> solve q2
        solved p2        -> send acquire k1 answer p2
        ",
    );
}

#[test]
fn a_server_that_accepts_no_answer_is_challenged_six_times() {
    let mut tab = challenged();
    for _ in 0..5 {
        tab.run(
            "
            solved p1        -> send acquire k1 answer p1
            responded 428 q1 -> solve q1
            ",
        );
    }
    tab.run(
        "
        solved p1                 -> send acquire k1 answer p1
        responded 428 q1          -> unlock, settle 1 rejected; retrying rejected | unavailable
        after 2000                ->
        want 2                    -> lock
        granted                   -> load
        loaded 0.0 acquire_key k1 -> send acquire k1
        responded 428 q1          -> solve q1
        ",
    );
}

#[test]
fn an_answer_is_sent_again_after_a_lost_response() {
    challenged().run(
        "
        solved p1                 -> send acquire k1 answer p1
        unsent                    -> unlock; retrying network
        online                    -> lock
        granted                   -> load
        loaded 0.0 acquire_key k1 -> send acquire k1 answer p1
        ",
    );
}

#[test]
fn an_answer_is_sent_with_its_own_key_only() {
    challenged().run(
        "
        solved p1                 -> send acquire k1 answer p1
        unsent                    -> unlock; retrying network
        online                    -> lock
        granted                   -> load
        loaded 0.0 acquire_key k2 -> send acquire k2
        responded 428 q2          -> solve q2
        ",
    );
}

#[test]
fn calls_fail_when_the_solver_fails_and_the_next_call_gets_a_new_challenge() {
    challenged().run(
        "
        unsolved                  -> unlock, settle 1 rejected; retrying rejected | unavailable
        after 500                 ->
        want 2                    -> lock
        granted                   -> load
        loaded 0.0 acquire_key k1 -> send acquire k1
        responded 428 q2          -> solve q2
        ",
    );
}

#[test]
fn a_challenge_without_a_text_is_a_rejection() {
    tab().run(
        "
        want 1                    -> load
        loaded empty              -> publish 0.0, lock
        granted                   -> load
        loaded 0.0 acquire_key k1 -> send acquire k1
        responded 428             -> unlock, settle 1 rejected; retrying rejected
        ",
    );
}

#[test]
fn a_call_whose_deadline_comes_fails_and_the_solver_goes_on_for_the_next_call() {
    let mut tab = challenged();
    assert_eq!(tab.timer(), Some(CALL_TIMEOUT));
    tab.run(
        "
        after 30000               -> settle 1 timeout
        solved p1                 -> send acquire k1 answer p1
        responded a1/r1 as g1 900 -> load
        loaded 0.0 acquire_key k1 -> store 0.1 a1/r1
        saved                     -> unlock, publish 0.1; acquired g1 | active
        ",
    );
}

#[test]
fn a_challenge_that_is_not_answered_in_five_minutes_has_expired() {
    challenged().run(
        "
        after 30000  -> settle 1 timeout
        after 269999 ->
        want 2       ->
        after 1      -> cancel, unlock, settle 2 rejected; retrying rejected | unavailable
        ",
    );
}

#[test]
fn the_solver_is_cancelled_when_the_last_caller_aborts() {
    challenged().run(
        "
        want 2    ->
        abort 1   -> settle 1 aborted
        abort 2   -> settle 2 aborted, cancel, unlock | idle
        solved p1 ->
        want 3    -> lock | acquiring
        ",
    );
}

#[test]
fn a_request_goes_on_when_the_last_caller_aborts() {
    challenged().run(
        "
        solved p1 -> send acquire k1 answer p1
        abort 1   -> settle 1 aborted
        ",
    );
}

#[test]
fn the_solver_is_cancelled_when_the_caller_of_an_upgrade_aborts() {
    tab().run(
        "
        upgrade 1                 -> load
        loaded empty              -> publish 0.0, lock
        granted                   -> load
        loaded 0.0 acquire_key k1 -> send acquire k1
        responded 428 q1          -> solve q1
        abort 1                   -> settle 1 aborted, cancel, unlock
        ",
    );
}

#[test]
fn a_sign_out_cancels_the_solver() {
    challenged().run(
        "
        signout 2 -> cancel, unlock, settle 1 signed_out, publish signout 1, lock; signed_out - this_tab | signed_out
        solved p1 ->
        ",
    );
}

#[test]
fn c26_a_closed_session_cancels_the_solver() {
    challenged().run(
        "
        close     -> cancel, unlock, settle 1 closed, shutdown | closed
        solved p1 ->
        unsolved  ->
        ",
    );
}

#[test]
fn the_solver_is_cancelled_when_another_tab_has_made_the_guest() {
    challenged().run(
        "
        nolock                     ->
        message 0.1                -> load
        loaded 0.1 a1/r1 as g1 900 -> cancel, settle 1 a1; adopted g1 | active
        ",
    );
}

#[test]
fn c19_without_the_lock_two_tabs_solve_for_the_same_key() {
    tab().run(
        "
        want 1                    -> load
        loaded empty              -> publish 0.0, lock
        nolock                    -> load
        loaded 0.0 acquire_key k9 ->
        after 400                 -> load
        loaded 0.0 acquire_key k9 -> send acquire k9
        responded 428 q1          -> solve q1
        solved p1                 -> send acquire k9 answer p1
        ",
    );
}

#[test]
fn a_challenge_is_not_answered_if_another_tab_has_made_the_guest() {
    tab().run(
        "
        want 1                    -> load
        loaded empty              -> publish 0.0, lock
        nolock                    -> load
        loaded 0.0 acquire_key k9 ->
        after 400                 -> load
        loaded 0.0 acquire_key k9 -> send acquire k9
        message 0.1               -> load
        loaded 0.1 a1/r1 as g1 0  -> ; adopted g1
        responded 428 q1          -> lock
        ",
    );
}
