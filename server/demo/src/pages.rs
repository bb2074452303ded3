//! The pages of the demo, which are part of the program.

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use rust_embed::{EmbeddedFile, RustEmbed};

use crate::problem::not_found;

/// The files of the pages. In a debug build, they are read from the folder at each request.
#[derive(RustEmbed)]
#[folder = "../../demo-react/dist"]
#[allow_missing = true]
struct Pages;

const INDEX: &str = "index.html";

pub(crate) fn exist() -> bool {
    Pages::get(INDEX).is_some()
}

/// Serves the file at the path. Any other path is a page of the single-page app, and gets `index.html`, unless its last part
/// has a dot: then a file is missing, and the response is 404.
pub(crate) async fn serve(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    if method != Method::GET && method != Method::HEAD {
        return not_found();
    }
    let path = uri.path().trim_start_matches('/');
    let names_a_file = path.rsplit('/').next().is_some_and(|last| last.contains('.'));
    match Pages::get(if path.is_empty() { INDEX } else { path }) {
        Some(file) => respond(file, &headers),
        None if names_a_file => not_found(),
        None => Pages::get(INDEX).map_or_else(not_found, |page| respond(page, &headers)),
    }
}

fn respond(file: EmbeddedFile, request: &HeaderMap) -> Response {
    let tag: String = file.metadata.sha256_hash().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    let tag = format!("\"{tag}\"");
    let content_type = HeaderValue::from_str(file.metadata.mimetype());
    // `no-cache`: the browser stores the file, and revalidates it each time, as with the files of a directory.
    let mut response = if request.get(IF_NONE_MATCH).is_some_and(|known| known == tag.as_str()) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        file.data.into_owned().into_response()
    };
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if let (Ok(content_type), Ok(tag)) = (content_type, HeaderValue::from_str(&tag)) {
        headers.insert(CONTENT_TYPE, content_type);
        headers.insert(ETAG, tag);
    }
    response
}
