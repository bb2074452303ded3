//! `POST /revoke`

use serde_json::json;

use crate::support::{MINUTE, SECOND, Server, form, login, refresh};

#[tokio::test]
async fn s04_either_token_ends_the_session_at_once() {
    let server = Server::open().await;

    for revokes_with_refresh_token in [true, false] {
        let tokens = server.login().await;
        let token = if revokes_with_refresh_token { &tokens.refresh } else { &tokens.access };
        let answer = server.revoke(token).await;

        assert_eq!(answer.status, 200);
        assert!(!server.accepts(&tokens.access).await);
        server.refresh(&tokens.refresh).await.assert_oauth_error("invalid_grant");
    }
}

#[tokio::test]
async fn s04_a_revoked_token_is_told_so_and_only_that_session_ends() {
    let server = Server::open().await;
    let (ended, other) = (server.login().await, server.login().await);

    server.revoke(&ended.refresh).await;

    let answer = server.get("/items/", &ended.access).await;
    answer.assert_problem(401);
    assert!(answer.header("www-authenticate").contains("error=\"invalid_token\""), "{answer:?}");
    assert!(server.accepts(&other.access).await);
}

#[tokio::test]
async fn s04_the_long_lived_token_of_a_simple_client_can_be_revoked() {
    let server = Server::open().await;
    let token = server.send(login(None, None)).await.json()["access_token"].as_str().unwrap().to_owned();

    server.revoke(&token).await;

    assert!(!server.accepts(&token).await);
}

#[tokio::test]
async fn s04_a_revocation_outlives_the_process() {
    let server = Server::open().await;
    let tokens = server.login().await;
    let simple = server.send(login(None, None)).await.json()["access_token"].as_str().unwrap().to_owned();
    server.revoke(&tokens.refresh).await;
    server.revoke(&simple).await;

    let server = server.reopen().await;

    assert!(!server.accepts(&tokens.access).await);
    assert!(!server.accepts(&simple).await);
}

#[tokio::test]
async fn s04_a_revocation_is_remembered_as_long_as_a_repeated_login_gave_access() {
    let server = Server::open().await;
    let again = || login(Some(json!({ "refresh": true })), Some("k_-GqFbKvQ0r8pWm2ZtYxA"));
    server.send(again()).await.tokens();
    server.clock.advance(9 * MINUTE);
    let repeated = server.send(again()).await.tokens();
    server.revoke(&repeated.refresh).await;
    // Past the life of the first access token, and not of the second.
    server.clock.advance(14 * MINUTE);

    let server = server.reopen().await;

    assert!(!server.accepts(&repeated.access).await);
}

#[tokio::test]
async fn s04_a_revocation_is_remembered_as_long_as_a_replayed_refresh_gave_access() {
    let server = Server::open().await;
    let tokens = server.login().await;
    server.refresh(&tokens.refresh).await.tokens();
    server.clock.advance(50 * SECOND);
    let replayed = server.refresh(&tokens.refresh).await.tokens();
    server.revoke(&tokens.refresh).await;
    // Past the life of the access token that the rotation gave, and not of that from the replay.
    server.clock.advance(15 * MINUTE - 10 * SECOND);

    let server = server.reopen().await;

    assert!(!server.accepts(&replayed.access).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn s04_nothing_that_a_racing_refresh_was_given_outlives_the_revocation() {
    for _ in 0..10 {
        let server = Server::open().await;
        let tokens = server.login().await;

        let (answers, revoked) =
            tokio::join!(server.send_at_once(16, || refresh(&tokens.refresh)), server.revoke(&tokens.refresh));

        assert_eq!(revoked.status, 200);
        for answer in answers.iter().filter(|answer| answer.status == 200) {
            assert!(!server.accepts(&answer.tokens().access).await);
            server.refresh(&answer.tokens().refresh).await.assert_oauth_error("invalid_grant");
        }
    }
}

#[tokio::test]
async fn an_old_refresh_token_still_ends_its_session() {
    let server = Server::open().await;
    let first = server.login().await;
    let second = server.refresh(&first.refresh).await.tokens();

    server.revoke(&first.refresh).await;

    assert!(!server.accepts(&second.access).await);
}

#[tokio::test]
async fn revoking_twice_is_as_good_as_once() {
    let server = Server::open().await;
    let tokens = server.login().await;
    server.revoke(&tokens.refresh).await;
    let revoked_at = server.number("SELECT revoked_at FROM session");
    server.clock.advance(SECOND);

    assert_eq!(server.revoke(&tokens.refresh).await.status, 200);
    assert_eq!(server.number("SELECT revoked_at FROM session"), revoked_at);
}

#[tokio::test]
async fn unknown_tokens_are_fine_and_end_nothing() {
    let server = Server::open().await;
    let tokens = server.login().await;
    let elsewhere = Server::open().await.login().await;

    for token in ["x", "gpr_x", "a.b.c", &elsewhere.refresh, &elsewhere.access, &tokens.refresh[..40]] {
        assert_eq!(server.revoke(token).await.status, 200, "{token}");
    }

    assert!(server.accepts(&tokens.access).await);
}

#[tokio::test]
async fn a_wrong_hint_is_ignored() {
    let server = Server::open().await;
    let tokens = server.login().await;

    let parameters = [("token", tokens.refresh.as_str()), ("token_type_hint", "access_token")];
    assert_eq!(server.send(form("/revoke", &parameters)).await.status, 200);

    assert!(!server.accepts(&tokens.access).await);
}

#[tokio::test]
async fn s11_a_request_without_a_token_is_invalid() {
    let server = Server::open().await;

    server.send(form("/revoke", &[])).await.assert_oauth_error("invalid_request");
    server.send(form("/revoke", &[("token", "")])).await.assert_oauth_error("invalid_request");
    server.send(form("/revoke", &[("token", "a"), ("token", "b")])).await.assert_oauth_error("invalid_request");
}
