//! The pages of the demo, which are part of the program.

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use rust_embed::{EmbeddedFile, RustEmbed};

use crate::error::Problem;

/// In a debug build they are read from the folder when they are asked for.
#[derive(RustEmbed)]
#[folder = "../demo-react/dist"]
#[allow_missing = true]
struct Pages;

const INDEX: &str = "index.html";

pub(super) fn has_pages() -> bool {
    Pages::get(INDEX).is_some()
}

/// A path that names no file gives the page, unless it looks like a file that is missing.
pub(super) async fn serve(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    if method != Method::GET && method != Method::HEAD {
        return not_found();
    }
    let path = uri.path().trim_start_matches('/');
    let names_a_file = path.rsplit('/').next().is_some_and(|last| last.contains('.'));
    match Pages::get(if path.is_empty() { INDEX } else { path }) {
        Some(file) => answer(file, &headers),
        None if names_a_file => not_found(),
        None => Pages::get(INDEX).map_or_else(not_found, |page| answer(page, &headers)),
    }
}

fn answer(file: EmbeddedFile, asked: &HeaderMap) -> Response {
    let tag: String = file.metadata.sha256_hash().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    let tag = format!("\"{tag}\"");
    let content_type = HeaderValue::from_str(file.metadata.mimetype());
    // Kept, but asked for each time, as the files of a directory are.
    let mut response = if asked.get(IF_NONE_MATCH).is_some_and(|known| known == tag.as_str()) {
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

fn not_found() -> Response {
    Problem::new(StatusCode::NOT_FOUND, "There is nothing here.").into_response()
}
