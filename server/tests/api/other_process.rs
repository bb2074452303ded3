//! Changes that another process makes in the store, such as a command of an operator: the running server hears of them

use crate::support::membership::uuid_of;
use crate::support::wait::until;
use crate::support::{Server, Tokens};

fn user_of(guest: &Tokens) -> String {
    format!("(SELECT id FROM anonymous_user WHERE id = '{}')", uuid_of(&guest.id))
}

#[tokio::test]
async fn s04_a_revocation_that_another_process_writes_is_heard() {
    let server = Server::open().await;
    let (revoked, other) = (server.anonymous_login().await, server.anonymous_login().await);
    assert!(server.accepts(&revoked.access).await);

    server.database().execute(&format!("UPDATE session SET revoked_at = 1 WHERE user_id = {}", user_of(&revoked)));

    until("the token is refused", async || !server.accepts(&revoked.access).await).await;
    assert!(server.accepts(&other.access).await);
}

#[tokio::test]
async fn s04_an_erasure_that_another_process_writes_is_heard() {
    let server = Server::open().await;
    let (erased, other) = (server.anonymous_login().await, server.anonymous_login().await);
    let user = user_of(&erased);

    server.database().execute(&format!(
        "INSERT INTO erased_session (id, access_expires_at) SELECT id, access_expires_at FROM session WHERE user_id = {user};
         DELETE FROM anonymous_user WHERE id = {user}"
    ));

    // This endpoint reads no row of the guest: the token is refused only because the session has ended.
    let status = async |guest: &Tokens| server.get("/items/", &guest.access).await.status;
    until("the token is refused", async || status(&erased).await == 401).await;
    assert_eq!(status(&other).await, 200);
}
