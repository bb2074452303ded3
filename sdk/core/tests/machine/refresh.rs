use crate::script::{REFRESHED, active};

#[test]
fn c02_waiting_calls_share_one_refresh() {
    let mut tab = active();
    tab.run(
        "
        expire ->
        want 2 -> lock
        want 3 ->
        want 4 ->
        ",
    );
    tab.run(REFRESHED);
    tab.run("saved -> unlock, publish 0.2, settle 2 a2, settle 3 a2, settle 4 a2; refreshed g1");
}

#[test]
fn c02_a_newer_credential_of_another_tab_is_adopted_instead_of_a_refresh() {
    active().run(
        "
        expire                     ->
        want 2                     -> lock
        granted                    -> load
        loaded 0.2 a2/r2 as g1 900 -> unlock, settle 2 a2; adopted g1 | active
        ",
    );
}

/// Seen in Chromium: the lock of another tab is free before its commit is visible.
#[test]
fn c02_after_a_contended_lock_the_commit_of_another_tab_is_awaited() {
    let contended = "
        expire                     ->
        want 2                     -> lock
        granted contended          -> load
        loaded 0.1 a1/r1 as g1 900 ->
        after 50                   -> load
    ";
    let mut visible = active();
    visible.run(contended);
    visible.run("loaded 0.2 a2/r2 as g1 900  -> unlock, settle 2 a2; adopted g1 | active");
    let mut unchanged = active();
    unchanged.run(contended);
    unchanged.run("loaded 0.1 a1/r1 as g1 900  -> send refresh r1");
}

/// A message arrives before the commit that it announces is visible.
#[test]
fn c02_an_announced_commit_is_awaited_before_a_refresh() {
    active().run(
        "
        expire                        ->
        message 0.2                   -> load
        loaded 0.1 a1/r1 as g1 900    ->
        want 2                        -> lock
        granted                       -> load
        loaded 0.1 a1/r1 as g1 900    ->
        after 50                      -> load, load
        loaded 0.2 a2/r2 as g1 900    -> settle 2 a2; adopted g1 | active
        loaded@13 0.2 a2/r2 as g1 900 -> unlock | active
        ",
    );
}

#[test]
fn c05_an_abort_does_not_cancel_the_refresh_of_other_calls() {
    let mut tab = active();
    tab.run(
        "
        expire  ->
        want 2  -> lock
        want 3  ->
        abort 2 -> settle 2 aborted
        ",
    );
    tab.run(REFRESHED);
    tab.run("saved -> unlock, publish 0.2, settle 3 a2; refreshed g1");
    tab.run("abort 2 ->");
}

#[test]
fn c06_a_lock_that_is_not_granted_times_out() {
    active().run(
        "
        expire                     ->
        want 2                     -> lock
        after 12000                -> unlock, load
        loaded 0.1 a1/r1 as g1 900 -> send refresh r1
        granted                    -> unlock
        responded a2/r2 as g1 900  -> load
        loaded 0.1 a1/r1 as g1 900 -> store 0.2 a2/r2
        saved                      -> publish 0.2, settle 2 a2; refreshed g1
        ",
    );
}

#[test]
fn c06_a_transaction_goes_on_after_it_has_lost_the_lock() {
    active().run(
        "
        expire                     ->
        want 2                     -> lock
        granted                    -> load
        granted                    ->
        loaded 0.1 a1/r1 as g1 900 -> send refresh r1
        nolock                     ->
        responded a2/r2 as g1 900  -> load
        loaded 0.1 a1/r1 as g1 900 -> store 0.2 a2/r2
        saved                      -> publish 0.2, settle 2 a2; refreshed g1
        ",
    );
}

#[test]
fn c07_a_response_is_dropped_if_another_tab_has_committed() {
    let lockless = "
        expire                     ->
        want 2                     -> lock
        nolock                     -> load
        loaded 0.1 a1/r1 as g1 900 -> send refresh r1
    ";
    let mut stored = active();
    stored.run(lockless);
    stored.run(
        "
        responded a2/r2 as g1 900  -> load
        loaded 0.2 b2/r2 as g1 900 -> settle 2 b2; adopted g1 | active
        ",
    );
    let mut announced = active();
    announced.run(lockless);
    announced.run(
        "
        message 0.3                -> load
        loaded 0.3 a3/r3 as g1 900 -> cancel, settle 2 a3; adopted g1 | active
        responded a2/r2 as g1 900  ->
        want 3                     -> settle 3 a3
        ",
    );
}

#[test]
fn c07_a_commit_that_is_overtaken_while_it_is_stored_is_repaired() {
    active().run(
        "
        expire                     ->
        want 2                     -> lock
        nolock                     -> load
        loaded 0.1 a1/r1 as g1 900 -> send refresh r1
        responded a2/r2 as g1 900  -> load
        loaded 0.1 a1/r1 as g1 900 -> store 0.2 a2/r2
        message 0.3                -> load
        loaded 0.3 a3/r3 as g1 900 -> settle 2 a3; adopted g1
        saved                      -> lock
        granted                    -> load
        loaded 0.2 a2/r2 as g1 900 -> store 0.3 a3/r3
        saved                      -> unlock, publish 0.3
        ",
    );
}

#[test]
fn c04_a_call_fails_at_its_deadline_in_every_step() {
    let mut tab = active();
    tab.run("expire ->");
    tab.run("want 2 -> lock");
    let output = tab.feed("after 30000");
    assert!(output.starts_with("settle 2 timeout"), "{output}");
}

#[test]
fn a_lock_that_was_free_needs_no_waiting() {
    active().run(
        "
        expire                     ->
        want 2                     -> lock
        after 5                    ->
        granted                    -> load
        loaded 0.1 a1/r1 as g1 900 -> send refresh r1
        ",
    );
}
