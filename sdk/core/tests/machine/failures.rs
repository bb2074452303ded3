use guestpass_core::{Config, Event, Input, SessionError, Sharing};

use crate::script::subject;
use crate::script::{CALL_TIMEOUT, REFRESHED, Tab, active, active_with, tab, tab_with};

#[test]
fn c09_a_temporary_error_keeps_the_session_and_is_retried() {
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
fn c09_a_request_without_a_response_times_out_as_a_temporary_error() {
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
fn c09_a_rejection_fails_the_calls_at_once_and_keeps_the_session() {
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

/// The cause of a rejection may be removed at any time.
#[test]
fn c09_repeated_rejections_delay_the_next_attempt_by_two_seconds_at_most() {
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
fn c09_retry_after_is_obeyed_up_to_a_limit() {
    for (retry_after, least) in [(5_000, 5_000), (20_000, 20_000)] {
        let mut tab = active();
        tab.run(
            "
            expire                     ->
            want 2                     -> lock
            granted                    -> load
            loaded 0.1 a1/r1 as g1 900 -> send refresh r1
            ",
        );
        tab.run(&format!("responded 429 retry {retry_after} -> unlock; retrying unavailable"));
        let delay = tab.machine.snapshot().retry_at.unwrap() - tab.now.wall;
        assert!((least..=least + 500).contains(&delay), "{delay}");
    }
}

#[test]
fn c04_at_its_deadline_a_call_fails_with_the_last_error() {
    let mut tab = active();
    tab.run("expire ->");
    tab.run("want 2 -> lock");
    let mut waited = 0;
    while waited < CALL_TIMEOUT {
        tab.feed("granted");
        tab.feed("loaded 0.1 a1/r1 as g1 900");
        let output = tab.feed("unsent");
        assert!(!output.contains("settle"), "{output}");
        let delay = tab.timer().unwrap();
        waited += delay;
        if waited >= CALL_TIMEOUT {
            let output = tab.feed(&format!("after {delay}"));
            assert!(output.starts_with("settle 2 network"), "{output}");
            return;
        }
        tab.feed(&format!("after {delay}"));
    }
}

#[test]
fn a_failed_renewal_is_retried_without_a_waiting_call() {
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
fn an_offline_tab_renews_when_it_is_online() {
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
fn an_offline_tab_still_tries_after_a_while() {
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
fn a_page_that_becomes_visible_retries_at_once() {
    let mut tab = active();
    tab.run(
        "
        expire                     ->
        want 2                     -> lock
        granted                    -> load
        loaded 0.1 a1/r1 as g1 900 -> send refresh r1
        responded 503              -> unlock; retrying unavailable
        visible                    -> load, lock
        ",
    );
}

#[test]
fn c09_a_page_that_becomes_visible_or_online_does_not_ask_before_the_server_allows_it() {
    let mut tab = active();
    tab.run(
        "
        expire                     ->
        want 2                     -> lock
        granted                    -> load
        loaded 0.1 a1/r1 as g1 900 -> send refresh r1
        responded 503 retry 20000  -> unlock; retrying unavailable
        visible                    -> load
        loaded 0.1 a1/r1 as g1 900 ->
        online                     ->
        ",
    );
    let wait = tab.timer().unwrap();
    assert!((1..=20_000).contains(&wait), "{wait}");
    tab.run("after 20000 -> lock");
}

#[test]
fn c04_a_call_whose_deadline_is_before_the_next_attempt_is_told_at_once() {
    for (retry_after, wait) in [(3_600_000, 3_600_000), (u64::MAX, 3_600_000)] {
        let mut tab = active();
        tab.run(
            "
            expire                     ->
            want 2                     -> lock
            granted                    -> load
            loaded 0.1 a1/r1 as g1 900 -> send refresh r1
            ",
        );
        tab.run(&format!("responded 503 retry {retry_after} -> unlock, settle 2 unavailable; retrying unavailable"));
        let delay = tab.machine.snapshot().retry_at.unwrap() - tab.now.wall;
        assert!((wait..=wait + 500).contains(&delay), "{delay}");
        tab.run("want 3 -> settle 3 unavailable | unavailable");
    }
}

#[test]
fn c09_only_an_explicit_invalid_grant_ends_the_session() {
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
        let output = tab.feed(&format!("responded {response}"));
        assert!(output.ends_with(&format!("retrying {error}")), "{response}: {output}");
        assert_eq!(tab.machine.snapshot().id, Some(subject("anonymous_g1")), "{response}");
    }
}

#[test]
fn c09_an_attempt_that_fails_while_offline_is_repeated_after_the_probe_interval() {
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
fn c09_the_event_of_a_failure_has_the_delay_until_the_next_attempt() {
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

/// The first numbers of the reference implementation.
#[test]
fn the_jitter_is_splitmix64() {
    let mut tab = tab_with(Config {
        sharing: Sharing::InMemory,
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
fn c04_an_acquire_key_that_is_never_made_times_out() {
    tab().run(
        "
        want 1       -> load
        loaded empty -> publish 0.0, lock
        granted      -> load
        loaded empty -> key
        after 2000   -> unlock; retrying timeout | unavailable
        key k1       ->
        after 500    -> lock
        ",
    );
}

#[test]
fn a_credential_of_another_tab_resets_the_back_off() {
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
fn c09_a_success_resets_the_back_off() {
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
fn c04_a_token_that_arrives_at_the_deadline_is_granted() {
    let mut tab = tab();
    tab.run("want 1 -> load");
    tab.now.mono += CALL_TIMEOUT;
    tab.run("loaded 0.1 a1/r1 as g1 900 -> settle 1 a1; restored g1");
}
