//! The program `guestpass-demo`: serves the demo site of [`guestpass_demo`].

use std::io::{IsTerminal, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use axum::serve::ListenerExt;
use clap::Parser;
use guestpass_server::{Config, DeclarationError, Origin, Rate, StoreLocation};
use ipnet::IpNet;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// Serves the Guestpass demo: its pages, the API, and the faults of its lab, all at one address.
///
/// Visitors of the lab make the server fail on purpose; each fault affects only the network of the visitor who injects it.
/// Not for an app with real guests: access tokens expire after a minute, and the numbers of logins and refreshes have no
/// limit.
///
/// When it is ready, it prints one line, `listening on http://ADDR:PORT`, on standard output. SIGTERM and SIGINT stop it.
#[derive(Debug, Parser)]
#[command(name = "guestpass-demo", version, verbatim_doc_comment)]
struct Args {
    /// Address and port to listen on. Port 0 chooses a free port.
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:8000")]
    listen: SocketAddr,

    /// Where all data is kept, as for `guestpass serve`.
    #[arg(long, value_name = "sqlite:PATH|postgres://…", default_value = "sqlite:guestpass-demo.db")]
    store: StoreLocation,

    /// URL at which browsers reach the demo.
    #[arg(long, value_name = "URL", default_value = "http://localhost:8000")]
    issuer: String,

    /// Lifetime of an access token, such as 60s: short, so that visitors can watch renewals.
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = humantime::parse_duration)]
    access_ttl: Duration,

    /// Web origin whose pages may call the API, such as `http://localhost:5173`. Repeat the flag for more.
    #[arg(long = "cors-origin", value_name = "ORIGIN")]
    cors_origins: Vec<Origin>,

    /// Network of a proxy in front of the demo, such as 10.0.0.0/8. Without this setting, all visitors behind a proxy share
    /// their faults. Repeat the flag for more.
    #[arg(long = "trusted-proxy", value_name = "CIDR")]
    trusted_proxies: Vec<IpNet>,

    /// Directory with the pages, instead of those in this program.
    #[arg(long = "static", value_name = "DIR")]
    static_dir: Option<PathBuf>,

    /// What is logged on standard error: a level (error, warn, info, debug, trace), and other levels for parts of the program.
    #[arg(long, value_name = "FILTER", default_value = "info,refinery_core=warn")]
    log: EnvFilter,
}

impl Args {
    fn config(&self) -> Result<Config, DeclarationError> {
        Ok(Config {
            store: self.store.clone(),
            issuer: self.issuer.clone(),
            access_ttl: self.access_ttl,
            // Tokens of the classic shop expire during a visit.
            guest_token_ttl: Duration::from_secs(15 * 60),
            // The lab sends many requests from one address.
            login_rate: Rate::Off,
            refresh_rate: Rate::Off,
            cors_origins: self.cors_origins.clone(),
            trusted_proxies: self.trusted_proxies.clone(),
            static_dir: self.static_dir.clone(),
            collections: guestpass_demo::collections()?,
            ..Config::default()
        })
    }
}

/// How long requests in progress may take after a signal.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(10);

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    let config = args.config();
    let log = tracing_subscriber::fmt().with_env_filter(args.log).with_writer(std::io::stderr);
    log.with_ansi(std::io::stderr().is_terminal()).init();
    let served = match config {
        Ok(config) => serve(args.listen, config).await,
        Err(error) => Err(format!("the collections of the demo: {error}")),
    };
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(line) => {
            eprintln!("guestpass-demo: {line}");
            ExitCode::from(2)
        }
    }
}

async fn serve(listen: SocketAddr, config: Config) -> Result<(), String> {
    if config.static_dir.is_none() && !guestpass_demo::has_pages() {
        return Err("this program was compiled before the pages of the demo were built; run scripts/build, or name a \
                    directory with --static"
            .to_owned());
    }
    let guestpass = guestpass_demo::open(config).await.map_err(|error| error.to_string())?;
    let app = guestpass_demo::router(&guestpass).into_make_service_with_connect_info::<SocketAddr>();
    let listener = TcpListener::bind(listen).await.map_err(|error| format!("--listen {listen}: {error}"))?;
    let address = listener.local_addr().map_err(|error| format!("--listen {listen}: {error}"))?;
    let cannot_stop = |error| format!("signals cannot be handled: {error}");
    let mut terminate = signal(SignalKind::terminate()).map_err(cannot_stop)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(cannot_stop)?;
    let (stopping, mut stopped) = tokio::sync::watch::channel(());
    let stop = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        stopping.send_replace(());
    };

    let mut out = std::io::stdout();
    // If standard output is closed, the demo serves nevertheless.
    let _ = writeln!(out, "listening on http://{address}").and_then(|()| out.flush());
    // Without the option TCP_NODELAY, responses arrive a little later.
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    tokio::select! {
        served = axum::serve(listener, app).with_graceful_shutdown(stop) => {
            served.map_err(|error| error.to_string())?;
        }
        () = async {
            let _ = stopped.changed().await;
            tokio::time::sleep(SHUTDOWN_TIMEOUT).await;
        } => {}
    }
    guestpass.close().await.map_err(|error| format!("the last activity of guests was not written: {error}"))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }
}
