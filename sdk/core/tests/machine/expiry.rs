use guestpass_core::Config;

use crate::script::{REFRESHED, active, active_with, tab};

#[test]
fn an_unused_token_is_refreshed_on_its_next_use_only() {
    let mut tab = active();
    tab.run("want 2 -> settle 2 a1");
    tab.run("after 719999 ->");
    let mut unused = active();
    unused.machine = {
        unused.run("message 0.2 -> load");
        unused.run("loaded 0.2 a2/r2 as g1 900 -> ; adopted g1");
        unused.machine.clone()
    };
    unused.run("after 900000 ->");
    assert_eq!(unused.timer(), None, "an unused token is not refreshed");
    unused.run("want 3 -> lock");
}

#[test]
fn a_token_in_use_is_refreshed_before_it_expires_with_jitter() {
    let mut tab = active();
    let refresh_at = tab.timer().unwrap();
    assert!((720_000..=810_000).contains(&refresh_at), "{refresh_at}");
    tab.run(&format!("after {refresh_at} -> lock"));
    tab.run("want 2 -> settle 2 a1");
    tab.run(REFRESHED);
    tab.run("saved -> unlock, publish 0.2; refreshed g1 | active");
}

#[test]
fn tabs_refresh_at_different_times() {
    let timers: Vec<_> =
        (0..8).map(|seed| active_with(Config { seed, ..Config::default() }).timer().unwrap()).collect();
    assert!(timers.iter().any(|timer| *timer != timers[0]), "{timers:?}");
}

#[test]
fn c11_serves_until_ends_at_the_refresh_and_with_any_input_that_ends_the_token() {
    let tab = active();
    let until = tab.machine.serves_until().unwrap();
    assert_eq!(Some(until.mono), tab.timer().map(|delay| tab.now.mono + delay), "the refresh before the expiry");
    assert_eq!(until.wall, tab.machine.snapshot().expires_at.unwrap() - 5_000);
    for end in ["expire", "401 2 0.1", "signout 2", "close"] {
        let mut tab = active();
        tab.feed(end);
        assert_eq!(tab.machine.serves_until(), None, "{end}");
    }
}

#[test]
fn c11_the_first_clock_that_reaches_the_expiry_ends_the_token() {
    let mut slept = active();
    slept.now.wall += 900_000;
    slept.run("want 2 -> lock");
    let mut set_back = active();
    set_back.now.wall -= 900_000;
    set_back.run("want 2 -> settle 2 a1");
    set_back.now.mono += 900_000;
    set_back.run("want 3 -> lock");
}

#[test]
fn c11_a_wall_clock_that_was_set_forward_causes_one_refresh() {
    let mut tab = active();
    tab.now.wall += 86_400_000;
    tab.run("want 2 -> lock");
    tab.run(REFRESHED);
    tab.run("saved -> unlock, publish 0.2, settle 2 a2; refreshed g1");
    tab.now.wall -= 86_400_000;
    tab.run("want 3 -> settle 3 a2");
}

#[test]
fn a_token_without_usable_lifetime_still_serves_the_calls_that_waited_for_it() {
    let mut tab = tab();
    tab.run(
        "
        want 1                    -> load
        loaded empty              -> publish 0.0, lock
        granted                   -> load
        loaded empty              -> key
        key k1                    -> store 0.0 acquire_key k1
        saved                     -> send acquire k1
        responded a1/r1 as g1 0   -> load
        loaded 0.0 acquire_key k1 -> store 0.1 a1/r1
        saved                     -> unlock, publish 0.1, settle 1 a1; acquired g1
        ",
    );
    assert_eq!(tab.timer(), None, "no refresh follows by itself");
}

#[test]
fn c20_a_request_that_cannot_be_replayed_gets_a_fresh_token() {
    let mut tab = active();
    tab.run("after 715000 ->");
    tab.run("want 2 fresh -> settle 2 a1");
    let refresh_at = tab.timer().unwrap();
    tab.run(&format!("after {refresh_at} -> lock"));
    tab.run("want 3 fresh ->");
    tab.run(REFRESHED);
    tab.run("saved -> unlock, publish 0.2, settle 3 a2; refreshed g1");
}

#[test]
fn c20_while_renewals_fail_a_token_that_is_about_to_expire_is_granted() {
    let mut tab = active();
    let refresh_at = tab.timer().unwrap();
    tab.run(&format!("after {refresh_at} -> lock"));
    tab.run(
        "
        want 3 fresh               ->
        granted                    -> load
        loaded 0.1 a1/r1 as g1 900 -> send refresh r1
        unsent                     -> unlock, settle 3 a1; retrying network | active
        ",
    );
}

#[test]
fn c11_a_token_that_would_expire_before_it_reaches_the_server_is_not_used() {
    for (lifetime, last) in [(900, 894_999), (10, 8_999)] {
        let mut tab = active();
        tab.run("message 0.2 -> load");
        tab.run(&format!("loaded 0.2 a2/r2 as g1 {lifetime} -> ; adopted g1"));
        tab.run(&format!("after {last} ->"));
        let mut later = tab.clone();
        tab.run("want 2 -> settle 2 a2, lock | active");
        later.run("after 1 ->");
        later.run("want 2 -> lock");
    }
}

#[test]
fn c24_a_renewal_ahead_of_expiry_is_invisible() {
    let mut tab = active();
    tab.run(
        "
        after 810000               -> lock | active
        granted                    -> load | active
        loaded 0.1 a1/r1 as g1 900 -> send refresh r1 | active
        unsent                     -> unlock; retrying network | active
        expire                     ->
        want 2                     -> | unavailable
        ",
    );
}
