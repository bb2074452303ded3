//! `POST /revoke`

use serde_json::json;

use crate::support::{MINUTE, SECOND, Server, anonymous_login, form, refresh};

#[tokio::test]
async fn s04_revoking_either_token_ends_the_session_immediately() {
    let server = Server::open().await;

    for revokes_with_refresh_token in [true, false] {
        let tokens = server.anonymous_login().await;
        let token = if revokes_with_refresh_token { &tokens.refresh } else { &tokens.access };
        let response = server.revoke(token).await;

        assert_eq!(response.status, 200);
        assert!(!server.accepts(&tokens.access).await);
        server.refresh(&tokens.refresh).await.assert_oauth_error("invalid_grant");
    }
}

#[tokio::test]
async fn s04_a_revoked_token_gets_401_and_other_sessions_stay_valid() {
    let server = Server::open().await;
    let (ended, other) = (server.anonymous_login().await, server.anonymous_login().await);

    server.revoke(&ended.refresh).await;

    let response = server.get("/items/", &ended.access).await;
    response.assert_problem(401);
    assert!(response.header("www-authenticate").contains("error=\"invalid_token\""), "{response:?}");
    assert!(server.accepts(&other.access).await);
}

#[tokio::test]
async fn s04_the_long_lived_token_of_a_simple_client_can_be_revoked() {
    let server = Server::open().await;
    let token = server.send(anonymous_login(None, None)).await.json()["access_token"].as_str().unwrap().to_owned();

    server.revoke(&token).await;

    assert!(!server.accepts(&token).await);
}

#[tokio::test]
async fn s04_a_revocation_survives_a_restart() {
    let server = Server::open().await;
    let tokens = server.anonymous_login().await;
    let simple = server.send(anonymous_login(None, None)).await.json()["access_token"].as_str().unwrap().to_owned();
    server.revoke(&tokens.refresh).await;
    server.revoke(&simple).await;

    let server = server.restart().await;

    assert!(!server.accepts(&tokens.access).await);
    assert!(!server.accepts(&simple).await);
}

#[tokio::test]
async fn s04_a_revocation_is_kept_until_the_access_token_of_a_retried_login_has_expired() {
    let server = Server::open().await;
    let log_in = || anonymous_login(Some(json!({ "refresh": true })), Some("k_-GqFbKvQ0r8pWm2ZtYxA"));
    server.send(log_in()).await.tokens();
    server.clock.advance(9 * MINUTE);
    let repeated = server.send(log_in()).await.tokens();
    server.revoke(&repeated.refresh).await;
    // The first access token has expired; the second has not.
    server.clock.advance(14 * MINUTE);

    let server = server.restart().await;

    assert!(!server.accepts(&repeated.access).await);
}

#[tokio::test]
async fn s04_a_revocation_is_kept_until_the_access_token_of_a_replayed_refresh_has_expired() {
    let server = Server::open().await;
    let tokens = server.anonymous_login().await;
    server.refresh(&tokens.refresh).await.tokens();
    server.clock.advance(50 * SECOND);
    let replayed = server.refresh(&tokens.refresh).await.tokens();
    server.revoke(&tokens.refresh).await;
    // The access token of the rotation has expired; that of the replay has not.
    server.clock.advance(15 * MINUTE - 10 * SECOND);

    let server = server.restart().await;

    assert!(!server.accepts(&replayed.access).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn s04_tokens_from_a_refresh_concurrent_with_the_revocation_are_refused() {
    for _ in 0..10 {
        let server = Server::open().await;
        let tokens = server.anonymous_login().await;

        let (responses, revoked) =
            tokio::join!(server.send_concurrently(16, || refresh(&tokens.refresh)), server.revoke(&tokens.refresh));

        assert_eq!(revoked.status, 200);
        for response in responses.iter().filter(|response| response.status == 200) {
            assert!(!server.accepts(&response.tokens().access).await);
            server.refresh(&response.tokens().refresh).await.assert_oauth_error("invalid_grant");
        }
    }
}

#[tokio::test]
async fn revoking_a_rotated_refresh_token_ends_its_session() {
    let server = Server::open().await;
    let first = server.anonymous_login().await;
    let second = server.refresh(&first.refresh).await.tokens();

    server.revoke(&first.refresh).await;

    assert!(!server.accepts(&second.access).await);
}

#[tokio::test]
async fn revoking_twice_succeeds() {
    let server = Server::open().await;
    let tokens = server.anonymous_login().await;
    server.revoke(&tokens.refresh).await;
    let revoked_at = server.number("SELECT revoked_at FROM session");
    server.clock.advance(SECOND);

    assert_eq!(server.revoke(&tokens.refresh).await.status, 200);
    assert_eq!(server.number("SELECT revoked_at FROM session"), revoked_at);
}

#[tokio::test]
async fn unknown_tokens_get_200_and_end_no_session() {
    let server = Server::open().await;
    let tokens = server.anonymous_login().await;
    let of_another_server = Server::open().await.anonymous_login().await;

    for token in ["x", "gpr_x", "a.b.c", &of_another_server.refresh, &of_another_server.access, &tokens.refresh[..40]] {
        assert_eq!(server.revoke(token).await.status, 200, "{token}");
    }

    assert!(server.accepts(&tokens.access).await);
}

#[tokio::test]
async fn a_wrong_token_type_hint_is_ignored() {
    let server = Server::open().await;
    let tokens = server.anonymous_login().await;

    let parameters = [("token", tokens.refresh.as_str()), ("token_type_hint", "access_token")];
    assert_eq!(server.send(form("/revoke", &parameters)).await.status, 200);

    assert!(!server.accepts(&tokens.access).await);
}

#[tokio::test]
async fn s11_a_request_without_a_token_gets_invalid_request() {
    let server = Server::open().await;

    server.send(form("/revoke", &[])).await.assert_oauth_error("invalid_request");
    server.send(form("/revoke", &[("token", "")])).await.assert_oauth_error("invalid_request");
    server.send(form("/revoke", &[("token", "a"), ("token", "b")])).await.assert_oauth_error("invalid_request");
}
