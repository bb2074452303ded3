use crate::script::active;

#[test]
fn an_announced_commit_is_loaded_and_adopted() {
    active().run(
        "
        message 0.2                -> load
        loaded 0.2 a2/r2 as g1 900 -> ; adopted g1
        want 2                     -> settle 2 a2
        ",
    );
}

#[test]
fn a_message_of_the_own_version_is_ignored() {
    active().run("message 0.1 ->");
}

#[test]
fn c07_messages_and_loads_out_of_order_never_lower_the_version() {
    active().run(
        "
        message 0.3                -> load
        message 0.2                ->
        loaded 0.3 a3/r3 as g1 900 -> load; adopted g1
        loaded 0.3 a3/r3 as g1 900 ->
        want 2                     -> settle 2 a3
        ",
    );
    active().run(
        "
        message 0.3                -> load
        loaded 0.3 a3/r3 as g1 900 -> ; adopted g1
        loaded 0.2 a2/r2 as g1 900 ->
        want 2                     -> settle 2 a3
        ",
    );
}

#[test]
fn a_message_during_a_load_causes_another_load() {
    active().run(
        "
        visible                    -> load
        message 0.2                ->
        loaded 0.1 a1/r1 as g1 900 -> load
        loaded 0.2 a2/r2 as g1 900 -> ; adopted g1
        ",
    );
}

#[test]
fn an_adopted_credential_serves_the_calls_that_wait_for_a_refresh() {
    active().run(
        "
        expire                     ->
        want 2                     -> lock
        message 0.2                -> load
        loaded 0.2 a2/r2 as g1 900 -> settle 2 a2; adopted g1
        granted                    -> load
        loaded 0.2 a2/r2 as g1 900 -> unlock
        ",
    );
}

/// Firefox can report the failure of a request after the newer credential was adopted. A retry would refresh that credential at
/// once.
#[test]
fn c02_a_refresh_that_another_tab_has_overtaken_is_cancelled() {
    let mut tab = active();
    tab.run(
        "
        expire                     ->
        want 2                     -> lock
        nolock                     -> load
        loaded 0.1 a1/r1 as g1 900 -> send refresh r1
        message 0.2                -> load
        loaded 0.2 a2/r2 as g1 900 -> cancel, settle 2 a2; adopted g1 | active
        unsent                     ->
        after 60000                ->
        ",
    );
}

#[test]
fn a_refresh_goes_on_after_its_call_was_aborted() {
    active().run(
        "
        expire                     ->
        want 2                     -> lock
        granted                    -> load
        loaded 0.1 a1/r1 as g1 900 -> send refresh r1
        abort 2                    -> settle 2 aborted
        visible                    -> load
        loaded 0.1 a1/r1 as g1 900 ->
        responded a2/r2 as g1 900  -> load
        loaded 0.1 a1/r1 as g1 900 -> store 0.2 a2/r2
        saved                      -> unlock, publish 0.2; refreshed g1 | active
        ",
    );
}

/// The adopted credential cannot be used; the response may bring one that can.
#[test]
fn c02_a_refresh_goes_on_if_the_newer_credential_has_expired() {
    active().run(
        "
        expire                     ->
        want 2                     -> lock
        nolock                     -> load
        loaded 0.1 a1/r1 as g1 900 -> send refresh r1
        message 0.2                -> load
        loaded 0.2 a2/r2 as g1 0   -> ; adopted g1
        responded a2/r2 as g1 900  -> load
        loaded 0.2 a2/r2 as g1 0   -> lock
        ",
    );
}

#[test]
fn a_credential_that_is_adopted_expired_is_refreshed() {
    active().run(
        "
        expire                    ->
        want 2                    -> lock
        granted                   -> load
        loaded 0.5 a5/r5 as g1 0  -> send refresh r5; adopted g1
        responded a6/r6 as g1 900 -> load
        loaded 0.5 a5/r5 as g1 0  -> store 0.6 a6/r6
        saved                     -> unlock, publish 0.6, settle 2 a6; refreshed g1 | active
        ",
    );
}

/// In Chromium, a message arrives before the commit that it announces. After an upgrade in another tab, a tab that loads only
/// once would show the guest until its next refresh.
#[test]
fn c07_an_announced_commit_that_is_not_visible_yet_is_loaded_again() {
    let mut tab = active();
    tab.run(
        "
        message 0.2                     -> load
        loaded 0.1 a1/r1 as g1 900      ->
        after 50                        -> load
        loaded 0.1 a1/r1 as g1 900      ->
        after 99                        ->
        after 1                         -> load
        loaded 0.2 a2/r2 as user:g1 900 -> ; identity g1 user_g1 registered; adopted user_g1
        after 1000                      ->
        ",
    );
}

#[test]
fn c17_an_announced_commit_that_never_arrives_is_loaded_four_times_more() {
    let mut tab = active();
    tab.run("message 0.2 -> load");
    for pause in [50, 100, 200, 400] {
        tab.run("loaded 0.1 a1/r1 as g1 900 ->");
        tab.run(&format!("after {pause} -> load"));
    }
    tab.run("loaded 0.1 a1/r1 as g1 900 ->");
    tab.run("after 800 ->");
    tab.run("message 0.1 ->");
}
