//! `guestpass serve`: the server.

use std::io::Write;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use clap::Args;
use guestpass_server::{Config, Guestpass, OpenError};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use super::Failure;
use super::connections::{self, Bounds};
use super::settings::Sources;
use super::telemetry::{Telemetry, TelemetryArgs};

/// Issues, refreshes, verifies and revokes guests' tokens over HTTP.
///
/// Without flags it listens on http://127.0.0.1:8000 and keeps everything in the file guestpass.db: guests, sessions and
/// the keys that it made at its first start. Keep that file private, and in your backups.
///
/// Once ready it prints one line, `listening on http://ADDR:PORT`, on standard output. Logs go to standard error;
/// --log debug says more. SIGTERM and SIGINT let requests under way finish, then it exits with 0. A setting that cannot
/// work is told in one line, with exit code 2.
///
/// Durations are written like 90s, 15m, 12h or 30d.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, after_help = EXAMPLES)]
pub(super) struct ServeArgs {
    /// Address and port to listen on; port 0 picks a free one.
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:8000", help_heading = PROCESS)]
    listen: SocketAddr,

    #[command(flatten)]
    telemetry: TelemetryArgs,

    /// Where /metrics is served for Prometheus, with /healthz and /readyz; nowhere by default. It is for the operator
    /// alone: choose an address that the public does not reach.
    #[arg(long, value_name = "ADDR:PORT", help_heading = PROCESS)]
    metrics_listen: Option<SocketAddr>,

    /// How many connections may be open at a time. Whoever comes then waits until one of them is closed. Each takes a file
    /// descriptor: `ulimit -n` (systemd: LimitNOFILE) must allow that many, and some more for the store.
    #[arg(long, value_name = "COUNT", default_value_t = 10_000, value_parser = connections, help_heading = PROCESS)]
    max_connections: usize,

    /// How long a client may take to send the head of a request, and to take on more of an answer; and how long a connection
    /// may rest between two requests. Then it is closed. A proxy in front should let its connections rest for less.
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = client_timeout, help_heading = PROCESS)]
    client_timeout: Duration,

    /// How long requests under way may take once the process has been told to stop.
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = guestpass_server::duration, help_heading = PROCESS)]
    shutdown_timeout: Duration,

    /// Serves the demo, whose pages are inside this program, and lets its visitors make the server fail. Each network
    /// feels only the faults that it has ordered itself. A flag only, and not for a server with guests of its own: its
    /// tokens last a minute, it limits nobody, and it keeps everything in guestpass-demo.db, unless you say otherwise.
    #[cfg(feature = "demo")]
    #[arg(long, help_heading = PROCESS)]
    demo: bool,

    #[command(flatten)]
    config: Config,
}

impl ServeArgs {
    fn bounds(&self) -> Bounds {
        Bounds { connections: self.max_connections, patience: self.client_timeout, shutdown: self.shutdown_timeout }
    }
}

/// At least one, and no more than there can be file descriptors.
fn connections(text: &str) -> Result<usize, String> {
    text.parse()
        .ok()
        .filter(|count| (1..=1_000_000).contains(count))
        .ok_or("expected a number from 1 to 1000000".to_owned())
}

fn client_timeout(text: &str) -> Result<Duration, String> {
    let timeout = guestpass_server::duration(text).map_err(|error| error.to_string())?;
    if timeout.is_zero() { Err("must be longer than 0s".to_owned()) } else { Ok(timeout) }
}

/// The group of `--help`.
pub(super) const PROCESS: &str = "Process";

const EXAMPLES: &str = "\
Settings:
  Every flag is also a variable of the environment, shown beside it, and a key of the TOML file that --config names:
  access-ttl = \"15m\", cors-origin = [\"https://shop.example\"]. A flag wins over the environment, and the environment
  over the file.

Examples:
  guestpass serve
  guestpass serve --store sqlite:/var/lib/guestpass/guests.db --issuer https://api.shop.example \\
                  --cors-origin https://shop.example --cors-origin https://www.shop.example
  guestpass serve --static demo-react/dist --access-ttl 30s
  guestpass serve --config /etc/guestpass.toml";

/// Serves until told to stop.
pub(super) fn run(args: ServeArgs, sources: &Sources) -> Result<(), Failure> {
    let telemetry = Telemetry::start(&args.telemetry)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::Running(format!("the runtime could not be started: {error}")))?;
    let served = runtime.block_on(serve(args, &telemetry, sources));
    telemetry.stop();
    served
}

async fn serve(args: ServeArgs, telemetry: &Telemetry, sources: &Sources) -> Result<(), Failure> {
    let (guestpass, router) = open(&args).await?.map_err(|error| Failure::opening(&error, sources))?;
    let served = serve_until_told(&args, telemetry.around(router), &guestpass, sources).await;
    let closed = guestpass.close().await;
    served?;
    closed.map_err(|error| Failure::Running(format!("the last notes of activity were not written: {error}")))
}

/// The server, and what it answers with.
async fn open(args: &ServeArgs) -> Result<Result<(Guestpass, Router), OpenError>, Failure> {
    #[cfg(feature = "demo")]
    if args.demo {
        use guestpass_server::demo;
        if args.config.static_dir.is_none() && !demo::has_pages() {
            let line = "--demo: this program was built before the pages of the demo were; name them by --static";
            return Err(Failure::Configuration(line.to_owned()));
        }
        return Ok(demo::open(args.config.clone()).await.map(|guestpass| {
            let router = demo::router(&guestpass);
            (guestpass, router)
        }));
    }
    Ok(Guestpass::open(args.config.clone()).await.map(|guestpass| {
        let router = guestpass.router();
        (guestpass, router)
    }))
}

async fn serve_until_told(
    args: &ServeArgs,
    router: Router,
    guestpass: &Guestpass,
    sources: &Sources,
) -> Result<(), Failure> {
    let (listener, address) = bind("--listen", args.listen, sources).await?;
    let watched = match args.metrics_listen {
        Some(listen) => Some(bind("--metrics-listen", listen, sources).await?),
        None => None,
    };
    let cannot_stop = |error| Failure::Running(format!("signals cannot be handled: {error}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(cannot_stop)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(cannot_stop)?;

    // Watched until the last request has been answered.
    let (stop_metrics, stopped) = tokio::sync::oneshot::channel::<()>();
    if let Some((listener, address)) = watched {
        tracing::info!("metrics on http://{address}/metrics");
        let stopped = async { drop(stopped.await) };
        let bounds = Bounds { shutdown: Duration::ZERO, ..args.bounds() };
        tokio::spawn(connections::serve(listener, guestpass.metrics_router(), stopped, bounds));
    }
    announce(address);
    let told = async {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        guestpass.drain();
    };
    connections::serve(listener, router, told, args.bounds()).await;
    drop(stop_metrics);
    Ok(())
}

async fn bind(flag: &str, listen: SocketAddr, sources: &Sources) -> Result<(TcpListener, SocketAddr), Failure> {
    let cannot_listen = |error| Failure::Configuration(format!("{flag} {listen}: {error}{}", sources.of(flag)));
    let listener = TcpListener::bind(listen).await.map_err(cannot_listen)?;
    let address = listener.local_addr().map_err(cannot_listen)?;
    Ok((listener, address))
}

/// The one line on standard output: whoever started the process waits for it.
fn announce(address: SocketAddr) {
    let mut out = std::io::stdout();
    // Nobody may be reading; the server serves all the same.
    let _ = writeln!(out, "listening on http://{address}").and_then(|()| out.flush());
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Command};

    #[test]
    fn without_flags_the_program_does_what_the_library_does_by_default() {
        let Command::Serve(args) = Cli::try_parse_from(["guestpass", "serve"]).unwrap().command else { panic!() };

        assert_eq!(args.config, Config::default());
    }
}
