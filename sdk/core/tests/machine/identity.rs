use guestpass_core::{Config, OnIdentityLost};

use crate::script::{active, active_with, ended};

#[test]
fn after_invalid_grant_an_event_names_the_old_and_the_new_guest() {
    active().run(
        "
        expire                      ->
        want 2                      -> lock
        granted                     -> load
        loaded 0.1 a1/r1 as g1 900  -> send refresh r1
        responded 400 invalid_grant -> load
        loaded 0.1 a1/r1 as g1 900  -> key | acquiring
        key k2                      -> store 0.1 acquire_key k2
        saved                       -> send acquire k2
        responded a2/r2 as g2 900   -> load
        loaded 0.1 acquire_key k2   -> store 0.2 a2/r2
        saved                       -> unlock, publish 0.2, settle 2 a2; identity g1 g2 invalid_grant; acquired g2 | active
        ",
    );
}

#[test]
fn invalid_grant_is_ignored_if_another_tab_has_a_newer_credential() {
    active().run(
        "
        expire                      ->
        want 2                      -> lock
        nolock                      -> load
        loaded 0.1 a1/r1 as g1 900  -> send refresh r1
        responded 400 invalid_grant -> load
        loaded 0.2 a2/r2 as g1 900  -> settle 2 a2; adopted g1 | active
        ",
    );
}

#[test]
fn c10_with_the_policy_stop_an_ended_session_stays_ended_until_start() {
    ended().run(
        "
        want 3  -> settle 3 session_ended | ended
        start 4 -> settle 4 done | idle
        want 5  -> lock | acquiring
        ",
    );
}

#[test]
fn c10_another_guest_in_the_storage_is_reported() {
    active().run(
        "
        message 0.2                -> load
        loaded 0.2 a2/r2 as g2 900 -> ; identity g1 g2 another_tab; adopted g2
        ",
    );
}

#[test]
fn c10_an_upgrade_in_another_tab_is_reported_with_its_reason() {
    active().run(
        "
        message 0.2                     -> load
        loaded 0.2 a2/r2 as user:g1 900 -> ; identity g1 user_g1 registered; adopted user_g1
        ",
    );
    active().run(
        "
        message 0.2                     -> load
        loaded 0.2 a2/r2 as user:m1 900 -> ; identity g1 user_m1 logged_in; adopted user_m1
        ",
    );
}

#[test]
fn c10_a_member_that_is_replaced_is_not_reported_as_an_upgrade() {
    active().run(
        "
        message 0.2                     -> load
        loaded 0.2 a2/r2 as user:g1 900 -> ; identity g1 user_g1 registered; adopted user_g1
        message 0.3                     -> load
        loaded 0.3 a3/r3 as user:m1 900 -> ; identity user_g1 user_m1 another_tab; adopted user_m1
        message 0.4                     -> load
        loaded 0.4 a4/r4 as g4 900      -> ; identity user_m1 g4 another_tab; adopted g4
        ",
    );
}

#[test]
fn c10_an_ended_identity_is_reported_if_another_tab_signs_out() {
    active().run(
        "
        expire                      ->
        want 2                      -> lock
        granted                     -> load
        loaded 0.1 a1/r1 as g1 900  -> send refresh r1
        responded 400 invalid_grant -> load
        loaded 0.1 a1/r1 as g1 900  -> key | acquiring
        message signout 1           -> unlock, settle 2 signed_out, load; signed_out g1 another_tab | signed_out
        ",
    );
}

#[test]
fn a_refresh_without_refresh_token_and_subject_keeps_both() {
    active().run(
        "
        expire                     ->
        want 2                     -> lock
        granted                    -> load
        loaded 0.1 a1/r1 as g1 900 -> send refresh r1
        responded a2/- as - 900    -> load
        loaded 0.1 a1/r1 as g1 900 -> store 0.2 a2/r1
        saved                      -> unlock, publish 0.2, settle 2 a2; refreshed g1
        ",
    );
}

#[test]
fn an_ended_session_continues_with_the_guest_of_another_tab() {
    ended().run(
        "
        message 0.2                -> load
        loaded 0.2 a2/r2 as g2 900 -> ; adopted g2 | active
        want 3                     -> settle 3 a2
        401 4 0.2                  -> lock; unauthorized | refreshing
        ",
    );
}

#[test]
fn c10_an_ended_session_has_no_error() {
    let mut tab = active_with(Config { on_identity_lost: OnIdentityLost::Stop, ..Config::default() });
    tab.run(
        "
        expire                      ->
        want 2                      -> lock
        granted                     -> load
        loaded 0.1 a1/r1 as g1 900  -> send refresh r1
        unsent                      -> unlock; retrying network
        after 500                   -> lock
        granted                     -> load
        loaded 0.1 a1/r1 as g1 900  -> send refresh r1
        responded 400 invalid_grant -> load
        loaded 0.1 a1/r1 as g1 900  -> settle 2 session_ended, unlock; identity g1 - invalid_grant | ended
        ",
    );
    assert_eq!(tab.machine.snapshot().error, None);
}
