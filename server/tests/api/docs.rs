//! `/docs`: the contract as a page. What it shows is tested in a browser, in tests/interop.

use crate::support::{Server, get};

#[tokio::test]
async fn the_page_and_its_files_come_from_the_server_itself() {
    let server = Server::open().await;

    let page = server.send(get("/docs/")).await;
    assert_eq!(page.status, 200);
    assert_eq!(page.header("content-type"), "text/html");
    assert!(page.header("content-security-policy").starts_with("default-src 'none'"), "{page:?}");
    for file in ["swagger-ui-bundle.js", "swagger-ui.css", "swagger-initializer.js"] {
        let answer = server.send(get(&format!("/docs/{file}"))).await;
        assert_eq!(answer.status, 200, "{file}");
        assert!(answer.header("content-type").starts_with("text/"), "{file}");
    }
    server.send(get("/docs/nothing.js")).await.assert_problem(404);
}

#[tokio::test]
async fn the_way_to_the_page_is_relative() {
    let answer = Server::open().await.send(get("/docs")).await;

    assert_eq!(answer.status, 308);
    assert_eq!(answer.header("location"), "docs/");
}
