use guestpass_core::Config;

use crate::script::{SIGNED_OUT, active, active_with, tab};

#[test]
fn a_sign_out_is_stored_published_and_revoked() {
    let mut tab = active();
    tab.run(SIGNED_OUT);
    tab.run(
        "
        responded 200        -> load
        loaded 1.0 revoke r1 -> lock
        granted              -> load
        loaded 1.0 revoke r1 -> store 1.0
        saved                -> unlock, publish 1.0
        ",
    );
    assert_eq!(tab.timer(), None);
    assert_eq!(tab.machine.snapshot().id, None);
}

#[test]
fn the_next_use_after_a_sign_out_acquires_a_guest() {
    let mut tab = active();
    tab.run(SIGNED_OUT);
    tab.run(
        "
        want 3                    -> lock | acquiring
        granted                   -> load
        loaded 1.0 revoke r1      -> key
        key k2                    -> store 1.0 acquire_key k2 revoke r1
        saved                     -> send acquire k2
        responded a2/r2 as g2 900 -> load
        loaded 1.0 acquire_key k2 revoke r1 -> store 1.1 a2/r2 revoke r1
        saved                     -> unlock, publish 1.1, settle 3 a2; acquired g2 | active
        ",
    );
}

#[test]
fn c08_a_sign_out_fails_waiting_calls_and_cancels_the_refresh() {
    active().run(
        "
        expire                       ->
        want 2                       -> lock
        granted                      -> load
        loaded 0.1 a1/r1 as g1 900   -> send refresh r1
        signout 3                    -> send revoke r1, cancel, unlock, settle 2 signed_out, publish signout 1, lock; signed_out g1 this_tab
        responded@11 a2/r2 as g1 900 ->
        granted                      -> load
        loaded 0.1 a1/r1 as g1 900   -> store 1.0 revoke r1
        saved                        -> unlock, publish signout 1, settle 3 done | signed_out
        ",
    );
}

#[test]
fn c08_a_call_during_a_sign_out_gets_the_next_guest() {
    active().run(
        "
        signout 2                  -> send revoke r1, publish signout 1, lock; signed_out g1 this_tab
        want 3                     ->
        granted                    -> load
        loaded 0.1 a1/r1 as g1 900 -> store 1.0 revoke r1
        saved                      -> unlock, publish signout 1, settle 2 done, lock | acquiring
        ",
    );
}

#[test]
fn c08_a_message_of_a_sign_out_ends_the_session() {
    active().run(
        "
        expire            ->
        want 2            -> lock
        message signout 1 -> unlock, settle 2 signed_out, load; signed_out g1 another_tab | signed_out
        loaded 1.0        ->
        message signout 1 -> load
        ",
    );
}

#[test]
fn c08_a_sign_out_is_found_in_the_storage_if_its_message_was_lost() {
    active().run(
        "
        expire     ->
        want 2     -> lock
        granted    -> load
        loaded 1.0 -> unlock, settle 2 signed_out; signed_out g1 another_tab | signed_out
        ",
    );
    active().run(
        "
        visible                    -> load
        loaded 1.1 a5/r5 as g5 900 -> ; signed_out g1 another_tab; adopted g5 | active
        ",
    );
}

#[test]
fn c08_a_late_response_after_a_sign_out_of_another_tab_is_dropped() {
    active().run(
        "
        expire                     ->
        want 2                     -> lock
        granted                    -> load
        loaded 0.1 a1/r1 as g1 900 -> send refresh r1
        responded a2/r2 as g1 900  -> load
        loaded 1.0                 -> unlock, settle 2 signed_out; signed_out g1 another_tab | signed_out
        ",
    );
}

#[test]
fn c08_an_overwritten_sign_out_is_stored_again() {
    let mut tab = active();
    tab.run(SIGNED_OUT);
    tab.run(
        "
        message 0.2                -> load
        loaded 0.2 a2/r2 as g1 900 -> lock
        granted                    -> load
        loaded 0.2 a2/r2 as g1 900 -> send revoke r2, store 1.0 revoke r1 revoke r2
        saved                      -> unlock, publish 1.0 | signed_out
        ",
    );
}

#[test]
fn a_sign_out_keeps_a_newer_session_of_another_tab() {
    active().run(
        "
        signout 2                  -> send revoke r1, publish signout 1, lock; signed_out g1 this_tab
        granted                    -> load
        loaded 3.4 a9/r9 as g9 900 -> unlock, settle 2 done; adopted g9 | active
        ",
    );
}

#[test]
fn a_sign_out_revokes_the_newer_token_of_another_tab() {
    active().run(
        "
        signout 2                  -> send revoke r1, publish signout 1, lock; signed_out g1 this_tab
        granted                    -> load
        loaded 0.3 a3/r3 as g3 900 -> send revoke r3, store 1.0 revoke r1 revoke r3
        saved                      -> unlock, publish signout 1, settle 2 done | signed_out
        ",
    );
}

#[test]
fn a_sign_out_before_the_first_read_revokes_the_stored_token() {
    tab().run(
        "
        signout 1                  -> publish signout 1, lock; signed_out - this_tab
        granted                    -> load
        loaded 0.7 a7/r7 as g1 900 -> send revoke r7, store 1.0 revoke r7
        saved                      -> unlock, publish signout 1, settle 1 done | signed_out
        want 2                     -> lock
        ",
    );
}

#[test]
fn a_sign_out_is_settled_by_a_later_sign_out_of_another_tab() {
    active().run(
        "
        signout 2         -> send revoke r1, publish signout 1, lock; signed_out g1 this_tab
        message signout 2 -> unlock, settle 2 done, load | signed_out
        ",
    );
}

#[test]
fn without_a_refresh_token_the_access_token_is_revoked() {
    tab().run(
        "
        start 1                   -> load
        loaded 0.1 a1/- as g1 900 -> settle 1 done; restored g1
        signout 2                 -> send revoke a1, publish signout 1, lock; signed_out g1 this_tab
        ",
    );
}

#[test]
fn c22_a_revocation_is_tried_again_until_the_server_answers() {
    let mut tab = active();
    tab.run(SIGNED_OUT);
    for _ in 0..20 {
        for error in ["unsent", "responded 503", "responded 425", "responded 429"] {
            tab.run(&format!("{error} ->"));
            let wait = tab.timer().unwrap();
            assert!(wait <= 2 * 3_600_000, "{wait}");
            tab.run(&format!("after {wait} -> send revoke r1"));
        }
    }
    tab.run("after 10000 -> cancel");
    tab.run("online -> send revoke r1");
    tab.run("responded 401 -> load");
}

#[test]
fn c22_a_revocation_obeys_retry_after() {
    let mut tab = active();
    tab.run(SIGNED_OUT);
    tab.run(
        "
        responded 503 retry 30000 ->
        online                    ->
        visible                   -> load
        loaded 1.0 revoke r1      ->
        after 29999               ->
        after 1                   -> send revoke r1
        ",
    );
}

#[test]
fn c22_a_revocation_is_dropped_when_its_token_has_expired() {
    let mut tab = active();
    tab.run(SIGNED_OUT);
    let day: u64 = 86_400_000;
    tab.run(&format!(
        "
        unsent               ->
        after {day}          -> send revoke r1
        unsent               ->
        after {}             -> load
        loaded 1.0 revoke r1 -> lock
        granted              -> load
        loaded 1.0 revoke r1 -> store 1.0
        saved                -> unlock, publish 1.0
        ",
        30 * day
    ));
    assert_eq!(tab.timer(), None);
}

#[test]
fn c22_the_next_page_sends_a_revocation_that_waits_and_a_next_guest_keeps_it() {
    tab().run(
        "
        want 1                              -> load
        loaded 1.0 revoke r1                -> lock
        after 1                             -> send revoke r1
        granted                             -> load
        loaded 1.0 revoke r1                -> key
        key k2                              -> store 1.0 acquire_key k2 revoke r1
        saved                               -> send acquire k2
        responded@3 503                     ->
        responded a2/r2 as g2 900           -> load
        loaded 1.0 acquire_key k2 revoke r1 -> store 1.1 a2/r2 revoke r1
        saved                               -> unlock, publish 1.1, settle 1 a2; acquired g2 | active
        ",
    );
}

#[test]
fn c22_a_revocation_that_another_tab_has_done_is_dropped() {
    let mut tab = active();
    tab.run(
        "
        message signout 1    -> load; signed_out g1 another_tab
        loaded 1.0 revoke r1 ->
        message 1.0          -> load
        loaded 1.0           ->
        ",
    );
    assert_eq!(tab.timer(), None);
}

#[test]
fn c22_the_record_of_a_revocation_keeps_the_acquire_key_of_another_tab() {
    let mut tab = active();
    tab.run(SIGNED_OUT);
    tab.run(
        "
        responded 200                       -> load
        loaded 1.0 acquire_key k9 revoke r1 -> lock
        granted                             -> load
        loaded 1.0 acquire_key k9 revoke r1 -> store 1.0 acquire_key k9
        ",
    );
}

#[test]
fn a_sign_out_is_stored_without_a_lock_that_is_not_granted() {
    active().run(
        "
        signout 2                  -> send revoke r1, publish signout 1, lock; signed_out g1 this_tab
        responded 200              ->
        after 12000                -> unlock, load
        loaded 0.1 a1/r1 as g1 900 -> send revoke r1, store 1.0 revoke r1
        saved                      -> publish signout 1, settle 2 done
        ",
    );
}

/// In WebKit, another tab can receive the sign-out, and acquire a guest, before the tab that signs out has the lock.
#[test]
fn c08_a_sign_out_keeps_the_guest_that_another_tab_acquired_after_it() {
    active().run(
        "
        signout 2                  -> send revoke r1, publish signout 1, lock; signed_out g1 this_tab
        want 3                     ->
        visible                    -> load
        loaded 1.1 a5/r5 as g5 900 -> | acquiring
        granted                    -> load
        loaded 1.1 a5/r5 as g5 900 -> unlock, settle 2 done, settle 3 a5; adopted g5 | active
        ",
    );
}

/// Seen in WebKit: the lock of another tab is free before its commit is visible.
#[test]
fn c08_after_a_contended_lock_a_sign_out_awaits_the_commit_of_another_tab() {
    active().run(
        "
        signout 2                  -> send revoke r1, publish signout 1, lock; signed_out g1 this_tab
        granted contended          -> load
        loaded 0.1 a1/r1 as g1 900 ->
        after 50                   -> load
        loaded 1.1 a5/r5 as g5 900 -> unlock, settle 2 done; adopted g5 | active
        ",
    );
}

/// The tab that has signed out is closed before it gets the lock.
#[test]
fn c08_a_sign_out_that_its_tab_has_not_stored_is_stored_by_another_tab() {
    active().run(
        "
        message signout 1          -> load; signed_out g1 another_tab | signed_out
        loaded 0.1 a1/r1 as g1 900 -> lock
        granted                    -> load
        loaded 0.1 a1/r1 as g1 900 -> send revoke r1, store 1.0 revoke r1
        saved                      -> unlock, publish 1.0 | signed_out
        ",
    );
}

#[test]
fn the_pauses_of_a_revocation_grow_with_jitter() {
    let mut waits = [Vec::new(), Vec::new()];
    for seed in 0..32 {
        let mut tab = active_with(Config { seed, ..Config::default() });
        tab.run(SIGNED_OUT);
        for waits in &mut waits {
            tab.run("responded 429 ->");
            let wait = tab.timer().unwrap();
            waits.push(wait);
            tab.run(&format!("after {wait} -> send revoke r1"));
        }
    }
    for (waits, least) in waits.iter().zip([1_000, 2_000]) {
        assert!(waits.iter().all(|wait| (least..2 * least).contains(wait)), "{waits:?}");
        assert!(waits.iter().any(|wait| *wait > least + least / 2), "{waits:?}");
    }
}

#[test]
fn a_response_ends_its_own_revocation_only() {
    let mut tab = active();
    tab.run("signout 2 -> send revoke r1, publish signout 1, lock; signed_out g1 this_tab");
    let first = tab.last("send").0;
    tab.run(&format!(
        "
        granted                    -> load
        loaded 0.4 a9/r9 as g9 900 -> send revoke r9, store 1.0 revoke r1 revoke r9
        saved                      -> unlock, publish signout 1, settle 2 done
        responded@{first} 200      -> load
        loaded 1.0 revoke r1 revoke r9 -> lock
        granted                    -> load
        loaded 1.0 revoke r1 revoke r9 -> store 1.0 revoke r9
        saved                      -> unlock, publish 1.0
        after 10000                -> cancel
        "
    ));
    let wait = tab.timer().unwrap();
    tab.run(&format!("after {wait} -> send revoke r9"));
}

#[test]
fn c07_a_late_message_of_a_known_sign_out_keeps_the_next_guest() {
    active().run(
        "
        message signout 1          -> load; signed_out g1 another_tab
        loaded 1.1 a5/r5 as g5 900 -> ; adopted g5
        message signout 1          -> load | active
        loaded 1.1 a5/r5 as g5 900 -> | active
        want 2                     -> settle 2 a5
        ",
    );
}

#[test]
fn c08_the_acquire_key_of_an_older_epoch_is_not_used() {
    let mut tab = active();
    tab.run(SIGNED_OUT);
    tab.run(
        "
        want 3                    -> lock
        granted                   -> load
        loaded 0.0 acquire_key k1 -> key
        ",
    );
}

#[test]
fn a_sign_out_that_another_tab_has_stored_again_is_not_stored_twice() {
    let mut tab = active();
    tab.run(SIGNED_OUT);
    tab.run(
        "
        visible                    -> load
        loaded 0.2 a2/r2 as g1 900 -> lock
        granted                    -> load
        loaded 1.0 revoke r1       -> unlock | signed_out
        ",
    );
}

#[test]
fn c08_after_a_sign_out_the_acquire_key_of_the_acquisition_is_not_used() {
    tab().run(
        "
        want 1                    -> load
        loaded empty              -> publish 0.0, lock
        granted                   -> load
        loaded empty              -> key
        key k1                    -> store 0.0 acquire_key k1
        saved                     -> send acquire k1
        signout 2                 -> cancel, unlock, settle 1 signed_out, publish signout 1, lock; signed_out - this_tab
        granted                   -> load
        loaded 0.0 acquire_key k1 -> store 1.0
        saved                     -> unlock, publish signout 1, settle 2 done
        want 3                    -> lock
        granted                   -> load
        loaded 1.0                -> key
        ",
    );
}

#[test]
fn a_sign_out_resets_the_back_off() {
    let mut tab = active();
    tab.run(
        "
        expire                     ->
        want 2                     -> lock
        granted                    -> load
        loaded 0.1 a1/r1 as g1 900 -> send refresh r1
        responded 503 retry 20000  -> unlock; retrying unavailable
        signout 3                  -> send revoke r1, settle 2 signed_out, publish signout 1, lock; signed_out g1 this_tab | signed_out
        granted                    -> load
        loaded 0.1 a1/r1 as g1 900 -> store 1.0 revoke r1
        saved                      -> unlock, publish signout 1, settle 3 done
        want 4                     -> lock
        ",
    );
    assert_eq!(tab.machine.snapshot().error, None);
}
