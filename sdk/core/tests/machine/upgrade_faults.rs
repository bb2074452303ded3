//! Upgrades without a response, abandoned, or interrupted by a sign-out.

use guestpass_core::Config;

use crate::script::{CALL_TIMEOUT, Tab, UPGRADE_SENT, active, active_with};

/// Lets the pause end: the storage is read, and the request is sent again.
fn resend(tab: &mut Tab) {
    let wait = tab.timer().unwrap();
    assert!((1..=500).contains(&wait), "{wait}");
    tab.run(&format!("after {wait} -> load"));
    tab.run("loaded 0.1 acquire_key k2 a1/r1 as g1 900 -> send account 2 r1 key k2");
}

/// The lock is kept, so that no other tab asks for the session that may have ended.
#[test]
fn an_upgrade_with_a_lost_response_is_sent_again_under_the_lock_with_the_same_key() {
    for lost in ["unsent", "responded 503", "responded 200", "responded 204", "responded 429", "responded 408"] {
        let mut tab = active();
        tab.run(UPGRADE_SENT);
        tab.run(&format!("{lost} -> | active"));
        assert_eq!(tab.machine.snapshot().error, None, "the session has not failed");
        resend(&mut tab);
        tab.run(
            "
            responded member a2/r2 as user:g1 900     -> load
            loaded 0.1 acquire_key k2 a1/r1 as g1 900 -> store 0.2 a2/r2
            saved                                     -> unlock, publish 0.2, settle 2 response member; identity g1 user_g1 registered; refreshed user_g1 | active
            ",
        );
    }
}

#[test]
fn a_refused_token_does_not_interrupt_an_upgrade_that_is_repeated() {
    let mut tab = active();
    tab.run(UPGRADE_SENT);
    tab.run("unsent ->");
    tab.run("401 3 0.1 -> ; unauthorized");
    resend(&mut tab);
}

#[test]
fn an_upgrade_without_a_response_times_out() {
    let mut tab = active();
    tab.run(UPGRADE_SENT);
    let sent = tab.last("send").0;
    tab.run("after 9999 ->");
    tab.run("after 1 -> cancel");
    tab.run(&format!("responded@{sent} member a2/r2 as user:g1 900 ->"));
    resend(&mut tab);
}

#[test]
fn the_pauses_of_an_upgrade_grow_and_retry_after_is_obeyed() {
    let mut longest = [0; 4];
    for seed in 0..32 {
        let mut tab = active_with(Config { seed, ..Config::default() });
        tab.run(UPGRADE_SENT);
        for longest in &mut longest {
            tab.run("responded 503 ->");
            let wait = tab.timer().unwrap();
            *longest = wait.max(*longest);
            tab.run(&format!("after {wait} -> load"));
            tab.run("loaded 0.1 acquire_key k2 a1/r1 as g1 900 -> send account 2 r1 key k2");
        }
        tab.run("responded 503 retry 7000 ->");
        assert!(tab.timer().unwrap() >= 7_000);
    }
    for (attempt, longest) in longest.into_iter().enumerate() {
        assert!((250u64 << attempt..=500 << attempt).contains(&longest), "attempt {attempt}: {longest}");
    }
}

#[test]
fn an_upgrade_fails_at_once_if_retry_after_is_beyond_its_deadline() {
    let mut tab = active();
    tab.run(UPGRADE_SENT);
    tab.run(
        "
        responded 429 retry 29999  ->
        online                     -> load
        loaded 0.1 acquire_key k2 a1/r1 as g1 900 -> send account 2 r1 key k2
        responded 429 retry 30000  -> settle 2 unavailable, unlock | active
        ",
    );
    assert_eq!(tab.machine.snapshot().error, None);
}

#[test]
fn a_paused_upgrade_is_sent_when_the_tab_is_online_or_visible() {
    for back in ["online -> load", "visible -> load, load"] {
        let mut tab = active();
        tab.run(UPGRADE_SENT);
        tab.run("responded 503 retry 9000 ->");
        tab.run(back);
        tab.run("loaded 0.1 acquire_key k2 a1/r1 as g1 900 -> send account 2 r1 key k2");
    }
}

#[test]
fn c04_at_its_deadline_an_upgrade_fails_with_the_last_error() {
    for (fault, error) in [("unsent", "network"), ("responded 503", "unavailable"), ("after 10000", "timeout")] {
        let mut tab = active();
        tab.run(UPGRADE_SENT);
        let end = tab.now.mono + CALL_TIMEOUT;
        tab.feed(fault);
        let mut settled = false;
        while tab.now.mono < end {
            let output = tab.feed(&format!("after {}", tab.timer().unwrap()));
            settled |= output.contains(&format!("settle 2 {error}"));
            if output == "load" {
                tab.run("loaded 0.1 acquire_key k2 a1/r1 as g1 900 -> send account 2 r1 key k2");
                settled |= tab.feed(fault).contains(&format!("settle 2 {error}"));
            }
            assert_eq!(settled, tab.now.mono >= end, "{output}");
        }
        tab.run("want 3 -> settle 3 a1");
    }
}

/// Its response has the only tokens of the visitor.
#[test]
fn c05_the_response_to_an_upgrade_counts_although_the_caller_no_longer_waits() {
    let mut tab = active();
    tab.run(UPGRADE_SENT);
    tab.run(
        "
        abort 2                                   -> settle 2 aborted | active
        want 3                                    -> settle 3 a1
        responded member a2/r2 as user:g1 900     -> load
        loaded 0.1 acquire_key k2 a1/r1 as g1 900 -> store 0.2 a2/r2
        saved                                     -> unlock, publish 0.2; identity g1 user_g1 registered; refreshed user_g1
        ",
    );
    let mut lost = active();
    lost.run(UPGRADE_SENT);
    lost.run(
        "
        abort 2  -> settle 2 aborted
        unsent   -> unlock | active
        export 3 -> lock
        ",
    );
}

#[test]
fn c05_an_abort_before_an_upgrade_is_sent_cancels_it() {
    active().run(
        "
        upgrade 2 -> lock
        abort 2   -> settle 2 aborted, unlock | active
        ",
    );
    active().run(
        "
        upgrade 2                  -> lock
        upgrade 3                  ->
        granted                    -> load
        abort 2                    -> settle 2 aborted, unlock, lock
        ",
    );
}

#[test]
fn c08_a_sign_out_fails_the_upgrade() {
    let mut tab = active();
    tab.run(UPGRADE_SENT);
    let sent = tab.last("send").0;
    tab.run("signout 3 -> send revoke r1, cancel, unlock, settle 2 signed_out, publish signout 1, lock; signed_out g1 this_tab");
    tab.run(&format!("responded@{sent} member a2/r2 as user:g1 900 ->"));

    let mut other = active();
    other.run(UPGRADE_SENT);
    other.run("message signout 1 -> cancel, unlock, settle 2 signed_out, load; signed_out g1 another_tab");
}

/// The visitor has signed out while the response was on its way: no tab has the new session, so it is revoked.
#[test]
fn c08_a_sign_out_revokes_the_session_of_an_upgrade() {
    let mut found = active();
    found.run(UPGRADE_SENT);
    found.run(
        "
        responded member a2/r2 as user:g1 900 -> load
        loaded 1.0                            -> send revoke r2, unlock, settle 2 signed_out; signed_out g1 another_tab | signed_out
        ",
    );
    let mut own = active();
    own.run(UPGRADE_SENT);
    own.run(
        "
        responded member a2/r2 as user:g1 900     -> load
        loaded 0.1 acquire_key k2 a1/r1 as g1 900 -> store 0.2 a2/r2
        signout 3                                 -> send revoke r1, send revoke r2, unlock, settle 2 signed_out, publish signout 1, lock; signed_out g1 this_tab
        granted                                   -> load
        loaded 0.2 a2/r2 as user:g1 900           -> store 1.0 revoke r1 revoke r2
        ",
    );
}

#[test]
fn c16_close_cancels_the_upgrade() {
    let mut tab = active();
    tab.run(UPGRADE_SENT);
    tab.run(
        "
        close     -> cancel, unlock, settle 2 closed, shutdown | closed
        upgrade 3 -> settle 3 closed
        ",
    );
    assert_eq!(tab.timer(), None);
}

/// Without the lock, another tab could ask for the session that the upgrade ends.
#[test]
fn c06_an_upgrade_waits_for_the_lock_until_its_deadline() {
    active().run(
        "
        upgrade 2   -> lock
        after 12000 ->
        after 12000 ->
        after 6000  -> settle 2 timeout, unlock | active
        ",
    );
    active().run(
        "
        upgrade 2                  -> lock
        nolock                     -> load
        loaded 0.1 a1/r1 as g1 900 -> key
        ",
    );
}
