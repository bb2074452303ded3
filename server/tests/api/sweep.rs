//! S7: what is removed, and what never is

use std::time::Duration;

use guestpass_server::Config;
use serde_json::json;

use crate::support::{DAY, MINUTE, Server, login};

const HOUR: Duration = Duration::from_secs(60 * 60);

async fn server(change: impl FnOnce(&mut Config)) -> Server {
    Server::open_with(|config| {
        config.refresh_ttl = HOUR;
        config.guest_retention = DAY;
        config.session_retention = HOUR;
        change(config);
    })
    .await
}

/// Sweeps, and says how many guests and sessions are left. Not how many were removed: the server also sweeps by itself, once a
/// minute of real time.
async fn left(server: &Server) -> [i64; 2] {
    server.guestpass().sweep().await.unwrap();
    [GUESTS, SESSIONS].map(|query| server.number(query))
}

const GUESTS: &str = "SELECT count(*) FROM anonymous_user";
const SESSIONS: &str = "SELECT count(*) FROM session";
const CART_LINES: &str = "SELECT count(*) FROM cart_item";

#[tokio::test]
async fn s07_guests_go_by_their_last_activity_and_take_everything_with_them() {
    let server = server(|_| {}).await;
    let away = server.login().await;
    let active = server.login().await;
    for guest in [&away, &active] {
        server.call("POST", "/me/cart", &guest.access, json!({ "item_id": 1, "quantity": 1 })).await;
    }
    server.clock.advance(50 * MINUTE);
    server.refresh(&active.refresh).await.tokens();
    // Writes the activity.
    let server = server.reopen().await;

    server.clock.advance(DAY - 50 * MINUTE);
    assert_eq!(left(&server).await[0], 2, "a day has not passed");
    server.clock.advance(MINUTE);
    assert_eq!(left(&server).await[0], 1, "both are as old, and one was active later");

    let active = format!("SELECT count(*) FROM anonymous_user WHERE id = '{}'", &active.id["anonymous_".len()..]);
    assert_eq!(server.number(&active), 1);
    assert_eq!(server.number(CART_LINES), 1);
    server.clock.advance(50 * MINUTE);
    assert_eq!(left(&server).await, [0, 0]);
    assert_eq!(server.number(CART_LINES), 0);
}

#[tokio::test]
async fn s07_a_guest_with_a_session_that_can_be_used_is_never_removed() {
    let server = server(|config| {
        config.refresh_ttl = 30 * DAY;
        config.guest_retention = MINUTE;
        config.session_retention = Duration::ZERO;
    })
    .await;
    let guest = server.login().await;
    let simple = server.send(login(None, None)).await.json()["access_token"].as_str().unwrap().to_owned();

    server.clock.advance(30 * DAY - MINUTE);
    assert_eq!(left(&server).await, [2, 2]);

    assert!(server.accepts(&simple).await);
    assert_eq!(server.refresh(&guest.refresh).await.tokens().id, guest.id);
    server.clock.advance(2 * MINUTE);
    assert_eq!(left(&server).await, [1, 1], "the long-lived token is over");
}

#[tokio::test]
async fn s07_a_revocation_is_remembered_as_long_as_there_are_tokens() {
    let server = server(|config| {
        config.guest_retention = MINUTE;
        config.session_retention = Duration::ZERO;
    })
    .await;
    let guest = server.login().await;
    server.revoke(&guest.access).await;

    server.clock.advance(14 * MINUTE);
    assert_eq!(left(&server).await, [1, 1]);
    let server = server.reopen().await;
    assert!(!server.accepts(&guest.access).await, "the revocation was swept away");

    server.clock.advance(2 * MINUTE);
    assert_eq!(left(&server).await[1], 0);
}

#[tokio::test]
async fn s07_sessions_that_are_over_go_before_their_guests() {
    let server = server(|_| {}).await;
    server.login().await;

    server.clock.advance(2 * HOUR - MINUTE);
    assert_eq!(left(&server).await, [1, 1]);
    server.clock.advance(2 * MINUTE);

    assert_eq!(left(&server).await, [1, 0]);
}

#[tokio::test]
async fn s07_more_than_one_batch_is_swept() {
    let server = server(|_| {}).await;
    for _ in 0..21 {
        server.send_at_once(100, || login(Some(json!({ "refresh": true })), None)).await;
    }
    server.clock.advance(2 * DAY);
    let late = server.login().await;

    assert_eq!(left(&server).await, [1, 1]);
    assert!(server.accepts(&late.access).await);
}
