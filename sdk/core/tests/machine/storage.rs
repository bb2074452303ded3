use crate::script::{active, tab};

#[test]
fn c14_with_a_blocked_storage_the_session_is_in_memory_and_reports_that_once() {
    tab().run(
        "
        want 1                    -> load
        storage failed load       -> key; storage memory | acquiring
        key k1                    -> send acquire k1
        responded a1/r1 as g1 900 -> settle 1 a1; acquired g1 | active
        expire                    ->
        want 2                    -> send refresh r1
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
        after 1    -> key; storage memory
        ",
    );
    tab().run(
        "
        want 1       -> load
        loaded empty -> lock
        granted      -> load
        after 1000   ->
        after 999    ->
        after 1      -> key; storage memory
        key k1       -> send acquire k1
        loaded empty ->
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
fn c14_with_a_full_storage_the_credential_stays_in_memory() {
    active().run(
        "
        expire                     ->
        want 2                     -> lock
        granted                    -> load
        loaded 0.1 a1/r1 as g1 900 -> send refresh r1
        responded a2/r2 as g1 900  -> load
        loaded 0.1 a1/r1 as g1 900 -> store 0.2 a2/r2
        storage failed store       -> unlock, settle 2 a2; storage memory; refreshed g1 | active
        ",
    );
}

#[test]
fn c14_an_acquire_key_that_cannot_be_stored_is_used() {
    tab().run(
        "
        want 1               -> load
        loaded empty         -> lock
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
        loaded corrupt -> lock; storage corrupt
        ",
    );
}

#[test]
fn c14_a_record_that_was_deleted_is_stored_again() {
    active().run(
        "
        visible      -> load
        loaded empty -> lock | active
        granted      -> load
        loaded empty -> store 0.1 a1/r1
        saved        -> unlock, publish 0.1 | active
        ",
    );
}

#[test]
fn a_sign_out_in_memory_is_settled_at_once() {
    tab().run(
        "
        want 1                    -> load
        storage failed load       -> key; storage memory
        key k1                    -> send acquire k1
        responded a1/r1 as g1 900 -> settle 1 a1; acquired g1
        signout 2                 -> send revoke r1, settle 2 done; signed_out g1 this_tab | signed_out
        ",
    );
}

#[test]
fn c14_a_start_is_settled_when_the_load_times_out() {
    tab().run(
        "
        start 1    -> load
        after 1000 ->
        after 1000 -> settle 1 done; storage memory | idle
        ",
    );
}

#[test]
fn c07_a_repair_adopts_a_newer_record() {
    active().run(
        "
        visible                    -> load
        loaded empty               -> lock
        granted                    -> load
        loaded 0.3 a3/r3 as g1 900 -> unlock; adopted g1
        want 2                     -> settle 2 a3
        ",
    );
}
