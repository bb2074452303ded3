//! An axum application that embeds Guestpass: `cargo run --example embed`.

use std::{error::Error, net::SocketAddr};

use axum::extract::{FromRef, State};
use axum::{Router, routing::get};
use guestpass_server::{Config, Guest, Guestpass};

#[derive(Debug, Clone)]
struct Blog(&'static str, Guestpass);

impl FromRef<Blog> for Guestpass {
    fn from_ref(blog: &Blog) -> Self {
        blog.1.clone()
    }
}

async fn welcome(guest: Guest, State(Blog(title, _)): State<Blog>) -> String {
    format!("{title} welcomes {}", guest.subject())
}

pub(crate) fn app(guestpass: &Guestpass) -> Router {
    let blog = Router::new().route("/welcome", get(welcome)).with_state(Blog("The blog", guestpass.clone()));
    blog.merge(guestpass.router())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let guestpass = Guestpass::open(Config::default()).await?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:8000").await?;
    // The limits count requests by the address of the client.
    let app = app(&guestpass).into_make_service_with_connect_info::<SocketAddr>();
    let stop = async { drop(tokio::signal::ctrl_c().await) };
    axum::serve(listener, app).with_graceful_shutdown(stop).await?;
    Ok(guestpass.close().await?)
}
