use guestpass_core::{Kind, SessionError, Version};

use crate::script::{active, tab};

#[test]
fn the_kind_of_visitor_follows_from_the_subject() {
    for (id, kind) in [("g2", Some(Kind::Guest)), ("user:g2", Some(Kind::User)), ("-", None)] {
        let mut tab = tab();
        tab.feed("want 1");
        tab.feed(&format!("loaded 0.1 a1/r1 as {id} 900"));
        assert_eq!(tab.machine.snapshot().id.and_then(|subject| subject.kind), kind, "{id}");
    }
}

#[test]
fn the_status_is_idle_before_the_first_use() {
    let mut tab = tab();
    tab.run(
        "
        online       -> | idle
        start 1      -> load | loading
        loaded empty -> publish 0.0, settle 1 done | idle
        visible      -> load | idle
        ",
    );
    assert_eq!(tab.machine.version(), Version::default());
}

#[test]
fn the_status_is_acquiring_while_a_call_waits_or_a_transaction_runs() {
    tab().run(
        "
        offline      -> | idle
        want 1       -> load | loading
        loaded empty -> publish 0.0 | acquiring
        online       -> lock | acquiring
        abort 1      -> settle 1 aborted | acquiring
        ",
    );
}

#[test]
fn without_a_failure_the_snapshot_has_no_error_and_no_next_attempt() {
    let tab = active();
    let snapshot = tab.machine.snapshot();
    assert_eq!((snapshot.error, snapshot.retry_at), (None, None));
    assert_eq!(tab.machine.version(), Version { epoch: 0, generation: 1 });
}

#[test]
fn every_error_has_a_code() {
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

/// The names in the generated types of the SDK are those of the snapshot.
#[cfg(feature = "schema")]
#[test]
fn the_schema_of_the_status_has_its_names() {
    use guestpass_core::Status;

    let schema = serde_json::to_string(&schemars::schema_for!(Status)).unwrap();
    for status in [
        Status::Idle,
        Status::Loading,
        Status::Acquiring,
        Status::Active,
        Status::Refreshing,
        Status::Unavailable,
        Status::SignedOut,
        Status::Ended,
        Status::Closed,
    ] {
        assert!(schema.contains(&format!(r#""const":"{}""#, status.name())), "{status:?} in {schema}");
        assert_eq!(serde_json::to_value(status).unwrap(), status.name());
    }
}
