//! Who waits for whom: what changes an account and its guests at the same moment never waits in a circle, which PostgreSQL
//! would end by refusing one of them. Here an operator with psql holds rows until everybody waits as the test wants it.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use serde_json::json;
use tokio_postgres::{Client, NoTls};

use crate::membership::{log_in, member, uuid_of};
use crate::support::{Answer, MINUTE, Server, Tokens, authorized};

/// No test waits longer for something to become so.
const PATIENCE: Duration = Duration::from_secs(20);

/// Somebody with psql.
struct Operator(Client);

impl Operator {
    async fn at(server: &Server) -> Self {
        let (client, connection) = tokio_postgres::connect(&server.database().store(), NoTls).await.unwrap();
        tokio::spawn(connection);
        Self(client)
    }

    /// Begins a transaction that has a user's row.
    async fn hold(&self, user: &Tokens, strength: &str) {
        let user = uuid_of(&user.id);
        self.run(&format!("BEGIN; SELECT FROM anonymous_user WHERE id = '{user}' FOR {strength}")).await;
    }

    async fn run(&self, statements: &str) {
        self.0.batch_execute(statements).await.unwrap();
    }

    /// Waits until so many statements wait for whoever has a row, and so many behind somebody who waits for it.
    async fn until_waiting(&self, is_wanted: fn(i64, i64) -> bool) {
        let query =
            "SELECT count(*) FILTER (WHERE wait_event = 'transactionid'), count(*) FILTER (WHERE wait_event = 'tuple')
                     FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        let asking = async {
            loop {
                // Within a transaction they are else as they were when it first asked.
                self.run("SELECT pg_stat_clear_snapshot()").await;
                let row = self.0.query_one(query, &[]).await.unwrap();
                if is_wanted(row.get(0), row.get(1)) {
                    return;
                }
                tokio::task::yield_now().await;
            }
        };
        let waited = tokio::time::timeout(PATIENCE, asking).await;
        assert!(waited.is_ok(), "nobody waits as the test wants it");
    }
}

/// A member, and a guest who is younger than the account.
async fn member_and_guest(server: &Server) -> (Tokens, Tokens) {
    (member(server).await, server.login().await)
}

fn add(access_token: &str) -> Request<Body> {
    authorized("POST", "/me/cart", access_token, Some(json!({ "item_id": 1, "quantity": 1 })))
}

fn erase(access_token: &str) -> Request<Body> {
    authorized("DELETE", "/me", access_token, None)
}

fn send(server: &Arc<Server>, request: Request<Body>) -> tokio::task::JoinHandle<Answer> {
    let server = Arc::clone(server);
    tokio::spawn(async move { server.send(request).await })
}

/// `request` is the guest's. It waits for the guest's row while that guest is merged, and the erasure for the account's.
async fn erase_the_account_during(request: fn(&str) -> Request<Body>) -> Answer {
    let server = Arc::new(Server::open().await);
    let (member, guest) = member_and_guest(&server).await;
    let (merging, busy) = (Operator::at(&server).await, Operator::at(&server).await);
    merging.hold(&guest, "UPDATE").await;
    busy.hold(&member, "NO KEY UPDATE").await;
    let erasure = send(&server, erase(&member.access));
    busy.until_waiting(|first, _| first == 1).await;
    let requested = send(&server, request(&guest.access));
    busy.until_waiting(|first, behind| first + behind == 2).await;

    let (account, merged) = (uuid_of(&member.id), uuid_of(&guest.id));
    merging
        .run(&format!(
            "UPDATE session SET user_id = '{account}' WHERE user_id = '{merged}';
             UPDATE anonymous_user SET merged_into = '{account}', guest_tokens_until = 9e12 WHERE id = '{merged}';
             COMMIT"
        ))
        .await;
    busy.until_waiting(|first, behind| (first, behind) == (1, 1)).await;
    busy.run("COMMIT").await;

    let erasure = erasure.await.unwrap();
    let requested = requested.await.unwrap();
    assert!(erasure.status == 204 || requested.status == 204, "{erasure:?} {requested:?}");
    assert!(erasure.status == 204 || erasure.status == 401, "{erasure:?}");
    assert_eq!(server.number("SELECT count(*) FROM anonymous_user"), 0);
    requested
}

#[tokio::test(flavor = "multi_thread")]
async fn s04_an_account_is_erased_while_a_guest_who_is_merged_into_it_goes_on_shopping() {
    let answer = erase_the_account_during(add).await;

    assert!(answer.status == 200 || answer.status == 401, "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn s04_an_account_is_erased_while_a_guest_logs_in_to_it_once_more() {
    let answer = erase_the_account_during(log_in).await;

    assert!([200, 401, 403].contains(&answer.status.as_u16()), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn s04_an_account_is_erased_by_two_tokens_one_of_them_of_a_guest_who_is_being_merged() {
    let answer = erase_the_account_during(erase).await;

    assert!(answer.status == 204 || answer.status == 401, "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn s06_a_merge_and_the_notes_of_activity_of_both_do_not_wait_for_each_other() {
    let server = Arc::new(Server::open().await);
    let (member, guest) = member_and_guest(&server).await;
    server.clock.advance(MINUTE);
    let operator = Operator::at(&server).await;
    operator.hold(&guest, "UPDATE").await;
    let merge = send(&server, log_in(&guest.access));
    operator.until_waiting(|first, _| first == 1).await;
    for user in [&member, &guest] {
        server.get("/me", &user.access).await;
    }
    // Writes the notes.
    let closing = Arc::clone(&server);
    let closing = tokio::spawn(async move { closing.guestpass().close().await });
    operator.until_waiting(|first, behind| first + behind == 2).await;

    operator.run("COMMIT").await;

    let merged = merge.await.unwrap();
    assert_eq!((merged.status.as_u16(), merged.json()["merged"].clone()), (200, true.into()), "{merged:?}");
    closing.await.unwrap().unwrap();
}
