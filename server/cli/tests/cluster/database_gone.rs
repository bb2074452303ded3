//! The database dies and comes back.

use crate::client::until;
use crate::nodes::Node;
use crate::postgres::Postgres;

#[tokio::test]
async fn while_the_database_is_gone_there_are_503_and_after_that_all_is_well_again() {
    let mut postgres = Postgres::start(&["fsync=on", "full_page_writes=on"]);
    let database = postgres.database();
    let node = Node::start(&database.url);
    let client = node.client();
    let tokens = client.login().await;
    assert_eq!(client.set(&tokens.access, 3).await.status, 200);

    postgres.crash();

    for _ in 0..3 {
        for answer in [client.refresh(&tokens.refresh).await, client.get("/me/cart", &tokens.access).await] {
            assert_eq!(answer.status, 503, "{answer:?}");
            assert_eq!(answer.kind, "application/problem+json");
            assert_eq!(answer.body["status"], 503);
        }
    }
    postgres.start_again();

    until(async || client.get("/me/cart", &tokens.access).await.status == 200).await;
    // S5: what was acknowledged before the crash is there.
    assert_eq!(client.get("/me/cart", &tokens.access).await.body["lines"][0]["quantity"], 3);
    let tokens = client.refresh(&tokens.refresh).await.tokens();
    // Other nodes' changes are heard of again, too.
    let other = Node::start(&database.url);
    other.client().revoke(&tokens.refresh).await;
    client.until_refused(&tokens.access).await;
}
