//! Account requests that change nothing: an export, the list of sessions, the end of another session.

use crate::script::{active, ended, tab};

const SENT: &str = "
    export 2                   -> lock
    granted                    -> load
    loaded 0.1 a1/r1 as g1 900 -> send account 2 r1
";

#[test]
fn an_export_is_sent_with_the_refresh_token() {
    let mut tab = active();
    tab.run(SENT);
    tab.run("responded text file -> unlock, settle 2 response file | active");
    tab.run("want 3 -> settle 3 a1");
}

#[test]
fn an_export_may_have_an_empty_response() {
    let mut tab = active();
    tab.run(SENT);
    tab.run("responded 204 -> unlock, settle 2 done");
}

#[test]
fn an_export_is_sent_once() {
    for (fault, error) in [
        ("unsent", "network"),
        ("responded 503", "unavailable"),
        ("responded 200", "unavailable"),
        ("responded 404", "rejected"),
    ] {
        let mut tab = active();
        tab.run(SENT);
        tab.run(&format!("{fault} -> unlock, settle 2 {error} | active"));
    }
    let mut tab = active();
    tab.run(SENT);
    tab.run("after 10000 -> cancel, unlock, settle 2 timeout | active");
}

#[test]
fn c18_a_refused_export_does_not_change_the_session() {
    let mut tab = active();
    tab.run(SENT);
    tab.run("responded 404 not_found -> unlock, settle 2 refused 404 not_found | active");
}

#[test]
fn c05_an_abort_cancels_an_export() {
    let mut tab = active();
    tab.run(SENT);
    tab.run("abort 2 -> settle 2 aborted, cancel, unlock | active");
}

#[test]
fn an_export_without_a_guest_acquires_one_first() {
    tab().run(
        "
        export 1     -> load | loading
        loaded empty -> publish 0.0, lock | acquiring
        ",
    );
}

#[test]
fn c08_after_a_permanent_sign_out_an_export_fails() {
    let mut tab = tab();
    tab.run(
        "
        export 1             -> load
        loaded 1.0 permanent -> settle 1 signed_out | signed_out
        ",
    );
}

#[test]
fn after_a_sign_out_an_export_is_that_of_the_next_guest() {
    tab().run(
        "
        start 1    -> load
        loaded 1.0 -> settle 1 done
        export 2   -> lock | acquiring
        ",
    );
}

#[test]
fn an_export_of_an_ended_session_fails() {
    ended().run("export 3 -> settle 3 session_ended | ended");
}
