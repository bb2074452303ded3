//! What the process reports while it runs: the log on standard error, and spans for a collector.

use std::io::IsTerminal;

use axum::Router;
use clap::ValueEnum;
use tracing::Subscriber;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry};

use crate::CommandError;
#[cfg(feature = "otlp")]
use crate::otlp;
use crate::serve::PROCESS;

/// The flags of the log and the spans.
#[derive(Debug, clap::Args)]
pub(crate) struct TelemetryArgs {
    /// What is logged: a level (off, error, warn, info, debug, trace), and other levels for parts of the program, such as
    /// info,guestpass_server=debug.
    #[arg(long, value_name = "FILTER", default_value = "info,refinery_core=warn", value_parser = log_filter, help_heading = PROCESS)]
    log: String,

    /// Format of the log: text, or json with one object per line.
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = LogFormat::Text, help_heading = PROCESS)]
    log_format: LogFormat,

    /// Sends a span for each request, with the work of the store as child spans, to the OpenTelemetry collector at this base
    /// URL, such as http://localhost:4318 (OTLP over HTTP, protobuf). Off by default. A request with `traceparent` continues
    /// its caller's trace. The standard variables OTEL_EXPORTER_OTLP_HEADERS, OTEL_TRACES_SAMPLER, OTEL_TRACES_SAMPLER_ARG,
    /// OTEL_BSP_… and OTEL_RESOURCE_ATTRIBUTES are obeyed.
    #[cfg(feature = "otlp")]
    #[arg(long, value_name = "URL", help_heading = PROCESS)]
    otlp_endpoint: Option<otlp::Endpoint>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum LogFormat {
    Text,
    Json,
}

/// The log and the spans of a running process.
pub(crate) struct Telemetry {
    #[cfg(feature = "otlp")]
    spans: Option<otlp::Spans>,
}

impl Telemetry {
    pub(crate) fn start(args: &TelemetryArgs) -> Result<Self, CommandError> {
        #[cfg(feature = "otlp")]
        if let Some(endpoint) = &args.otlp_endpoint {
            let spans = otlp::Spans::export_to(endpoint)
                .map_err(|reason| CommandError::Configuration(format!("--otlp-endpoint: {reason}")))?;
            // The log and the spans each have a filter, so that --log does not change which spans are sent.
            let log = Registry::default().with(log(args)?.with_filter(filter(&args.log)?));
            log.with(spans.layer()).init();
            return Ok(Self { spans: Some(spans) });
        }
        Registry::default().with(filter(&args.log)?).with(log(args)?).init();
        Ok(Self {
            #[cfg(feature = "otlp")]
            spans: None,
        })
    }

    /// Wraps each request in a span, if spans are sent.
    pub(crate) fn wrap(&self, router: Router) -> Router {
        #[cfg(feature = "otlp")]
        if self.spans.is_some() {
            return otlp::trace_requests(router);
        }
        router
    }

    /// Sends the remaining spans. Blocks: not for a thread of the runtime.
    pub(crate) fn stop(self) {
        #[cfg(feature = "otlp")]
        if let Some(spans) = self.spans {
            spans.stop();
        }
    }
}

fn log<S>(args: &TelemetryArgs) -> Result<Box<dyn Layer<S> + Send + Sync>, CommandError>
where
    S: Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
{
    // If standard error is closed, the process continues: an error about it would be written to standard error, and panic.
    let log = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).log_internal_errors(false);
    Ok(match args.log_format {
        LogFormat::Text => log.with_ansi(std::io::stderr().is_terminal()).boxed(),
        LogFormat::Json => log.json().boxed(),
    })
}

/// The crates of this program that log.
const OUR_PARTS: [&str; 2] = ["guestpass", "guestpass_server"];

fn is_our_part(part: &str) -> bool {
    OUR_PARTS.contains(&part.split("::").next().unwrap_or_default())
}

fn filter(text: &str) -> Result<EnvFilter, CommandError> {
    EnvFilter::try_new(text).map_err(|error| CommandError::Configuration(format!("--log: {error}")))
}

/// Checks a filter. [`EnvFilter`] alone takes a word that is no level, such as `infoo`, for the name of a part of the program, and
/// logs nothing but that part.
fn log_filter(text: &str) -> Result<String, String> {
    if text.trim().is_empty() {
        return Err("is empty; `off` turns the log off".to_owned());
    }
    // The fields of a span, in brackets, can contain commas.
    let directives = text.split(',').map(str::trim).filter(|directive| !directive.contains(['[', ']', '{', '}', '"']));
    for directive in directives {
        match directive.split_once('=') {
            None if directive.parse::<LevelFilter>().is_err() => {
                return Err(format!(
                    "{directive:?} is not a level; the levels are off, error, warn, info, debug and trace, and a part of the \
                     program is followed by its level, as in guestpass_server=debug"
                ));
            }
            Some((part, _)) if part.starts_with("guest") && !is_our_part(part) => {
                return Err(format!("there is no part {part:?}; our parts are {}", OUR_PARTS.join(", ")));
            }
            _ => {}
        }
    }
    let expected = |error| format!("expected a filter such as debug or info,guestpass_server=debug: {error}");
    EnvFilter::try_new(text).map(|_| text.to_owned()).map_err(expected)
}
