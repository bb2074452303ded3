//! A switch-over: a replica becomes the primary, and the previous primary becomes read-only while it keeps its connections.

use crate::client::until;
use crate::nodes::Node;
use crate::postgres::{Database, Postgres};

/// A URL with the hosts of both databases.
fn both(one: &Database, two: &Database) -> String {
    let (credentials, first) = one.url.rsplit_once('@').unwrap();
    let (first, name) = first.split_once('/').unwrap();
    let (_, second) = two.url.rsplit_once('@').unwrap();
    let (second, _) = second.split_once('/').unwrap();
    format!("{credentials}@{first},{second}/{name}")
}

/// Makes each transaction of a running server read-only, or writable again.
fn set_read_only(database: &Database, read_only: bool) {
    let value = if read_only { "on" } else { "off" };
    database.execute(&format!("ALTER SYSTEM SET default_transaction_read_only = {value}"));
    database.execute("SELECT pg_reload_conf()");
}

async fn until_ready(node: &Node, ready: bool) {
    let client = node.client();
    until(async || (client.get("/readyz", "").await.status == 200) == ready).await;
}

#[tokio::test]
async fn s15_after_a_switch_over_the_nodes_follow_the_new_primary() {
    let mut postgres = Postgres::start(&[]);
    let old = postgres.database();
    let standby = postgres.start_standby();
    let new = standby.database(&old);
    let nodes = Node::start_together(&both(&old, &new), 2);
    let (one, two) = (nodes[0].client(), nodes[1].client());
    let tokens = one.login().await;
    assert!(two.accepts(&tokens.access).await);
    let session = || new.value::<i64>("SELECT count(*) FROM session") == 1;
    until(async || session()).await;

    set_read_only(&old, true);
    assert!(new.value::<bool>("SELECT pg_promote()"));

    // No restart, and no connection of a node is closed by the database.
    let mut token = tokens.refresh;
    for client in [&one, &two] {
        let mut response = client.refresh(&token).await;
        until(async || {
            if response.status != 200 {
                response = client.refresh(&token).await;
            }
            response.status == 200
        })
        .await;
        token = response.tokens().refresh;
    }
    for node in &nodes {
        until_ready(node, true).await;
    }
    assert_eq!(new.value::<i64>("SELECT counter FROM session"), 2);
    // Each node hears of the revocations at the new primary.
    assert_eq!(one.revoke(&token).await.status, 200);
    two.until_refused(&tokens.access).await;
    let other = two.login().await;
    assert_eq!(two.revoke(&other.refresh).await.status, 200);
    one.until_refused(&other.access).await;
}

#[tokio::test]
async fn s16_a_node_on_a_read_only_database_is_not_ready() {
    let postgres = Postgres::start(&[]);
    let database = postgres.database();
    let node = Node::start(&database.url);
    let tokens = node.client().login().await;
    until_ready(&node, true).await;

    set_read_only(&database, true);
    until_ready(&node, false).await;
    assert_eq!(node.client().get("/readyz", "").await.body["store"], false);
    assert_eq!(node.client().refresh(&tokens.refresh).await.status, 503);

    set_read_only(&database, false);
    until_ready(&node, true).await;
    assert_eq!(node.client().refresh(&tokens.refresh).await.status, 200);
}
