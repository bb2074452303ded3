//! Nodes that start together on an empty database.

use guestpass_server::{Config, Guestpass};
use tokio::task::JoinSet;

use crate::nodes::Node;
use crate::postgres;

#[tokio::test]
async fn nodes_that_start_together_create_one_schema_and_one_set_of_keys() {
    let database = postgres::database();

    let nodes = Node::start_together(&database.url, 4);

    assert_eq!(database.value::<i64>("SELECT count(*) FROM signing_key"), 1);
    assert_eq!(database.value::<i64>("SELECT count(*) FROM refresh_key"), 1);
    let mut tokens = nodes[0].client().login().await;
    for node in &nodes {
        assert!(node.client().accepts(&tokens.access).await);
        tokens = node.client().refresh(&tokens.refresh).await.tokens();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_that_open_concurrently_create_one_set_of_keys() {
    let database = postgres::database();
    let config = Config { store: database.url.parse().unwrap(), ..Config::default() };
    Guestpass::open(config.clone()).await.unwrap().close().await.unwrap();
    database.execute("DELETE FROM signing_key; DELETE FROM refresh_key");

    let mut opening = JoinSet::new();
    for _ in 0..8 {
        let config = config.clone();
        opening.spawn(async move { Guestpass::open(config).await.unwrap() });
    }
    for guestpass in opening.join_all().await {
        guestpass.close().await.unwrap();
    }

    assert_eq!(database.value::<i64>("SELECT count(*) FROM signing_key"), 1);
    assert_eq!(database.value::<i64>("SELECT count(*) FROM refresh_key"), 1);
}

#[tokio::test]
async fn the_error_about_a_wrong_password_does_not_contain_it() {
    let database = postgres::database();
    let (_, address) = database.url.split_once('@').unwrap();

    let output = std::process::Command::new(env!("CARGO_BIN_EXE_guestpass"))
        .args(["serve", "--listen", "127.0.0.1:0", "--log", "trace"])
        .env("GUESTPASS_STORE", format!("postgres://guestpass:hunter2@{address}"))
        .output()
        .unwrap();

    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("password authentication failed") && stderr.contains(address), "{stderr}");
    assert!(!stderr.contains("hunter2"), "{stderr}");
}
