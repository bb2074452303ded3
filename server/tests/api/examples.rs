//! The programs in `server/examples`, over HTTP and with real tokens

use std::net::SocketAddr;

use axum::Router;
use guestpass_server::{Algorithm, Config, Guestpass, StoreLocation};
use reqwest::{Client, StatusCode};
use serde_json::Value;

#[path = "../../examples/embed.rs"]
#[expect(dead_code, reason = "a program of its own")]
mod embed;

#[path = "../../examples/resource_server.rs"]
#[expect(dead_code, reason = "a program of its own")]
mod resource_server;

const ISSUER: &str = "https://api.shop.example";

/// Serves an application on a free port until the test ends.
async fn serve(app: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, app).await });
    url
}

async fn text(url: &str, token: Option<&str>) -> (u16, String) {
    let mut request = Client::new().get(url);
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

async fn login(url: &str) -> (String, String) {
    let answer = Client::new().post(format!("{url}/anonymous-login")).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let answer: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
    let text = |name: &str| answer[name].as_str().unwrap().to_owned();
    (text("access_token"), text("anonymous_id"))
}

#[tokio::test]
async fn an_application_that_embeds_guestpass_has_the_guest_of_a_request() {
    let directory = tempfile::tempdir().unwrap();
    let store = StoreLocation::Sqlite(directory.path().join("guestpass.db"));
    let guestpass = Guestpass::open(Config { store, ..Config::default() }).await.unwrap();
    let url = serve(embed::app(&guestpass)).await;

    let (token, id) = login(&url).await;

    assert_eq!(text(&format!("{url}/welcome"), Some(&token)).await, (200, format!("The blog welcomes {id}")));
    assert_eq!(text(&format!("{url}/welcome"), None).await.0, 401);
    assert_eq!(text(&format!("{url}/healthz"), None).await, (200, "ok".to_owned()));
    // The example passes on the address of the client: the limit applies.
    for _ in 1..30 {
        login(&url).await;
    }
    let refused = Client::new().post(format!("{url}/anonymous-login")).send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    guestpass.close().await.unwrap();
}

#[tokio::test]
async fn a_service_with_only_the_public_keys_has_the_visitor_of_a_request() {
    for algorithm in [Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256] {
        let directory = tempfile::tempdir().unwrap();
        let store = StoreLocation::Sqlite(directory.path().join("guestpass.db"));
        let config = Config { store, issuer: ISSUER.to_owned(), algorithm, ..Config::default() };
        let guestpass = Guestpass::open(config).await.unwrap();
        let url = serve(guestpass.router()).await;
        let orders = async |iss: &str, aud: &str| {
            let jwks = format!("{url}/.well-known/jwks.json");
            format!("{}/orders", serve(resource_server::app(iss, aud, jwks)).await)
        };
        let ours = orders(ISSUER, "guestpass").await;

        let (token, id) = login(&url).await;

        assert_eq!(text(&ours, Some(&token)).await, (200, format!("the orders of {id}")), "{algorithm}");
        assert_eq!(text(&ours, None).await.0, 401);
        assert_eq!(text(&ours, Some(&format!("{token}A"))).await.0, 401);
        for other in [orders("https://other.example", "guestpass").await, orders(ISSUER, "other").await] {
            assert_eq!(text(&other, Some(&token)).await.0, 401, "{algorithm}");
        }
        guestpass.close().await.unwrap();
    }
}
