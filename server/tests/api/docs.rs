//! `GET /docs/`: the page that shows the OpenAPI document. The tests in `tests/interop` check it in a browser.

use crate::support::{Server, get};

#[tokio::test]
async fn the_server_serves_the_page_and_its_files() {
    let server = Server::open().await;

    let page = server.send(get("/docs/")).await;
    assert_eq!(page.status, 200);
    assert_eq!(page.header("content-type"), "text/html");
    assert!(page.header("content-security-policy").starts_with("default-src 'none'"), "{page:?}");
    for file in ["swagger-ui-bundle.js", "swagger-ui.css", "swagger-initializer.js"] {
        let response = server.send(get(&format!("/docs/{file}"))).await;
        assert_eq!(response.status, 200, "{file}");
        assert!(response.header("content-type").starts_with("text/"), "{file}");
    }
    server.send(get("/docs/nothing.js")).await.assert_problem(404);
}

#[tokio::test]
async fn the_page_can_be_turned_off_and_the_document_stays() {
    let server = Server::open_with(|config| config.docs = false).await;

    for path in ["/docs", "/docs/", "/docs/swagger-ui.css"] {
        server.send(get(path)).await.assert_problem(404);
    }
    assert_eq!(server.send(get("/openapi.json")).await.status, 200);
}

#[tokio::test]
async fn docs_redirects_with_a_relative_location() {
    let response = Server::open().await.send(get("/docs")).await;

    assert_eq!(response.status, 308);
    assert_eq!(response.header("location"), "docs/");
}
