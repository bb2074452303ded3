//! `GET /me`, and the time of the last activity. The other files of this folder test the routes below `/me` and `DELETE /me`.

mod additions;
mod collection;
mod collection_limits;
mod entry;
mod entry_conditions;
mod erase;
mod export;
mod sessions;

use guestpass_server::Clock;

use crate::support::{MINUTE, SECOND, Server};

#[tokio::test]
async fn me_returns_the_guest_of_the_token() {
    let server = Server::open().await;
    let tokens = server.anonymous_login().await;
    server.clock.advance(5 * SECOND);

    let me = server.get("/me", &tokens.access).await.json();

    assert_eq!(me["id"], tokens.id);
    assert_eq!(me["kind"], "guest");
    assert_eq!(me["created_at"], "2027-01-15T08:00:00.250Z");
    assert_eq!(me["last_active_at"], "2027-01-15T08:00:05.250Z");
}

#[tokio::test]
async fn s06_activity_is_written_every_few_seconds_and_not_for_each_request() {
    let server = Server::open().await;
    let tokens = server.anonymous_login().await;
    // The clock moves with each request, so that each write stores another time.
    let written = || server.number("SELECT last_active_at FROM anonymous_user");
    let (mut last, mut commits) = (written(), 0);
    let started = std::time::Instant::now();

    for _ in 0..100 {
        server.clock.advance(SECOND);
        assert_eq!(server.get("/items/", &tokens.access).await.status, 200);
        commits += u64::from(std::mem::replace(&mut last, written()) != last);
    }

    let intervals = started.elapsed().as_secs() / 3 + 1;
    assert!(commits <= intervals, "{commits} commits in {intervals} intervals");
}

#[tokio::test]
async fn s06_closing_the_server_writes_the_last_activity() {
    let server = Server::open().await;
    let tokens = server.anonymous_login().await;

    for _ in 0..50 {
        server.clock.advance(SECOND);
        server.get("/items/", &tokens.access).await;
    }
    server.close().await;

    assert_eq!(server.number("SELECT last_active_at - created_at FROM anonymous_user"), 50_000);
}

/// The row of the session tells it, so a refresh writes no row of the guest.
#[tokio::test]
async fn s06_a_refresh_counts_as_activity_and_changes_only_the_session() {
    let server = Server::open().await;
    let tokens = server.anonymous_login().await;
    let login = server.clock.now().as_millis();
    assert_eq!(server.last_active_at(&tokens).await, login);
    server.clock.advance(10 * MINUTE);
    server.refresh(&tokens.refresh).await.tokens();
    assert_eq!(server.last_active_at(&tokens).await, login + 600_000);

    server.close().await;

    assert_eq!(server.last_active_at(&tokens).await, login + 600_000);
    assert_eq!(server.number("SELECT last_active_at FROM anonymous_user"), login);
}

/// A refresh that gets the same successor again does not change the row of the session.
#[tokio::test]
async fn a_repeated_refresh_counts_as_activity() {
    let server = Server::open().await;
    let tokens = server.anonymous_login().await;
    let login = server.clock.now().as_millis();
    server.refresh(&tokens.refresh).await.tokens();
    server.clock.advance(10 * MINUTE);
    server.refresh(&tokens.refresh).await.tokens();

    server.close().await;

    assert_eq!(server.last_active_at(&tokens).await, login + 600_000);
}

#[tokio::test]
async fn a_request_with_a_refused_token_does_not_count_as_activity() {
    let server = Server::open().await;
    let tokens = server.anonymous_login().await;
    server.revoke(&tokens.refresh).await;
    server.clock.advance(SECOND);
    assert!(!server.accepts(&tokens.access).await);

    server.close().await;

    assert_eq!(server.number("SELECT last_active_at - created_at FROM anonymous_user"), 0);
}

#[tokio::test]
async fn a_token_of_a_deleted_guest_is_refused() {
    let server = Server::open().await;
    let tokens = server.anonymous_login().await;
    server.database().execute("DELETE FROM anonymous_user");

    server.get("/me", &tokens.access).await.assert_problem(401);
}
