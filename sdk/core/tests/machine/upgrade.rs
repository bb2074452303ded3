use guestpass_core::{Config, OnIdentityLost, SessionError, Sharing};

use crate::script::{active, active_with, tab, tab_with};

/// The server has made a member of the guest; the refresh that follows shows it.
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
fn a_guest_becomes_a_member_and_a_refresh_shows_it() {
    let mut tab = active();
    tab.run(REGISTERED);
    tab.run("want 3 -> settle 3 a2");
}

#[test]
fn c10_a_login_merges_the_guest_and_says_into_whom() {
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
fn where_there_is_nobody_a_guest_is_acquired_first() {
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
fn an_expired_token_is_renewed_first() {
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
fn c03_a_token_that_is_refused_is_renewed_once() {
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
fn a_401_about_a_token_that_was_replaced_meanwhile_is_followed_by_the_newer_one() {
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
fn c18_a_refusal_leaves_the_guest_as_it_was() {
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
fn c18_a_server_that_has_no_members_leaves_the_guest_as_it_was() {
    for status in [404, 405] {
        let mut tab = active();
        let before = *tab.machine.snapshot();
        tab.run("register 2 {} -> send register a1 {}");
        tab.run(&format!("responded {status} -> settle 2 rejected"));
        assert_eq!(*tab.machine.snapshot(), before);
    }
}

#[test]
fn after_an_upgrade_the_answer_to_an_earlier_refresh_does_not_settle_it() {
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
fn a_refresh_of_another_tab_that_shows_it_is_enough() {
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
fn a_refresh_of_another_tab_that_does_not_show_it_is_followed_by_one_that_does() {
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
fn an_answer_that_a_server_never_shows_is_told_after_one_refresh() {
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
fn a_refresh_that_is_lost_is_repeated_until_it_shows_the_member() {
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
fn a_refresh_that_is_rejected_is_told() {
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
fn a_request_under_way_is_not_concerned_by_a_refresh_that_is_rejected() {
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
fn without_a_refresh_token_there_is_nothing_to_wait_for() {
    tab().run(
        "
        start 1                   -> load
        loaded 0.1 a1/- as g1 900 -> settle 1 done; restored g1
        register 2 {}             -> send register a1 {}
        responded member user:g1  -> settle 2 member user:g1 | active
        ",
    );
}

/// A session that ended while it became a member: the upgrade goes on with the guest that follows, unless it was done.
#[test]
fn c10_a_guest_that_is_lost_in_the_middle() {
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
fn c10_another_guest_of_another_tab_is_registered_in_its_place() {
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
fn in_memory_alone_it_works_as_well() {
    tab_with(Config { sharing: Sharing::Nobody, ..Config::default() }).run(
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
fn a_guest_that_cannot_be_acquired_is_told() {
    tab_with(Config { sharing: Sharing::Nobody, ..Config::default() }).run(
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
fn c13_what_was_typed_is_neither_shown_nor_stored() {
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
