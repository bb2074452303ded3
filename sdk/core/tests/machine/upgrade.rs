use guestpass_core::{Config, OnIdentityLost, SessionError, Sharing};

use crate::script::{active, active_with, tab, tab_with};

/// A registration: the refresh that follows shows the member.
const REGISTERED: &str = "
    register 2 {}                  -> send register a1 {}
    responded member user:g1       -> lock | refreshing
    granted                        -> load
    loaded 0.1 a1/r1 as g1 900     -> send refresh r1
    responded a2/r2 as user:g1 900 -> load
    loaded 0.1 a1/r1 as g1 900     -> store 0.2 a2/r2
    saved                          -> unlock, publish 0.2, settle 2 member user:g1; identity g1 user_g1 registered; refreshed user_g1 | active
";

#[test]
fn a_registration_is_settled_when_a_refresh_shows_the_member() {
    let mut tab = active();
    tab.run(REGISTERED);
    tab.run("want 3 -> settle 3 a2");
}

#[test]
fn c10_a_login_is_reported_with_the_subject_of_the_member() {
    for how in ["login", "link"] {
        let mut tab = active();
        tab.run(&format!("{how} 2 {{}} -> send {how} a1 {{}}"));
        tab.run(
            "
            responded member user:m1       -> lock
            granted                        -> load
            loaded 0.1 a1/r1 as g1 900     -> send refresh r1
            responded a2/r2 as user:m1 900 -> load
            loaded 0.1 a1/r1 as g1 900     -> store 0.2 a2/r2
            saved                          -> unlock, publish 0.2, settle 2 member user:m1; identity g1 user_m1 logged_in; refreshed user_m1 | active
            ",
        );
    }
}

#[test]
fn a_registration_without_a_guest_acquires_one_first() {
    tab().run(
        "
        register 1 {}             -> load | loading
        loaded empty              -> lock | acquiring
        granted                   -> load
        loaded empty              -> key
        key k1                    -> store 0.0 acquire_key k1
        saved                     -> send acquire k1
        responded a1/r1 as g1 900 -> load
        loaded 0.0 acquire_key k1 -> store 0.1 a1/r1
        saved                     -> unlock, publish 0.1, send register a1 {}; acquired g1 | active
        responded member user:g1  -> lock
        ",
    );
}

#[test]
fn a_registration_with_an_expired_token_renews_it_first() {
    active().run(
        "
        expire                     ->
        register 2 {}              -> lock | refreshing
        granted                    -> load
        loaded 0.1 a1/r1 as g1 900 -> send refresh r1
        responded a2/r2 as g1 900  -> load
        loaded 0.1 a1/r1 as g1 900 -> store 0.2 a2/r2
        saved                      -> unlock, publish 0.2, send register a2 {}; refreshed g1
        ",
    );
}

#[test]
fn c03_an_account_request_renews_a_refused_token_once() {
    let mut tab = active();
    tab.run(
        "
        register 2 {}              -> send register a1 {}
        responded 401              -> lock; unauthorized
        granted                    -> load
        loaded 0.1 a1/r1 as g1 900 -> send refresh r1
        responded a2/r2 as g1 900  -> load
        loaded 0.1 a1/r1 as g1 900 -> store 0.2 a2/r2
        saved                      -> unlock, publish 0.2, send register a2 {}; refreshed g1
        responded 401              -> settle 2 rejected | active
        register 3 {}              -> send register a2 {}
        responded 401              -> settle 3 rejected; unauthorized | active
        ",
    );
}

#[test]
fn an_account_request_with_a_replaced_token_is_sent_again_with_the_newer_one() {
    active().run(
        "
        register 2 {}              -> send register a1 {}
        message 0.2                -> load
        loaded 0.2 a2/r2 as g1 900 -> ; adopted g1
        responded 401              -> send register a2 {}; unauthorized
        ",
    );
}

#[test]
fn c18_a_refused_account_request_does_not_change_the_session() {
    for refusal in ["403 invalid_credentials", "409 email_taken", "422 password_too_short", "429 too_many_attempts"] {
        let mut tab = active();
        let before = *tab.machine.snapshot();
        tab.run("login 2 {} -> send login a1 {}");
        tab.run(&format!("responded {refusal} -> settle 2 refused {refusal}"));
        assert_eq!(*tab.machine.snapshot(), before);
        tab.run("want 3 -> settle 3 a1");
    }
}

#[test]
fn c18_an_account_request_to_a_server_without_members_does_not_change_the_session() {
    for status in [404, 405] {
        let mut tab = active();
        let before = *tab.machine.snapshot();
        tab.run("register 2 {} -> send register a1 {}");
        tab.run(&format!("responded {status} -> settle 2 rejected"));
        assert_eq!(*tab.machine.snapshot(), before);
    }
}

#[test]
fn an_upgrade_is_not_settled_by_a_refresh_that_was_sent_before() {
    active().run(
        "
        register 2 {}               -> send register a1 {}
        expire                      ->
        want 3                      -> lock
        granted                     -> load
        loaded 0.1 a1/r1 as g1 900  -> send refresh r1
        responded@9  member user:g1 ->
        responded a2/r2 as g1 900   -> load
        loaded 0.1 a1/r1 as g1 900  -> store 0.2 a2/r2
        saved                       -> unlock, publish 0.2, settle 3 a2, lock; refreshed g1
        granted                     -> load
        loaded 0.2 a2/r2 as g1 900  -> send refresh r2
        ",
    );
}

#[test]
fn an_upgrade_is_settled_by_a_refresh_of_another_tab() {
    active().run(
        "
        register 2 {}                   -> send register a1 {}
        responded member user:g1        -> lock
        granted                         -> load
        loaded 0.2 a2/r2 as user:g1 900 -> unlock, settle 2 member user:g1; identity g1 user_g1 registered; adopted user_g1 | active
        ",
    );
    active().run(
        "
        register 2 {}                   -> send register a1 {}
        message 0.2                     -> load
        loaded 0.2 a2/r2 as user:g1 900 -> ; identity g1 user_g1 registered; adopted user_g1
        responded member user:g1        -> settle 2 member user:g1
        ",
    );
}

#[test]
fn an_upgrade_is_followed_by_another_refresh_if_that_of_another_tab_does_not_show_it() {
    active().run(
        "
        register 2 {}              -> send register a1 {}
        responded member user:g1   -> lock
        granted                    -> load
        loaded 0.2 a2/r2 as g1 900 -> unlock, lock; adopted g1
        granted                    -> load
        loaded 0.2 a2/r2 as g1 900 -> send refresh r2
        ",
    );
}

#[test]
fn an_upgrade_that_the_server_never_shows_is_settled_after_one_refresh() {
    active().run(
        "
        register 2 {}              -> send register a1 {}
        responded member user:g1   -> lock
        granted                    -> load
        loaded 0.1 a1/r1 as g1 900 -> send refresh r1
        responded a2/r2 as g1 900  -> load
        loaded 0.1 a1/r1 as g1 900 -> store 0.2 a2/r2
        saved                      -> unlock, publish 0.2, settle 2 member user:g1; refreshed g1
        ",
    );
}

#[test]
fn a_failed_refresh_after_an_upgrade_is_repeated() {
    let mut tab = active();
    tab.run(
        "
        register 2 {}              -> send register a1 {}
        responded member user:g1   -> lock
        granted                    -> load
        loaded 0.1 a1/r1 as g1 900 -> send refresh r1
        unsent                     -> unlock; retrying network | active
        want 3                     -> settle 3 a1
        after 500                  -> lock
        ",
    );
}

#[test]
fn a_rejected_refresh_after_an_upgrade_fails_the_call() {
    active().run(
        "
        register 2 {}              -> send register a1 {}
        responded member user:g1   -> lock
        granted                    -> load
        loaded 0.1 a1/r1 as g1 900 -> send refresh r1
        responded 404              -> unlock, settle 2 rejected; retrying rejected | active
        ",
    );
}

#[test]
fn a_rejected_refresh_does_not_fail_an_account_request_that_is_sent() {
    active().run(
        "
        register 2 {}                -> send register a1 {}
        expire                       ->
        want 3                       -> lock
        granted                      -> load
        loaded 0.1 a1/r1 as g1 900   -> send refresh r1
        responded 404                -> unlock, settle 3 rejected; retrying rejected
        register 4 {}                ->
        responded@9  409 email_taken -> settle 2 refused 409 email_taken
        ",
    );
}

#[test]
fn an_upgrade_without_a_refresh_token_is_settled_at_once() {
    tab().run(
        "
        start 1                   -> load
        loaded 0.1 a1/- as g1 900 -> settle 1 done; restored g1
        register 2 {}             -> send register a1 {}
        responded member user:g1  -> settle 2 member user:g1 | active
        ",
    );
}

/// The server ends the session during an upgrade.
#[test]
fn c10_an_upgrade_goes_on_with_the_next_guest_unless_it_was_done() {
    let lost = "
        expire                      ->
        want 3                      -> lock
        granted                     -> load
        loaded 0.1 a1/r1 as g1 900  -> send refresh r1
        responded 400 invalid_grant -> load
    ";
    let mut sent = active();
    sent.run("register 2 {} -> send register a1 {}");
    sent.run(lost);
    sent.run(
        "
        loaded 0.1 a1/r1 as g1 900 -> cancel, key | acquiring
        key k2                     -> store 0.1 acquire_key k2
        saved                      -> send acquire k2
        responded a2/r2 as g2 900  -> load
        loaded 0.1 acquire_key k2  -> store 0.2 a2/r2
        saved                      -> unlock, publish 0.2, settle 3 a2, send register a2 {}; identity g1 g2 invalid_grant; acquired g2
        ",
    );
    active().run(
        "
        register 2 {}               -> send register a1 {}
        responded member user:g1    -> lock
        granted                     -> load
        loaded 0.1 a1/r1 as g1 900  -> send refresh r1
        responded 400 invalid_grant -> load
        loaded 0.1 a1/r1 as g1 900  -> settle 2 session_ended, key
        ",
    );
    let mut stops = active_with(Config { on_identity_lost: OnIdentityLost::Stop, ..Config::default() });
    stops.run("register 2 {} -> send register a1 {}");
    stops.run(lost);
    stops.run("loaded 0.1 a1/r1 as g1 900 -> cancel, settle 2 session_ended, settle 3 session_ended, unlock; identity g1 - invalid_grant | ended");
    stops.run("register 4 {} -> lock | acquiring");
}

#[test]
fn c10_an_upgrade_goes_on_with_the_guest_of_another_tab() {
    active().run(
        "
        register 2 {}              -> send register a1 {}
        message 0.2                -> load
        loaded 0.2 a2/r2 as g2 900 -> cancel, send register a2 {}; identity g1 g2 another_tab; adopted g2
        ",
    );
}

#[test]
fn an_upgrade_goes_on_while_another_tab_upgrades() {
    active().run(
        "
        register 2 {}                   -> send register a1 {}
        message 0.2                     -> load
        loaded 0.2 a2/r2 as user:m1 900 -> ; identity g1 user_m1 logged_in; adopted user_m1
        responded 409 already_member    -> settle 2 refused 409 already_member
        ",
    );
}

#[test]
fn an_upgrade_works_in_memory() {
    tab_with(Config { sharing: Sharing::InMemory, ..Config::default() }).run(
        "
        register 1 {}                  -> key
        key k1                         -> send acquire k1
        responded a1/r1 as g1 900      -> send register a1 {}; acquired g1
        responded member user:g1       -> send refresh r1
        responded a2/r2 as user:g1 900 -> settle 1 member user:g1; identity g1 user_g1 registered; refreshed user_g1
        ",
    );
}

#[test]
fn an_upgrade_fails_if_no_guest_can_be_acquired() {
    tab_with(Config { sharing: Sharing::InMemory, ..Config::default() }).run(
        "
        register 1 {} -> key
        key k1        -> send acquire k1
        responded 404 -> settle 1 rejected; retrying rejected
        ",
    );
}

#[test]
fn c04_the_same_waiter_again_is_one_account_request() {
    active().run(
        "
        register 2 {}             -> send register a1 {}
        register 2 {}             ->
        responded 409 email_taken -> settle 2 refused 409 email_taken
        ",
    );
}

#[test]
fn c13_the_body_of_an_account_request_is_neither_shown_nor_stored() {
    let mut tab = active();
    tab.run("register 2 hunter2 -> send register a1 hunter2");
    assert!(!format!("{:?}", tab.machine).contains("hunter2"));
    tab.run("expire ->");
    tab.run("want 3 -> lock");
    tab.run("granted -> load");
    tab.run("loaded empty -> send refresh r1");
    tab.run("responded a2/r2 as g1 900 -> load");
    tab.run("loaded empty -> store 0.2 a2/r2");
    tab.run("responded@9  member user:hunter2 ->");
    assert!(!format!("{:?}", tab.machine.snapshot().error.unwrap_or(SessionError::Timeout)).contains("hunter2"));
}
