//! What the process tells about itself while it runs: the log on standard error, and spans for a collector.

use std::io::IsTerminal;

use axum::Router;
use clap::ValueEnum;
use tracing::Subscriber;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry};

use super::Failure;
#[cfg(feature = "otlp")]
use super::otlp;

/// What is told, how, and to whom.
#[derive(Debug, clap::Args)]
pub(super) struct TelemetryArgs {
    /// What is logged: a level (error, warn, info, debug, trace), and parts of the program that differ from it.
    #[arg(long, value_name = "FILTER", default_value = "info,refinery_core=warn", value_parser = log_filter, help_heading = super::serve::PROCESS)]
    log: String,

    /// How log lines are written: text, or json, one object a line.
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = LogFormat::Text, help_heading = super::serve::PROCESS)]
    log_format: LogFormat,

    /// Sends a span for each request, and what the store did for it, to the OpenTelemetry collector at this base URL, such
    /// as http://localhost:4318 (OTLP over HTTP, protobuf). Off by default. The traces of callers who send `traceparent`
    /// go on. The standard variables OTEL_EXPORTER_OTLP_HEADERS, OTEL_TRACES_SAMPLER, OTEL_TRACES_SAMPLER_ARG, OTEL_BSP_…
    /// and OTEL_RESOURCE_ATTRIBUTES say the rest.
    #[cfg(feature = "otlp")]
    #[arg(long, value_name = "URL", help_heading = super::serve::PROCESS)]
    otlp_endpoint: Option<otlp::Endpoint>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum LogFormat {
    Text,
    Json,
}

/// Telemetry that has been started.
pub(super) struct Telemetry {
    #[cfg(feature = "otlp")]
    spans: Option<otlp::Spans>,
}

impl Telemetry {
    pub(super) fn start(args: &TelemetryArgs) -> Result<Self, Failure> {
        #[cfg(feature = "otlp")]
        if let Some(endpoint) = &args.otlp_endpoint {
            let spans =
                otlp::Spans::to(endpoint).map_err(|why| Failure::Configuration(format!("--otlp-endpoint: {why}")))?;
            // Each of the two has a filter of its own: neither what is logged nor what is traced decides about the other.
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

    /// Puts each request into a span, if somebody collects them.
    pub(super) fn around(&self, router: Router) -> Router {
        #[cfg(feature = "otlp")]
        if self.spans.is_some() {
            return otlp::around(router);
        }
        router
    }

    /// Sends what is left. Blocks: not for a thread that serves.
    pub(super) fn stop(self) {
        #[cfg(feature = "otlp")]
        if let Some(spans) = self.spans {
            spans.stop();
        }
    }
}

fn log<S>(args: &TelemetryArgs) -> Result<Box<dyn Layer<S> + Send + Sync>, Failure>
where
    S: Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
{
    // A log that nobody reads any more is no reason to fail: its errors would be written to the same place, and panic.
    let log = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).log_internal_errors(false);
    Ok(match args.log_format {
        LogFormat::Text => log.with_ansi(std::io::stderr().is_terminal()).boxed(),
        LogFormat::Json => log.json().boxed(),
    })
}

fn filter(text: &str) -> Result<EnvFilter, Failure> {
    EnvFilter::try_new(text).map_err(|error| Failure::Configuration(format!("--log: {error}")))
}

fn log_filter(text: &str) -> Result<String, String> {
    let expected = |error| format!("expected a filter such as debug or info,guestpass_server=debug: {error}");
    EnvFilter::try_new(text).map(|_| text.to_owned()).map_err(expected)
}
