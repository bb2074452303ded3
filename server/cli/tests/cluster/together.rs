//! Several nodes on one database, without a proxy.

use std::collections::HashSet;

use crate::nodes::Node;
use crate::postgres;

#[tokio::test(flavor = "multi_thread")]
async fn s01_concurrent_refreshes_on_three_nodes_return_one_successor() {
    let database = postgres::database();
    let nodes = Node::start_together(&database.url, 3);
    let mut token = nodes[0].client().login().await.refresh;

    for generation in 1..=5 {
        let responses: Vec<_> = (0..24)
            .map(|number| {
                let (client, token) = (nodes[number % 3].client(), token.clone());
                tokio::spawn(async move { client.refresh(&token).await })
            })
            .collect();
        let mut successors = HashSet::new();
        for response in responses {
            successors.insert(response.await.unwrap().tokens().refresh);
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
    let other = nodes[0].client().login().await;

    assert_eq!(nodes[0].client().revoke(&tokens.refresh).await.status, 200);

    assert!(!nodes[0].client().accepts(&tokens.access).await);
    for node in &nodes {
        node.client().until_refused(&tokens.access).await;
        assert!(node.client().accepts(&other.access).await);
    }
}

#[tokio::test]
async fn s04_other_sessions_that_end_on_one_node_are_known_to_the_others() {
    let database = postgres::database();
    let nodes = Node::start_together(&database.url, 2);
    let (kept, ended) = (nodes[0].client().login().await, nodes[1].client().login().await);
    let id = |subject: &str| subject.strip_prefix("anonymous_").unwrap().to_owned();
    database.execute(&format!("UPDATE session SET user_id = '{}' WHERE user_id = '{}'", id(&kept.id), id(&ended.id)));
    assert!(nodes[1].client().accepts(&ended.access).await);

    assert_eq!(nodes[0].client().end_other_sessions(&kept.refresh).await.status, 204);

    assert!(!nodes[0].client().accepts(&ended.access).await);
    nodes[1].client().until_refused(&ended.access).await;
    assert!(nodes[1].client().accepts(&kept.access).await);
}

#[tokio::test]
async fn s04_an_erasure_on_one_node_is_known_to_the_others() {
    let database = postgres::database();
    let nodes = Node::start_together(&database.url, 3);
    let tokens = nodes[0].client().login().await;
    let other = nodes[0].client().login().await;

    assert_eq!(nodes[0].client().erase(&tokens.refresh).await.status, 204);

    // `accepts` reads no row of the guest: the token is refused only because the session has ended.
    assert!(!nodes[0].client().accepts(&tokens.access).await);
    for node in &nodes {
        node.client().until_refused(&tokens.access).await;
        assert_eq!(node.client().refresh(&tokens.refresh).await.body["error"], "invalid_grant");
        assert!(node.client().accepts(&other.access).await);
    }
}

#[tokio::test]
async fn s04_an_erasure_is_known_to_the_others_after_its_notification_was_lost() {
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

/// The statement with which the server revokes the sessions of a guest, without the notification of other nodes.
fn revoke_without_notification(id: &str) -> String {
    let id = id.strip_prefix("anonymous_").unwrap();
    format!(
        "SET LOCAL session_replication_role = replica;
         UPDATE session SET revoked_at = 1, revoked_in = pg_current_xact_id() WHERE user_id = '{id}'"
    )
}

#[tokio::test]
async fn s04_a_revocation_is_known_to_the_others_after_its_notification_was_lost() {
    let database = postgres::database();
    let node = Node::start(&database.url);
    let tokens = node.client().login().await;

    database.execute(&format!("BEGIN; {}; COMMIT", revoke_without_notification(&tokens.id)));

    node.client().until_refused(&tokens.access).await;
}

#[tokio::test]
async fn s04_a_revocation_that_is_committed_late_is_not_skipped() {
    let database = postgres::database();
    let node = Node::start(&database.url);
    let (late, early) = (node.client().login().await, node.client().login().await);
    let (client, connection) = tokio_postgres::connect(&database.url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);

    client.batch_execute(&format!("BEGIN; {}", revoke_without_notification(&late.id))).await.unwrap();
    // A later transaction is committed before it, and the nodes are notified of it.
    database.execute(&format!("BEGIN; {}; COMMIT", revoke_without_notification(&early.id)));
    node.client().until_refused(&early.access).await;
    assert!(node.client().accepts(&late.access).await);
    client.batch_execute("COMMIT").await.unwrap();

    node.client().until_refused(&late.access).await;
}

#[tokio::test]
async fn s04_a_node_whose_listener_was_disconnected_reads_the_missed_changes() {
    let database = postgres::database();
    let nodes = Node::start_together(&database.url, 2);
    let tokens = nodes[0].client().login().await;
    // The listening connections of both nodes are ended, and notifications on them are lost.
    database.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE datname = current_database() AND pid <> pg_backend_pid()",
    );
    database.execute(&format!("BEGIN; {}; COMMIT", revoke_without_notification(&tokens.id)));

    for node in &nodes {
        node.client().until_refused(&tokens.access).await;
    }
}

const KEYS: [&str; 3] = ["k_-GqFbKvQ0r8pWm2ZtYxA", "K_-GqFbKvQ0r8pWm2ZtYxA", "q_-GqFbKvQ0r8pWm2ZtYxA"];

#[tokio::test]
async fn s08_the_sessions_that_an_upgrade_ends_are_refused_by_the_other_nodes() {
    let database = postgres::database();
    let nodes = Node::start_together(&database.url, 2);
    let (here, there) = (nodes[0].client(), nodes[1].client());
    let guest = here.login().await;
    // A copy of the guest's session on another device.
    let copied = there.login().await;
    let [guest_id, copied_id] = [&guest.id, &copied.id].map(|id| id.strip_prefix("anonymous_").unwrap());
    database.execute(&format!("UPDATE session SET user_id = '{guest_id}' WHERE user_id = '{copied_id}'"));

    let account = here.member("/register", &guest.refresh, KEYS[0]).await.tokens();

    for access in [&guest.access, &copied.access] {
        assert!(!here.accepts(access).await);
        there.until_refused(access).await;
    }
    for client in [&here, &there] {
        assert_eq!(client.refresh(&copied.refresh).await.body["error"], "invalid_grant");
        assert!(client.accepts(&account.access).await);
    }
    // A retry on the other node gets the same session.
    assert_eq!(there.member("/register", &guest.refresh, KEYS[0]).await.tokens().refresh, account.refresh);
}

#[tokio::test]
async fn s08_a_merge_on_one_node_is_known_to_the_others() {
    let database = postgres::database();
    let nodes = Node::start_together(&database.url, 2);
    let (here, there) = (nodes[0].client(), nodes[1].client());
    let account = here.login().await;
    let account = here.member("/register", &account.refresh, KEYS[0]).await.tokens();
    let guest = there.login().await;
    assert_eq!(there.add(&guest.access).await.status, 201);

    let merged = here.member("/login", &guest.refresh, KEYS[1]).await;

    assert_eq!((merged.status.as_u16(), &merged.body["merged"]), (200, &true.into()), "{merged:?}");
    // Also before the other node is notified, the token of the guest does not reach the account.
    assert_eq!(there.add(&guest.access).await.status, 401);
    assert_eq!(there.get("/me", &guest.access).await.status, 401);
    there.until_refused(&guest.access).await;
    for access in [&account.access, &merged.tokens().access] {
        assert_eq!(there.cart(access).await["2"], 1);
        assert_eq!(there.get("/me", access).await.body["id"], account.id);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s08_concurrent_logins_on_three_nodes_merge_each_guest_once() {
    let database = postgres::database();
    let nodes = Node::start_together(&database.url, 3);
    let account = nodes[0].client().login().await;
    let account = nodes[0].client().member("/register", &account.refresh, "r_-GqFbKvQ0r8pWm2ZtYxA").await.tokens();
    let mut guests = Vec::new();
    for node in &nodes {
        let guest = node.client().login().await;
        node.client().add(&guest.access).await;
        guests.push(guest);
    }

    // Each guest sends its login to each node, and continues to add items.
    let calls: Vec<_> = (0..9)
        .map(|number| {
            let (client, guest) = (nodes[number % 3].client(), guests[number / 3].clone());
            tokio::spawn(async move {
                let login = client.member("/login", &guest.refresh, KEYS[number / 3]);
                let (login, added) = tokio::join!(login, client.add(&guest.access));
                (login.tokens(), added.status.as_u16())
            })
        })
        .collect();
    let (mut sessions, mut added) = (HashSet::new(), 3);
    for call in calls {
        let (tokens, status) = call.await.unwrap();
        sessions.insert(tokens.refresh);
        // After the login, an addition is refused, and the client would repeat it with its new token.
        assert!([200, 401].contains(&status), "{status}");
        added += i64::from(status == 200);
    }

    assert_eq!(sessions.len(), 3, "one session for each guest");
    assert_eq!(nodes[0].client().cart(&account.access).await["2"], added);
    assert_eq!(database.value::<i64>("SELECT count(*) FROM entry"), 1);
    assert_eq!(database.value::<i64>("SELECT count(*) FROM anonymous_user WHERE merged_into IS NOT NULL"), 3);
}
