use crate::script::active;

#[test]
fn news_of_a_commit_is_loaded_and_adopted() {
    active().run(
        "
        message 0.2                -> load
        loaded 0.2 a2/r2 as g1 900 -> ; adopted g1
        want 2                     -> settle 2 a2
        ",
    );
}

#[test]
fn news_of_what_is_known_is_nothing() {
    active().run("message 0.1 ->");
}

#[test]
fn c07_news_and_loads_out_of_order_never_downgrade() {
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
fn news_during_a_load_makes_it_load_again() {
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
fn an_adopted_credential_serves_who_waits_while_a_refresh_is_under_way() {
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

/// Found in Firefox: the answer was lost after another tab's had been adopted, and that one was refreshed at once.
#[test]
fn c02_a_refresh_that_another_tab_has_overtaken_is_called_off() {
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
fn a_refresh_that_nobody_waits_for_any_more_goes_on() {
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

/// What is found is of no use: the answer may still be.
#[test]
fn c02_a_refresh_goes_on_when_the_credential_that_has_overtaken_it_has_expired() {
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

/// Found in Chromium: a tab stayed the guest that another one had made a member of, until its next refresh.
#[test]
fn c07_what_the_news_has_told_and_cannot_be_read_yet_is_looked_for_again() {
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
fn c17_what_never_comes_is_not_looked_for_for_ever() {
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
