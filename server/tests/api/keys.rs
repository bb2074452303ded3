//! Key rotation while the server runs

use std::time::Duration;

use guestpass_server::{KeyAdmin, KeyInfo, KeyKind, KeyScope, KeyState, RotationError};
use serde_json::Value;

use crate::support::wait::until;
use crate::support::{DAY, MINUTE, SECOND, Server, Tokens, get, header_of};

async fn admin(server: &Server) -> KeyAdmin {
    KeyAdmin::open_at(server.location(), server.clock.clone()).await.unwrap()
}

/// The key IDs that the server publishes.
async fn published(server: &Server) -> Vec<String> {
    kids(&server.send(get("/.well-known/jwks.json")).await.json())
}

fn kids(jwks: &Value) -> Vec<String> {
    jwks["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

fn kid_of(tokens: &Tokens) -> String {
    header_of(&tokens.access)["kid"].as_str().unwrap().to_owned()
}

fn names(keys: &[KeyInfo], state: KeyState) -> Vec<&str> {
    keys.iter().filter(|key| key.state == state).map(|key| key.name.as_str()).collect()
}

#[tokio::test]
async fn a_new_key_is_published_then_signs_and_the_old_key_is_deleted_after_its_last_token_expires() {
    let server = Server::open_with(|config| config.guest_token_ttl = 15 * MINUTE).await;
    let (admin, first) = (admin(&server).await, server.anonymous_login().await);

    let keys = admin.rotate(MINUTE).await.unwrap();
    let (old, new) = (kid_of(&first), names(&keys, KeyState::Next)[0].to_owned());
    until("both keys are published", async || published(&server).await == [old.clone(), new.clone()]).await;
    assert_eq!(kid_of(&server.anonymous_login().await), old, "the new key signs only after the notice period");

    server.clock.advance(MINUTE);
    let second = server.anonymous_login().await;
    assert_eq!(kid_of(&second), new);
    assert!(server.accepts(&first.access).await && server.accepts(&second.access).await);
    let refreshed = server.refresh(&first.refresh).await.tokens();
    assert_eq!(kid_of(&refreshed), new);

    server.clock.advance(16 * MINUTE);
    assert_eq!(published(&server).await, std::slice::from_ref(&new));
    let is_deleted = || async { server.number("SELECT count(*) FROM signing_key") == 1 };
    until("the old key is deleted from the store", is_deleted).await;
    let later = server.refresh(&refreshed.refresh).await.tokens();
    assert!(server.accepts(&later.access).await);
    admin.close().await;
}

#[tokio::test]
async fn s02_a_replay_gets_the_same_successor_before_and_after_a_key_rotation() {
    let server = Server::open().await;
    let (admin, first) = (admin(&server).await, server.anonymous_login().await);
    admin.rotate(10 * SECOND).await.unwrap();
    until("the server knows the key", async || published(&server).await.len() == 2).await;

    let before = server.refresh(&first.refresh).await.tokens();
    server.clock.advance(11 * SECOND);
    let after = server.refresh(&first.refresh).await.tokens();

    assert_eq!(before.refresh, after.refresh);
    let next = server.refresh(&after.refresh).await.tokens();
    assert_ne!(next.refresh[..10], after.refresh[..10], "the new key signs the next refresh token");
    admin.close().await;
}

#[tokio::test]
async fn a_refresh_token_stays_valid_for_its_session_after_a_key_rotation() {
    let server = Server::open().await;
    let (admin, tokens) = (admin(&server).await, server.anonymous_login().await);
    admin.rotate(10 * SECOND).await.unwrap();
    until("the server knows the key", async || published(&server).await.len() == 2).await;

    server.clock.advance(30 * DAY - SECOND);

    assert_eq!(server.refresh(&tokens.refresh).await.status, 200);
    admin.close().await;
}

#[tokio::test]
async fn keys_are_kept_for_the_longest_lifetime_that_was_ever_configured() {
    // The token was issued before the operator shortened the lifetime of long-lived tokens.
    let server = Server::open().await;
    let simple = server.send(crate::support::anonymous_login(None, None)).await.json();
    let server = server.restart_with(|config| config.guest_token_ttl = DAY).await;
    let admin = admin(&server).await;
    admin.rotate(10 * SECOND).await.unwrap();
    until("the server knows the key", async || published(&server).await.len() == 2).await;

    server.clock.advance(29 * DAY);

    assert!(server.accepts(simple["access_token"].as_str().unwrap()).await);
    admin.close().await;
}

#[tokio::test]
async fn a_token_of_a_leaked_key_is_refused_although_it_was_accepted_before() {
    for (leak, keeps_sessions) in [(KeyScope::AccessTokens, true), (KeyScope::AllTokens, false)] {
        let server = Server::open().await;
        let (admin, tokens) = (admin(&server).await, server.anonymous_login().await);
        assert!(server.accepts(&tokens.access).await);

        let keys = admin.replace(leak).await.unwrap();

        assert_eq!(names(&keys, KeyState::Verifying), [""; 0]);
        until("the token is refused", async || !server.accepts(&tokens.access).await).await;
        assert_eq!(published(&server).await, names(&keys, KeyState::Signing)[..1]);
        let response = server.refresh(&tokens.refresh).await;
        if keeps_sessions {
            assert!(server.accepts(&response.tokens().access).await);
        } else {
            response.assert_oauth_error("invalid_grant");
        }
        admin.close().await;
    }
}

#[tokio::test]
async fn rotating_twice_creates_one_key_and_a_notice_below_the_minimum_is_refused() {
    let server = Server::open().await;
    let admin = admin(&server).await;

    let once = admin.rotate(10 * MINUTE).await.unwrap();
    let twice = admin.rotate(MINUTE).await.unwrap();

    assert_eq!(names(&once, KeyState::Next), names(&twice, KeyState::Next));
    let signs_from = |keys: &[KeyInfo]| keys.iter().find(|key| key.state == KeyState::Next).unwrap().signs_from;
    assert!(signs_from(&twice) < signs_from(&once));
    assert_eq!(twice.iter().filter(|key| key.kind == KeyKind::Refresh).count(), 2);
    let too_short = admin.rotate(5 * SECOND - Duration::from_millis(1)).await;
    assert!(matches!(too_short, Err(RotationError::ShortNotice)));
    admin.close().await;
}
