//! The database crashes and is started again.

use crate::client::until;
use crate::nodes::Node;
use crate::postgres::Postgres;

#[tokio::test]
async fn without_the_database_requests_get_503_and_after_its_return_they_succeed() {
    let mut postgres = Postgres::start(&["fsync=on", "full_page_writes=on"]);
    let database = postgres.database();
    let node = Node::start(&database.url);
    let client = node.client();
    let tokens = client.login().await;
    assert_eq!(client.set(&tokens.access, 3).await.status, 201);

    postgres.crash();

    for _ in 0..3 {
        for response in [client.refresh(&tokens.refresh).await, client.get("/me/cart", &tokens.access).await] {
            assert_eq!(response.status, 503, "{response:?}");
            assert_eq!(response.content_type, "application/problem+json");
            assert_eq!(response.body["status"], 503);
        }
    }
    postgres.start_again();

    until(async || client.get("/me/cart", &tokens.access).await.status == 200).await;
    // S5: changes that were acknowledged before the crash are there.
    assert_eq!(client.cart(&tokens.access).await["1"], 3);
    let tokens = client.refresh(&tokens.refresh).await.tokens();
    // Notifications of other nodes arrive again, too.
    let other = Node::start(&database.url);
    other.client().revoke(&tokens.refresh).await;
    client.until_refused(&tokens.access).await;
}

/// Introspection of an access token reads no row.
#[tokio::test]
async fn s15_a_node_that_hears_of_no_revocation_is_not_ready_and_then_accepts_no_access_token() {
    let mut postgres = Postgres::start(&["fsync=on", "full_page_writes=on"]);
    let database = postgres.database();
    let node = Node::start(&database.url);
    let client = node.client();
    let tokens = client.login().await;
    assert_eq!(client.introspect(&tokens.access).await.body["active"], true);

    postgres.crash();

    until(async || client.get("/readyz", "").await.body["changes"] == false).await;
    until(async || client.introspect(&tokens.access).await.status == 503).await;
    postgres.start_again();
    until(async || client.introspect(&tokens.access).await.body["active"] == true).await;
    until(async || client.get("/readyz", "").await.status == 200).await;
}
