//! Nodes next to each other.

use std::collections::HashSet;

use crate::client::until;
use crate::nodes::Node;
use crate::postgres;

#[tokio::test(flavor = "multi_thread")]
async fn s01_refreshes_at_once_on_three_nodes_give_one_successor() {
    let database = postgres::database();
    let nodes = Node::start_together(&database.url, 3);
    let mut token = nodes[0].client().login().await.refresh;

    for generation in 1..=5 {
        let answers: Vec<_> = (0..24)
            .map(|number| {
                let (client, token) = (nodes[number % 3].client(), token.clone());
                tokio::spawn(async move { client.refresh(&token).await })
            })
            .collect();
        let mut successors = HashSet::new();
        for answer in answers {
            successors.insert(answer.await.unwrap().tokens().refresh);
        }

        assert_eq!(successors.len(), 1, "generation {generation}");
        assert_eq!(database.value::<i64>("SELECT counter FROM session"), generation);
        token = successors.into_iter().next().unwrap();
    }
}

#[tokio::test]
async fn s04_a_revocation_on_one_node_is_known_to_the_others() {
    let database = postgres::database();
    let nodes = Node::start_together(&database.url, 3);
    let tokens = nodes[0].client().login().await;
    let bystander = nodes[0].client().login().await;

    assert_eq!(nodes[0].client().revoke(&tokens.refresh).await.status, 200);

    assert!(!nodes[0].client().accepts(&tokens.access).await);
    for node in &nodes {
        node.client().until_refused(&tokens.access).await;
        assert!(node.client().accepts(&bystander.access).await);
    }
}

#[tokio::test]
async fn s04_an_erasure_on_one_node_is_known_to_the_others() {
    let database = postgres::database();
    let nodes = Node::start_together(&database.url, 3);
    let tokens = nodes[0].client().login().await;
    let bystander = nodes[0].client().login().await;

    assert_eq!(nodes[0].client().erase(&tokens.access).await.status, 204);

    // Asks for no guest's row: only the end of the session can be why it is refused.
    assert_eq!(nodes[0].client().get("/me/sessions", &tokens.access).await.status, 401);
    for node in &nodes {
        until(async || node.client().get("/me/sessions", &tokens.access).await.status == 401).await;
        assert_eq!(node.client().refresh(&tokens.refresh).await.body["error"], "invalid_grant");
        assert!(node.client().accepts(&bystander.access).await);
    }
}

#[tokio::test]
async fn s04_an_erasure_is_known_although_its_notification_was_lost() {
    let database = postgres::database();
    let node = Node::start(&database.url);
    let tokens = node.client().login().await;
    let id = tokens.id.strip_prefix("anonymous_").unwrap();

    database.execute(&format!(
        "BEGIN;
         SET LOCAL session_replication_role = replica;
         INSERT INTO erased_session (id, access_expires_at) SELECT id, access_expires_at FROM session WHERE user_id = '{id}';
         DELETE FROM session WHERE user_id = '{id}';
         COMMIT"
    ));

    node.client().until_refused(&tokens.access).await;
}

#[tokio::test]
async fn s04_reuse_on_one_node_ends_the_session_on_the_others() {
    let database = postgres::database();
    let nodes = Node::start_together(&database.url, 2);
    let first = nodes[0].client().login().await;
    let second = nodes[1].client().refresh(&first.refresh).await.tokens();
    let third = nodes[0].client().refresh(&second.refresh).await.tokens();

    assert_eq!(nodes[1].client().refresh(&first.refresh).await.status, 400);

    nodes[0].client().until_refused(&third.access).await;
}

/// Revokes as the server does, but without the notification. `{}` is a refresh token's guest.
fn silently(id: &str) -> String {
    let id = id.strip_prefix("anonymous_").unwrap();
    format!(
        "SET LOCAL session_replication_role = replica;
         UPDATE session SET revoked_at = 1, revoked_in = pg_current_xact_id() WHERE user_id = '{id}'"
    )
}

#[tokio::test]
async fn s04_a_revocation_is_known_although_its_notification_was_lost() {
    let database = postgres::database();
    let node = Node::start(&database.url);
    let tokens = node.client().login().await;

    database.execute(&format!("BEGIN; {}; COMMIT", silently(&tokens.id)));

    node.client().until_refused(&tokens.access).await;
}

#[tokio::test]
async fn s04_a_revocation_that_is_committed_late_is_not_passed_over() {
    let database = postgres::database();
    let node = Node::start(&database.url);
    let (late, early) = (node.client().login().await, node.client().login().await);
    let (client, connection) = tokio_postgres::connect(&database.url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);

    client.batch_execute(&format!("BEGIN; {}", silently(&late.id))).await.unwrap();
    // A later transaction is committed and heard of before it.
    database.execute(&format!("BEGIN; {}; COMMIT", silently(&early.id)));
    node.client().until_refused(&early.access).await;
    assert!(node.client().accepts(&late.access).await);
    client.batch_execute("COMMIT").await.unwrap();

    node.client().until_refused(&late.access).await;
}

#[tokio::test]
async fn s04_a_node_that_was_cut_off_hears_of_what_it_missed() {
    let database = postgres::database();
    let nodes = Node::start_together(&database.url, 2);
    let tokens = nodes[0].client().login().await;
    // What listens is cut off, on both nodes, and with it whatever was on its way.
    database.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE datname = current_database() AND pid <> pg_backend_pid()",
    );
    database.execute(&format!("BEGIN; {}; COMMIT", silently(&tokens.id)));

    for node in &nodes {
        node.client().until_refused(&tokens.access).await;
    }
}
