//! The axum application that the bench measures: one handler, open and behind [`Guest`], and the whole API beside it.
//!
//! `bench-app STORE` listens on a free port of the loopback and says so: `listening on http://ADDR:PORT`.

use std::error::Error;

use axum::routing::get;
use axum::{Json, Router};
use guestpass_server::{Config, Guest, Guestpass};
use serde::Serialize;
use tokio::net::TcpListener;

#[derive(Debug, Serialize)]
struct Greeting {
    name: &'static str,
    items: u32,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let store = std::env::args().nth(1).ok_or("usage: bench-app STORE")?.parse()?;
    let guestpass = Guestpass::open(Config { store, ..Config::default() }).await?;
    let app = Router::new()
        .route("/open", get(open))
        .route("/guest", get(behind_guest))
        .with_state(guestpass.clone())
        .merge(guestpass.router());
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, app).await?;
    Ok(())
}

async fn open() -> Json<Greeting> {
    greeting()
}

async fn behind_guest(_: Guest) -> Json<Greeting> {
    greeting()
}

fn greeting() -> Json<Greeting> {
    Json(Greeting { name: "A shop", items: 12 })
}
