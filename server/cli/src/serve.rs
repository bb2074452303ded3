//! `guestpass serve`: the server.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use axum::Router;
use clap::Args;
use guestpass_server::{Config, Guestpass};
use tokio::net::{TcpListener, TcpSocket};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::CommandError;
use crate::config::{ConfigArgs, duration};
use crate::connections::{self, Limits};
use crate::open_files;
use crate::settings::Sources;
use crate::telemetry::{Telemetry, TelemetryArgs};

/// Issues, refreshes, verifies and revokes guests' tokens over HTTP.
///
/// Without flags it listens on http://127.0.0.1:8000 and keeps all data in the file guestpass.db: guests, sessions, and the
/// keys that it creates at its first start. Keep that file private, and back it up with `guestpass backup`.
///
/// When it is ready, it prints one line, `listening on http://ADDR:PORT`, on standard output. The log goes to standard error;
/// --log debug makes it longer. On SIGTERM and SIGINT, it finishes the requests in progress and exits with 0. On SIGHUP, it
/// reads the file of --catalogue again. If a setting cannot work, it prints one line and exits with 2.
///
/// Durations are written as 90s, 15m, 12h or 30d.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, after_help = EXAMPLES)]
pub(crate) struct ServeArgs {
    /// Address and port to listen on, such as 127.0.0.1:8000, 0.0.0.0:8000 or [::]:8000. Port 0 chooses a free port.
    #[arg(
        long,
        value_name = "ADDR:PORT",
        default_value = "127.0.0.1:8000",
        value_parser = listen_address,
        help_heading = PROCESS
    )]
    listen: SocketAddr,

    #[command(flatten)]
    telemetry: TelemetryArgs,

    /// Address and port of /metrics for Prometheus, with /healthz and /readyz. Off by default. It is for the operator only:
    /// choose an address that the public cannot reach.
    #[arg(long, value_name = "ADDR:PORT", value_parser = listen_address, help_heading = PROCESS)]
    metrics_listen: Option<SocketAddr>,

    /// How many connections can be open at a time. If there are more, idle ones are closed for them, and clients wait if none is
    /// idle. Each connection needs a file descriptor: the server raises `ulimit -n` to the hard limit (`ulimit -Hn`; systemd:
    /// LimitNOFILE) and, if that is not enough, allows fewer connections and says so in the log.
    #[arg(long, value_name = "COUNT", default_value_t = 10_000, value_parser = connections, help_heading = PROCESS)]
    max_connections: usize,

    /// How many connections one client can have open at a time. A client is an IPv4 address or the /64 network of an IPv6
    /// address. If it opens more, its idle ones are closed for them, and the new one if none is idle. An IPv6 /48 can have three
    /// times as many, and at most three quarters of all. By default 1000, and at most half of the connections that can be open. It
    /// does not apply to the proxies of --trusted-proxy.
    #[arg(long, value_name = "COUNT", value_parser = connections, help_heading = PROCESS)]
    max_connections_per_client: Option<usize>,

    /// How long a client may take to send the head of a request and to read a part of a response, and how long a connection
    /// may be idle between two requests. Then the connection is closed. The idle timeout of a proxy in front should be
    /// shorter.
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = client_timeout, help_heading = PROCESS)]
    client_timeout: Duration,

    /// How long requests in progress may take after SIGTERM or SIGINT.
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = duration, help_heading = PROCESS)]
    shutdown_timeout: Duration,

    #[command(flatten)]
    config: ConfigArgs,
}

impl ServeArgs {
    fn limits(&self) -> Limits {
        let connections = open_files::connections(self.max_connections);
        let most = DEFAULT_PER_CLIENT.min(connections.div_ceil(2));
        Limits {
            connections,
            connections_per_client: self.max_connections_per_client.unwrap_or(most),
            trusted_proxies: self.config.trusted_proxies.clone(),
            client_timeout: self.client_timeout,
            shutdown_timeout: self.shutdown_timeout,
        }
    }
}

fn listen_address(text: &str) -> Result<SocketAddr, String> {
    let expected = "expected an IP address and a port, such as 127.0.0.1:8000, 0.0.0.0:8000 or [::]:8000; host names are not \
                    resolved";
    text.parse().map_err(|_| expected.to_owned())
}

/// At least one, and not more than the number of file descriptors that a process can have.
fn connections(text: &str) -> Result<usize, String> {
    text.parse()
        .ok()
        .filter(|count| (1..=1_000_000).contains(count))
        .ok_or("expected a number from 1 to 1000000".to_owned())
}

fn client_timeout(text: &str) -> Result<Duration, String> {
    let timeout = duration(text)?;
    if timeout.is_zero() { Err("must be longer than 0s".to_owned()) } else { Ok(timeout) }
}

/// The default of --max-connections-per-client, unless that is more than half of all.
const DEFAULT_PER_CLIENT: usize = 1000;
/// The greatest number of connections of --metrics-listen.
const METRICS_CONNECTIONS: usize = 32;

/// The group of `--help`.
pub(crate) const PROCESS: &str = "Process";

const EXAMPLES: &str = "\
Settings:
  Each flag is also a variable of the environment, shown beside it, and a key of the TOML file that --config names:
  access-ttl = \"15m\", cors-origin = [\"https://shop.example\"]. A flag overrides the environment; the environment
  overrides the file.

Examples:
  guestpass serve
  guestpass serve --store sqlite:/var/lib/guestpass/guests.db --issuer https://api.shop.example \\
                  --cors-origin https://shop.example --cors-origin https://www.shop.example
  guestpass serve --static demo-react/dist --access-ttl 30s
  guestpass serve --config /etc/guestpass.toml";

/// Serves until SIGTERM or SIGINT.
pub(crate) fn run(args: ServeArgs, sources: &Sources) -> Result<(), CommandError> {
    let collections = sources.collections()?;
    let telemetry = Telemetry::start(&args.telemetry)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| CommandError::Running(format!("tokio could not be started: {error}")))?;
    open_files::raise_limit();
    open_files::check().map_err(CommandError::Configuration)?;
    let limits = args.limits();
    let addresses = Addresses { api: args.listen, metrics: args.metrics_listen };
    let config = Config { collections, ..args.config.into() };
    let served = runtime.block_on(serve(config, addresses, limits, &telemetry, sources));
    telemetry.stop();
    served
}

#[derive(Debug, Clone, Copy)]
struct Addresses {
    api: SocketAddr,
    metrics: Option<SocketAddr>,
}

async fn serve(
    config: Config,
    addresses: Addresses,
    limits: Limits,
    telemetry: &Telemetry,
    sources: &Sources,
) -> Result<(), CommandError> {
    // Before the store, which is made if it does not exist: a server that cannot listen leaves nothing behind.
    let api = Bound::new("--listen", addresses.api, sources)?;
    let metrics = addresses.metrics.map(|listen| Bound::new("--metrics-listen", listen, sources)).transpose()?;
    let guestpass = Guestpass::open(config).await.map_err(|error| CommandError::opening(&error, sources))?;
    // Not before: an error of the settings is one line.
    sources.warnings.iter().for_each(|line| tracing::warn!("{line}"));
    let router = telemetry.wrap(guestpass.router());
    let served = serve_until_stopped(router, &guestpass, api, metrics, limits).await;
    let closed = guestpass.close().await;
    served?;
    closed.map_err(|error| CommandError::Running(format!("the last activity of guests was not written: {error}")))
}

async fn serve_until_stopped(
    router: Router,
    guestpass: &Guestpass,
    api: Bound,
    metrics: Option<Bound>,
    limits: Limits,
) -> Result<(), CommandError> {
    let (listener, address) = api.listen()?;
    let metrics = metrics.map(Bound::listen).transpose()?;
    let cannot_stop = |error| CommandError::Running(format!("signals cannot be handled: {error}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(cannot_stop)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(cannot_stop)?;
    // Without a catalogue there is nothing to read again: SIGHUP ends the server, as when its terminal is closed.
    let has_catalogue = guestpass.config().catalogue.is_some();
    let hangup = has_catalogue.then(|| signal(SignalKind::hangup()));
    let mut hangup = hangup.transpose().map_err(cannot_stop)?;

    // Metrics are served until the last request has been handled.
    let (stop_metrics, stopped) = tokio::sync::oneshot::channel::<()>();
    if let Some((listener, address)) = metrics {
        tracing::info!("metrics on http://{address}/metrics");
        let stopped = async { drop(stopped.await) };
        let connections = limits.connections.min(METRICS_CONNECTIONS);
        let limits = Limits { connections, shutdown_timeout: Duration::ZERO, ..limits.clone() };
        tokio::spawn(connections::serve(listener, guestpass.metrics_router(), stopped, limits));
    }
    // In the background, because an issuer that does not respond must not delay the start.
    let server = guestpass.clone();
    tokio::spawn(async move { server.check_oidc_issuers().await });
    announce(address);
    let stop = async {
        loop {
            tokio::select! {
                _ = terminate.recv() => break,
                _ = interrupt.recv() => break,
                () = next(&mut hangup) => reload_catalogue(guestpass).await,
            }
        }
        guestpass.drain();
    };
    connections::serve(listener, router, stop, limits).await;
    drop(stop_metrics);
    Ok(())
}

/// Waits for the signal; without one, for ever.
async fn next(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => drop(signal.recv().await),
        None => std::future::pending().await,
    }
}

async fn reload_catalogue(guestpass: &Guestpass) {
    let file = guestpass.config().catalogue.as_deref().unwrap_or(Path::new("")).display();
    match guestpass.reload_catalogue().await {
        Ok(items) => tracing::info!("--catalogue {file}: read again; items: {items}"),
        Err(error) => tracing::error!("--catalogue {file}: {error}; the catalogue of before is used"),
    }
}

/// An address that this process has taken, and does not accept connections at yet.
struct Bound {
    socket: TcpSocket,
    /// The setting, for errors: `--listen 127.0.0.1:8000`, and its source.
    setting: (String, String),
}

impl Bound {
    fn new(flag: &str, address: SocketAddr, sources: &Sources) -> Result<Self, CommandError> {
        let setting = (format!("{flag} {address}"), sources.of(flag));
        match connections::bind(address) {
            Ok(socket) => Ok(Self { socket, setting }),
            Err(error) => Err(cannot_listen(&setting, &error)),
        }
    }

    fn listen(self) -> Result<(TcpListener, SocketAddr), CommandError> {
        let listening = connections::listen(self.socket);
        let listening = listening.and_then(|listener| listener.local_addr().map(|address| (listener, address)));
        listening.map_err(|error| cannot_listen(&self.setting, &error))
    }
}

fn cannot_listen((setting, source): &(String, String), error: &io::Error) -> CommandError {
    CommandError::Configuration(format!("{setting}: {error}{source}"))
}

/// Prints the only line on standard output: a supervisor or a test waits for it.
fn announce(address: SocketAddr) {
    let mut out = std::io::stdout();
    // If standard output is closed, the server serves nevertheless.
    let _ = writeln!(out, "listening on http://{address}").and_then(|()| out.flush());
}
