//! Static files (`--static`)

use axum::body::Body;
use axum::http::Request;
use tempfile::TempDir;

use crate::support::{Server, get};

async fn server() -> (Server, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("index.html"), "<title>shop</title>").unwrap();
    std::fs::create_dir(directory.path().join("assets")).unwrap();
    std::fs::write(directory.path().join("assets/guestpass.wasm"), b"\0asm").unwrap();
    std::fs::write(directory.path().join("assets/app.js"), "1").unwrap();
    let path = directory.path().to_owned();
    (Server::open_with(|config| config.static_dir = Some(path)).await, directory)
}

#[tokio::test]
async fn files_have_the_content_type_that_browsers_require() {
    let (server, _directory) = server().await;

    for (path, content_type) in [
        ("/", "text/html"),
        ("/assets/app.js", "text/javascript"),
        // Browsers compile WebAssembly while it downloads only with this type.
        ("/assets/guestpass.wasm", "application/wasm"),
    ] {
        let response = server.send(get(path)).await;
        assert_eq!(response.status, 200, "{path}");
        assert_eq!(response.header("content-type"), content_type, "{path}");
        assert_eq!(response.header("cache-control"), "no-cache", "{path}");
    }
}

#[tokio::test]
async fn paths_of_client_side_routes_return_the_index_page() {
    let (server, _directory) = server().await;

    for path in ["/cart", "/products/7/reviews", "/assets/unknown", "/account/settings?tab=1", "/members", "/mine/me"] {
        let response = server.send(get(path)).await;
        assert_eq!((response.status.as_u16(), response.body.as_str()), (200, "<title>shop</title>"), "{path}");
    }
}

#[tokio::test]
async fn a_missing_file_gets_404() {
    let (server, _directory) = server().await;

    for path in ["/favicon.ico", "/assets/old.js", "/%2e%2e/Cargo.toml", "/..%2fCargo.toml"] {
        server.send(get(path)).await.assert_problem(404);
    }
}

#[tokio::test]
async fn no_page_is_below_the_paths_of_the_api() {
    let (server, directory) = server().await;

    for path in [
        "/.well-known/nothing",
        "/.well-known",
        "/.well-known/change-password",
        "/me/nothing/at/all",
        "/me/sessions/1/x",
        "/items/7/reviews",
        "/anonymous-login/x",
        "/token/x",
        "/docs/x/y",
        "/authorize",
    ] {
        server.send(get(path)).await.assert_problem(404);
    }
    // A file of the app is served all the same.
    std::fs::create_dir(directory.path().join(".well-known")).unwrap();
    std::fs::write(directory.path().join(".well-known/apple-app-site-association"), "{}").unwrap();
    assert_eq!(server.send(get("/.well-known/apple-app-site-association")).await.body, "{}");
}

#[tokio::test]
async fn api_routes_take_precedence_and_only_get_serves_files() {
    let (server, _directory) = server().await;

    server.send(get("/me")).await.assert_problem(401);
    for path in ["/", "/nothing", "/assets/app.js"] {
        server.send(Request::post(path).body(Body::empty()).unwrap()).await.assert_problem(404);
    }
    server.send(Request::delete("/items/").body(Body::empty()).unwrap()).await.assert_problem(405);
}

#[tokio::test]
async fn an_unchanged_file_gets_304() {
    let (server, _directory) = server().await;
    let first = server.send(get("/assets/app.js")).await;

    let request = Request::get("/assets/app.js").header("if-modified-since", first.header("last-modified"));
    let second = server.send(request.body(Body::empty()).unwrap()).await;

    assert_eq!(second.status, 304);
}
