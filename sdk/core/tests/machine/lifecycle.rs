use guestpass_core::{Config, Sharing};

use crate::script::{SIGNED_OUT, Tab, active, tab, tab_with};

#[test]
fn c16_close_settles_every_call_and_releases_everything() {
    let mut tab = active();
    tab.run(
        "
        expire                     ->
        want 2                     -> lock
        granted                    -> load
        loaded 0.1 a1/r1 as g1 900 -> send refresh r1
        close                      -> cancel, unlock, settle 2 closed, shutdown | closed
        close                      ->
        ",
    );
    assert_eq!(tab.timer(), None);
    assert_eq!(tab.machine.snapshot().id, None);
}

#[test]
fn c16_a_closed_machine_settles_every_call_at_once_and_ignores_other_inputs() {
    let mut tab = active();
    tab.feed("expire");
    tab.feed("want 2");
    tab.feed("close");
    tab.run(
        "
        start 1           -> settle 1 closed
        want 2            -> settle 2 closed
        signout 3         -> settle 3 closed
        401 4 0.1         -> settle 4 401
        granted           -> unlock
        saved             ->
        message 0.9       ->
        message signout 9 ->
        visible           ->
        online            ->
        after 999999      -> | closed
        ",
    );
}

#[test]
fn c16_close_waits_neither_for_the_storage_nor_for_a_revocation() {
    let mut tab = active();
    tab.feed("signout 2");
    tab.run("visible -> load");
    tab.run("close -> unlock, settle 2 closed, shutdown");
    assert_eq!(tab.timer(), None);
}

#[test]
fn c16_close_withdraws_the_request_for_the_lock() {
    tab().run(
        "
        want 1       -> load
        loaded empty -> publish 0.0, lock
        close        -> unlock, settle 1 closed, shutdown
        granted      -> unlock
        ",
    );
}

#[test]
fn c04_a_waiter_that_is_used_twice_is_settled_once() {
    tab().run(
        "
        want 1                     -> load
        want 1                     ->
        loaded 0.1 a1/r1 as g1 900 -> settle 1 a1; restored g1
        abort 1                    ->
        ",
    );
}

#[test]
fn c17_unexpected_completions_are_ignored() {
    let stray = "
        loaded@999 0.9 a9/r9 as g9 900 ->
        saved@999                      ->
        storage@999 failed load        ->
        granted@999                    -> unlock
        nolock@999                     ->
        key@999 k9                     ->
        responded@999 a9/r9 as g9 900  ->
        unsent@999                     ->
        abort 99                       ->
    ";
    tab().run(stray);
    active().run(stray);
    let mut signed_out = active();
    signed_out.feed("signout 2");
    signed_out.run(stray);
    signed_out.run("responded 503 ->");
    signed_out.run(stray);
    let locked = ["want 1", "loaded empty", "granted", "loaded empty", "key k1", "saved"];
    let unlocked =
        ["want 1", "loaded empty", "nolock", "loaded 0.0 acquire_key k2", "after 400", "loaded 0.0 acquire_key k2"];
    let old = "loaded 0.1 a1/r1 as g1 0";
    let refresh = ["want 1", old, "granted", old, "responded a2/r2 as g1 900", old];
    for mut tab in [locked, unlocked, refresh].into_iter().flat_map(every_step) {
        tab.run(stray);
    }
}

/// The tab after each of the inputs.
fn every_step(inputs: [&str; 6]) -> [Tab; 6] {
    let mut tab = tab();
    inputs.map(|input| {
        tab.feed(input);
        tab.clone()
    })
}

#[test]
fn c15_the_snapshot_is_the_same_until_something_changes() {
    let mut tab = active();
    let before = *tab.machine.snapshot();
    tab.run("want 2 -> settle 2 a1");
    tab.run("after 1000 ->");
    assert_eq!(*tab.machine.snapshot(), before);
}

#[test]
fn c13_debug_output_has_no_secret() {
    let mut tab = active();
    tab.run("expire ->");
    tab.run("want 2 -> lock");
    tab.run("granted -> load");
    tab.run("loaded 0.1 secret-access/secret-refresh as g1 900 -> send refresh r1");
    let shown = format!("{:?}", tab.machine);
    for secret in ["\"a1\"", "\"r1\"", "\"k1\"", "secret-access", "secret-refresh"] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
}

#[test]
fn c17_the_greatest_numbers_do_not_overflow() {
    let greatest = u64::MAX;
    let mut tab = tab();
    tab.run(&format!(
        "
        want 1                                       -> load
        loaded {greatest}.{greatest} a1/r1 as g1 900 -> settle 1 a1; restored g1
        expire                                       ->
        want 2                                       -> lock
        granted                                      -> load
        loaded {greatest}.{greatest} a1/r1 as g1 900 -> send refresh r1
        responded a2/r2 as g1 {greatest}             -> load
        loaded {greatest}.{greatest} a1/r1 as g1 900 -> store {greatest}.{greatest} a2/r2
        saved                                        -> unlock, publish {greatest}.{greatest}, settle 2 a2; refreshed g1
        signout 3                                    -> send revoke r2, publish signout {greatest}, lock; signed_out g1 this_tab
        "
    ));
}

#[test]
fn c26_a_machine_is_busy_until_nothing_is_under_way() {
    let busy = |tab: &mut Tab, line: &str| {
        tab.feed(line);
        tab.machine.is_busy()
    };
    let mut tab = tab();
    assert!(!tab.machine.is_busy(), "before its first use");
    assert!(busy(&mut tab, "want 1"), "a waiter");
    let mut tab = active();
    assert!(!tab.machine.is_busy(), "although a token will have to be renewed");

    assert!(busy(&mut tab, "visible"), "a reload");
    assert!(!busy(&mut tab, "loaded 0.1 a1/r1 as g1 900"));

    tab.feed("expire");
    for line in ["want 2", "granted", "loaded 0.1 a1/r1 as g1 900"] {
        tab.feed(line);
    }
    assert!(busy(&mut tab, "abort 2"), "a renewal that no call waits for");
    assert!(busy(&mut tab, "responded a2/r2 as g1 900"));
    assert!(busy(&mut tab, "loaded 0.1 a1/r1 as g1 900"));
    assert!(!busy(&mut tab, "saved"));

    let mut tab = active();
    tab.run(SIGNED_OUT);
    assert!(tab.machine.is_busy(), "a revocation");
    assert!(!busy(&mut tab, "unsent"), "which is stored, so that any page can try again");

    let mut tab = tab_with(Config { sharing: Sharing::InMemory, ..Config::default() });
    for line in ["want 1", "key k1", "responded a1/r1 as g1 900", "signout 2"] {
        tab.feed(line);
    }
    for _ in 0..2 {
        assert!(busy(&mut tab, "unsent"), "in memory, it is tried again");
        let wait = tab.timer().unwrap();
        tab.feed(&format!("after {wait}"));
    }
    assert!(!busy(&mut tab, "unsent"), "three times");
}
