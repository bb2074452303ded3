//! The axum application that the bench measures: one handler, open and behind [`Guest`], streams of events behind [`Guest`], and
//! the whole API beside it, without rate limits for guests.
//!
//! `bench-app STORE` listens on a free port of the loopback and says so: `listening on http://ADDR:PORT`.
//! `bench-app STORE --calls ROUNDS` calls the router without a socket, and prints the processor time of a call, in nanoseconds.

mod calls;

use std::convert::Infallible;
use std::error::Error;
use std::time::Duration;

use axum::extract::{FromRef, State};
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use axum::routing::get;
use axum::{Json, Router};
use futures_util::stream::{self, Stream};
use guestpass_server::{Config, Guest, Guestpass, Rate};
use serde::Serialize;
use tokio::net::TcpListener;
use tokio::sync::watch;

#[derive(Debug, Serialize)]
struct Greeting {
    name: &'static str,
    items: u32,
}

#[derive(Debug, Clone)]
struct App {
    guestpass: Guestpass,
    /// The number of the last event. Each event goes to all streams of `/events`.
    events: watch::Receiver<u64>,
}

impl FromRef<App> for Guestpass {
    fn from_ref(app: &App) -> Self {
        app.guestpass.clone()
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let (store, rounds) = match &arguments[..] {
        [store] => (store, None),
        [store, option, rounds] if option == "--calls" => (store, Some(rounds.parse()?)),
        _ => return Err("usage: bench-app STORE [--calls ROUNDS]".into()),
    };
    let unlimited =
        Config { login_rate: Rate::Off, login_rate_total: Rate::Off, refresh_rate: Rate::Off, ..Config::default() };
    let guestpass = Guestpass::open(Config { store: store.parse()?, ..unlimited }).await?;
    let (sender, events) = watch::channel(0);
    tokio::spawn(send_events(sender));
    let app = Router::new()
        .route("/open", get(open))
        .route("/guest", get(behind_guest))
        .route("/events", get(event_stream))
        .route("/silence", get(silent_stream))
        .with_state(App { guestpass: guestpass.clone(), events })
        .merge(guestpass.router());
    if let Some(rounds) = rounds {
        return calls::measure(app, rounds).await;
    }
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, app.into_make_service()).await?;
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

/// One event per second.
async fn send_events(events: watch::Sender<u64>) {
    let mut interval = tokio::time::interval(Duration::from_secs(1));
    loop {
        interval.tick().await;
        events.send_modify(|number| *number += 1);
    }
}

/// Server-sent events: one of about 100 bytes per second.
async fn event_stream(
    _: Guest,
    State(App { events, .. }): State<App>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let events = stream::unfold(events, async |mut events| {
        events.changed().await.ok()?;
        let number = *events.borrow_and_update();
        let event = Event::default().id(number.to_string()).event("price").data(r#"{"item":7,"price":19.9,"left":12}"#);
        Some((Ok(event), events))
    });
    Sse::new(events).keep_alive(KeepAlive::default())
}

/// Server-sent events: none, and a comment every 15 seconds.
async fn silent_stream(_: Guest) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    Sse::new(stream::pending()).keep_alive(KeepAlive::default())
}
