//! Three nodes behind nginx under load: one node is killed; each node is restarted.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::task::JoinSet;

use crate::client::{Client, Tokens, until};
use crate::nginx::{self, Nginx};
use crate::nodes::Node;
use crate::postgres;

const VISITORS: usize = 8;

/// A guest, and the changes that the server has acknowledged.
struct Visitor {
    tokens: Tokens,
    quantity: i64,
    /// Additions to the cart with a response.
    added: i64,
    /// Additions without a response, which the server may have made.
    unknown: i64,
}

impl Visitor {
    async fn new(client: &Client) -> Self {
        Self { tokens: client.login().await, quantity: 0, added: 0, unknown: 0 }
    }

    /// One round: sets, reads, adds, refreshes. Only an addition may fail, because a proxy may not repeat it, and only with
    /// `faults`.
    async fn run_round(&mut self, client: &Client, faults: bool) {
        let quantity = self.quantity % 90 + 1;
        let set = client.set(&self.tokens.access, quantity).await;
        assert!(set.status.is_success(), "{set:?}");
        self.quantity = quantity;
        assert_eq!(client.cart(&self.tokens.access).await["1"], quantity);
        if self.added + self.unknown < 90 {
            let add = client.add(&self.tokens.access).await;
            match add.status.as_u16() {
                200 | 201 => self.added += 1,
                502 if faults => self.unknown += 1,
                _ => panic!("{add:?}"),
            }
        }
        let response = client.refresh(&self.tokens.refresh).await;
        assert_eq!(response.status, 200, "{response:?}");
        let tokens = response.tokens();
        assert_eq!(tokens.id, self.tokens.id);
        self.tokens = tokens;
    }

    async fn check(&self, client: &Client) {
        let tokens = client.refresh(&self.tokens.refresh).await.tokens();
        assert_eq!(tokens.id, self.tokens.id);
        let cart = client.cart(&tokens.access).await;
        assert_eq!(cart["1"], self.quantity);
        let added = cart.get("2").copied().unwrap_or_default();
        assert!((self.added..=self.added + self.unknown).contains(&added), "{added} of {}", self.added);
    }
}

/// Visitors that send requests until `stop`.
struct Load {
    visitors: JoinSet<Visitor>,
    stop: Arc<AtomicBool>,
    rounds: Arc<AtomicUsize>,
}

impl Load {
    async fn start(client: &Client, faults: bool) -> Self {
        let (stop, rounds) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let mut visitors = JoinSet::new();
        for _ in 0..VISITORS {
            let mut visitor = Visitor::new(client).await;
            let (client, stop, rounds) = (client.clone(), stop.clone(), rounds.clone());
            visitors.spawn(async move {
                while !stop.load(Ordering::SeqCst) {
                    visitor.run_round(&client, faults).await;
                    rounds.fetch_add(1, Ordering::SeqCst);
                }
                visitor
            });
        }
        Self { visitors, stop, rounds }
    }

    /// Waits until the visitors together have finished some more rounds.
    async fn run_more_rounds(&self) {
        let goal = self.rounds.load(Ordering::SeqCst) + 5 * VISITORS;
        until(async || self.rounds.load(Ordering::SeqCst) >= goal).await;
    }

    async fn stop(self) -> Vec<Visitor> {
        self.stop.store(true, Ordering::SeqCst);
        self.visitors.join_all().await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s05_a_node_that_is_killed_under_load_loses_no_acknowledged_change() {
    let database = postgres::database();
    let mut nodes = nginx::nodes(&database.url, &[]);
    let nginx = Nginx::start(&nodes);
    let load = Load::start(&nginx.client(), true).await;

    for node in &mut nodes {
        load.run_more_rounds().await;
        node.kill();
        load.run_more_rounds().await;
        node.start_again();
        until_used(&nginx, node).await;
    }

    for visitor in load.stop().await {
        for node in &nodes {
            visitor.check(&node.client()).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s12_a_rolling_restart_fails_no_request() {
    let database = postgres::database();
    let mut nodes = nginx::nodes(&database.url, &[]);
    let nginx = Nginx::start(&nodes);
    let load = Load::start(&nginx.client(), false).await;

    for node in &mut nodes {
        load.run_more_rounds().await;
        node.stop();
        load.run_more_rounds().await;
        node.start_again();
        until_used(&nginx, node).await;
    }

    for visitor in load.stop().await {
        visitor.check(&nginx.client()).await;
    }
}

/// Waits until nginx sends requests to a node again.
async fn until_used(nginx: &Nginx, node: &Node) {
    let client = nginx.client();
    until(async || client.get("/public-data", "").await.nodes == node.address()).await;
}
