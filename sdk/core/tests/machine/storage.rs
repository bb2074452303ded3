use crate::script::{active, tab};

#[test]
fn c14_with_a_blocked_storage_the_session_is_in_memory_and_reports_that_once() {
    tab().run(
        "
        want 1                    -> load
        storage failed load       -> lock; storage memory | acquiring
        granted                   -> load
        storage failed load       -> key
        key k1                    -> send acquire k1
        responded a1/r1 as g1 900 -> load
        storage failed load       -> unlock, settle 1 a1; acquired g1 | active
        expire                    ->
        want 2                    -> lock
        granted                   -> load
        storage failed load       -> send refresh r1
        responded a2/r2 as g1 900 -> load
        storage failed load       -> unlock, settle 2 a2; refreshed g1 | active
        ",
    );
}

#[test]
fn c14_a_load_that_does_not_complete_times_out() {
    tab().run(
        "
        want 1     -> load
        after 1000 ->
        after 999  ->
        after 1    -> cancel, lock; storage memory
        granted    -> key
        ",
    );
    tab().run(
        "
        want 1       -> load
        loaded empty -> publish 0.0, lock
        granted      -> load
        after 1000   ->
        after 999    ->
        after 1      -> cancel, key; storage memory
        key k1       -> send acquire k1
        loaded empty -> load
        ",
    );
}

/// A page that computes for two seconds while IndexedDB is read must not acquire a second guest.
#[test]
fn c14_a_page_that_was_blocked_still_takes_the_completion() {
    tab().run(
        "
        want 1                     -> load
        after 9000                 ->
        loaded 0.1 a1/r1 as g1 900 -> settle 1 a1; restored g1 | active
        ",
    );
    active().run(
        "
        expire                     ->
        want 2                     -> lock
        granted                    -> load
        after 9000                 ->
        loaded 0.1 a1/r1 as g1 900 -> send refresh r1
        responded a2/r2 as g1 900  -> load
        after 9000                 ->
        loaded 0.1 a1/r1 as g1 900 -> store 0.2 a2/r2
        after 9000                 ->
        saved                      -> unlock, publish 0.2, settle 2 a2; refreshed g1 | active
        ",
    );
}

#[test]
fn c28_a_successor_that_cannot_be_stored_is_not_used_and_requested_again() {
    active().run(
        "
        expire                     ->
        want 2                     -> lock
        granted                    -> load
        loaded 0.1 a1/r1 as g1 900 -> send refresh r1
        responded a2/r2 as g1 900  -> load
        loaded 0.1 a1/r1 as g1 900 -> store 0.2 a2/r2
        storage failed store       -> unlock; storage memory; retrying storage | unavailable
        visible                    -> load, lock
        loaded 0.1 a1/r1 as g1 900 ->
        granted                    -> load
        loaded 0.1 a1/r1 as g1 900 -> send refresh r1
        responded a2/r2 as g1 900  -> load
        loaded 0.1 a1/r1 as g1 900 -> store 0.2 a2/r2
        saved                      -> unlock, publish 0.2, settle 2 a2; refreshed g1 | active
        ",
    );
}

#[test]
fn c14_an_acquire_key_that_cannot_be_stored_is_used() {
    tab().run(
        "
        want 1               -> load
        loaded empty         -> publish 0.0, lock
        granted              -> load
        loaded empty         -> key
        key k1               -> store 0.0 acquire_key k1
        storage failed store -> send acquire k1; storage memory
        ",
    );
}

#[test]
fn c14_a_corrupt_record_counts_as_empty_and_is_reported() {
    tab().run(
        "
        want 1         -> load
        loaded corrupt -> publish 0.0, lock; storage corrupt
        ",
    );
}

#[test]
fn c21_a_record_that_was_deleted_is_stored_again() {
    active().run(
        "
        visible      -> load
        loaded empty -> load | active
        loaded empty -> store 0.1 a1/r1
        saved        -> publish 0.1 | active
        ",
    );
}

#[test]
fn c14_a_sign_out_that_cannot_be_stored_is_settled_and_stored_when_the_storage_works() {
    active().run(
        "
        signout 2                  -> send revoke r1, publish signout 1, lock; signed_out g1 this_tab
        granted                    -> load
        storage failed load        -> unlock, publish signout 1, settle 2 done; storage memory | signed_out
        online                     -> load
        loaded 0.1 a1/r1 as g1 900 -> lock
        granted                    -> load
        loaded 0.1 a1/r1 as g1 900 -> store 1.0 revoke r1
        saved                      -> unlock, publish 1.0 | signed_out
        ",
    );
}

#[test]
fn c14_a_start_is_settled_when_the_load_times_out() {
    tab().run(
        "
        start 1    -> load
        after 1000 ->
        after 1000 -> cancel, settle 1 done; storage memory | idle
        ",
    );
}

#[test]
fn c07_a_repair_adopts_a_newer_record() {
    active().run(
        "
        visible                    -> load
        loaded empty               -> load
        loaded 0.3 a3/r3 as g1 900 -> ; adopted g1
        want 2                     -> settle 2 a3
        ",
    );
}

#[test]
fn c14_a_storage_that_failed_is_tried_again_when_it_is_shown_online_or_needed() {
    for again in ["visible", "online"] {
        let mut tab = active();
        tab.run(
            "
            visible             -> load
            storage failed load -> ; storage memory
            ",
        );
        tab.run(&format!("{again} -> load"));
        tab.run(
            "
            loaded 0.2 a2/r2 as g1 900 -> ; adopted g1
            expire                     ->
            want 2                     -> lock
            granted                    -> load
            loaded 0.2 a2/r2 as g1 900 -> send refresh r2
            ",
        );
    }
}

#[test]
fn c14_a_storage_that_fails_again_is_reported_again() {
    active().run(
        "
        visible                    -> load
        storage failed load        -> ; storage memory
        visible                    -> load
        storage failed load        ->
        visible                    -> load
        loaded 0.1 a1/r1 as g1 900 ->
        visible                    -> load
        storage failed load        -> ; storage memory
        ",
    );
}

#[test]
fn c14_a_storage_that_hangs_is_not_asked_for_a_while_unless_it_responds() {
    active().run(
        "
        visible                    -> load
        after 2000                 ->
        after 2000                 -> cancel; storage memory
        expire                     ->
        want 2                     -> lock
        granted                    -> unlock; retrying storage | unavailable
        loaded@10 0.1 a1/r1        -> load
        loaded 0.1 a1/r1 as g1 900 ->
        visible                    -> load, lock
        loaded 0.1 a1/r1 as g1 900 ->
        granted                    -> load
        loaded 0.1 a1/r1 as g1 900 -> send refresh r1
        ",
    );
}

/// Another tab may have rotated the token meanwhile.
#[test]
fn c28_a_tab_that_cannot_read_the_storage_presents_no_refresh_token_of_other_tabs() {
    active().run(
        "
        want 2                     -> settle 2 a1
        expire                     ->
        want 3                     -> lock
        granted                    -> load
        storage failed load        -> unlock; storage memory; retrying storage | unavailable
        export 4                   ->
        visible                    -> load, lock
        storage failed load        ->
        granted                    -> load
        loaded 0.3 a3/r3 as g1 900 -> unlock, settle 3 a3, lock; adopted g1 | active
        granted                    -> load
        storage failed load        -> unlock, settle 4 storage; storage memory
        ",
    );
}

#[test]
fn c28_an_upgrade_waits_until_the_refresh_token_can_be_read() {
    let mut tab = active();
    tab.run(
        "
        upgrade 2                  -> lock
        granted                    -> load
        storage failed load        -> ; storage memory
        ",
    );
    let wait = tab.timer().unwrap();
    tab.run(&format!("after {wait} -> load"));
    tab.run("loaded 0.1 a1/r1 as g1 900 -> key");
}

/// The server has no guest of the key that is left in the storage, or the next page gets that guest.
#[test]
fn c14_a_guest_that_cannot_be_stored_is_acquired_under_a_key_of_its_own() {
    let mut tab = tab();
    tab.run(
        "
        want 1                    -> load
        loaded empty              -> publish 0.0, lock
        granted                   -> load
        loaded empty              -> key
        key k1                    -> store 0.0 acquire_key k1
        saved                     -> send acquire k1
        responded a1/r1 as g1 900 -> load
        loaded 0.0 acquire_key k1 -> store 0.1 a1/r1
        storage failed store      -> unlock; storage memory; retrying storage
        visible                   -> load, lock
        loaded 0.0 acquire_key k1 ->
        granted                   -> load
        loaded 0.0 acquire_key k1 -> send acquire k1
        responded a1/r1 as g1 900 -> load
        loaded 0.0 acquire_key k1 -> store 0.1 a1/r1
        storage failed store      -> key
        key k2                    -> send acquire k2
        responded a2/r2 as g2 900 -> load
        loaded 0.0 acquire_key k1 -> store 0.1 a2/r2
        storage failed store      -> unlock, settle 1 a2; acquired g2 | active
        visible                   -> load
        loaded 0.1 a5/r5 as g5 900 -> ; identity g2 g5 another_tab; adopted g5
        ",
    );
}

/// The stored guest has the visitor's data.
#[test]
fn c14_a_renewed_guest_that_no_storage_had_does_not_replace_the_stored_one() {
    tab().run(
        "
        want 1                    -> load
        storage failed load       -> lock; storage memory | acquiring
        granted                   -> load
        storage failed load       -> key
        key k1                    -> send acquire k1
        responded a1/r1 as g1 900 -> load
        storage failed load       -> unlock, settle 1 a1; acquired g1 | active
        expire                    ->
        want 2                    -> lock
        granted                   -> load
        storage failed load       -> send refresh r1
        responded a2/r2 as g1 900 -> load
        loaded 0.1 a0/r0 as g0 900 -> unlock, settle 2 a0; identity g1 g0 another_tab; adopted g0
        ",
    );
}

#[test]
fn c14_a_guest_that_was_acquired_without_the_storage_is_stored_when_it_works() {
    tab().run(
        "
        want 1                    -> load
        storage failed load       -> lock; storage memory | acquiring
        granted                   -> load
        storage failed load       -> key
        key k1                    -> send acquire k1
        responded a1/r1 as g1 900 -> load
        storage failed load       -> unlock, settle 1 a1; acquired g1 | active
        visible                   -> load
        loaded empty              -> load
        loaded empty              -> store 0.1 a1/r1
        saved                     -> publish 0.1
        ",
    );
}

#[test]
fn c21_a_page_that_finds_an_empty_storage_asks_the_others_to_write_it() {
    active().run(
        "
        message 0.0               -> load
        loaded empty              -> load
        loaded empty              -> store 0.1 a1/r1
        saved                     -> publish 0.1
        ",
    );
}

#[test]
fn c21_a_page_that_is_hidden_writes_an_emptied_storage() {
    active().run(
        "
        hidden       -> load
        loaded empty -> load
        loaded empty -> store 0.1 a1/r1
        saved        -> publish 0.1
        hidden       -> load
        ",
    );
}

#[test]
fn c21_after_a_sign_out_an_emptied_storage_gets_the_sign_out() {
    let mut tab = active();
    tab.run(crate::script::SIGNED_OUT);
    tab.run(
        "
        responded 503 ->
        message 0.0   -> load
        loaded empty  -> lock
        granted       -> load
        loaded empty  -> store 1.0 revoke r1
        ",
    );
}

#[test]
fn c21_of_two_guests_of_one_version_the_stored_one_counts() {
    active().run(
        "
        visible                    -> load
        loaded 0.1 a9/r9 as g9 900 -> ; identity g1 g9 another_tab; adopted g9 | active
        ",
    );
}
