use guestpass_core::{Config, Kind, Sharing};

use crate::script::subject;
use crate::script::{FIRST_VISIT, active, tab, tab_with};

#[test]
fn a_first_visit_makes_one_guest() {
    let mut tab = tab();
    tab.run(FIRST_VISIT);
    let snapshot = tab.machine.snapshot();
    assert_eq!(snapshot.id, Some(subject("anonymous_g1")));
    assert_eq!(snapshot.id.and_then(|id| id.kind), Some(Kind::Guest));
    assert_eq!(snapshot.expires_at, Some(1_000_000 + 900_000));
}

#[test]
fn waiting_calls_share_one_acquisition() {
    tab().run(
        "
        want 1                    -> load
        want 2                    ->
        loaded empty              -> publish 0.0, lock
        want 3                    ->
        granted                   -> load
        loaded empty              -> key
        key k1                    -> store 0.0 acquire_key k1
        saved                     -> send acquire k1
        want 4                    ->
        responded a1/r1 as g1 900 -> load
        loaded 0.0 acquire_key k1 -> store 0.1 a1/r1
        saved                     -> unlock, publish 0.1, settle 1 a1, settle 2 a1, settle 3 a1, settle 4 a1; acquired g1
        want 5                    -> settle 5 a1
        ",
    );
}

#[test]
fn c01_a_start_reads_the_storage_and_sends_no_request() {
    let mut tab = tab();
    tab.run(
        "
        start 1      -> load | loading
        loaded empty -> publish 0.0, settle 1 done | idle
        start 2      -> settle 2 done
        ",
    );
    assert_eq!(tab.timer(), None);
}

#[test]
fn a_stored_credential_is_restored() {
    tab().run(
        "
        want 1                     -> load
        loaded 2.7 a7/r7 as g1 900 -> settle 1 a7; restored g1 | active
        ",
    );
}

#[test]
fn c19_an_acquire_key_that_another_tab_has_stored_is_used() {
    tab().run(
        "
        want 1                    -> load
        loaded empty              -> publish 0.0, lock
        granted                   -> load
        loaded 0.0 acquire_key k9 -> send acquire k9
        ",
    );
}

#[test]
fn c19_after_a_lost_response_the_same_key_is_sent_again() {
    let mut tab = tab();
    tab.run(
        "
        want 1                    -> load
        loaded empty              -> publish 0.0, lock
        granted                   -> load
        loaded empty              -> key
        key k1                    -> store 0.0 acquire_key k1
        saved                     -> send acquire k1
        unsent                    -> unlock; retrying network | unavailable
        after 500                 -> lock
        granted                   -> load
        loaded 0.0 acquire_key k1 -> send acquire k1
        ",
    );
}

#[test]
fn c19_after_a_page_reload_the_acquisition_continues_with_the_stored_key() {
    tab().run(
        "
        want 1                    -> load
        loaded 0.0 acquire_key k1 -> lock
        granted                   -> load
        loaded 0.0 acquire_key k1 -> send acquire k1
        ",
    );
}

#[test]
fn c19_after_a_contended_lock_the_acquire_key_of_another_tab_is_awaited() {
    tab().run(
        "
        want 1                    -> load
        loaded empty              -> publish 0.0, lock
        granted contended         -> load
        loaded empty              ->
        after 50                  -> load
        loaded 0.0 acquire_key k9 -> send acquire k9
        ",
    );
}

#[test]
fn c19_without_the_lock_the_last_stored_acquire_key_is_used() {
    tab().run(
        "
        want 1                    -> load
        loaded empty              -> publish 0.0, lock
        nolock                    -> load
        loaded empty              -> key
        key k1                    -> store 0.0 acquire_key k1
        saved                     ->
        after 400                 -> load
        loaded 0.0 acquire_key k2 -> send acquire k2
        responded a1/r1 as g1 900 -> load
        loaded 0.0 acquire_key k2 -> store 0.1 a1/r1
        saved                     -> publish 0.1, settle 1 a1; acquired g1 | active
        ",
    );
}

#[test]
fn c19_without_the_lock_a_guest_that_another_tab_has_acquired_is_adopted() {
    tab().run(
        "
        want 1                     -> load
        loaded empty               -> publish 0.0, lock
        nolock                     -> load
        loaded 0.0 acquire_key k2  ->
        after 400                  -> load
        loaded 0.1 a1/r1 as g1 900 -> settle 1 a1; adopted g1 | active
        ",
    );
}

/// While the transaction waits, a guest is adopted and refused. The transaction must refresh it, and not acquire another guest.
#[test]
fn c09_a_guest_that_was_adopted_while_acquire_keys_were_awaited_is_refreshed() {
    tab().run(
        "
        want 1                     -> load
        loaded empty               -> publish 0.0, lock
        nolock                     -> load
        loaded 0.0 acquire_key k2  ->
        message 0.1                -> load
        loaded 0.1 a1/r1 as g1 900 -> settle 1 a1; adopted g1
        401 2 0.1                  -> ; unauthorized
        after 400                  -> load
        loaded 0.1 a1/r1 as g1 900 -> send refresh r1
        ",
    );
}

#[test]
fn an_acquire_key_that_the_server_rejects_is_replaced() {
    tab().run(
        "
        want 1                    -> load
        loaded 0.0 acquire_key k1 -> lock
        granted                   -> load
        loaded 0.0 acquire_key k1 -> send acquire k1
        responded 409             -> unlock; retrying unavailable
        after 500                 -> lock
        granted                   -> load
        loaded 0.0 acquire_key k1 -> key
        key k2                    -> store 0.0 acquire_key k2
        saved                     -> send acquire k2
        ",
    );
}

#[test]
fn without_a_storage_there_is_no_lock_and_no_load() {
    tab_with(Config { sharing: Sharing::InMemory, ..Config::default() }).run(
        "
        want 1                    -> key | acquiring
        key k1                    -> send acquire k1
        responded a1/r1 as g1 900 -> settle 1 a1; acquired g1 | active
        expire                    ->
        want 2                    -> send refresh r1
        responded a2/r2 as g1 900 -> settle 2 a2; refreshed g1
        ",
    );
}

#[test]
fn a_storage_of_one_tab_needs_no_lock_and_no_messages() {
    tab_with(Config { sharing: Sharing::OneTab, ..Config::default() }).run(
        "
        want 1                    -> load
        loaded empty              -> load
        loaded empty              -> key
        key k1                    -> store 0.0 acquire_key k1
        saved                     -> send acquire k1
        responded a1/r1 as g1 900 -> load
        loaded 0.0 acquire_key k1 -> store 0.1 a1/r1
        saved                     -> settle 1 a1; acquired g1 | active
        signout 2                 -> send revoke r1, load; signed_out g1 this_tab
        loaded 0.1 a1/r1          -> store 1.0 revoke r1
        saved                     -> settle 2 done | signed_out
        ",
    );
}

#[test]
fn a_classic_server_sends_neither_lifetime_nor_subject() {
    tab().run(
        "
        want 1                    -> load
        loaded empty              -> publish 0.0, lock
        granted                   -> load
        loaded empty              -> key
        key k1                    -> store 0.0 acquire_key k1
        saved                     -> send acquire k1
        responded a1/-            -> load
        loaded 0.0 acquire_key k1 -> store 0.1 a1/-
        saved                     -> unlock, publish 0.1, settle 1 a1; acquired - | active
        after 999999999           ->
        want 2                    -> settle 2 a1
        401 3 0.1                 -> lock; unauthorized
        granted                   -> load
        loaded 0.1 a1/-           -> key
        key k2                    -> store 0.1 acquire_key k2
        saved                     -> send acquire k2
        responded a2/-            -> load
        loaded 0.1 acquire_key k2 -> store 0.2 a2/-
        saved                     -> unlock, publish 0.2, settle 3 a2 replay; identity - - unauthorized; acquired -
        ",
    );
}

#[test]
fn a_token_that_cannot_be_refreshed_is_replaced_when_it_expires() {
    let mut tab = active();
    tab.run(
        "
        message 0.2               -> load
        loaded 0.2 a2/- as g1 900 -> ; adopted g1
        after 900000              ->
        want 2                    -> lock
        granted                   -> load
        loaded 0.2 a2/- as g1 900 -> key
        key k2                    -> store 0.2 acquire_key k2
        saved                     -> send acquire k2
        responded a3/r3 as g2 900 -> load
        loaded 0.2 acquire_key k2 -> store 0.3 a3/r3
        saved                     -> unlock, publish 0.3, settle 2 a3; identity g1 g2 expired; acquired g2
        ",
    );
}

#[test]
fn c19_a_rejected_acquire_key_is_not_used_again_if_another_tab_stores_it() {
    tab().run(
        "
        want 1                    -> load
        loaded 0.0 acquire_key k1 -> lock
        granted                   -> load
        loaded 0.0 acquire_key k1 -> send acquire k1
        responded 409             -> unlock; retrying unavailable
        after 500                 -> lock
        nolock                    -> load
        loaded 0.0 acquire_key k1 -> key
        key k2                    -> store 0.0 acquire_key k2
        saved                     ->
        after 400                 -> load
        loaded 0.0 acquire_key k1 -> send acquire k2
        ",
    );
}

#[test]
fn without_a_storage_a_start_is_settled_at_once() {
    tab_with(Config { sharing: Sharing::InMemory, ..Config::default() }).run("start 1 -> settle 1 done | idle");
}

#[test]
fn c08_an_acquisition_that_finds_a_sign_out_begins_again_in_the_new_epoch() {
    tab().run(
        "
        want 1                    -> load
        loaded empty              -> publish 0.0, lock
        granted                   -> load
        loaded 1.0                -> unlock, lock
        granted                   -> load
        loaded 1.0                -> key
        key k1                    -> store 1.0 acquire_key k1
        saved                     -> send acquire k1
        responded a1/r1 as g1 900 -> load
        loaded 1.0 acquire_key k1 -> store 1.1 a1/r1
        saved                     -> unlock, publish 1.1, settle 1 a1; acquired g1 | active
        ",
    );
}
