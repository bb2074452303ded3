//! Static files of a directory, with `index.html` for the paths of a single-page app.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::body::Body;
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderValue, Method, Request, StatusCode};
use axum::response::{IntoResponse, Response};
use tower::{Service, ServiceExt, service_fn};
use tower_http::services::{ServeDir, ServeFile};

use super::error::Problem;

/// Serves `directory`. A path without a file gives `index.html`, unless its last part has an extension or its first part is one
/// of `api_prefixes`.
pub(super) fn service(
    directory: &Path,
    api_prefixes: Vec<String>,
) -> impl Service<Request<Body>, Response = Response, Error = Infallible, Future: Send> + Clone + Send + Sync + 'static
{
    let directory: PathBuf = directory.to_owned();
    let files = ServeDir::new(&directory);
    let index = ServeFile::new(directory.join("index.html"));
    let api_prefixes: Arc<[String]> = api_prefixes.into();
    service_fn(move |request: Request<Body>| {
        let (files, index) = (files.clone(), index.clone());
        let is_page = is_page(request.uri().path(), &api_prefixes);
        async move { Ok(serve(files, index, is_page, request).await) }
    })
}

async fn serve(files: ServeDir, index: ServeFile, is_page: bool, request: Request<Body>) -> Response {
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return not_found();
    }
    let (parts, _) = request.into_parts();
    let again = Request::from_parts(parts.clone(), Body::empty());
    let Ok(mut response) =
        files.oneshot(Request::from_parts(parts, Body::empty())).await.map(IntoResponse::into_response);
    if response.status() == StatusCode::NOT_FOUND {
        if !is_page {
            return not_found();
        }
        let Ok(page) = index.oneshot(again).await.map(IntoResponse::into_response);
        response = page;
    }
    // Cached, but revalidated each time: a new build is used at the next load, and an unchanged file costs a 304.
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

/// Whether a path without a file can be that of a page. A client of the API, or one that looks for a document below
/// `/.well-known`, must not take the page for its answer.
fn is_page(path: &str, api_prefixes: &[String]) -> bool {
    let mut segments = path.split('/').skip(1);
    let is_api = segments.next().is_some_and(|first| api_prefixes.iter().any(|prefix| prefix == first));
    let names_a_file = path.rsplit('/').next().is_some_and(|last| last.contains('.'));
    !is_api && !names_a_file
}

fn not_found() -> Response {
    Problem::not_found().into_response()
}
