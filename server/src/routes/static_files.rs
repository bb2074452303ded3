//! Static files of a directory, with `index.html` for the paths of a single-page app.

use std::convert::Infallible;
use std::path::{Path, PathBuf};

use axum::body::Body;
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderValue, Method, Request, StatusCode};
use axum::response::{IntoResponse, Response};
use tower::{Service, ServiceExt, service_fn};
use tower_http::services::{ServeDir, ServeFile};

use super::error::Problem;

/// Serves `directory`. A path without a file gives `index.html`, unless its last part has an extension.
pub(super) fn service(
    directory: &Path,
) -> impl Service<Request<Body>, Response = Response, Error = Infallible, Future: Send> + Clone + Send + Sync + 'static
{
    let directory: PathBuf = directory.to_owned();
    let files = ServeDir::new(&directory);
    let index = ServeFile::new(directory.join("index.html"));
    service_fn(move |request: Request<Body>| {
        let (files, index) = (files.clone(), index.clone());
        async move { Ok(serve(files, index, request).await) }
    })
}

async fn serve(files: ServeDir, index: ServeFile, request: Request<Body>) -> Response {
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return not_found();
    }
    let names_a_file = request.uri().path().rsplit('/').next().is_some_and(|last| last.contains('.'));
    let (parts, _) = request.into_parts();
    let again = Request::from_parts(parts.clone(), Body::empty());
    let Ok(mut response) =
        files.oneshot(Request::from_parts(parts, Body::empty())).await.map(IntoResponse::into_response);
    if response.status() == StatusCode::NOT_FOUND {
        if names_a_file {
            return not_found();
        }
        let Ok(page) = index.oneshot(again).await.map(IntoResponse::into_response);
        response = page;
    }
    // Cached, but revalidated each time: a new build is used at the next load, and an unchanged file costs a 304.
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

fn not_found() -> Response {
    Problem::not_found().into_response()
}
