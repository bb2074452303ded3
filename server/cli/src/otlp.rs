//! Spans for an OpenTelemetry collector: one for each request, in the trace of its caller, with the library's spans of the
//! store as children.
//!
//! A span has the route, the status and the path, never a query or a header, so that no secret leaves the process.

use std::str::FromStr;
use std::time::Duration;

use axum::Router;
use axum::extract::{MatchedPath, Request};
use axum::http::{StatusCode, Uri};
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use opentelemetry::KeyValue;
use opentelemetry::context::FutureExt;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::TracerProvider;
use opentelemetry_http::HeaderExtractor;
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::{Instrument, Level, Metadata, Span, Subscriber, field};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::registry::LookupSpan;

/// `service.name` of the spans, unless OTEL_SERVICE_NAME or OTEL_RESOURCE_ATTRIBUTES gives another.
const SERVICE: &str = "guestpass";
/// How long an export may take, also at the end of the process.
const TIMEOUT: Duration = Duration::from_secs(3);
/// The target of the spans of this file. The log omits them, because it has the library's span of each request.
const TARGET: &str = "guestpass::otlp";
/// The prefix of the target of the library's spans and events.
const LIBRARY: &str = "guestpass_server";

/// The base URL of a collector.
#[derive(Debug, Clone)]
pub(crate) struct Endpoint(String);

impl FromStr for Endpoint {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_base = |uri: &Uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.query().is_none();
        match text.parse::<Uri>() {
            Ok(uri) if is_base(&uri) => Ok(Self(text.trim_end_matches('/').to_owned())),
            _ => Err("expected an http:// or https:// URL such as http://localhost:4318"),
        }
    }
}

/// Exports spans to a collector.
pub(crate) struct Spans(SdkTracerProvider);

impl Spans {
    pub(crate) fn export_to(Endpoint(base): &Endpoint) -> Result<Self, String> {
        let exporter = SpanExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(format!("{base}/v1/traces"))
            .with_timeout(TIMEOUT)
            .build()
            .map_err(|error| error.to_string())?;
        let mut resource =
            Resource::builder().with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")));
        if std::env::var_os("OTEL_SERVICE_NAME").is_none() {
            resource = resource.with_service_name(SERVICE);
        }
        Ok(Self(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource.build()).build()))
    }

    /// Exports the spans of [`trace_requests`] and of the store, with the log lines from level info up as their events.
    pub(crate) fn layer<S>(&self) -> impl Layer<S>
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        tracing_opentelemetry::layer()
            .with_tracer(self.0.tracer(SERVICE))
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
            .with_filter(filter_fn(is_exported))
    }

    /// Exports the remaining spans.
    pub(crate) fn stop(self) {
        if let Err(error) = self.0.shutdown_with_timeout(TIMEOUT) {
            tracing::warn!(%error, "the last spans could not be sent to --otlp-endpoint");
        }
    }
}

fn is_exported(metadata: &Metadata<'_>) -> bool {
    let is_known = metadata.target() == TARGET || metadata.target().starts_with(LIBRARY);
    // The library's own span of a request has fewer attributes than that of this file.
    let duplicate = metadata.is_span() && metadata.name() == "request" && metadata.target() != TARGET;
    let verbose = metadata.is_event() && *metadata.level() > Level::INFO;
    is_known && !duplicate && !verbose
}

/// Wraps each request in a span with the attributes of the semantic conventions for HTTP servers.
pub(crate) fn trace_requests(router: Router) -> Router {
    // `layer` wraps each route, where the route's template is known.
    router.layer(from_fn(trace))
}

async fn trace(request: Request, next: Next) -> Response {
    let caller = TraceContextPropagator::new().extract(&HeaderExtractor(request.headers()));
    async {
        let span = span(&request);
        let response = next.run(request).instrument(span.clone()).await;
        record_status(&span, response.status());
        response
    }
    .with_context(caller)
    .await
}

fn span(request: &Request) -> Span {
    let method = request.method().as_str();
    let route = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    let name = route.map_or_else(|| method.to_owned(), |route| format!("{method} {route}"));
    tracing::info_span!(
        target: TARGET,
        "request",
        otel.name = name,
        otel.kind = "server",
        otel.status_code = field::Empty,
        http.request.method = method,
        http.route = route,
        http.response.status_code = field::Empty,
        url.path = request.uri().path(),
    )
}

fn record_status(span: &Span, status: StatusCode) {
    span.record("http.response.status_code", i64::from(status.as_u16()));
    if status.is_server_error() {
        span.record("otel.status_code", "ERROR");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_a_base_url() {
        for text in ["http://localhost:4318", "https://collector.example/tenant/"] {
            assert!(!text.parse::<Endpoint>().unwrap().0.ends_with('/'), "{text}");
        }
        for text in ["", "localhost:4318", "/v1", "grpc://localhost:4317", "http://", "http://a/?b"] {
            assert!(text.parse::<Endpoint>().is_err(), "{text}");
        }
    }
}
