//! The server inside somebody else's axum application

use axum::Router;
use axum::extract::{FromRef, State};
use axum::routing::get;
use guestpass_server::{Guest, Guestpass};

use crate::support::{Server, authorized, get as anonymous, send};

#[derive(Clone)]
struct Shop {
    name: &'static str,
    guestpass: Guestpass,
}

impl FromRef<Shop> for Guestpass {
    fn from_ref(shop: &Shop) -> Self {
        shop.guestpass.clone()
    }
}

async fn welcome(guest: Guest, State(shop): State<Shop>) -> String {
    format!("{} welcomes {}", shop.name, guest.subject())
}

#[tokio::test]
async fn a_handler_elsewhere_knows_the_guest() {
    let server = Server::open().await;
    let shop = Shop { name: "The shop", guestpass: server.guestpass() };
    let app = Router::new().route("/welcome", get(welcome)).with_state(shop).merge(server.guestpass().router());
    let tokens = server.login().await;

    let answer = send(app.clone(), authorized("GET", "/welcome", &tokens.access, None)).await;

    assert_eq!(answer.body, format!("The shop welcomes {}", tokens.id));
    send(app.clone(), anonymous("/welcome")).await.assert_problem(401);
    assert_eq!(send(app, anonymous("/healthz")).await.body, "ok");
}
