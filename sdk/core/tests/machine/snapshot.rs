use guestpass_core::{Kind, SessionError, Version};

use crate::script::{active, tab};

#[test]
fn who_it_is_follows_from_the_subject() {
    for (id, kind) in [("g2", Some(Kind::Guest)), ("user:g2", Some(Kind::User)), ("-", None)] {
        let mut tab = tab();
        tab.feed("want 1");
        tab.feed(&format!("loaded 0.1 a1/r1 as {id} 900"));
        assert_eq!(tab.machine.snapshot().id.and_then(|subject| subject.kind), kind, "{id}");
    }
}

#[test]
fn nothing_is_under_way_before_somebody_asks() {
    let mut tab = tab();
    tab.run(
        "
        online       -> | idle
        start 1      -> load | loading
        loaded empty -> settle 1 done | idle
        visible      -> load | idle
        ",
    );
    assert_eq!(tab.machine.version(), Version::default());
}

#[test]
fn who_waits_for_a_guest_makes_it_acquiring_and_so_does_what_was_begun_for_him() {
    tab().run(
        "
        offline      -> | idle
        want 1       -> load | loading
        loaded empty -> | acquiring
        online       -> lock | acquiring
        abort 1      -> settle 1 aborted | acquiring
        ",
    );
}

#[test]
fn a_session_that_works_tells_no_failure_and_no_next_attempt() {
    let tab = active();
    let snapshot = tab.machine.snapshot();
    assert_eq!((snapshot.error, snapshot.retry_at), (None, None));
    assert_eq!(tab.machine.version(), Version { epoch: 0, generation: 1 });
}

#[test]
fn every_failure_has_a_code() {
    for (error, code) in [
        (SessionError::Network, "network"),
        (SessionError::Timeout, "timeout"),
        (SessionError::Unavailable { status: 503 }, "unavailable"),
        (SessionError::Rejected { status: 404 }, "rejected"),
        (SessionError::SessionEnded, "session_ended"),
        (SessionError::SignedOut, "signed_out"),
        (SessionError::Aborted, "aborted"),
        (SessionError::Closed, "closed"),
    ] {
        assert_eq!(error.code(), code);
    }
}
