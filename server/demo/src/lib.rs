//! The demo site: the Guestpass API with the pages of `demo-react`, and faults that its visitors can inject.
//!
//! ```no_run
//! use guestpass_server::Config;
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let guestpass = guestpass_demo::open(Config::default()).await?;
//! let app = guestpass_demo::router(&guestpass);
//! # Ok(())
//! # }
//! ```
//!
//! The lab of the demo shows how a client handles a server that fails. Each client (an IPv4 address, or the /64
//! network of an IPv6 address) has a `FaultInjector` of its own, so that a visitor cannot break the demo for other
//! visitors: the faults that a client injects affect that client only, and so do the counts. They are in memory, and
//! end with the process.
//!
//! | request | effect |
//! | --- | --- |
//! | `POST /demo/faults/expire-token` | the access token of the request counts as expired |
//! | `POST /demo/faults/lose-answer` | the response to the next refresh is lost; for the classic shop, to the next login |
//! | `POST /demo/faults/outage` | each request gets 503, for ten seconds |
//! | `POST /demo/faults/tomorrow` | the clock of the server is one more day ahead |
//! | `GET /demo/faults` | the active faults, and the number of guests, logins and refreshes of each shop |
//! | `DELETE /demo/faults` | ends all faults, and sets the counts to zero |
//! | `/demo/plain/…` | the API without the faults and the counts, for the lab's merge of two carts |
//!
//! The classic shop is the one with hand-written interceptors.
//!
//! The demo has two collections of its own, `searches` and `notes`, and a cart with a rule for notes: `guestpass.toml` declares
//! them, in the format of `guestpass serve --config`. The items are those of the catalogue; the demo uses the sample.
//!
//! `endpoints` has these routes; `fault_injector` has the faults of each client; `faults` is the middleware around the API that
//! applies them; `pages` serves the pages.

mod endpoints;
mod fault_injector;
mod faults;
mod lost;
mod pages;
mod problem;

use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use guestpass_server::{Clock, Collections, Config, DeclarationError, Guestpass, OpenError, SystemClock};

use self::fault_injector::{FaultInjectors, ShiftedClock};

/// The collections of the demo: those of `guestpass.toml`, and the default ones that it does not declare.
///
/// # Errors
/// A mistake in `guestpass.toml`, which is part of the program. A test shows that it has none.
pub fn collections() -> Result<Collections, DeclarationError> {
    Collections::from_toml(include_str!("../guestpass.toml"), Path::new(""))
}

/// Opens the server of the demo, as [`Guestpass::open`]. Its clock can be set ahead for each client.
///
/// # Errors
/// As [`Guestpass::open`].
pub async fn open(config: Config) -> Result<Guestpass, OpenError> {
    open_at(config, Arc::new(SystemClock)).await
}

/// As [`open`], with another clock, for tests.
///
/// # Errors
/// As [`Guestpass::open`].
pub async fn open_at(config: Config, clock: Arc<dyn Clock>) -> Result<Guestpass, OpenError> {
    Guestpass::open_at(config, Arc::new(ShiftedClock(clock))).await
}

/// The API behind the faults, the endpoints for the faults, the API without faults under `/demo/plain`, and the pages;
/// `guestpass` must come from [`open`]. If [`Config::static_dir`] is set, its files are served instead of the embedded pages.
pub fn router(guestpass: &Guestpass) -> Router {
    let injectors = Arc::new(FaultInjectors::new(guestpass.clone()));
    let inject = from_fn_with_state(Arc::clone(&injectors), faults::inject);
    let routes = guestpass.routes().route_layer(inject).merge(endpoints::router(injectors));
    let routes = routes.nest("/demo/plain", guestpass.routes());
    let has_directory = guestpass.config().static_dir.is_some();
    guestpass.with_layers(if has_directory { routes } else { routes.fallback(pages::serve) })
}

/// Whether the pages are part of this program. They are not if it was compiled before they were built.
pub fn has_pages() -> bool {
    pages::exist()
}
