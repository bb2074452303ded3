//! Account requests without a response, aborted, or interrupted by a sign-out.

use guestpass_core::Config;

use crate::script::{CALL_TIMEOUT, Tab, active, active_with};

/// Lets the pause end; the request is sent again.
fn resend(tab: &mut Tab, sent: &str) {
    let wait = tab.timer().unwrap();
    assert!((1..=500).contains(&wait), "{wait}");
    tab.run(&format!("after {wait} -> {sent}"));
}

#[test]
fn an_account_request_with_a_lost_response_is_sent_again() {
    for lost in ["unsent", "responded 503", "responded 200", "responded 204", "responded 429", "responded 408"] {
        let mut tab = active();
        tab.run("register 2 {} -> send register a1 {}");
        tab.run(&format!("{lost} -> | active"));
        assert_eq!(tab.machine.snapshot().error, None, "the session has not failed");
        resend(&mut tab, "send register a1 {}");
        tab.run("responded member user:g1 -> lock");
    }
}

#[test]
fn an_account_request_without_a_response_times_out() {
    let mut tab = active();
    tab.run(
        "
        register 2 {}               -> send register a1 {}
        after 9999                  ->
        after 1                     -> cancel
        responded@9  member user:g1 ->
        ",
    );
    resend(&mut tab, "send register a1 {}");
}

#[test]
fn the_pauses_of_an_account_request_grow_and_retry_after_is_obeyed() {
    let mut longest = [0; 4];
    for seed in 0..32 {
        let mut tab = active_with(Config { seed, ..Config::default() });
        tab.run("register 2 {} -> send register a1 {}");
        for longest in &mut longest {
            tab.run("responded 503 ->");
            let wait = tab.timer().unwrap();
            *longest = wait.max(*longest);
            tab.run(&format!("after {wait} -> send register a1 {{}}"));
        }
        tab.run("responded 503 retry 7000 ->");
        assert!(tab.timer().unwrap() >= 7_000);
    }
    for (attempt, longest) in longest.into_iter().enumerate() {
        assert!((250u64 << attempt..=500 << attempt).contains(&longest), "attempt {attempt}: {longest}");
    }
}

#[test]
fn an_account_request_fails_at_once_if_retry_after_is_beyond_its_deadline() {
    let mut tab = active();
    tab.run(
        "
        login 2 {}                -> send login a1 {}
        responded 429 retry 29999 ->
        online                    -> send login a1 {}
        responded 429 retry 30000 -> settle 2 unavailable | active
        ",
    );
    assert_eq!(tab.machine.snapshot().error, None);
}

#[test]
fn a_paused_account_request_is_sent_when_the_tab_is_online_or_visible() {
    for back in ["online -> send register a1 {}", "visible -> load, send register a1 {}"] {
        let mut tab = active();
        tab.run(
            "
            register 2 {}            -> send register a1 {}
            responded 503 retry 9000 ->
            ",
        );
        tab.run(back);
    }
}

#[test]
fn c04_at_its_deadline_an_account_request_fails_with_the_last_error() {
    for (fault, error) in [("unsent", "network"), ("responded 503", "unavailable"), ("after 10000", "timeout")] {
        let mut tab = active();
        tab.run("register 2 {} -> send register a1 {}");
        let end = tab.now.mono + CALL_TIMEOUT;
        tab.feed(fault);
        while tab.now.mono < end {
            let output = tab.feed(&format!("after {}", tab.timer().unwrap()));
            let output = if output.contains("send") && tab.now.mono < end { tab.feed(fault) } else { output };
            assert_eq!(output.contains("settle"), tab.now.mono >= end, "{output}");
            assert!(tab.now.mono < end || output.contains(&format!("settle 2 {error}")), "{error}: {output}");
        }
        tab.run("want 3 -> settle 3 a1");
    }
}

#[test]
fn c05_an_abort_cancels_the_account_request_only() {
    active().run(
        "
        register 2 {} -> send register a1 {}
        abort 2       -> settle 2 aborted, cancel | active
        want 3        -> settle 3 a1
        ",
    );
    active().run(
        "
        register 2 {}              -> send register a1 {}
        responded member user:g1   -> lock
        abort 2                    -> settle 2 aborted
        granted                    -> load
        loaded 0.1 a1/r1 as g1 900 -> send refresh r1 | refreshing
        ",
    );
}

#[test]
fn c08_a_sign_out_fails_the_account_request() {
    active().run(
        "
        register 2 {}              -> send register a1 {}
        signout 3                  -> send revoke r1, cancel, settle 2 signed_out, publish signout 1, lock; signed_out g1 this_tab
        responded@9 member user:g1 ->
        ",
    );
    active().run(
        "
        register 2 {}     -> send register a1 {}
        message signout 1 -> settle 2 signed_out, load, cancel; signed_out g1 another_tab
        ",
    );
    active().run(
        "
        register 2 {}            -> send register a1 {}
        responded member user:g1 -> lock
        message signout 1        -> unlock, settle 2 signed_out, load; signed_out g1 another_tab
        ",
    );
}

#[test]
fn c16_close_cancels_the_account_request() {
    let mut tab = active();
    tab.run(
        "
        register 2 {} -> send register a1 {}
        close         -> cancel, settle 2 closed, shutdown | closed
        register 3 {} -> settle 3 closed
        ",
    );
    assert_eq!(tab.timer(), None);
}
