use guestpass_core::{Config, Event, Input, SessionError, Sharing};

use crate::script::subject;
use crate::script::{CALL_TIMEOUT, REFRESHED, Tab, active, active_with, tab, tab_with};

#[test]
fn c09_what_may_pass_keeps_the_session_and_is_tried_again() {
    for error in [
        "unsent",
        "responded 408",
        "responded 425",
        "responded 429",
        "responded 500",
        "responded 503",
        "responded 200",
        "responded 302",
    ] {
        let mut tab = active();
        tab.run(
            "
            expire                     ->
            want 2                     -> lock
            granted                    -> load
            loaded 0.1 a1/r1 as g1 900 -> send refresh r1
            ",
        );
        let code = if error == "unsent" { "network" } else { "unavailable" };
        tab.run(&format!("{error} -> unlock; retrying {code} | unavailable"));
        assert_eq!(tab.machine.snapshot().id, Some(subject("anonymous_g1")), "{error}");
        assert!(tab.machine.snapshot().retry_at.is_some());
        tab.run("after 500 -> lock");
        tab.run(REFRESHED);
        tab.run("saved -> unlock, publish 0.2, settle 2 a2; refreshed g1 | active");
        assert_eq!(tab.machine.snapshot().error, None);
    }
}

#[test]
fn c09_no_answer_within_the_limit_is_a_failure_that_may_pass() {
    let mut tab = active();
    tab.run(
        "
        expire                     ->
        want 2                     -> lock
        granted                    -> load
        loaded 0.1 a1/r1 as g1 900 -> send refresh r1
        after 10000                -> cancel, unlock; retrying timeout | unavailable
        responded a2/r2 as g1 900  ->
        ",
    );
}

#[test]
fn c09_what_waiting_does_not_mend_is_said_at_once_and_keeps_the_session() {
    for status in [400, 401, 403, 404, 409, 422] {
        let mut tab = active();
        tab.run(
            "
            expire                     ->
            want 2                     -> lock
            granted                    -> load
            loaded 0.1 a1/r1 as g1 900 -> send refresh r1
            ",
        );
        tab.run(&format!("responded {status} -> unlock, settle 2 rejected; retrying rejected | unavailable"));
        assert_eq!(tab.machine.snapshot().error, Some(SessionError::Rejected { status }));
        assert_eq!(tab.timer(), None, "nothing is repeated by itself");
        tab.run("want 3 -> settle 3 rejected");
        tab.run("after 500 ->");
        tab.run("want 4 -> lock");
    }
}

/// It may be mended at any time: the pauses do not grow beyond two seconds.
#[test]
fn c09_what_is_refused_again_and_again_is_still_asked_for() {
    for seed in 0..16 {
        let mut tab = active_with(Config { seed, ..Config::default() });
        tab.run("expire ->");
        for _ in 0..12 {
            tab.run(
                "
                want 2                     -> lock
                granted                    -> load
                loaded 0.1 a1/r1 as g1 900 -> send refresh r1
                responded 404              -> unlock, settle 2 rejected; retrying rejected
                after 2000                 ->
                ",
            );
        }
    }
}

#[test]
fn c09_back_off_grows_with_full_jitter_up_to_its_cap() {
    let mut longest = [0; 12];
    for seed in 0..64 {
        let mut tab = active_with(Config { seed, ..Config::default() });
        tab.run("expire ->");
        tab.run("want 2 -> lock");
        for longest in &mut longest {
            tab.feed("granted");
            tab.feed("loaded 0.1 a1/r1 as g1 900");
            tab.feed("unsent");
            let retry_at = tab.machine.snapshot().retry_at.unwrap();
            let delay = retry_at - tab.now.wall;
            *longest = delay.max(*longest);
            tab.feed(&format!("after {delay}"));
        }
    }
    for (attempt, longest) in longest.into_iter().enumerate() {
        let ceiling = (500u64 << attempt).min(60_000);
        assert!(longest <= ceiling, "attempt {attempt}: {longest}");
        assert!(longest > ceiling / 2, "attempt {attempt} spreads over its range: {longest}");
    }
}

#[test]
fn c09_retry_after_is_honoured_and_capped() {
    for (asked, least) in [(5_000, 5_000), (3_600_000, 60_000)] {
        let mut tab = active();
        tab.run(
            "
            expire                     ->
            want 2                     -> lock
            granted                    -> load
            loaded 0.1 a1/r1 as g1 900 -> send refresh r1
            ",
        );
        tab.run(&format!("responded 429 retry {asked} -> unlock; retrying unavailable"));
        let delay = tab.machine.snapshot().retry_at.unwrap() - tab.now.wall;
        assert!((least..=least + 500).contains(&delay), "{delay}");
    }
}

#[test]
fn c04_who_waits_is_told_by_the_deadline_why_there_is_no_token() {
    let mut tab = active();
    tab.run("expire ->");
    tab.run("want 2 -> lock");
    let mut waited = 0;
    while waited < CALL_TIMEOUT {
        tab.feed("granted");
        tab.feed("loaded 0.1 a1/r1 as g1 900");
        let said = tab.feed("unsent");
        assert!(!said.contains("settle"), "{said}");
        let delay = tab.timer().unwrap();
        waited += delay;
        if waited >= CALL_TIMEOUT {
            let said = tab.feed(&format!("after {delay}"));
            assert!(said.starts_with("settle 2 network"), "{said}");
            return;
        }
        tab.feed(&format!("after {delay}"));
    }
}

#[test]
fn the_session_recovers_by_itself_although_nobody_waits() {
    let mut tab = active();
    tab.run(
        "
        expire                     ->
        want 2                     -> lock
        granted                    -> load
        loaded 0.1 a1/r1 as g1 900 -> send refresh r1
        unsent                     -> unlock; retrying network
        abort 2                    -> settle 2 aborted
        after 500                  -> lock
        ",
    );
    tab.run(
        "
        granted                    -> load
        loaded 0.1 a1/r1 as g1 900 -> send refresh r1 | unavailable
        responded a2/r2 as g1 900  -> load
        loaded 0.1 a1/r1 as g1 900 -> store 0.2 a2/r2
        saved                      -> unlock, publish 0.2; refreshed g1 | active
    ",
    );
}

#[test]
fn offline_waits_for_online() {
    active().run(
        "
        offline     ->
        want 2      -> settle 2 a1
        expire      ->
        want 3      ->
        after 29999 ->
        online      -> lock
        ",
    );
}

#[test]
fn offline_is_only_believed_for_a_while() {
    active().run(
        "
        offline     ->
        expire      ->
        after 20000 ->
        want 3      ->
        after 10000 -> lock
        ",
    );
}

#[test]
fn visible_again_tries_at_once() {
    let mut tab = active();
    tab.run(
        "
        expire                     ->
        want 2                     -> lock
        granted                    -> load
        loaded 0.1 a1/r1 as g1 900 -> send refresh r1
        responded 503 retry 20000  -> unlock; retrying unavailable
        visible                    -> load, lock
        ",
    );
}

#[test]
fn c09_only_an_explicit_invalid_grant_ends_it() {
    for (response, error) in [
        ("400 invalid_request", "rejected"),
        ("400", "rejected"),
        ("200 invalid_grant", "unavailable"),
        ("500 invalid_grant", "unavailable"),
    ] {
        let mut tab = active();
        tab.run(
            "
            expire                     ->
            want 2                     -> lock
            granted                    -> load
            loaded 0.1 a1/r1 as g1 900 -> send refresh r1
            ",
        );
        let said = tab.feed(&format!("responded {response}"));
        assert!(said.ends_with(&format!("retrying {error}")), "{response}: {said}");
        assert_eq!(tab.machine.snapshot().id, Some(subject("anonymous_g1")), "{response}");
    }
}

#[test]
fn c09_a_probe_that_fails_while_offline_is_not_repeated_before_the_next_is_due() {
    let mut tab = active();
    tab.run(
        "
        offline ->
        expire  ->
        want 2  ->
        ",
    );
    assert_eq!(tab.timer(), Some(30_000));
    tab.run(
        "
        after 29999                ->
        want 3                     ->
        after 1                    -> settle 2 timeout, lock
        granted                    -> load
        loaded 0.1 a1/r1 as g1 900 -> send refresh r1
        unsent                     -> unlock; retrying network
        ",
    );
    assert_eq!(tab.machine.snapshot().retry_at, Some(tab.now.wall + 30_000));
    tab.run("online -> lock");
}

#[test]
fn c09_a_failure_says_how_long_it_is_waited() {
    let mut tab = active();
    tab.run(
        "
        expire                     ->
        want 2                     -> lock
        granted                    -> load
        loaded 0.1 a1/r1 as g1 900 -> send refresh r1
        ",
    );
    let op = tab.last("send");
    tab.machine.handle(tab.now, Input::SendFailed { op });
    let event = std::iter::from_fn(|| tab.machine.poll_event()).last();
    let delay = tab.timer().unwrap();
    assert_eq!(event, Some(Event::Retrying { error: SessionError::Network, delay }));
    assert_eq!(tab.machine.snapshot().retry_at, Some(tab.now.wall + delay));
}

/// The first numbers of the generator's reference implementation.
#[test]
fn jitter_is_that_of_splitmix64() {
    let mut tab = tab_with(Config {
        sharing: Sharing::Nobody,
        seed: 1_234_567,
        backoff_base: u64::MAX,
        backoff_cap: u64::MAX,
        ..Config::default()
    });
    tab.run(
        "
        want 1 -> key
        key k1 -> send acquire k1
        unsent -> ; retrying network
        ",
    );
    assert_eq!(tab.machine.snapshot().retry_at, Some(tab.now.wall + 6_457_827_717_110_365_317));
    tab.run(
        "
        visible -> send acquire k1
        unsent  -> ; retrying network
        ",
    );
    assert_eq!(tab.machine.snapshot().retry_at, Some(tab.now.wall + 3_203_168_211_198_807_973));
}

#[test]
fn c04_a_key_that_is_never_made_is_waited_for_only_so_long() {
    tab().run(
        "
        want 1       -> load
        loaded empty -> lock
        granted      -> load
        loaded empty -> key
        after 2000   -> unlock; retrying timeout | unavailable
        key k1       ->
        after 500    -> lock
        ",
    );
}

#[test]
fn a_success_of_another_tab_ends_the_waiting() {
    let mut failed = active();
    failed.run(
        "
        expire                     ->
        want 2                     -> lock
        granted                    -> load
        loaded 0.1 a1/r1 as g1 900 -> send refresh r1
        responded 503 retry 20000  -> unlock; retrying unavailable
        ",
    );
    let mut offline = active();
    offline.run("offline ->");
    for mut tab in [failed, offline] {
        tab.run("message 0.2 -> load");
        tab.feed("loaded 0.2 a2/r2 as g1 900");
        tab.run("expire ->");
        tab.run("want 3 -> lock");
    }
}

#[test]
fn c09_after_a_success_the_back_off_begins_again() {
    let fail = |tab: &mut Tab, stored: &str| {
        tab.feed("granted");
        tab.feed(stored);
        tab.feed("unsent");
        tab.machine.snapshot().retry_at.unwrap() - tab.now.wall
    };
    for seed in 0..64 {
        let mut tab = active_with(Config { seed, ..Config::default() });
        tab.run("expire ->");
        tab.run("want 2 -> lock");
        for _ in 0..4 {
            let delay = fail(&mut tab, "loaded 0.1 a1/r1 as g1 900");
            tab.feed(&format!("after {delay}"));
        }
        tab.run("granted -> load");
        tab.feed("loaded 0.2 a2/r2 as g1 900");
        tab.run("expire ->");
        tab.run("want 3 -> lock");
        let delay = fail(&mut tab, "loaded 0.2 a2/r2 as g1 900");
        assert!(delay <= 500, "{delay}");
    }
}

#[test]
fn c04_what_comes_at_the_last_moment_is_given() {
    let mut tab = tab();
    tab.run("want 1 -> load");
    tab.now.mono += CALL_TIMEOUT;
    tab.run("loaded 0.1 a1/r1 as g1 900 -> settle 1 a1; restored g1");
}
