//! Invariant S7: which guests and sessions the sweep deletes, and which it keeps

use std::time::Duration;

use guestpass_server::Config;
use serde_json::json;

use crate::support::{DAY, MINUTE, Server, anonymous_login};

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

/// Sweeps, and returns the numbers of remaining guests and sessions. It does not count deletions, because the server itself
/// also sweeps once a minute of real time.
async fn sweep_and_count(server: &Server) -> [i64; 2] {
    server.guestpass().sweep().await.unwrap();
    [GUESTS, SESSIONS].map(|query| server.number(query))
}

const GUESTS: &str = "SELECT count(*) FROM anonymous_user";
const SESSIONS: &str = "SELECT count(*) FROM session";
const CART_LINES: &str = "SELECT count(*) FROM cart_item";

#[tokio::test]
async fn s07_inactive_guests_are_deleted_with_all_their_data() {
    let server = server(|_| {}).await;
    let inactive = server.anonymous_login().await;
    let active = server.anonymous_login().await;
    for guest in [&inactive, &active] {
        server.call("POST", "/me/cart", &guest.access, json!({ "item_id": 1, "quantity": 1 })).await;
    }
    server.clock.advance(50 * MINUTE);
    server.refresh(&active.refresh).await.tokens();
    // The restart writes the last activity.
    let server = server.restart().await;

    server.clock.advance(DAY - 50 * MINUTE);
    assert_eq!(sweep_and_count(&server).await[0], 2, "no guest has been inactive for a day");
    server.clock.advance(MINUTE);
    assert_eq!(sweep_and_count(&server).await[0], 1, "only the inactive guest is deleted");

    let active = format!("SELECT count(*) FROM anonymous_user WHERE id = '{}'", &active.id["anonymous_".len()..]);
    assert_eq!(server.number(&active), 1);
    assert_eq!(server.number(CART_LINES), 1);
    server.clock.advance(50 * MINUTE);
    assert_eq!(sweep_and_count(&server).await, [0, 0]);
    assert_eq!(server.number(CART_LINES), 0);
}

#[tokio::test]
async fn s07_a_guest_with_an_active_session_is_never_deleted() {
    let server = server(|config| {
        config.refresh_ttl = 30 * DAY;
        config.guest_retention = MINUTE;
        config.session_retention = Duration::ZERO;
    })
    .await;
    let guest = server.anonymous_login().await;
    let simple = server.send(anonymous_login(None, None)).await.json()["access_token"].as_str().unwrap().to_owned();

    server.clock.advance(30 * DAY - MINUTE);
    assert_eq!(sweep_and_count(&server).await, [2, 2]);

    assert!(server.accepts(&simple).await);
    assert_eq!(server.refresh(&guest.refresh).await.tokens().id, guest.id);
    server.clock.advance(2 * MINUTE);
    assert_eq!(sweep_and_count(&server).await, [1, 1], "the session of the long-lived token has expired");
}

#[tokio::test]
async fn s07_a_revocation_is_kept_until_its_access_tokens_have_expired() {
    let server = server(|config| {
        config.guest_retention = MINUTE;
        config.session_retention = Duration::ZERO;
    })
    .await;
    let guest = server.anonymous_login().await;
    server.revoke(&guest.access).await;

    server.clock.advance(14 * MINUTE);
    assert_eq!(sweep_and_count(&server).await, [1, 1]);
    let server = server.restart().await;
    assert!(!server.accepts(&guest.access).await, "the sweep deleted the revocation too early");

    server.clock.advance(2 * MINUTE);
    assert_eq!(sweep_and_count(&server).await[1], 0);
}

#[tokio::test]
async fn s07_expired_sessions_are_deleted_before_their_guests() {
    let server = server(|_| {}).await;
    server.anonymous_login().await;

    server.clock.advance(2 * HOUR - MINUTE);
    assert_eq!(sweep_and_count(&server).await, [1, 1]);
    server.clock.advance(2 * MINUTE);

    assert_eq!(sweep_and_count(&server).await, [1, 0]);
}

#[tokio::test]
async fn s07_one_sweep_deletes_more_than_one_batch() {
    let server = server(|_| {}).await;
    for _ in 0..21 {
        server.send_concurrently(100, || anonymous_login(Some(json!({ "refresh": true })), None)).await;
    }
    server.clock.advance(2 * DAY);
    let new = server.anonymous_login().await;

    assert_eq!(sweep_and_count(&server).await, [1, 1]);
    assert!(server.accepts(&new.access).await);
}
