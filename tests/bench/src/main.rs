//! The axum application that the bench measures: one handler, open and behind [`Guest`], and the whole API beside it.
//!
//! `bench-app STORE` listens on a free port of the loopback and says so: `listening on http://ADDR:PORT`.
//! `bench-app STORE --calls ROUNDS` calls the router without a socket, and prints the processor time of a call, in nanoseconds.

mod calls;

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
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let (store, rounds) = match &arguments[..] {
        [store] => (store, None),
        [store, option, rounds] if option == "--calls" => (store, Some(rounds.parse()?)),
        _ => return Err("usage: bench-app STORE [--calls ROUNDS]".into()),
    };
    let guestpass = Guestpass::open(Config { store: store.parse()?, ..Config::default() }).await?;
    let app = Router::new()
        .route("/open", get(open))
        .route("/guest", get(behind_guest))
        .with_state(guestpass.clone())
        .merge(guestpass.router());
    if let Some(rounds) = rounds {
        return calls::measure(app, rounds).await;
    }
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
