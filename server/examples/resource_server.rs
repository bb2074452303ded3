//! A service that verifies tokens with the public keys of a Guestpass server, without a store:
//! `cargo run --example resource_server`, while `guestpass serve` runs.

use std::error::Error;

use axum::{Router, routing::get};
use guestpass_server::{ResourceServer, Visitor};

async fn orders(visitor: Visitor) -> String {
    format!("the orders of {visitor}")
}

pub(crate) fn app(issuer: &str, audience: &str, jwks: String) -> Router {
    let http = reqwest::Client::new();
    let guests = ResourceServer::new(issuer, audience, move || {
        let request = http.get(&jwks);
        async move { request.send().await?.error_for_status()?.bytes().await }
    });
    Router::new().route("/orders", get(orders)).with_state(guests)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let app = app("http://localhost:8000", "guestpass", "http://localhost:8000/.well-known/jwks.json".to_owned());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:8001").await?;
    Ok(axum::serve(listener, app.into_make_service()).await?)
}
