//! `GET /healthz` and `GET /readyz`

use serde_json::json;

use crate::support::{Server, get};

#[tokio::test]
async fn healthz_responds_with_ok() {
    let server = Server::open().await;

    assert_eq!(server.send(get("/healthz")).await.body, "ok");
}

#[tokio::test]
async fn readyz_names_the_part_that_is_not_ready() {
    let server = Server::open().await;
    let ready = server.send(get("/readyz")).await;
    assert_eq!(
        (ready.status.as_u16(), ready.json()),
        (200, json!({ "ready": true, "store": true, "changes": true, "draining": false }))
    );

    server.guestpass().drain();
    let draining = server.send(get("/readyz")).await;
    assert_eq!(draining.status, 503);
    assert_eq!(draining.json(), json!({ "ready": false, "store": true, "changes": true, "draining": true }));
    assert_eq!(server.send(get("/healthz")).await.status, 200);

    server.close().await;
    let closed = server.send(get("/readyz")).await.json();
    assert_eq!((&closed["ready"], &closed["store"]), (&json!(false), &json!(false)));
}

#[tokio::test]
async fn s16_probes_that_arrive_together_share_one_write() {
    let server = Server::open().await;
    let writes = || server.number("SELECT writes FROM heartbeat");
    let before = writes();

    let responses = server.send_concurrently(100, || get("/readyz")).await;

    assert!(responses.iter().all(|response| response.status == 200), "{responses:?}");
    let written = writes() - before;
    assert!((1..100).contains(&written), "{written} writes");
}

#[tokio::test]
async fn s16_probes_whose_clients_disconnect_share_one_write() {
    let server = Server::open().await;
    let writes = || server.number("SELECT writes FROM heartbeat");
    let before = writes();

    for _ in 0..100 {
        // The request has begun when its client disconnects.
        tokio::select! {
            biased;
            _ = server.send(get("/readyz")) => {}
            () = std::future::ready(()) => {}
        }
    }

    assert_eq!(server.send(get("/readyz")).await.status, 200);
    let written = writes() - before;
    assert!((1..50).contains(&written), "{written} writes");
}
