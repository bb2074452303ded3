//! Lock order: concurrent transactions that change an account and its guests do not deadlock (PostgreSQL would abort one of
//! them). The tests hold row locks from connections of their own until the server's statements wait in the intended order.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use guestpass_server::Clock;
use serde_json::json;
use tokio_postgres::{Client, NoTls};

use crate::support::membership::{login, new_member, uuid_of};
use crate::support::wait::until;
use crate::support::{MINUTE, Response, Server, Tokens, authorized};

/// The longest time that a test waits for the statements of the server to block.
const TIMEOUT: Duration = Duration::from_secs(20);

/// A separate connection to the database that holds row locks.
struct LockHolder(Client);

impl LockHolder {
    async fn connect(server: &Server) -> Self {
        let (client, connection) = tokio_postgres::connect(&server.database().store(), NoTls).await.unwrap();
        tokio::spawn(connection);
        Self(client)
    }

    /// Begins a transaction that locks a user's row. `strength` is the lock mode, such as `UPDATE`.
    async fn lock_row(&self, user: &Tokens, strength: &str) {
        let user = uuid_of(&user.id);
        self.run(&format!("BEGIN; SELECT FROM anonymous_user WHERE id = '{user}' FOR {strength}")).await;
    }

    async fn run(&self, statements: &str) {
        self.0.batch_execute(statements).await.unwrap();
    }

    /// Waits until `condition` is true for the number of statements that wait for the holder of a row lock, and the number of
    /// those that wait behind another waiting statement.
    async fn until_waiting(&self, condition: fn(i64, i64) -> bool) {
        let query =
            "SELECT count(*) FILTER (WHERE wait_event = 'transactionid'), count(*) FILTER (WHERE wait_event = 'tuple')
                     FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        let polling = async {
            loop {
                // Within a transaction, PostgreSQL otherwise repeats the first result.
                self.run("SELECT pg_stat_clear_snapshot()").await;
                let row = self.0.query_one(query, &[]).await.unwrap();
                if condition(row.get(0), row.get(1)) {
                    return;
                }
                tokio::task::yield_now().await;
            }
        };
        let waited = tokio::time::timeout(TIMEOUT, polling).await;
        assert!(waited.is_ok(), "the statements do not wait as the test expects");
    }
}

/// A member, and a guest who was created after the account.
async fn member_and_guest(server: &Server) -> (Tokens, Tokens) {
    (new_member(server).await, server.anonymous_login().await)
}

fn add(access_token: &str) -> Request<Body> {
    authorized("POST", "/me/cart/mug", access_token, Some(json!({ "add": { "quantity": 1 } })))
}

fn erase(refresh_token: &str) -> Request<Body> {
    authorized("DELETE", "/me", refresh_token, None)
}

fn send(server: &Arc<Server>, request: Request<Body>) -> tokio::task::JoinHandle<Response> {
    let server = Arc::clone(server);
    tokio::spawn(async move { server.send(request).await })
}

/// Erases an account while a guest is merged into it, and sends `request` of the guest. The request waits for the row
/// of the guest, and the erasure for the row of the account. Returns the response to `request`.
async fn erase_account_during(request: fn(&Tokens) -> Request<Body>) -> Response {
    let server = Arc::new(Server::open().await);
    let (member, guest) = member_and_guest(&server).await;
    let (merge, account_lock) = (LockHolder::connect(&server).await, LockHolder::connect(&server).await);
    merge.lock_row(&guest, "UPDATE").await;
    account_lock.lock_row(&member, "NO KEY UPDATE").await;
    let erasure = send(&server, erase(&member.refresh));
    account_lock.until_waiting(|first, _| first == 1).await;
    let requested = send(&server, request(&guest));
    account_lock.until_waiting(|first, behind| first + behind == 2).await;

    let (account, merged) = (uuid_of(&member.id), uuid_of(&guest.id));
    merge
        .run(&format!(
            "UPDATE session SET user_id = '{account}' WHERE user_id = '{merged}';
             UPDATE anonymous_user SET merged_into = '{account}', guest_tokens_until = 9e12 WHERE id = '{merged}';
             COMMIT"
        ))
        .await;
    account_lock.until_waiting(|first, behind| first + behind >= 1).await;
    account_lock.run("COMMIT").await;

    let erasure = erasure.await.unwrap();
    let requested = requested.await.unwrap();
    assert!(erasure.status == 204 || requested.status == 204, "{erasure:?} {requested:?}");
    assert!(erasure.status == 204 || erasure.status == 401, "{erasure:?}");
    assert_eq!(server.number("SELECT count(*) FROM anonymous_user"), 0);
    requested
}

#[tokio::test(flavor = "multi_thread")]
async fn s04_an_account_can_be_erased_while_a_guest_being_merged_into_it_adds_to_the_cart() {
    let response = erase_account_during(|guest| add(&guest.access)).await;

    assert!(response.status == 201 || response.status == 401, "{response:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn s04_an_account_can_be_erased_while_a_guest_being_merged_into_it_logs_in_again() {
    let response = erase_account_during(|guest| login(&guest.refresh)).await;

    assert!([200, 401, 403].contains(&response.status.as_u16()), "{response:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn s04_an_account_can_be_erased_concurrently_with_the_token_of_a_guest_being_merged_into_it() {
    let response = erase_account_during(|guest| erase(&guest.refresh)).await;

    assert!(response.status == 204 || response.status == 401, "{response:?}");
}

/// A change that waits for a merge of its guest is refused, and one before it is in the account.
#[tokio::test(flavor = "multi_thread")]
async fn s08_a_merge_and_changes_that_wait_with_it_lose_nothing() {
    let server = Arc::new(Server::open().await);
    let (member, guest) = member_and_guest(&server).await;
    let lock_holder = LockHolder::connect(&server).await;
    lock_holder.lock_row(&guest, "UPDATE").await;
    let before = send(&server, add(&guest.access));
    lock_holder.until_waiting(|first, _| first == 1).await;
    let merge = send(&server, login(&guest.refresh));
    lock_holder.until_waiting(|first, behind| first + behind == 2).await;
    let after = send(&server, add(&guest.access));
    lock_holder.until_waiting(|first, behind| first + behind == 3).await;

    lock_holder.run("COMMIT").await;

    let merge = merge.await.unwrap();
    assert_eq!((merge.status.as_u16(), merge.json()["merged"].clone()), (200, true.into()), "{merge:?}");
    let mut added = 0;
    for change in [before.await.unwrap(), after.await.unwrap()] {
        match change.status.as_u16() {
            200 | 201 => added += 1,
            _ => change.assert_problem(401),
        }
    }
    let member = server.send(login(&member.refresh)).await.tokens();
    let quantity = server.get("/me/cart/mug", &member.access).await.json()["quantity"].as_i64();
    assert_eq!(quantity, (added > 0).then_some(added));
}

#[tokio::test(flavor = "multi_thread")]
async fn s06_a_merge_and_activity_writes_of_both_users_do_not_deadlock() {
    let server = Arc::new(Server::open().await);
    let (member, guest) = member_and_guest(&server).await;
    server.clock.advance(MINUTE);
    let lock_holder = LockHolder::connect(&server).await;
    lock_holder.lock_row(&guest, "UPDATE").await;
    let merge = send(&server, login(&guest.refresh));
    lock_holder.until_waiting(|first, _| first == 1).await;
    for user in [&member, &guest] {
        server.get("/me", &user.access).await;
    }
    // Closing the server writes the last activity.
    let closing = Arc::clone(&server);
    let closing = tokio::spawn(async move { closing.guestpass().close().await });
    lock_holder.until_waiting(|first, behind| first + behind == 2).await;

    lock_holder.run("COMMIT").await;

    let merged = merge.await.unwrap();
    assert_eq!((merged.status.as_u16(), merged.json()["merged"].clone()), (200, true.into()), "{merged:?}");
    closing.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn s04_an_erasure_that_waited_while_its_session_was_ended_erases_nothing() {
    let server = Arc::new(Server::open().await);
    let guest = server.anonymous_login().await;
    let upgrade = LockHolder::connect(&server).await;
    upgrade.lock_row(&guest, "NO KEY UPDATE").await;
    let erasure = send(&server, erase(&guest.refresh));
    upgrade.until_waiting(|first, _| first == 1).await;

    // As a registration does, with the token of another session.
    let user = uuid_of(&guest.id);
    upgrade.run(&format!("UPDATE session SET revoked_at = 1 WHERE user_id = '{user}'; COMMIT")).await;

    erasure.await.unwrap().assert_problem(401);
    assert_eq!(server.number("SELECT count(*) FROM anonymous_user"), 1);
}

/// A rotation or a replay locks the row of its session, and the next flush confirms the generation.
#[tokio::test]
async fn s03_a_confirmation_is_not_lost_while_another_transaction_has_locked_the_session() {
    let server = Server::open().await;
    let first = server.anonymous_login().await;
    let second = server.refresh(&first.refresh).await.tokens();
    let holder = LockHolder::connect(&server).await;
    let user = uuid_of(&first.id);
    holder.run(&format!("BEGIN; SELECT FROM session WHERE user_id = '{user}' FOR UPDATE")).await;

    // Each flush writes the activity before the generations: after the second flush, the first one is complete.
    for _ in 0..2 {
        server.clock.advance(Duration::from_secs(1));
        assert!(server.accepts(&second.access).await);
        let now = server.clock.now().as_millis();
        let query = format!("SELECT count(*) FROM anonymous_user WHERE id = '{user}' AND last_active_at = {now}");
        until("the activity is flushed", async || server.number(&query) == 1).await;
    }
    holder.run("COMMIT").await;

    server.clock.advance(MINUTE);
    server.refresh(&first.refresh).await.assert_oauth_error("invalid_grant");
}

/// The sweep locks users before sessions, and waits for none: a session whose user is locked is kept until the next sweep.
#[tokio::test]
async fn s07_a_session_is_not_deleted_before_its_activity_is_written() {
    let server = Server::open_with(|config| {
        config.refresh_ttl = Duration::from_secs(60 * 60);
        config.session_retention = Duration::ZERO;
    })
    .await;
    let guest = server.anonymous_login().await;
    server.clock.advance(MINUTE);
    server.refresh(&guest.refresh).await.tokens();
    let active_at = server.clock.now().as_millis();
    let holder = LockHolder::connect(&server).await;
    holder.lock_row(&guest, "NO KEY UPDATE").await;
    server.clock.advance(120 * MINUTE);
    let sessions = "SELECT count(*) FROM session";

    server.guestpass().sweep().await.unwrap();
    assert_eq!(server.number(sessions), 1);
    assert_eq!(server.last_active_at(&guest).await, active_at);
    holder.run("COMMIT").await;

    server.guestpass().sweep().await.unwrap();
    assert_eq!(server.number(sessions), 0);
    assert_eq!(server.number("SELECT last_active_at FROM anonymous_user"), active_at);
}
