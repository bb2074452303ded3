//! `guestpass serve`: the server.

use std::io::{IsTerminal, Write};
use std::net::SocketAddr;
use std::time::Duration;

use clap::{Args, ValueEnum};
use guestpass_server::{Config, Guestpass};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use super::settings::Sources;
use super::{Failure, connections};

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

    /// What is logged: a level (error, warn, info, debug, trace), and parts of the program that differ from it.
    #[arg(long, value_name = "FILTER", default_value = "info,refinery_core=warn", value_parser = log_filter, help_heading = PROCESS)]
    log: String,

    /// How log lines are written: text, or json, one object a line.
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = LogFormat::Text, help_heading = PROCESS)]
    log_format: LogFormat,

    /// Where /metrics is served for Prometheus, with /healthz and /readyz; nowhere by default. It is for the operator
    /// alone: choose an address that the public does not reach.
    #[arg(long, value_name = "ADDR:PORT", help_heading = PROCESS)]
    metrics_listen: Option<SocketAddr>,

    /// How long requests under way may take once the process has been told to stop.
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = guestpass_server::duration, help_heading = PROCESS)]
    shutdown_timeout: Duration,

    #[command(flatten)]
    config: Config,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum LogFormat {
    Text,
    Json,
}

/// The group of `--help`.
const PROCESS: &str = "Process";

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
    log_to_stderr(&args.log, args.log_format)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::Running(format!("the runtime could not be started: {error}")))?;
    runtime.block_on(serve(args, sources))
}

async fn serve(args: ServeArgs, sources: &Sources) -> Result<(), Failure> {
    let ServeArgs { listen, metrics_listen, shutdown_timeout, config, .. } = args;
    let guestpass = Guestpass::open(config).await.map_err(|error| Failure::opening(&error, sources))?;
    let served = serve_until_told(listen, metrics_listen, shutdown_timeout, &guestpass, sources).await;
    let closed = guestpass.close().await;
    served?;
    closed.map_err(|error| Failure::Running(format!("the last notes of activity were not written: {error}")))
}

async fn serve_until_told(
    listen: SocketAddr,
    metrics_listen: Option<SocketAddr>,
    shutdown_timeout: Duration,
    guestpass: &Guestpass,
    sources: &Sources,
) -> Result<(), Failure> {
    let (listener, address) = bind("--listen", listen, sources).await?;
    let watched = match metrics_listen {
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
        tokio::spawn(connections::serve(listener, guestpass.metrics_router(), stopped, Duration::ZERO));
    }
    announce(address);
    let told = async {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        guestpass.drain();
    };
    connections::serve(listener, guestpass.router(), told, shutdown_timeout).await;
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

fn log_to_stderr(filter: &str, format: LogFormat) -> Result<(), Failure> {
    let filter = EnvFilter::try_new(filter).map_err(|error| Failure::Configuration(format!("--log: {error}")))?;
    let colours = std::io::stderr().is_terminal();
    // A log that nobody reads any more is no reason to fail: its errors would be written to the same place, and panic.
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).log_internal_errors(false);
    match format {
        LogFormat::Text => log.with_ansi(colours).init(),
        LogFormat::Json => log.json().init(),
    }
    Ok(())
}

fn log_filter(text: &str) -> Result<String, String> {
    let expected = |error| format!("expected a filter such as debug or info,guestpass_server=debug: {error}");
    EnvFilter::try_new(text).map(|_| text.to_owned()).map_err(expected)
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
