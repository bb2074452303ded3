use crate::script::{active, tab};

const SIGNED_OUT: &str = "
    signout 2 permanent        -> send revoke r1, publish signout 1 permanent, lock; signed_out g1 this_tab permanent | signed_out
    granted                    -> load
    loaded 0.1 a1/r1 as g1 900 -> store 1.0 permanent revoke r1
    saved                      -> unlock, publish signout 1 permanent, settle 2 done
";

#[test]
fn c08_after_a_permanent_sign_out_no_guest_is_acquired_before_start() {
    let mut tab = active();
    tab.run(SIGNED_OUT);
    tab.run(
        "
        want 3               -> settle 3 signed_out | signed_out
        start 3              -> settle 3 done | signed_out
        start 4 reset        -> settle 4 done | idle
        want 5               -> lock | acquiring
        granted              -> load
        loaded 1.0 permanent -> key
        key k2               -> store 1.0 permanent acquire_key k2
        ",
    );
}

#[test]
fn c08_a_permanent_sign_out_counts_in_other_tabs() {
    active().run(
        "
        message signout 1 permanent -> load; signed_out g1 another_tab permanent
        want 2                      -> settle 2 signed_out
        loaded 1.0 permanent        -> | signed_out
        want 3                      -> settle 3 signed_out
        ",
    );
    tab().run(
        "
        message signout 1 permanent -> load | signed_out
        want 2                      -> settle 2 signed_out
        ",
    );
}

#[test]
fn c08_a_permanent_sign_out_counts_after_a_page_reload() {
    let mut tab = tab();
    tab.run(
        "
        start 1              -> load
        want 2               ->
        loaded 1.0 permanent -> settle 1 done, settle 2 signed_out | signed_out
        want 3               -> settle 3 signed_out
        start 4              -> settle 4 done | signed_out
        start 5 reset        -> settle 5 done | idle
        want 5               -> lock
        ",
    );
}

#[test]
fn c08_after_a_permanent_sign_out_the_guest_of_another_tab_is_adopted() {
    let mut tab = active();
    tab.run(SIGNED_OUT);
    tab.run(
        "
        message 1.1                          -> load
        loaded 1.1 permanent a5/r5 as g5 900 -> ; adopted g5 | active
        want 3                               -> settle 3 a5
        ",
    );
}

#[test]
fn c08_the_second_guest_after_a_permanent_sign_out_needs_no_start() {
    tab().run(
        "
        want 1                              -> load
        loaded 1.1 permanent acquire_key k5 -> lock | acquiring
        ",
    );
}

#[test]
fn c08_an_upgrade_after_a_permanent_sign_out_acquires_a_guest() {
    for known in [true, false] {
        let mut tab = tab();
        tab.run("start 1 -> load");
        if known {
            tab.run("loaded 1.0 permanent -> settle 1 done | signed_out");
            tab.run("upgrade 2 -> lock | acquiring");
        } else {
            tab.run("upgrade 2 ->");
            tab.run("loaded 1.0 permanent -> settle 1 done, lock | acquiring");
        }
    }
}

#[test]
fn c08_of_two_concurrent_sign_outs_the_permanent_one_counts() {
    let mut lesser = active();
    lesser.run(
        "
        signout 2            -> send revoke r1, publish signout 1, lock; signed_out g1 this_tab
        granted              -> load
        loaded 1.0 permanent -> unlock, settle 2 done
        want 3               -> settle 3 signed_out
        ",
    );
    let mut greater = active();
    greater.run(
        "
        signout 2 permanent -> send revoke r1, publish signout 1 permanent, lock; signed_out g1 this_tab permanent
        granted             -> load
        loaded 1.0          -> store 1.0 permanent revoke r1
        saved               -> unlock, publish signout 1 permanent, settle 2 done
        ",
    );
    let mut third = active();
    third.run(
        "
        message signout 1           -> load; signed_out g1 another_tab
        message signout 1 permanent ->
        loaded 1.0                  -> lock, load
        granted                     -> load
        loaded 1.0                  -> store 1.0 permanent
        ",
    );
}
