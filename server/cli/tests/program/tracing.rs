//! `--otlp-endpoint`: spans for a collector over OTLP

use std::collections::HashMap;
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::http::StatusCode;
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value as Any};
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode as SpanStatus;
use prost::Message;
use serde_json::Value;

use crate::support::process::{Process, guestpass};

const KEY: &str = "k_-GqFbKvQ0r8pWm2ZtYxA";
/// The trace id of a header `traceparent` (W3C Trace Context).
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
/// The span id of the caller in that header.
const CALLER: &str = "00f067aa0ba902b7";

/// A collector that accepts OTLP over HTTP on a free port, and keeps the bodies of the requests.
struct Collector {
    url: String,
    received: Arc<Mutex<Vec<Bytes>>>,
}

impl Collector {
    async fn start() -> Self {
        let received = Arc::<Mutex<Vec<Bytes>>>::default();
        let keep = received.clone();
        let take = post(move |body: Bytes| async move {
            keep.lock().unwrap().push(body);
            (
                StatusCode::OK,
                [("content-type", "application/x-protobuf")],
                ExportTraceServiceResponse::default().encode_to_vec(),
            )
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, Router::new().route("/v1/traces", take)).await });
        Self { url, received }
    }

    fn requests(&self) -> Vec<ExportTraceServiceRequest> {
        let received = self.received.lock().unwrap();
        received.iter().map(|body| ExportTraceServiceRequest::decode(body.clone()).unwrap()).collect()
    }

    fn spans(&self) -> Vec<Span> {
        let scopes = self.requests().into_iter().flat_map(|request| request.resource_spans);
        scopes.flat_map(|resource| resource.scope_spans).flat_map(|scope| scope.spans).collect()
    }
}

fn attributes(of: &[KeyValue]) -> HashMap<String, String> {
    let text = |value: &KeyValue| match value.value.as_ref().and_then(|value| value.value.clone()) {
        Some(Any::StringValue(text)) => text,
        Some(Any::IntValue(number)) => number.to_string(),
        other => panic!("{other:?}"),
    };
    of.iter().map(|attribute| (attribute.key.clone(), text(attribute))).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Starts `guestpass serve`, which sends its spans to the collector at `url`.
fn serve_with_spans_to(url: &str) -> (tempfile::TempDir, Process) {
    let directory = tempfile::tempdir().unwrap();
    let mut command = guestpass();
    command.args(["serve", "--otlp-endpoint", url]).stderr(Stdio::null());
    let process = Process::spawn_serve(&mut command, &directory.path().join("guestpass.db"));
    (directory, process)
}

/// Sends a login, a refresh and some other requests. Returns the secrets in them.
async fn visit(server: &Process) -> Vec<String> {
    let post = |path: &str, kind: &str, body: String| {
        let request = server.http.post(format!("{}{path}", server.url)).header("content-type", kind);
        request.header("idempotency-key", KEY).body(body).send()
    };
    let login = post("/anonymous-login", "application/json", "{\"refresh\":true}".to_owned()).await.unwrap();
    let tokens: Value = serde_json::from_slice(&login.bytes().await.unwrap()).unwrap();
    let (access, refresh) = (tokens["access_token"].as_str().unwrap(), tokens["refresh_token"].as_str().unwrap());
    let get = |path: &str| server.http.get(format!("{}{path}", server.url)).bearer_auth(access);
    let cart = get("/me/cart").header("traceparent", format!("00-{TRACE}-{CALLER}-01"));
    assert_eq!(cart.send().await.unwrap().status(), 200);
    get(&format!("/me?access_token={access}")).send().await.unwrap();
    get("/nothing").send().await.unwrap();
    let form = "application/x-www-form-urlencoded";
    post("/token", form, format!("grant_type=refresh_token&refresh_token={refresh}")).await.unwrap();
    let signature = access.rsplit('.').next().unwrap();
    [KEY, access, signature, refresh, &refresh[4..]].map(str::to_owned).to_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_request_is_a_span_in_the_trace_of_its_caller_and_holds_no_secret() {
    let collector = Collector::start().await;
    let (_directory, server) = serve_with_spans_to(&collector.url);

    let secrets = visit(&server).await;
    server.terminate();
    assert_eq!(server.wait().0, Some(0));

    let spans = collector.spans();
    let named = |name: &str| spans.iter().filter(|span| span.name == name).collect::<Vec<_>>();
    let cart = named("GET /me/{collection}")[0];
    assert_eq!(cart.kind(), SpanKind::Server);
    assert_eq!((hex(&cart.trace_id).as_str(), hex(&cart.parent_span_id).as_str()), (TRACE, CALLER));
    let attributes_of_cart = attributes(&cart.attributes);
    for (name, value) in [
        ("http.request.method", "GET"),
        ("http.route", "/me/{collection}"),
        ("url.path", "/me/cart"),
        ("http.response.status_code", "200"),
    ] {
        assert_eq!(attributes_of_cart.get(name).map(String::as_str), Some(value), "{name} of {attributes_of_cart:?}");
    }
    // The spans of the store are its direct children.
    let children: Vec<_> = spans.iter().filter(|span| span.parent_span_id == cart.span_id).collect();
    assert_eq!(children.iter().map(|span| span.name.as_str()).collect::<Vec<_>>(), ["sqlite read"]);
    assert_eq!((children[0].kind(), hex(&children[0].trace_id).as_str()), (SpanKind::Client, TRACE));
    assert_eq!(attributes(&children[0].attributes)["db.system.name"], "sqlite");

    let login = named("POST /anonymous-login")[0];
    assert!(login.parent_span_id.is_empty() && hex(&login.trace_id) != TRACE);
    assert!(spans.iter().any(|span| span.parent_span_id == login.span_id && span.name == "sqlite write"));
    assert_eq!(named("POST /token").len(), 1);
    assert_eq!(attributes(&named("GET /me")[0].attributes)["http.response.status_code"], "400");
    assert_eq!(
        attributes(&named("GET")[0].attributes)["url.path"],
        "/nothing",
        "the path of an unknown route is not in the name"
    );
    let resource = collector.requests()[0].resource_spans[0].resource.clone().unwrap();
    assert_eq!(attributes(&resource.attributes)["service.name"], "guestpass");

    for body in collector.received.lock().unwrap().iter() {
        let text = String::from_utf8_lossy(body);
        for secret in &secrets {
            assert!(!text.contains(secret), "the secret {secret} was sent");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_request_has_a_span_with_the_error_and_its_cause() {
    let collector = Collector::start().await;
    let (directory, server) = serve_with_spans_to(&collector.url);
    let login = || server.http.post(format!("{}/anonymous-login", server.url)).send();
    assert_eq!(login().await.unwrap().status(), 200);
    let database = directory.path().join("guestpass.db");
    std::fs::rename(&database, directory.path().join("elsewhere")).unwrap();

    assert_eq!(login().await.unwrap().status(), 503);
    std::fs::rename(directory.path().join("elsewhere"), &database).unwrap();
    server.terminate();
    server.wait();

    let spans = collector.spans();
    let failed = spans
        .iter()
        .filter(|span| span.name == "POST /anonymous-login")
        .find(|span| span.status.as_ref().is_some_and(|status| status.code() == SpanStatus::Error));
    let failed = failed.unwrap_or_else(|| panic!("no span is an error: {spans:?}"));
    assert_eq!(attributes(&failed.attributes)["http.response.status_code"], "503");
    assert!(!failed.events.is_empty(), "the span has no event with the cause");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreachable_collector_does_not_delay_requests_or_the_shutdown() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (_directory, server) = serve_with_spans_to(&format!("http://{closed}"));

    visit(&server).await;
    server.terminate();

    assert_eq!(server.wait().0, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_setting_no_span_is_sent() {
    let collector = Collector::start().await;
    let directory = tempfile::tempdir().unwrap();
    let mut command = guestpass();
    command.arg("serve").env("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.url).stderr(Stdio::null());
    let server = Process::spawn_serve(&mut command, &directory.path().join("guestpass.db"));

    visit(&server).await;
    server.terminate();
    server.wait();

    assert!(collector.requests().is_empty());
}
