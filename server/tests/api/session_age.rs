//! The greatest age of a session, which no refresh extends

use guestpass_server::Config;
use serde_json::Value;

use crate::support::{DAY, MINUTE, SECOND, Server, Tokens, anonymous_login, claims_of, form, with_header};

const SECRET: &str = "0123456789abcdef0123456789abcdef";

fn with_age(config: &mut Config) {
    config.session_max_age = Some(2 * DAY);
    config.introspection_secrets = vec![SECRET.parse().unwrap()];
}

/// Refreshes once a day and a last time shortly before the end of the second day.
async fn refreshed_until_the_end(server: &Server, tokens: &Tokens) -> Tokens {
    server.clock.advance(DAY);
    let second = server.refresh(&tokens.refresh).await.tokens();
    server.clock.advance(DAY - MINUTE);
    server.refresh(&second.refresh).await.tokens()
}

#[tokio::test]
async fn a_session_ends_at_its_greatest_age_whatever_its_refreshes() {
    let server = Server::open_with(with_age).await;
    let first = server.anonymous_login().await;
    let opened_at = server.clock.secs();

    let last = refreshed_until_the_end(&server, &first).await;

    // The access token ends with the session.
    assert_eq!(last.expires_in, 60);
    let expires_at = claims_of(&last.access)["exp"].as_i64().unwrap();
    assert!(expires_at <= opened_at + 2 * 24 * 60 * 60, "{expires_at}");
    server.clock.advance(MINUTE - SECOND);
    assert!(server.accepts(&last.access).await);
    server.clock.advance(SECOND);
    assert!(!server.accepts(&last.access).await);
    server.refresh(&last.refresh).await.assert_oauth_error("invalid_grant");
    let login = server.anonymous_login().await;
    assert!(server.accepts(&login.access).await, "the next login opens a new session");
}

#[tokio::test]
async fn a_lost_response_is_repeated_until_the_greatest_age_and_not_after() {
    let server = Server::open_with(with_age).await;
    let first = server.anonymous_login().await;
    server.clock.advance(2 * DAY - 30 * SECOND);
    let once = server.refresh(&first.refresh).await.tokens();

    server.clock.advance(20 * SECOND);
    let again = server.refresh(&first.refresh).await.tokens();
    assert_eq!((&again.refresh, again.expires_in), (&once.refresh, 10));

    server.clock.advance(10 * SECOND);
    server.refresh(&first.refresh).await.assert_oauth_error("invalid_grant");
}

#[tokio::test]
async fn a_session_that_is_older_than_a_new_limit_ends_at_once() {
    let server = Server::open_with(|config| config.introspection_secrets = vec![SECRET.parse().unwrap()]).await;
    let (old, young) = (server.anonymous_login().await, {
        server.clock.advance(DAY);
        server.anonymous_login().await
    });
    server.clock.advance(DAY);
    let server = server.restart_with(with_age).await;

    let active = async |token: &str| -> Value {
        let request = form("/introspect", &[("token", token)]);
        let request = with_header(request, "authorization", &format!("Bearer {SECRET}"));
        server.send(request).await.json()
    };
    assert_eq!(active(&old.refresh).await["active"], false);
    let young_until = active(&young.refresh).await["exp"].as_i64().unwrap();
    assert_eq!(young_until, server.clock.secs() + 24 * 60 * 60);
    server.refresh(&old.refresh).await.assert_oauth_error("invalid_grant");
    assert_eq!(server.refresh(&young.refresh).await.status, 200);
}

#[tokio::test]
async fn the_single_token_of_a_simple_client_ends_with_its_session() {
    let server = Server::open_with(with_age).await;

    let login = server.send(anonymous_login(None, None)).await.json();

    assert_eq!(login["expires_in"], 2 * 24 * 60 * 60);
    // The expiry of a token is a whole second, rounded up.
    server.clock.advance(2 * DAY + SECOND);
    assert!(!server.accepts(login["access_token"].as_str().unwrap()).await);
}

#[tokio::test]
async fn without_the_setting_a_session_has_no_greatest_age() {
    let server = Server::open().await;
    let mut tokens = server.anonymous_login().await;

    for _ in 0..20 {
        server.clock.advance(29 * DAY);
        tokens = server.refresh(&tokens.refresh).await.tokens();
    }

    assert!(server.accepts(&tokens.access).await);
}
