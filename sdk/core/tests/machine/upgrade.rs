//! Upgrades: the response has the tokens of a new session, and is committed as every credential.

use guestpass_core::{Config, OnIdentityLost, Sharing};

use crate::script::{UPGRADE_SENT, active, active_with, tab, tab_with};

/// The rest of an upgrade after [`UPGRADE_SENT`].
const UPGRADED: &str = "
    responded member a2/r2 as user:g1 900     -> load
    loaded 0.1 acquire_key k2 a1/r1 as g1 900 -> store 0.2 a2/r2
    saved                                     -> unlock, publish 0.2, settle 2 response member; identity g1 user_g1 registered; refreshed user_g1 | active
";

#[test]
fn the_response_to_an_upgrade_is_committed() {
    let mut tab = active();
    tab.run(UPGRADE_SENT);
    tab.run(UPGRADED);
    tab.run("want 3 -> settle 3 a2");
}

#[test]
fn c10_a_login_is_reported_with_the_subject_of_the_member() {
    let mut tab = active();
    tab.run(UPGRADE_SENT);
    tab.run(
        "
        responded member a2/r2 as user:m1 900     -> load
        loaded 0.1 acquire_key k2 a1/r1 as g1 900 -> store 0.2 a2/r2
        saved                                     -> unlock, publish 0.2, settle 2 response member; identity g1 user_m1 logged_in; refreshed user_m1 | active
        ",
    );
}

#[test]
fn an_upgrade_without_a_guest_acquires_one_first() {
    tab().run(
        "
        upgrade 1                  -> load | loading
        loaded empty               -> publish 0.0, lock | acquiring
        granted                    -> load
        loaded empty               -> key
        key k1                     -> store 0.0 acquire_key k1
        saved                      -> send acquire k1
        responded a1/r1 as g1 900  -> load
        loaded 0.0 acquire_key k1  -> store 0.1 a1/r1
        saved                      -> unlock, publish 0.1, lock; acquired g1 | active
        granted                    -> load
        loaded 0.1 a1/r1 as g1 900 -> key
        key k2                     -> store 0.1 acquire_key k2 a1/r1
        saved                      -> send account 1 r1 key k2
        ",
    );
}

#[test]
fn an_upgrade_needs_no_access_token() {
    tab().run(
        "
        start 1                    -> load
        loaded 0.1 a1/r1 as g1 0   -> settle 1 done; restored g1
        upgrade 2                  -> lock
        granted                    -> load
        loaded 0.1 a1/r1 as g1 0   -> key
        ",
    );
}

#[test]
fn an_upgrade_after_a_refused_token_renews_it_first() {
    active().run(
        "
        401 2 0.1                  -> lock; unauthorized
        upgrade 3                  ->
        granted                    -> load
        loaded 0.1 a1/r1 as g1 900 -> send refresh r1
        responded a2/r2 as g1 900  -> load
        loaded 0.1 a1/r1 as g1 900 -> store 0.2 a2/r2
        saved                      -> unlock, publish 0.2, settle 2 a2 replay, lock; refreshed g1
        granted                    -> load
        loaded 0.2 a2/r2 as g1 900 -> key
        ",
    );
}

#[test]
fn an_upgrade_is_sent_with_the_newest_refresh_token() {
    active().run(
        "
        upgrade 2                                 -> lock
        granted                                   -> load
        loaded 0.2 a2/r2 as g1 900                -> key; adopted g1
        key k2                                    -> store 0.2 acquire_key k2 a2/r2
        saved                                     -> send account 2 r2 key k2
        ",
    );
    active().run(
        "
        upgrade 2                                 -> lock
        granted contended                         -> load
        loaded 0.1 a1/r1 as g1 900                ->
        after 50                                  -> load
        loaded 0.2 a2/r2 as g1 900                -> key; adopted g1
        ",
    );
}

/// The server has ended the session of the request, or the tab has presented a token that is too old.
#[test]
fn c03_an_account_request_renews_a_refused_token_once() {
    let mut tab = active();
    tab.run(UPGRADE_SENT);
    tab.run(
        "
        responded 401                             -> unlock, lock; unauthorized
        granted                                   -> load
        loaded 0.1 acquire_key k2 a1/r1 as g1 900 -> send refresh r1
        responded a2/r2 as g1 900                 -> load
        loaded 0.1 acquire_key k2 a1/r1 as g1 900 -> store 0.2 acquire_key k2 a2/r2
        saved                                     -> unlock, publish 0.2, lock; refreshed g1
        granted                                   -> load
        loaded 0.2 acquire_key k2 a2/r2 as g1 900 -> send account 2 r2 key k2
        responded 401                             -> unlock, settle 2 rejected; unauthorized | active
        ",
    );
}

#[test]
fn an_account_request_with_a_replaced_token_is_sent_again_with_the_newer_one() {
    let mut tab = active();
    tab.run(UPGRADE_SENT);
    tab.run(
        "
        message 0.2                               -> load
        loaded 0.2 a2/r2 as g1 900                -> ; adopted g1
        responded 401                             -> unlock, lock; unauthorized
        granted                                   -> load
        loaded 0.2 a2/r2 as g1 900                -> store 0.2 acquire_key k2 a2/r2
        saved                                     -> send account 2 r2 key k2
        ",
    );
}

#[test]
fn c18_a_refused_account_request_does_not_change_the_session() {
    for refusal in ["403 invalid_credentials", "409 email_taken", "422 password_too_short", "429 too_many_attempts"] {
        let mut tab = active();
        let before = *tab.machine.snapshot();
        tab.run(UPGRADE_SENT);
        tab.run(&format!("responded {refusal} -> unlock, settle 2 refused {refusal}"));
        assert_eq!(*tab.machine.snapshot(), before);
        tab.run("want 3 -> settle 3 a1");
    }
}

#[test]
fn c18_an_account_request_to_a_server_without_members_does_not_change_the_session() {
    for status in [404, 405] {
        let mut tab = active();
        let before = *tab.machine.snapshot();
        tab.run(UPGRADE_SENT);
        tab.run(&format!("responded {status} -> unlock, settle 2 rejected"));
        assert_eq!(*tab.machine.snapshot(), before);
    }
}

#[test]
fn c18_an_account_request_without_a_refresh_token_is_refused() {
    for request in ["upgrade", "erase", "export"] {
        let mut tab = tab();
        tab.run(
            "
            start 1                   -> load
            loaded 0.1 a1/- as g1 900 -> settle 1 done; restored g1
            ",
        );
        tab.run(&format!("{request} 2 -> lock"));
        tab.run("granted -> load");
        let output = tab.feed("loaded 0.1 a1/- as g1 900");
        if request == "upgrade" {
            assert_eq!(output, "key");
            tab.run("key k2 -> store 0.1 acquire_key k2 a1/-");
            tab.run("saved -> unlock, settle 2 refused 403 refresh_token_required");
        } else {
            assert_eq!(output, "unlock, settle 2 refused 403 refresh_token_required");
        }
    }
}

#[test]
fn a_rejected_refresh_does_not_fail_an_account_request() {
    active().run(
        "
        expire                       ->
        want 3                       -> lock
        granted                      -> load
        loaded 0.1 a1/r1 as g1 900   -> send refresh r1
        responded 400                -> unlock, settle 3 rejected; retrying rejected
        ",
    );
}

/// Without the lock, or after its loss, another tab commits meanwhile. The response has the only session that is left.
#[test]
fn the_response_to_an_upgrade_counts_although_another_tab_has_committed() {
    let mut refreshed = active();
    refreshed.run(UPGRADE_SENT);
    refreshed.run(
        "
        message 0.2                               -> load
        loaded 0.2 a2/r2 as g1 900                -> ; adopted g1
        responded member a3/r3 as user:g1 900     -> load
        loaded 0.2 a2/r2 as g1 900                -> store 0.3 a3/r3
        saved                                     -> unlock, publish 0.3, settle 2 response member; identity g1 user_g1 registered; refreshed user_g1
        ",
    );
    let mut ended = active();
    ended.run(UPGRADE_SENT);
    ended.run(
        "
        responded member a3/r3 as user:g1 900     -> load
        loaded 0.2 a2/r2 as g2 900                -> store 0.3 a3/r3; identity g1 g2 another_tab; adopted g2
        saved                                     -> unlock, publish 0.3, settle 2 response member; identity g2 user_g1 logged_in; refreshed user_g1
        ",
    );
    let mut overtaken = active();
    overtaken.run(UPGRADE_SENT);
    overtaken.run(
        "
        responded member a3/r3 as user:g1 900     -> load
        loaded 0.1 acquire_key k2 a1/r1 as g1 900 -> store 0.2 a3/r3
        message 0.2                               -> load
        loaded 0.2 a2/r2 as g1 900                -> ; adopted g1
        ",
    );
    let store = overtaken.last("store").0;
    overtaken.run(&format!("saved@{store} -> load"));
    overtaken.run("loaded 0.2 a2/r2 as g1 900 -> store 0.3 a3/r3");
}

#[test]
fn a_request_that_is_refused_during_an_upgrade_is_replayed_with_the_new_token() {
    let mut tab = active();
    tab.run(UPGRADE_SENT);
    tab.run(
        "
        401 3 0.1                                 -> ; unauthorized
        responded member a2/r2 as user:g1 900     -> load
        loaded 0.1 acquire_key k2 a1/r1 as g1 900 -> store 0.2 a2/r2
        saved                                     -> unlock, publish 0.2, settle 3 a2 replay, settle 2 response member; identity g1 user_g1 registered; refreshed user_g1
        401 4 0.1                                 -> settle 4 a2 replay
        ",
    );
}

/// Without the lock: another tab has asked for an upgrade of this session, and its response is not stored yet.
#[test]
fn without_the_lock_a_session_that_another_tab_upgrades_has_not_ended() {
    let asked = "
        granted                                   -> load
        loaded 0.1 acquire_key k9 a1/r1 as g1 900 -> send refresh r1
        responded 400 invalid_grant               -> load
    ";
    let mut tab = active();
    tab.run(
        "
        401 2 0.1 -> lock; unauthorized
        ",
    );
    let lockless = asked.replace("granted", "nolock");
    tab.run(&lockless);
    tab.run("loaded 0.1 acquire_key k9 a1/r1 as g1 900 -> ; retrying unavailable");
    tab.run(
        "
        message 0.2                     -> load
        loaded 0.2 a2/r2 as user:g1 900 -> settle 2 a2 replay; identity g1 user_g1 registered; adopted user_g1 | active
        ",
    );

    let mut crashed = active();
    crashed.run("401 2 0.1 -> lock; unauthorized");
    for _ in 0..5 {
        crashed.run(&lockless);
        crashed.run("loaded 0.1 acquire_key k9 a1/r1 as g1 900 -> ; retrying unavailable");
        let wait = crashed.timer().unwrap();
        crashed.run(&format!("after {wait} -> lock"));
    }
    crashed.run(&lockless);
    crashed.run("loaded 0.1 acquire_key k9 a1/r1 as g1 900 -> key");

    let mut locked = active();
    locked.run("401 2 0.1 -> lock; unauthorized");
    locked.run(asked);
    locked.run("loaded 0.1 acquire_key k9 a1/r1 as g1 900 -> key | acquiring");
}

/// The server ends the session during an upgrade.
#[test]
fn c10_an_upgrade_goes_on_with_the_next_guest() {
    let lost = "
        responded 401                             -> unlock, lock; unauthorized
        granted                                   -> load
        loaded 0.1 acquire_key k2 a1/r1 as g1 900 -> send refresh r1
        responded 400 invalid_grant               -> load
    ";
    let mut tab = active();
    tab.run(UPGRADE_SENT);
    tab.run(lost);
    tab.run(
        "
        loaded 0.1 acquire_key k2 a1/r1 as g1 900 -> key | acquiring
        key k3                                    -> store 0.1 acquire_key k3
        saved                                     -> send acquire k3
        responded a2/r2 as g2 900                 -> load
        loaded 0.1 acquire_key k3                 -> store 0.2 a2/r2
        saved                                     -> unlock, publish 0.2, lock; identity g1 g2 invalid_grant; acquired g2
        granted                                   -> load
        loaded 0.2 a2/r2 as g2 900                -> store 0.2 acquire_key k2 a2/r2
        saved                                     -> send account 2 r2 key k2
        ",
    );
    let mut stops = active_with(Config { on_identity_lost: OnIdentityLost::Stop, ..Config::default() });
    stops.run(UPGRADE_SENT);
    stops.run(lost);
    stops.run("loaded 0.1 a1/r1 as g1 900 -> settle 2 session_ended, unlock; identity g1 - invalid_grant | ended");
    stops.run("upgrade 4 -> lock | acquiring");
}

#[test]
fn an_upgrade_works_in_memory() {
    tab_with(Config { sharing: Sharing::InMemory, ..Config::default() }).run(
        "
        upgrade 1                             -> key
        key k1                                -> send acquire k1
        responded a1/r1 as g1 900             -> key; acquired g1
        key k2                                -> send account 1 r1 key k2
        responded member a2/r2 as user:g1 900 -> settle 1 response member; identity g1 user_g1 registered; refreshed user_g1
        ",
    );
}

#[test]
fn an_upgrade_fails_if_no_guest_can_be_acquired() {
    tab_with(Config { sharing: Sharing::InMemory, ..Config::default() }).run(
        "
        upgrade 1     -> key
        key k1        -> send acquire k1
        responded 404 -> settle 1 rejected; retrying rejected
        ",
    );
}

#[test]
fn c04_the_same_waiter_again_is_one_account_request() {
    let mut tab = active();
    tab.run(UPGRADE_SENT);
    tab.run(
        "
        upgrade 2                 ->
        responded 409 email_taken -> unlock, settle 2 refused 409 email_taken
        ",
    );
}

#[test]
fn account_requests_are_sent_one_after_another() {
    let mut tab = active();
    tab.run(UPGRADE_SENT);
    tab.run(
        "
        export 3                        ->
        responded 409 email_taken       -> unlock, settle 2 refused 409 email_taken, lock
        granted                         -> load
        loaded 0.1 a1/r1 as g1 900      -> send account 3 r1
        responded text file             -> unlock, settle 3 response file
        ",
    );
}
