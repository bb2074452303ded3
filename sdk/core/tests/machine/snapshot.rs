use guestpass_core::{Failure, Kind, Version};

use crate::script::{active, tab};

#[test]
fn who_it_is_follows_from_the_subject() {
    for (id, kind) in [("g2", Some(Kind::Guest)), ("user:g2", Some(Kind::User)), ("-", None)] {
        let mut tab = tab();
        tab.say("want 1");
        tab.say(&format!("loaded 0.1 a1/r1 as {id} 900"));
        assert_eq!(tab.machine.snapshot().kind(), kind, "{id}");
    }
}

#[test]
fn nothing_is_under_way_before_somebody_asks() {
    let mut tab = tab();
    tab.run(
        "
        online        -> | idle
        start 1       -> load | loading
        loaded empty  -> settle 1 done | idle
        visible       -> load | idle
        ",
    );
    assert_eq!(tab.machine.version(), Version::default());
}

#[test]
fn who_waits_for_a_guest_makes_it_acquiring_and_so_does_what_was_begun_for_him() {
    tab().run(
        "
        offline       -> | idle
        want 1        -> load | loading
        loaded empty  -> | acquiring
        online        -> lock | acquiring
        abort 1       -> settle 1 aborted | acquiring
        ",
    );
}

#[test]
fn a_session_that_works_tells_no_failure_and_no_next_attempt() {
    let tab = active();
    let snapshot = tab.machine.snapshot();
    assert_eq!((snapshot.failure, snapshot.retry_at), (None, None));
    assert_eq!(tab.machine.version(), Version { epoch: 0, generation: 1 });
}

#[test]
fn every_failure_has_a_code_and_says_what_happened() {
    for (failure, code, said) in [
        (Failure::Network, "network", "could not be reached"),
        (Failure::Timeout, "timeout", "within the time limit"),
        (Failure::Unavailable { status: 503 }, "unavailable", "HTTP 503"),
        (Failure::Rejected { status: 404 }, "rejected", "HTTP 404"),
        (Failure::SessionEnded, "session_ended", "ended the session"),
        (Failure::SignedOut, "signed_out", "signed out"),
        (Failure::Aborted, "aborted", "aborted"),
        (Failure::Closed, "closed", "closed"),
    ] {
        assert_eq!(failure.code(), code);
        assert!(failure.to_string().contains(said), "{failure}");
    }
}
