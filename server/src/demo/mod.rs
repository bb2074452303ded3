//! The demo site: its pages from inside the program, and a stage on which visitors make the server fail.
//!
//! None of this is part of an ordinary build (the feature `demo`), and an ordinary server has none of it either: only
//! [`router`] does, which `guestpass serve --demo` asks for.
//!
//! Each network has a stage of its own, so that nobody breaks the shop of somebody else: the faults of one client are
//! felt, and counted, by that client alone. The stages are in memory and end with the process.

mod endpoints;
mod faults;
mod files;
mod lost;
mod stage;

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;

use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::routes;
use crate::server::{Guestpass, OpenError};

use self::stage::{StageClock, Stages};

/// What the demo sets where the operator has not: tokens that one can watch being renewed, tokens of the classic kind
/// that end within a visit, no limits for the many requests of one visitor, and a file that is not the shop's own.
pub const DEFAULTS: [(&str, &str); 5] = [
    ("store", "sqlite:guestpass-demo.db"),
    ("access-ttl", "60s"),
    ("guest-token-ttl", "15m"),
    ("login-rate", "off"),
    ("refresh-rate", "off"),
];

/// As [`Guestpass::open`], with a clock that each stage can put forward.
///
/// # Errors
/// As [`Guestpass::open`].
pub async fn open(config: Config) -> Result<Guestpass, OpenError> {
    open_at(config, Arc::new(SystemClock)).await
}

/// The same with a clock of one's own, for tests.
///
/// # Errors
/// As [`Guestpass::open`].
pub async fn open_at(config: Config, clock: Arc<dyn Clock>) -> Result<Guestpass, OpenError> {
    Guestpass::open_at(config, Arc::new(StageClock(clock))).await
}

/// As [`Guestpass::router`], with the faults, the endpoints that order them, and the demo's pages; a directory of
/// [`Config::static_dir`] goes before those that are built in.
pub fn router(guestpass: &Guestpass) -> Router {
    let stages = Arc::new(Stages::new(Arc::clone(&guestpass.inner.limits)));
    let strike = from_fn_with_state(Arc::clone(&stages), faults::strike);
    let routes = routes::documented(guestpass).route_layer(strike).merge(endpoints::router(stages));
    let routes = match &guestpass.inner.config.static_dir {
        Some(directory) => routes::with_files(routes, directory),
        None => routes.fallback(files::serve),
    };
    routes::wrap(routes, guestpass)
}

/// Whether the pages are in the program: it may have been built before they were.
pub fn has_pages() -> bool {
    files::has_pages()
}
