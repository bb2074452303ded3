use crate::script::{REFRESHED, active};

#[test]
fn c02_everybody_who_waits_shares_one_refresh() {
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
fn c02_a_newer_credential_of_another_tab_is_adopted_instead() {
    active().run(
        "
        expire                     ->
        want 2                     -> lock
        granted                    -> load
        loaded 0.2 a2/r2 as g1 900 -> unlock, settle 2 a2; adopted g1 | active
        ",
    );
}

/// Seen in Chromium: the lock of the other tab is free before what it has stored can be read.
#[test]
fn c02_after_waiting_for_the_lock_what_the_other_tab_has_stored_may_take_a_moment_to_arrive() {
    let contended = "
        expire                     ->
        want 2                     -> lock
        granted contended          -> load
        loaded 0.1 a1/r1 as g1 900 ->
        after 50                   -> load
    ";
    let mut late = active();
    late.run(contended);
    late.run("loaded 0.2 a2/r2 as g1 900  -> unlock, settle 2 a2; adopted g1 | active");
    let mut nothing = active();
    nothing.run(contended);
    nothing.run("loaded 0.1 a1/r1 as g1 900  -> send refresh r1");
}

/// The message travels faster than the storage, too: whoever has heard of a commit does not begin from what was before it.
#[test]
fn c02_what_another_tab_has_told_of_is_given_a_moment_to_arrive() {
    active().run(
        "
        expire                        ->
        message 0.2                   -> load
        loaded 0.1 a1/r1 as g1 900    ->
        want 2                        -> lock
        granted                       -> load
        loaded 0.1 a1/r1 as g1 900    ->
        after 50                      -> load, load
        loaded 0.2 a2/r2 as g1 900    -> settle 2 a2; adopted g1 | refreshing
        loaded@13 0.2 a2/r2 as g1 900 -> unlock | active
        ",
    );
}

#[test]
fn c05_an_abort_does_not_cancel_what_others_wait_for() {
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
fn c06_a_lock_that_does_not_come_is_waited_for_only_so_long() {
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
fn c06_a_lock_that_is_lost_under_way_changes_nothing() {
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
fn c07_an_answer_that_others_have_overtaken_is_dropped() {
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
    let mut heard = active();
    heard.run(lockless);
    heard.run(
        "
        message 0.3                -> load
        loaded 0.3 a3/r3 as g1 900 -> cancel, settle 2 a3; adopted g1 | active
        responded a2/r2 as g1 900  ->
        want 3                     -> settle 3 a3
        ",
    );
}

#[test]
fn c07_a_commit_that_is_overtaken_while_it_is_stored_is_mended() {
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
fn c04_a_deadline_comes_true_whatever_the_machine_waits_for() {
    let mut tab = active();
    tab.run("expire ->");
    tab.run("want 2 -> lock");
    let said = tab.feed("after 30000");
    assert!(said.starts_with("settle 2 timeout"), "{said}");
}

#[test]
fn a_lock_that_came_at_once_was_nobodys() {
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
